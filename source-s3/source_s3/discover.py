"""The streams that a configuration leads to, with their schemas."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from source_s3.client import LISTED, bucket_of
from source_s3.config import Config
from source_s3.first_look import columns_unless_archived
from source_s3.listing.samples import sampled_objects
from source_s3.plan import StreamPlan, plans
from source_s3.read.options import Format, UnstructuredFormat
from source_s3.records.raw_copy import stream_of
from source_s3.s3_object import Bucket, S3Object
from source_s3.schema import (
    ADDITIONAL,
    DELETED_AT,
    LAST_MODIFIED,
    ROW,
    TEXT,
    UPDATED_AT,
    URL,
    Properties,
    merge,
    stream_schema,
)

logger = logging.getLogger("airbyte")
THREADS = 8  # files whose heads are read at once
WHOLE: Properties = {"data": {"type": "object"}}


def discover(config: Config) -> list[dict[str, Any]]:
    """The streams of a catalog. Each schema is taken from the stream's newest files.

    DataError, ConfigError: a file among them that can't be read, by its name.
    """
    bucket = bucket_of(config)
    with ThreadPoolExecutor(LISTED) as listers, ThreadPoolExecutor(THREADS) as readers:

        def find(plan: StreamPlan) -> dict[str, Any]:
            sample = _sample(bucket, plan)
            found = readers.map(partial(columns_unless_archived, bucket, plan), sample)
            return _stream(plan, [properties for properties in found if properties is not None])

        return list(listers.map(find, plans(config)))


def _sample(bucket: Bucket, plan: StreamPlan) -> Sequence[S3Object]:
    if plan.transfer or isinstance(plan.format, UnstructuredFormat) or plan.types or plan.schemaless:
        return []  # the schema is known
    return sampled_objects(bucket, plan)


def _stream(plan: StreamPlan, found: Sequence[Properties]) -> dict[str, Any]:
    """`found`: of the newest file first. It decides the order of the columns."""
    if plan.transfer:
        return stream_of(plan)
    documents = isinstance(plan.format, UnstructuredFormat)
    columns = _document(plan.format) if documents and not plan.schemaless else _columns(plan, found)
    keys = (
        ["document_key"]
        if documents and (plan.deletions or not plan.keys)
        else [URL, ROW]
        if plan.rows_are_numbered
        else plan.keys
    )
    return {
        "name": plan.name,
        "json_schema": stream_schema(columns, _added(plan)),
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": [LAST_MODIFIED],
        "is_resumable": True,
        "is_file_based": False,
        **({"source_defined_primary_key": [[key] for key in keys]} if keys else {}),
    }


def _document(options: Format) -> Properties:
    from source_s3.records.document_records import COLUMNS, DETAILS, wanted_fields
    from source_s3.records.object_fields import columns_of

    return {**COLUMNS, **DETAILS, **columns_of(wanted_fields(options))}


def _columns(plan: StreamPlan, found: Sequence[Properties]) -> Properties:
    if plan.schemaless:
        return WHOLE
    if plan.types:
        return {name: {"type": ["null", kind]} for name, kind in plan.types.items()}
    if not found:
        logger.warning("Stream %s: no objects to take a schema from. Discover again when there are some.", plan.name)
        return WHOLE
    columns: Properties = {}
    for properties in found:
        columns = merge(columns, properties)
    return columns


def _added(plan: StreamPlan) -> Properties:
    """Fields that are there only when deletions are sent, or by the policy Evolve."""
    moment = {"type": ["null", "string"], "format": "date-time"}
    added: Properties = {DELETED_AT: moment, UPDATED_AT: moment} if plan.deletions else {}
    added |= {ROW: {"type": ["null", "integer"]}} if plan.rows_are_numbered else {}
    added |= {"document_key": TEXT} if plan.deletions and isinstance(plan.format, UnstructuredFormat) else {}
    return added | ({ADDITIONAL: {"type": ["null", "object"]}} if _evolves(plan) else {})


def _evolves(plan: StreamPlan) -> bool:
    return plan.validation == "Evolve" and not plan.schemaless and not isinstance(plan.format, UnstructuredFormat)
