"""What a configuration leads to: `check` proves that it works, `discover` finds the streams and their schemas."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any

from source_s3 import raw_copy
from source_s3.ahead import FETCHERS
from source_s3.bad_rows import prove_place
from source_s3.config import Config
from source_s3.contents import open_contents
from source_s3.list_answers import parse_listings_fast
from source_s3.partitions import partitions_of
from source_s3.plan import StreamPlan, plans
from source_s3.read import SEEKING, table_reader
from source_s3.read.options import Format, UnstructuredFormat
from source_s3.read_object import named
from source_s3.s3_object import Bucket, S3Object
from source_s3.samples import first_objects, nothing_to_read, sampled_objects
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
from source_s3.storage import NOT_RESTORED, is_archived
from vector_ingest.aws import s3_client
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte")
STREAMS, THREADS = 4, 8  # that are listed, and files whose heads are read, at once
CONNECTIONS = FETCHERS + STREAMS  # kept open: for all that are asked for at once
TRIED = 20  # archived files that a check tries, where a listing does not tell of the archive
WHOLE: Properties = {"data": {"type": "object"}}


def bucket_of(config: Config) -> Bucket:
    endpoint = config.endpoint or None
    client = s3_client(
        config.credentials,
        config.region_name,
        endpoint,
        connections=CONNECTIONS,
        connection=config.connection,
        session_name="airbyte-source-s3",  # as Airbyte's: trust policies and logs may know it
    )
    parse_listings_fast(client)
    return Bucket(client, config.bucket)


def check(config: Config) -> None:
    """Sign in, list each stream's objects, and read the head of one file. ConfigError or TransientError if not.

    It asks for no right that a sync does not need: where objects are named, nothing is listed.
    """
    bucket = bucket_of(config)
    for plan in plans(config):
        _check_stream(bucket, plan)
        prove_place(bucket, plan)
        _prove_engine(plan)


def _check_stream(bucket: Bucket, plan: StreamPlan) -> None:
    """As in Airbyte's source-s3, a stream without one file to read fails: most often its path is wrong."""
    left_out: list[str] = []
    with closing(first_objects(bucket, plan, lambda name, why: left_out.append(f"{name} {why}"))) as listing:
        for item in islice(listing, TRIED):
            if _properties_unless_archived(bucket, plan, item) is not None:
                return
            left_out.append(f"{item.name} {NOT_RESTORED}")
    raise nothing_to_read(bucket, plan, left_out)


def discover(config: Config) -> list[dict[str, Any]]:
    """The streams of a catalog. Each schema is taken from the stream's newest files.

    DataError, ConfigError: a file among them that can't be read, by its name.
    """
    bucket = bucket_of(config)
    with ThreadPoolExecutor(STREAMS) as listers, ThreadPoolExecutor(THREADS) as readers:

        def find(plan: StreamPlan) -> dict[str, Any]:
            sample = _sample(bucket, plan)
            found = readers.map(partial(_properties_unless_archived, bucket, plan), sample)
            return _stream(plan, [properties for properties in found if properties is not None])

        return list(listers.map(find, plans(config)))


def _sample(bucket: Bucket, plan: StreamPlan) -> Sequence[S3Object]:
    if plan.transfer or isinstance(plan.format, UnstructuredFormat) or plan.types or plan.schemaless:
        return []  # the schema is known
    return sampled_objects(bucket, plan)


def _properties_unless_archived(bucket: Bucket, plan: StreamPlan, item: S3Object) -> Properties | None:
    """None where only the attempt to read tells that it is archived, and such objects are left out."""
    try:
        return _properties(bucket, plan, item)
    except ConfigError as error:
        if plan.selection.archived == "Refuse" or not is_archived(error):
            raise
        return None


def _properties(bucket: Bucket, plan: StreamPlan, item: S3Object) -> Properties:
    """The columns of one file, from its head or footer."""
    if plan.transfer:
        raw_copy.read_head(bucket, item)
        return {}
    seeks = isinstance(plan.format, SEEKING)
    with named(bucket, item), open_contents(bucket.client, bucket.name, item, seeks=seeks, read_ahead=False) as file:
        if isinstance(plan.format, UnstructuredFormat):
            file.read(1)
            _prove_fields(bucket, plan, item)
            return {}
        columns = table_reader(plan.format).schema(file, plan.format)
        return {**columns, **{name: TEXT for name in partitions_of(item) if plan.hive}}


def _stream(plan: StreamPlan, found: Sequence[Properties]) -> dict[str, Any]:
    """`found`: of the newest file first. It decides the order of the columns."""
    if plan.transfer:
        return raw_copy.stream_of(plan)
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
    from source_s3.document_records import COLUMNS, DETAILS, wanted_fields
    from source_s3.object_fields import columns_of

    return {**COLUMNS, **DETAILS, **columns_of(wanted_fields(options))}


def _prove_engine(plan: StreamPlan) -> None:
    if isinstance(plan.format, UnstructuredFormat) and not plan.transfer:
        from source_s3.document_records import prove_engine

        prove_engine(plan.format)


def _prove_fields(bucket: Bucket, plan: StreamPlan, item: S3Object) -> None:
    """ConfigError: what is wanted besides the bytes may not be read."""
    from source_s3.document_records import wanted_fields
    from source_s3.object_fields import ObjectFields

    ObjectFields(bucket, wanted_fields(plan.format)).of(item)


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
