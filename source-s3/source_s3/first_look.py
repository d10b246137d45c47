"""The head of one object: that it can be read, and the columns that it has."""

from source_s3.content.contents import open_contents
from source_s3.listing.storage import is_archived
from source_s3.plan import StreamPlan
from source_s3.read import SEEKING, table_reader
from source_s3.read.options import UnstructuredFormat
from source_s3.records.object_fields import ObjectFields
from source_s3.records.partitions import partitions_of
from source_s3.records.raw_copy import read_head
from source_s3.records.read_object import named
from source_s3.s3_object import Bucket, S3Object
from source_s3.schema import STRING, Properties
from vector_ingest.errors import ConfigError, DataError


def columns_unless_archived(bucket: Bucket, plan: StreamPlan, item: S3Object) -> Properties | None:
    """None where only the attempt to read tells that it is archived, and such objects are left out."""
    try:
        return _columns(bucket, plan, item)
    except ConfigError as error:
        if plan.selection.archived == "Refuse" or not is_archived(error):
            raise
        return None


def _columns(bucket: Bucket, plan: StreamPlan, item: S3Object) -> Properties:
    """The columns of one file, from its head or footer."""
    if plan.transfer:
        read_head(bucket, item)
        return {}
    seeks = isinstance(plan.format, SEEKING)
    with named(bucket, item), open_contents(bucket, item, seeks=seeks, read_ahead=False) as file:
        if isinstance(plan.format, UnstructuredFormat):
            file.read(1)
            ObjectFields(bucket, plan.format.object_fields).of(item)  # which may need more rights
            return {}
        try:
            columns = table_reader(plan.format).schema(file, plan.format)
        except DataError as error:
            other = f"If it is no {plan.format.filetype} file, set its format, or globs that leave it out"
            raise DataError(error.where, f"{error.reason.removesuffix('.')}. {other}") from error
        return {**columns, **{name: STRING for name in partitions_of(item) if plan.hive}}
