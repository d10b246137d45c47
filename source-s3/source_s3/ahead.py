"""The objects of a stream in their order. Small ones are fetched, and then read, ahead of their turn."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain

from source_s3.contents import Fetched, fetch_whole
from source_s3.decompress import compression_of
from source_s3.objects import S3Object
from source_s3.pieces import SMALL, Job, Piece
from source_s3.plan import StreamPlan
from source_s3.read.options import UnstructuredFormat
from vector_ingest.in_order import in_order

FETCHERS = 16  # objects asked for at once: most of the time of a small one is its way there and back
THREADS = 4  # objects read at once: on two cores more only wait for each other
IN_FLIGHT = 64 * 1024 * 1024  # bytes of small objects, and of the lines they become
EXPANSION = 8  # a compressed Parquet file becomes so many times its size in lines, or fewer
AHEAD = 4 * 1024 * 1024  # bytes of lines of a small object read ahead: nothing says what a compressed one becomes

Asked = tuple[S3Object, Fetched | None]
Pieces = Generator[Piece, None, None]


def read_ahead_of(
    job: Job, items: Sequence[S3Object], read: Callable[[S3Object, Fetched | None], Pieces]
) -> Generator[tuple[S3Object, Iterator[Piece]], None, None]:
    """The objects with their pieces, which `read` gives; those of large ones come as they are asked for."""

    def work(asked: Asked) -> tuple[S3Object, list[Piece], Pieces]:
        item, fetched = asked
        pieces = read(item, fetched)
        return item, _first(pieces) if _is_small(job.plan, item) else [], pieces

    def weigh(asked: Asked) -> int:
        item, _ = asked
        expected = AHEAD if compression_of(item.name) else EXPANSION * item.size
        return expected if _is_small(job.plan, item) else 0

    with (
        ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch") as fetchers,
        ThreadPoolExecutor(THREADS, thread_name_prefix="object") as pool,
        closing(_asked_ahead(job, items, fetchers)) as asked,
        closing(in_order(asked, work, pool, weigh, IN_FLIGHT)) as results,
    ):
        for item, first, rest in results:
            with closing(rest):
                yield item, chain(first, rest)


def _asked_ahead(job: Job, items: Iterable[S3Object], pool: ThreadPoolExecutor) -> Generator[Asked, None, None]:
    """Whoever takes an object waits for its answer, not this: what came before must not wait with it."""
    ahead: deque[Asked] = deque()
    try:
        for item in items:
            is_read = job.plan.transfer is None
            fetched = pool.submit(fetch_whole, job.bucket.client, job.bucket.name, item) if is_read else None
            ahead.append((item, fetched))
            if len(ahead) > 2 * FETCHERS:
                yield ahead.popleft()
        while ahead:
            yield ahead.popleft()
    finally:
        for _, fetched in ahead:
            if fetched is not None:
                fetched.cancel()


def _first(pieces: Iterator[Piece]) -> list[Piece]:
    """All of them, if their lines have few enough bytes."""
    first: list[Piece] = []
    size = 0
    for piece in pieces:
        first.append(piece)
        size += len(piece.lines)
        if size > AHEAD:
            break
    return first


def _is_small(plan: StreamPlan, item: S3Object) -> bool:
    """Raw copies too: they lie on the disk, and what is not yet handed over is bounded."""
    return plan.transfer is not None or isinstance(plan.format, UnstructuredFormat) or item.size <= SMALL
