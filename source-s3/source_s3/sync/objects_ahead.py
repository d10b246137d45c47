"""The objects of a stream in their order. Small ones are fetched, and then read, ahead of their turn."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from itertools import chain

from source_s3.client import FETCHERS
from source_s3.content.contents import SMALL, Fetched, fetch_whole
from source_s3.content.decompress import compression_of
from source_s3.plan import StreamPlan
from source_s3.read.csv_text import UTF8
from source_s3.read.options import CsvFormat, FromCsv
from source_s3.records.overlap import overlapped
from source_s3.records.pieces import BEGIN, Job, Piece, Start
from source_s3.records.read_object import read_object
from source_s3.s3_object import S3Object

ASKED, ASKED_BYTES = 128, 16 * 1024 * 1024  # objects that are asked for and not read yet, and what they may hold
THREADS = 4  # objects read at once: on two cores more only wait for each other
IN_FLIGHT = 64 * 1024 * 1024  # bytes of small objects, and of the lines they become
GROUPS = 6  # read at once and next: what comes meanwhile is read together
TINY, TOGETHER = 64 * 1024, 512 * 1024  # bytes of each that is read with others, and of all: less than a reader's block
EXPANSION = 8  # a compressed Parquet file becomes so many times its size in lines, or fewer
AHEAD = 4 * 1024 * 1024  # bytes of lines of a small object read ahead: nothing says what a compressed one becomes

Asked = tuple[S3Object, Fetched | None]
Pieces = Generator[Piece, None, None]
Read = tuple[S3Object, Sequence[Piece], Pieces | None]  # an object, its first pieces, and the rest


def read_ahead_of(
    job: Job,
    items: Sequence[S3Object],
    starts: Mapping[str, Start],
) -> Generator[tuple[S3Object, Iterator[Piece]], None, None]:
    """The objects with their pieces; those of large ones come as they are asked for.

    `starts`: by name, where to go on in objects that were read in part.
    """

    def work(group: Sequence[Asked]) -> Sequence[Read]:
        together = _together(job, group)
        return [one(asked) if pieces is None else (asked[0], pieces, None) for asked, pieces in together]

    def one(asked: Asked) -> Read:
        item, fetched = asked
        pieces = read_object(job, item, starts.get(item.name, BEGIN), fetched)
        return item, _first(pieces) if _is_small(job.plan, item) else [], pieces

    def weigh(group: Sequence[Asked]) -> int:
        return max(IN_FLIGHT // GROUPS, sum(_lines_expected(job.plan, item) for item, _ in group))

    with (
        ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch") as fetchers,
        closing(overlapped(_groups(job, items, starts, fetchers), work, weigh, IN_FLIGHT, THREADS)) as results,
    ):
        for item, first, rest in chain.from_iterable(results):
            if rest is None:
                yield item, iter(first)
                continue
            with closing(rest):
                yield item, chain(first, rest)


def _groups(
    job: Job, items: Iterable[S3Object], starts: Mapping[str, Start], pool: ThreadPoolExecutor
) -> Generator[Sequence[Asked], None, None]:
    """Objects to read at once: the next one, and those after it that have come meanwhile, if they may be together."""
    joins = _may_be_together(job.plan)
    asked = _AskedAhead(job, items, pool)
    try:
        while (head := asked.take()) is not None:
            group, size = [head], head[0].size
            if joins and _is_tiny(head) and head[0].name not in starts:
                while (found := asked.next) is not None and _is_tiny(found) and found[0].name not in starts:
                    size += found[0].size
                    if size > TOGETHER:
                        break
                    group.append(found)
                    asked.take()
            yield group
    finally:
        asked.cancel()


class _AskedAhead:
    """The objects in their order, each asked for before its turn."""

    def __init__(self, job: Job, items: Iterable[S3Object], pool: ThreadPoolExecutor) -> None:
        self._job, self._items, self._pool = job, iter(items), pool
        self._asked: deque[Asked] = deque()
        self._bytes = 0

    @property
    def next(self) -> Asked | None:
        self._ask()
        return self._asked[0] if self._asked else None

    def take(self) -> Asked | None:
        """When its answer is there, or has failed."""
        found = self.next
        if found is not None:
            self._asked.popleft()
            self._bytes -= self._weight(found[0])
            if found[1] is not None and not found[1].done():
                wait([found[1]])
        return found

    def cancel(self) -> None:
        for _, fetched in self._asked:
            if fetched is not None:
                fetched.cancel()

    def _ask(self) -> None:
        while not self._asked or (len(self._asked) < ASKED and self._bytes < ASKED_BYTES):
            if (item := next(self._items, None)) is None:
                return
            is_read = self._job.plan.transfer is None
            fetched = self._pool.submit(fetch_whole, self._job.bucket, item) if is_read else None
            self._asked.append((item, fetched))
            self._bytes += self._weight(item)

    @staticmethod
    def _weight(item: S3Object) -> int:
        return min(item.size, SMALL)


def _may_be_together(plan: StreamPlan) -> bool:
    """Whether a file's rows do not depend on its name, and its first line is the header."""
    options = plan.format
    if not isinstance(options, CsvFormat) or not isinstance(options.header_definition, FromCsv):
        return False
    lines_are_passed_over = options.skip_rows_before_header or options.skip_rows_after_header
    told_by_file = options.detect_dialect or options.ignore_errors_on_fields_mismatch or plan.thins or plan.hive
    plain = not (lines_are_passed_over or told_by_file or plan.schemaless or plan.transfer)
    return plain and (options.encoding or "utf-8") in UTF8


def _is_tiny(asked: Asked) -> bool:
    """It has come as the text that it is, and is worth the joining."""
    item, fetched = asked
    if fetched is None or not fetched.done() or item.size > TINY or compression_of(item.name) is not None:
        return False
    return not fetched.exception() and _body(asked) != b""


def _together(job: Job, group: Sequence[Asked]) -> Iterator[tuple[Asked, Sequence[Piece] | None]]:
    """Of each object all its pieces; None: it must be read alone."""
    if len(group) == 1:
        return iter([(group[0], None)])
    from source_s3.records.together import read_together  # it takes pyarrow.compute along

    return zip(group, read_together(job, [(asked[0], _body(asked)) for asked in group]), strict=True)


def _body(asked: Asked) -> bytes:
    """Of one that came; empty: it did not come whole."""
    assert asked[1] is not None
    return asked[1].result() or b""


def _lines_expected(plan: StreamPlan, item: S3Object) -> int:
    """Bytes."""
    if not _is_small(plan, item):
        return 0
    return AHEAD if compression_of(item.name) else EXPANSION * item.size


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
    return plan.transfer is not None or plan.documents is not None or item.size <= SMALL
