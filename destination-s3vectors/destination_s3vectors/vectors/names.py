"""Names of indexes and keys of vectors: readable where that is safe, and never the same for two things.

A plain name is one from which its parts can be read back: they are of `a-z0-9` and single hyphens, the stream's and the
tenant's without hyphens where they share a piece. Every other name ends in `--` and a hash of what was given; a plain
name has no `--`, so the two kinds can't meet.
"""

import base64
import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from destination_s3vectors.service.limits import KMS_KEY_ARN, NAME, NAME_CHARACTERS
from vector_ingest.errors import ConfigError

HASH_BYTES = 10  # 16 characters; streams and tenants are too few to meet by chance in 80 bits
DIGEST = 24  # hex digits of a document's part of a vector key

_NAME = re.compile(NAME)
_PLAIN = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
_WORD = re.compile("[a-z0-9]+")
_OTHER = re.compile("[^a-z0-9.]+")
_KEY = re.compile(rf"([a-z0-9.-]+)#([0-9a-f]{{{DIGEST}}})#(0|[1-9][0-9]*)")
_FORM = "Expected s3vectors://bucket[/prefix][?kmsKeyArn=arn:aws:kms:region:account:key/id]"


@dataclass(frozen=True, slots=True)
class Location:
    """Where indexes are. `prefix` may be empty."""

    bucket: str
    prefix: str
    kms_key_arn: str | None


def location_of(uri: str) -> Location:
    """From `s3vectors://bucket[/prefix][?kmsKeyArn=…]`. ConfigError says what is wrong with it."""
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise ConfigError(f"`{uri}` can't be read as a location: {error}. {_FORM}.") from error
    if parts.scheme != "s3vectors" or parts.fragment:
        raise ConfigError(f"`{uri}` is no location of S3 Vectors. {_FORM}.")
    if not _NAME.fullmatch(parts.netloc):
        raise ConfigError(
            f"`{parts.netloc}` in `{uri}` can't be a vector bucket: expected 3 to {NAME_CHARACTERS} characters of a-z, "
            f"0-9, `-` and `.`, the first and the last a letter or a digit. Correct the name. {_FORM}."
        )
    return Location(parts.netloc, unquote(parts.path).strip("/"), _kms_key_of(uri, parts.query))


def checked_kms_key(arn: str) -> str:
    if not re.fullmatch(KMS_KEY_ARN, arn):
        raise ConfigError(
            f"`{arn}` is no ARN of a KMS key. Expected arn:aws:kms:region:account:key/id, not the id alone and no "
            "alias."
        )
    return arn


def index_name(prefix: str, stream: str, namespace: str | None = None, tenant: str | None = None) -> str:
    """`prefix.stream`, `prefix.namespace.stream`, `prefix.stream-tenant`. An empty prefix is left out."""
    form = ".".join(part for part in (prefix, namespace, stream) if part) + (f"-{tenant}" if tenant else "")
    above = () if namespace is None else (namespace,)
    above = (prefix, *above) if prefix or above else ()
    is_plain = (
        all(_PLAIN.fullmatch(part) for part in above)
        and _WORD.fullmatch(stream)
        and (tenant is None or _WORD.fullmatch(tenant))
    )
    return form if is_plain and _NAME.fullmatch(form) else _hashed(form, [prefix, namespace, stream, tenant])


def stream_key(stream: str, namespace: str | None) -> str:
    """The stream's part of its vectors' keys: 1 to 63 characters of a-z, 0-9, `.` and `-`."""
    form = stream if namespace is None else f"{namespace}.{stream}"
    is_plain = _PLAIN.fullmatch(stream) and (namespace is None or _PLAIN.fullmatch(namespace))
    return form if is_plain and len(form) <= NAME_CHARACTERS else _hashed(form, [namespace, stream])


def document_digest(document_id: str) -> str:
    return hashlib.sha256(document_id.encode(errors="surrogatepass")).hexdigest()[:DIGEST]


@dataclass(frozen=True, slots=True)
class VectorKey:
    """`stream` is a `stream_key`, `document` a `document_digest`, `number` that of the chunk."""

    stream: str
    document: str
    number: int

    def __str__(self) -> str:
        return vector_key(self.stream, self.document, self.number)


def vector_key(stream: str, document: str, number: int) -> str:
    return f"{stream}#{document}#{number}"


def key_of(text: str) -> VectorKey | None:
    """The opposite; None if the key is none of ours."""
    found = _KEY.fullmatch(text)
    return VectorKey(found[1], found[2], int(found[3])) if found else None


def _kms_key_of(uri: str, query: str) -> str | None:
    options = parse_qsl(query, keep_blank_values=True)
    for name, _ in options:
        if name != "kmsKeyArn":
            raise ConfigError(f"`{name}` in `{uri}` is not known. {_FORM}.")
    if len(options) > 1:
        raise ConfigError(f"`{uri}` names {len(options)} KMS keys, expected one at most. {_FORM}.")
    return checked_kms_key(options[0][1]) if options else None


def _hashed(form: str, exact: list[str | None]) -> str:
    digest = hashlib.blake2b(json.dumps(exact).encode(), digest_size=HASH_BYTES).digest()
    suffix = "--" + base64.b32encode(digest).decode().lower()
    ascii_form = unicodedata.normalize("NFKD", form).encode("ascii", "ignore").decode().lower()
    words = (_OTHER.sub("-", word).strip("-") for word in ascii_form.split("."))
    readable = ".".join(word for word in words if word)[: NAME_CHARACTERS - len(suffix)].rstrip("-.")
    return (readable or "x") + suffix
