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
from source_s3.records.object_fields import columns_of
from source_s3.records.raw_copy import FILE_FACTS
from source_s3.s3_object import Bucket, S3Object
from source_s3.schema import (
    ADDITIONAL,
    DELETED_AT,
    DOCUMENT_KEY,
    LAST_MODIFIED,
    ROW,
    STRING,
    UPDATED_AT,
    URL,
    Properties,
    merge,
    object_schema,
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
    if plan.transfer or plan.documents or plan.types or plan.schemaless:
        return []  # the schema is known
    return sampled_objects(bucket, plan)


def _stream(plan: StreamPlan, found: Sequence[Properties]) -> dict[str, Any]:
    """`found`: of the newest file first. It decides the order of the columns."""
    schema = object_schema(FILE_FACTS) if plan.transfer else stream_schema(_columns(plan, found), _added(plan))
    keys = _keys(plan)
    return {
        "name": plan.name,
        "json_schema": schema,
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": [LAST_MODIFIED],
        "is_resumable": True,
        "is_file_based": plan.transfer is not None,
        **({"source_defined_primary_key": [[key] for key in keys]} if keys else {}),
    }


def _keys(plan: StreamPlan) -> Sequence[str]:
    if plan.rows_are_numbered:
        return [URL, ROW]
    return [DOCUMENT_KEY] if plan.documents is not None and (plan.deletions or not plan.keys) else plan.keys


def _columns(plan: StreamPlan, found: Sequence[Properties]) -> Properties:
    if plan.schemaless:
        return WHOLE
    if plan.documents is not None:
        from source_s3.records.document_records import COLUMNS, DETAILS

        return {**COLUMNS, **DETAILS, **columns_of(plan.documents.object_fields)}
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
    added |= {DOCUMENT_KEY: STRING} if plan.deletions and plan.documents else {}
    return added | ({ADDITIONAL: {"type": ["null", "object"]}} if _evolves(plan) else {})


def _evolves(plan: StreamPlan) -> bool:
    return plan.validation == "Evolve" and not plan.schemaless and plan.documents is None
