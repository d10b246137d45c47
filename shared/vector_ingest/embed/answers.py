"""What the answers of all providers over HTTP have in common: how they are read, and what a refused text becomes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from vector_ingest.embed.vectors import excerpt, is_too_long
from vector_ingest.errors import DataError, TransientError
from vector_ingest.patience import limit

NO_MONEY = 402  # as Cohere, Together and others say it: https://docs.cohere.com/reference/errors
OF_A_TEXT = {400, 413, 422}  # unless the words name a setting


def answer_seconds() -> int:
    """How long an answer is waited for. 2,048 texts take OpenAI about 10 seconds."""
    return limit("EMBEDDING_TIMEOUT", 60)


def parsed_object(content: bytes, provider: str) -> Mapping[str, Any]:
    try:
        answer = _parsed(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        start = content[:60].decode(errors="replace")
        raise TransientError(
            f"{provider} sent an answer that can't be read ({len(content):,} bytes, it begins with {start!r}): "
            "expected a JSON object"
        )
    return answer


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)  # it knows NaN, which some services write: that is a fault of one text, told as such


def is_not_there(status: int) -> bool:
    """Whether this is another server, or a path that it does not have: the next try would be answered alike."""
    return status in (404, 405, 410) or 300 <= status < 400


def number_at(answer: Mapping[str, Any], *path: str) -> int:
    """What a request cost, by the answer. 0 where the service leaves it or a part of the way out, or writes null."""
    found: Any = answer
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return int(found) if isinstance(found, int | float) else 0


def openai_rows(answer: Mapping[str, Any], provider: str) -> Sequence[Any]:
    """The vectors, from OpenAI and those who took its form, in the order of the texts."""
    try:
        by_index = {item["index"]: item["embedding"] for item in answer["data"]}
        return [by_index[index] for index in range(len(answer["data"]))]
    except (KeyError, TypeError) as error:
        expected = "expected `data`, a list with an `index` (0, 1, …) and an `embedding` each"
        raise TransientError(f"{provider} sent an answer that can't be read: {expected}") from error


def cohere_rows(answer: Mapping[str, Any]) -> Any:
    """The vectors, from Cohere or by Bedrock: by their type where types were asked for."""
    found = answer.get("embeddings") or []
    return found.get("float") or [] if isinstance(found, Mapping) else found


def refused(texts: Sequence[str], provider: str, said: str) -> DataError:
    """One of a request's texts is refused; which one, smaller requests will show."""
    where = excerpt(texts[0]) if len(texts) == 1 else f"one of {len(texts)} texts; {excerpt(texts[0])} is first"
    return DataError(where, f"{provider} refuses it: {said}", too_long=is_too_long(said))
