"""One stream from the bucket to lines: list, compare with the ledger, read what is new, delete what is gone.

The lines come in their final order, states included. Objects are read by (last-modified, key), so that the later one
wins where two hold the same record; the listing therefore ends before the reading begins.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from source_s3.checkpoint import Checkpoint
from source_s3.config import StreamPlan
from source_s3.documents import DocumentsReader
from source_s3.ledger import Diff, Entry, Listed, fingerprint, mtime_fingerprint
from source_s3.objects import S3Object, list_objects
from source_s3.report import Progress
from source_s3.schema import DELETED_AT, LAST_MODIFIED, ROW, UPDATED_AT, URL
from source_s3.stream_state import StreamState
from source_s3.tables import TablesReader
from vector_ingest.in_order import in_order
from vector_ingest.messages import estimate_line, record_line

THREADS = 4  # objects at once: on two cores more only wait for each other
IN_FLIGHT = 64 * 1024 * 1024  # bytes of small objects and what they become
DELETES = 1000  # records in one piece of output
Lines = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Configured:
    """One stream of the configured catalog."""

    name: str
    namespace: str | None
    full_refresh: bool
    generation: int | None
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bucket:
    client: Any
    name: str


def read_stream(
    bucket: Bucket, plan: StreamPlan, configured: Configured, start: Any, progress: Progress
) -> Iterator[Lines]:
    """All lines of one stream but its statuses. Raises what ended it early; no state follows then."""
    sync = _Sync(bucket, plan, configured, progress)
    listing = sorted(
        list_objects(bucket.client, bucket.name, plan.globs, plan.prefix, start),
        key=lambda item: (item.last_modified, item.key),
    )
    yield from sync.run(listing)
