"""The bytes of metadata as S3 Vectors counts them: not those of its JSON."""

from typing import Any

from destination_s3vectors.service.limits import METADATA_ELEMENT, METADATA_ENTRY, METADATA_NUMBER


def entry_bytes(name: str, value: Any) -> int:
    """Of one key with its value; `METADATA_OBJECT` comes once for all of them."""
    return METADATA_ENTRY + string_bytes(name) + _value_bytes(value)


def string_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _value_bytes(value: Any) -> int:
    match value:
        case str():
            return string_bytes(value)
        case bool():
            return 0
        case list():
            return sum(METADATA_ELEMENT + _value_bytes(item) for item in value)
        case _:
            return METADATA_NUMBER
