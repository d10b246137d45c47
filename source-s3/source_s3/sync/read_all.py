"""All streams of a configured catalog, one after another: their statuses, their lines, and what became of each.

A stream that fails does not take the others along: they are read, and the whole ends with an error.
"""

import logging
from collections.abc import Callable, Generator, Sequence

from source_s3.client import bucket_of
from source_s3.config import Config
from source_s3.progress import Progress
from source_s3.records.pieces import Lines
from source_s3.state.checkpoint import INTERVAL
from source_s3.sync.configured import Configured, plans_of
from source_s3.sync.leaving import Leaving
from source_s3.sync.stream import read_stream
from vector_ingest.errors import EXPLAINED, ReportedError
from vector_ingest.messages import status_line

logger = logging.getLogger("airbyte")
Tell = Callable[[Exception, tuple[str | None, str]], bytes]  # an error of the stream (namespace, name) as a message


def read_all(
    config: Config,
    configured: Sequence[Configured],
    interval: float = INTERVAL,
    tell: Tell | None = None,
    leaving: Leaving | None = None,
) -> Generator[Lines, None, None]:
    """Every line in its final order. `interval`: the seconds between two states.

    With `tell`, the error of each stream that fails leaves as a message of its own, and ReportedError is raised after
    the last stream. Without, the first error is.
    """
    planned = plans_of(config, configured)
    bucket = bucket_of(config)
    failures: list[Exception] = []
    for stream, plan in planned:
        progress = Progress(stream.name)
        yield status_line(stream.name, stream.namespace, "STARTED")
        try:
            yield from read_stream(bucket, plan, stream, progress, interval, leaving)
        except EXPLAINED as error:
            failures.append(error)
            progress.summary()
            yield status_line(stream.name, stream.namespace, "INCOMPLETE")
            logger.error("Stream %s ends incomplete: %s", stream.name, error)  # noqa: TRY400 (no traceback for a user)
            if tell is not None:
                yield tell(error, (stream.namespace, stream.name))
            continue
        progress.summary()
        yield status_line(stream.name, stream.namespace, "COMPLETE")
    if failures and tell is not None:
        raise ReportedError(f"{len(failures)} of {len(planned)} streams have failed")
    if failures:
        raise failures[0]
