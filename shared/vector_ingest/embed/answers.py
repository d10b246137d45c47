"""What the answers of all providers over HTTP have in common: how they are read, and what a refused text becomes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from vector_ingest.embed.vectors import excerpt, is_too_long
from vector_ingest.errors import DataError, TransientError


def parsed(content: bytes) -> Any:
    """ValueError: it is no JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)  # it knows NaN, which some services write: that is a fault of one text, told as such


def parsed_object(content: bytes, provider: str) -> Mapping[str, Any]:
    try:
        answer = parsed(content)
    except ValueError as error:
        raise TransientError(f"{provider} sent an answer that can't be read") from error
    if not isinstance(answer, dict):
        raise TransientError(f"{provider} sent an answer that can't be read: no JSON object")
    return answer


def cohere_rows(answer: Mapping[str, Any]) -> Sequence[Any]:
    """The vectors, from Cohere or by Bedrock: by their type where types were asked for."""
    found = answer.get("embeddings") or []
    return found.get("float") or [] if isinstance(found, Mapping) else found


def refused(texts: Sequence[str], provider: str, said: str) -> DataError:
    """One of a request's texts is refused; which one, smaller requests will show."""
    where = excerpt(texts[0]) if len(texts) == 1 else f"one of {len(texts)} texts; {excerpt(texts[0])} is first"
    return DataError(where, f"{provider} refuses it: {said}", too_long=is_too_long(said))
