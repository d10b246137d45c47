"""What an object becomes: pieces of output with their places in it, and what all of them have in common."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from source_s3.plan import StreamPlan
from source_s3.progress import Progress
from source_s3.read import BadRow
from source_s3.s3_object import Bucket, S3Object
from source_s3.schema import LAST_MODIFIED, URL

if TYPE_CHECKING:
    from source_s3.documents import Engine
    from source_s3.records.object_fields import ObjectFields

Lines = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Job:
    """What all objects of a stream are read with."""

    bucket: Bucket
    plan: StreamPlan
    namespace: str | None
    progress: Progress
    engine: "Engine | None" = None  # of a stream of documents
    fields: "ObjectFields | None" = None  # where they are wanted


@dataclass(frozen=True, slots=True)
class Start:
    """Where the reading of an object begins: `position` is the reader's, `rows` are those delivered before it."""

    position: Mapping[str, int] | None = None
    rows: int = 0


BEGIN = Start()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """`lines` of so many `records`. `rows` and `place` (bytes): where in the object it ends.

    `position`: what the reader takes to go on after it.

    `refused`: bad rows that stood in it, or before it. `skipped`: rows that the validation policy left out of it, the
    first of them described in `named`. Neither counts in `rows`. `missing`: the numbers of rows that can't be rendered;
    these count. `stop`: why the stream ends after it, by the validation policy. `left_out`: why the rest of the object
    is left to a later sync. `failure`: why it can't be read on, which concerns this object alone.
    """

    rows: int
    lines: Lines = b""
    records: int = 0
    position: Mapping[str, int] | None = None
    place: int = 0
    refused: Sequence[BadRow] = ()
    skipped: int = 0
    named: Sequence[str] = ()
    missing: Sequence[int] = ()
    stop: str | None = None
    left_out: str | None = None
    failure: Exception | None = None


def facts(item: S3Object) -> dict[str, str]:
    return {LAST_MODIFIED: timestamp(item.last_modified), URL: item.name}


def document_key(name: str, number: int) -> str:
    """`number`: 1 for the object itself, then 2, 3, … for what is attached to it, so that a deletion can name it."""
    return name if number == 1 else f"{name}#{number - 1}"


def timestamp(moment: datetime) -> str:
    """Of a time in UTC."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def now() -> int:
    return int(time.time() * 1000)
