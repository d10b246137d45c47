"""A document of a bucket as records: one for itself, one for each document attached to it."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from source_s3.content.contents import Fetched, fetch_contents
from source_s3.content.decompress import compression_of, plain_name
from source_s3.documents import Engine, Limits, Read
from source_s3.documents.kinds import has_kind, kind_of
from source_s3.documents.parsers import Parsers
from source_s3.plan import StreamPlan
from source_s3.read import BadRow
from source_s3.read.document_options import DoclingProcessing, LocalProcessing, RemoteProcessing
from source_s3.read.options import UnstructuredFormat
from source_s3.records.object_fields import COLUMNS_OF, ObjectFields
from source_s3.records.pieces import Job, Piece, document_key, facts, now
from source_s3.s3_object import Bucket, S3Object
from source_s3.schema import DOCUMENT_KEY, STRING, Properties
from source_s3.stream_config import Stop
from vector_ingest.aws.errors import aws_errors
from vector_ingest.aws.sign_in import in_cloud
from vector_ingest.errors import ConfigError, DataError
from vector_ingest.messages import record_line

if TYPE_CHECKING:
    from source_s3.documents.remote.engine import Remote, Server

CONTENT, PROBLEM = "content", "_ab_source_file_parse_error"
COLUMNS: Properties = {DOCUMENT_KEY: STRING, CONTENT: STRING, PROBLEM: STRING}  # of every record
INTEGER = {"type": ["null", "integer"]}
SECTION: Properties = {
    "start": INTEGER,
    "end": INTEGER,
    "page": INTEGER,
    "headings": {"type": ["null", "array"], "items": {"type": "string"}},
}
# Of a record whose stream's catalog has them: a connection made before they were there goes on as it is.
DETAILS: Properties = {
    "title": STRING,
    "author": STRING,
    "language": STRING,
    "mime_type": STRING,
    "size": INTEGER,
    "page_count": INTEGER,
    "created": STRING,
    "modified": STRING,
    "etag": STRING,
    "sections": {"type": ["null", "array"], "items": {"type": "object", "properties": SECTION}},
}


def engine_of(options: UnstructuredFormat) -> Engine:
    """For all documents of a stream."""
    limits = _limits(options)
    own = Parsers(limits)
    by = options.processing
    return _remote(options, by, own, limits) if isinstance(by, RemoteProcessing) else own


def _limits(options: UnstructuredFormat) -> Limits:
    most = options.limits
    memory = most.megabytes * 1024 * 1024
    return Limits(most.seconds, memory, most.pages, most.characters, languages=_languages(options))


def _languages(options: UnstructuredFormat) -> tuple[str, ...]:
    """In which text is recognized; none: it is not."""
    by = options.processing
    return tuple(by.languages) if isinstance(by, LocalProcessing) and options.strategy == "auto" else ()


def prove_engine(options: UnstructuredFormat) -> None:
    """ConfigError, TransientError: documents would be sent in vain, or scans have no language."""
    if languages := _languages(options):
        from source_s3.documents.pages import ocr

        if ocr.is_installed() and (reason := ocr.lacking(languages)):
            raise ConfigError(f"{reason}.")
    if isinstance(options.processing, RemoteProcessing):
        limits = _limits(options)
        with closing(_remote(options, options.processing, Parsers(limits), limits)) as engine:
            engine.prove()


def _remote(options: UnstructuredFormat, by: RemoteProcessing, own: Engine, limits: Limits) -> "Remote":
    from source_s3.documents.remote.engine import Remote

    url = by.api_url.strip()
    if in_cloud() and not url.startswith("https://"):
        raise ConfigError(f"The `api_url` {url} is not secure: in the cloud it must begin with https://.")
    key = by.api_key.get_secret_value().strip()
    if not (key.isascii() and key.isprintable()):  # no header can carry it, and its error would have it in its words
        raise ConfigError(
            "The `api_key` holds a character that no key has (a line break, a tab, or one that is not ASCII): copy it "
            "anew."
        )
    return Remote(_server(options, by, url, key, limits), own)


def _server(options: UnstructuredFormat, by: RemoteProcessing, url: str, key: str, limits: Limits) -> "Server":
    from source_s3.documents.remote.connection import Api
    from source_s3.documents.remote.docling_serve import DoclingServe
    from source_s3.documents.remote.unstructured_api import UnstructuredApi

    given = [(each.name, each.value) for each in by.parameters]
    if isinstance(by, DoclingProcessing):
        asked = any(name == "do_ocr" for name, _ in given)
        without = [("do_ocr", "false")] if options.strategy == "fast" and not asked else []
        return DoclingServe(Api(url, key, [*without, *given]), limits)
    return UnstructuredApi(Api(url, key, [("strategy", options.strategy), *given]), limits)


def fields_of(bucket: Bucket, plan: StreamPlan) -> ObjectFields | None:
    """For all documents of a stream. None: it wants none, or its catalog has none of them."""
    assert plan.documents is not None
    wanted = [
        field
        for field in plan.documents.object_fields
        if plan.schemaless or any(name in plan.columns for name in COLUMNS_OF[field])
    ]
    return ObjectFields(bucket, wanted) if wanted else None


def read_document(job: Job, item: S3Object, fetched: Fetched | None) -> Piece:
    """What can't be read becomes a record with the reason if the format says so, and a bad row if there is a policy.

    DataError: it, or what is attached to it, can't be read, and is to be neither.
    """
    assert job.plan.documents is not None
    told, counts = job.plan.documents.skip_unprocessable_files, not isinstance(job.plan.bad_rows, Stop)
    size, reads = _reads(job, item, fetched)
    of_object = _of_object(job, item)
    lines, refused, missing = [], [], []
    for number, read in enumerate(reads, 1):
        if read.problem is not None:
            where = f"{item.name}, {read.name}" if read.name else item.name
            if counts:
                refused.append(BadRow(_where(number, read), read.problem))
            elif told:
                job.progress.refuse(where, read.problem)
            else:
                raise DataError(where, read.problem)
        if read.problem is None or told:
            lines.append(_line(job, item, number, read, size, of_object))
        else:
            missing.append(number)  # an older version of it may have been delivered
    return Piece(
        rows=len(reads), lines=b"".join(lines), records=len(lines), place=item.size, refused=refused, missing=missing
    )


def read_again(job: Job, item: S3Object, where: str) -> tuple[Piece | None, str | None]:
    """The record of what was kept aside as `where`, and of what is attached to it; or why there is none."""
    size, reads = _reads(job, item, None)
    numbered = list(enumerate(reads, 1))
    found = next(((number, read) for number, read in numbered if _where(number, read) == where), None)
    if found is None:
        return None, "it is no longer found in its object: the next sync that reads this anew takes the entry out"
    number, read = found
    if read.problem is not None:
        return None, read.problem
    if number == 1 and len(reads) > 1 and job.plan.deletions:
        return None, "its attachments need numbers in the state, to be deleted by: upload it anew"
    of_object = _of_object(job, item)
    chosen = numbered if number == 1 else [found]
    lines = [_line(job, item, *each, size, of_object) for each in chosen if each[1].problem is None]
    return Piece(rows=len(lines), lines=b"".join(lines), records=len(lines)), None


def _reads(job: Job, item: S3Object, fetched: Fetched | None) -> tuple[int, list[Read]]:
    """The size of the content, and what is in it."""
    assert job.plan.documents is not None
    assert job.engine is not None
    name = plain_name(item.name)
    try:
        content = fetch_contents(job.bucket, item, fetched)
        declared = _content_type(job.bucket, item, name, content)
        return len(content), job.engine.read(name, content, declared, job.plan.documents.text_extensions)
    except DataError as error:
        return 0, [Read(None, error.reason)]


def _where(number: int, read: Read) -> str:
    """In its object. Two attachments may have the same name."""
    return "the file" if number == 1 else f"attachment {number - 1}, {read.name}"


def _line(job: Job, item: S3Object, number: int, read: Read, whole: int, of_object: Mapping[str, Any]) -> bytes:
    size = whole if number == 1 else read.size
    found = {**dict(_fields(job, item, read, size)), **of_object}
    record = _record(job, item, document_key(item.name, number), found)
    return record_line(job.plan.name, job.namespace, record, now()) + b"\n"


def _record(job: Job, item: S3Object, key: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    found = {DOCUMENT_KEY: key, **fields}
    named = {DOCUMENT_KEY: key} if job.plan.deletions else {}  # by which a deletion names it
    return {**({"data": found, **named} if job.plan.schemaless else found), **facts(item)}


def _of_object(job: Job, item: S3Object) -> Mapping[str, Any]:
    found = job.fields.of(item) if job.fields is not None else {}
    return {name: value for name, value in found.items() if job.plan.schemaless or name in job.plan.columns}


def _fields(job: Job, item: S3Object, read: Read, size: int | None) -> Iterator[tuple[str, Any]]:
    parsed = read.parsed
    yield CONTENT, parsed.content if parsed is not None else None
    yield PROBLEM, read.problem
    wanted = {name for name in DETAILS if name in job.plan.columns}
    if not wanted:
        return
    about = parsed.facts if parsed is not None else None
    found = {
        "title": (about.title if about is not None else None) or read.name,
        "author": about.author if about is not None else None,
        "language": about.language if about is not None else None,
        "mime_type": parsed.mime_type if parsed is not None else None,
        "size": size,
        "page_count": about.page_count if about is not None else None,
        "created": _moment(about.created) if about is not None else None,
        "modified": _moment(about.modified) if about is not None else None,
        "etag": item.etag,
        "sections": parsed.sections if parsed is not None else None,
    }
    yield from ((name, found[name]) for name in DETAILS if name in wanted)


def _moment(text: str | None) -> str | None:
    """ISO 8601, a day as its begin; None: what a document calls a time is none."""
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return moment.isoformat()


def _content_type(bucket: Bucket, item: S3Object, name: str, content: bytes) -> str | None:
    """Asked for only where neither the bytes nor the name tell what the object is."""
    is_object = item.inside is None and compression_of(item.name) is None
    if has_kind(name) or not is_object or kind_of(name, content) is not None:
        return None
    where = bucket.holding(item)
    with aws_errors(f"read the Content-Type of s3://{where}/{item.key}"):
        head = bucket.client.head_object(Bucket=where, Key=item.key, IfMatch=f'"{item.etag}"')
    return str(head.get("ContentType") or "") or None
