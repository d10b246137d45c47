"""Document ids: the same record gives the same id in every run, wherever the record can be told apart.

Ids have the form that Airbyte's destination-pgvector gives them: `Stream_{name}_Key_{value}`. An id of more than 512
bytes, or one that a store can't hold, ends in a SHA-256 instead of the value.
"""

import hashlib
import itertools
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError, DataError
from vector_ingest.messages import dumps
from vector_ingest.record.storable import is_storable, storable

LONGEST = 512  # bytes; a PostgreSQL index entry holds 2,704, an S3 Vectors key 1,024
Identify = Callable[[Mapping[str, Any]], str]


def is_keyed(stream: Stream) -> bool:
    """Whether two records with one key are one document."""
    return bool(stream.primary_key) and stream.mode != "append"


def has_stable_ids(stream: Stream) -> bool:
    """Whether a rerun gives the same ids. Without a key a record is told from its equal only by its place in a run."""
    return bool(stream.primary_key)


def identity_of(stream: Stream) -> Identify:
    """Record data -> document id, for the records of one sync."""
    if stream.mode == "append_dedup" and not stream.primary_key:
        raise ConfigError(
            f"Stream `{stream.name}` is set to append_dedup without a primary key, so its records can't be told apart. "
            "Choose a primary key in the connection, or the mode append or overwrite."
        )
    if is_keyed(stream):
        return lambda data: _fit(f"Stream_{stream.name}_Key_", key_of(stream, data))
    if stream.primary_key:
        salt = dumps([stream.namespace, stream.name, stream.generation])
        return lambda data: _fit(f"Stream_{stream.name}_Hash_", _digest(salt, dumps(data)))
    run, counter = uuid.uuid4().hex, itertools.count()
    return lambda data: _fit(f"Stream_{stream.name}_Run_{run}_", str(next(counter)))  # noqa: ARG005 (one shape for all)


def key_of(stream: Stream, data: Mapping[str, Any]) -> str:
    """The primary key as text. DataError: a part of it is missing."""
    values = [_value(stream, data, path) for path in stream.primary_key]
    if len(values) == 1:
        return values[0]
    return "_".join(value.replace("\\", "\\\\").replace("_", "\\_") for value in values)


def _value(stream: Stream, data: Mapping[str, Any], path: tuple[str, ...]) -> str:
    value: Any = data
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        raise DataError(
            f"a record of stream `{stream.name}`",
            f"expected a value in the primary key field `{'.'.join(path)}`, found none. "
            "Choose a primary key that every record has",
        )
    return value if isinstance(value, str) else dumps(value).decode()


def _fit(prefix: str, value: str) -> str:
    whole = prefix + value
    if is_storable(whole) and len(whole.encode()) <= LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()
    return storable(prefix)[0].encode()[: LONGEST - len(digest)].decode(errors="ignore") + digest


def _digest(*parts: bytes) -> str:
    return hashlib.blake2b(b"\0".join(parts), digest_size=20).hexdigest()
