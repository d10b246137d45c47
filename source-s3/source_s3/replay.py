"""Bad rows that were kept aside, read again from their text, which may have been mended by hand, or by other settings.

Of documents no text is kept: they are read again from their objects, by a better reader or with other settings.

Nothing tells the source what a destination has stored. So a replay prints records and keeps the entries; `forget` then
takes out those that can be read now.
"""

import io
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from source_s3.client import bucket_of
from source_s3.config import Config
from source_s3.content.contents import open_contents
from source_s3.listing.objects import list_objects
from source_s3.plan import StreamPlan
from source_s3.policy.bad_rows import quarantine_of
from source_s3.policy.quarantine import Kept, Quarantine
from source_s3.progress import Progress
from source_s3.read import table_reader
from source_s3.read.csv_detect import detected
from source_s3.read.options import CsvFormat, JsonFormat, JsonlFormat, UserProvided
from source_s3.records.pieces import Job, Lines, Piece
from source_s3.records.read_object import job_of
from source_s3.records.table import read_table
from source_s3.s3_object import Bucket, S3Object
from source_s3.sync.configured import Configured, plans_of
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte")
FROM_TEXT = (CsvFormat, JsonlFormat, JsonFormat)
CHANGED = "its object was changed or is gone: the next sync reads it anew, and takes the entry out"


@dataclass(slots=True)
class Outcome:
    """What became of the entries of one stream."""

    readable: int = 0
    unreadable: int = 0


def require_no_overwrite(catalog: Mapping[str, Any]) -> None:
    """ConfigError: the few rows of a replay would replace a whole stream."""
    for entry in catalog["streams"]:
        if entry.get("destination_sync_mode") not in {"append", "append_dedup"}:
            raise ConfigError(
                f"A replay adds rows to what is there, but the catalog's stream `{entry['stream']['name']}` has the "
                f"destination_sync_mode {entry.get('destination_sync_mode')!r}: set it to append or append_dedup"
            )


def replay(
    config: Config, configured: Sequence[Configured], *, dry_run: bool = False, forget: bool = False
) -> Generator[Lines, None, None]:
    """The lines of the rows that can be read now. `dry_run`, `forget`: none, but the log says what they are."""
    bucket = bucket_of(config)
    for stream, plan in plans_of(config, configured):
        quarantine = quarantine_of(bucket, plan)
        if quarantine is None:
            logger.info("Stream %s: its bad rows are not kept aside.", plan.name)
            continue
        if plan.rows_are_numbered:
            raise ConfigError(
                f"The rows of stream `{plan.name}` are known by their numbers, which a replayed row has no more. "
                "Mend the object and upload it: the next sync reads it anew"
            )
        for lines in _replay_stream(bucket, plan, stream.namespace, quarantine, forget=forget, dry_run=dry_run):
            if not (dry_run or forget):
                yield lines


def _replay_stream(
    bucket: Bucket, plan: StreamPlan, namespace: str | None, quarantine: Quarantine, *, forget: bool, dry_run: bool
) -> Iterator[Lines]:
    outcome = Outcome()
    kept: dict[str, list[Kept]] = {}
    for row in quarantine.rows():
        kept.setdefault(row.object, []).append(row)
    objects = _objects_of(bucket, plan, set(kept))
    with job_of(bucket, plan, namespace, Progress(plan.name)) as job:
        for name, rows in kept.items():
            left = []
            for row in rows:
                pieces, problem = _read_again(job, objects.get(name), row)
                _tell(plan, row, problem, outcome, every=dry_run)
                left += [row] if problem else []
                yield from (piece.lines for piece in pieces)
            if forget and len(left) < len(rows):
                quarantine.replace(name, left)
    fate = "forgotten" if forget else "readable"
    logger.info(
        "Stream %s: %s bad rows %s, %s as bad as before; kept in %s",
        *(plan.name, f"{outcome.readable:,}", fate, f"{outcome.unreadable:,}", quarantine.address),
    )


def _tell(plan: StreamPlan, row: Kept, problem: str | None, outcome: Outcome, *, every: bool) -> None:
    outcome.readable += problem is None
    outcome.unreadable += problem is not None
    if problem is not None or every:
        logger.info("Stream %s: %s, %s: %s", plan.name, row.object, row.where, problem or "can be read now")


def _objects_of(bucket: Bucket, plan: StreamPlan, names: set[str]) -> Mapping[str, S3Object]:
    if not names:
        return {}
    with closing(list_objects(bucket, plan.selection)) as listing:
        return {item.name: item for item in listing if item.name in names}


def _read_again(job: Job, item: S3Object | None, row: Kept) -> tuple[Sequence[Piece], str | None]:
    """The row's lines, or why there are none."""
    if item is None or item.etag != row.etag:
        return [], CHANGED
    if job.plan.documents is not None:
        from source_s3.records.document_records import read_again

        piece, problem = read_again(job, item, row.where)
        return [piece] if piece is not None else [], problem
    if row.raw is None or not isinstance(job.plan.format, FROM_TEXT):
        return [], "it has no text of its own to read again: mend the object and upload it"
    file = io.BytesIO(row.raw + b"\n")
    text = replace(job, plan=_plan_for_text(job.bucket, job.plan, item))
    with closing(read_table(file, text, replace(item, size=0))) as read:
        pieces = list(read)
    bad = [refused.reason for piece in pieces for refused in piece.refused]
    bad += [reason for piece in pieces for reason in piece.named]
    bad += [piece.stop for piece in pieces if piece.stop is not None]
    if bad:
        return [], bad[0]
    return pieces, None if any(piece.records for piece in pieces) else "there is no row in its text"


def _plan_for_text(bucket: Bucket, plan: StreamPlan, item: S3Object) -> StreamPlan:
    """A row of CSV has no header, and was kept as UTF-8: the columns' names are those of its object."""
    if not isinstance(plan.format, CsvFormat):
        return plan
    with open_contents(bucket, item, read_ahead=False) as file:
        options = detected(file, plan.format)
        names = list(table_reader(options).schema(file, options))
    changes = {
        "detect_dialect": False,
        "encoding": "utf-8",
        "header_definition": UserProvided(column_names=names),
        "skip_rows_before_header": 0,
        "skip_rows_after_header": 0,
        "ignore_errors_on_fields_mismatch": False,
    }
    return replace(plan, format=options.model_copy(update=changes))
