"""What an event asks for, and how much of it one answer carries."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from destination_s3vectors.sql_bridge.calls import Call, Event, Json, invalid

# A synchronous answer of Lambda has at most 6 MB; the rest is for what surrounds the vectors.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ANSWER_BYTES = 5_500_000
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
PUT_VECTORS, DELETE_VECTORS, GET_VECTORS, LIST_PAGE, TOP_K = 500, 500, 100, 1000, 10_000
THREADS = 8  # requests at once of one event; botocore keeps ten connections
A = TypeVar("A")
B = TypeVar("B")


def bytes_of(row: Json) -> int:
    """Of the row in the answer, or a little more."""
    return len(json.dumps(row)) + 2


def list_of(event: Event, name: str) -> list[Any]:
    given = event.get(name)
    if not isinstance(given, list) or not given:
        raise invalid(f"`{name}` must be a list that is not empty; got {type(given).__name__}")
    return given


def number_of(event: Event, name: str, default: int, most: int) -> int:
    given = event.get(name, default)
    if not isinstance(given, int) or not 1 <= given <= most:
        raise invalid(f"`{name}` must be a number from 1 to {most}; got {given!r}")
    return given


def get_vectors(call: Call, keys: Sequence[str], *, data: bool, metadata: bool) -> list[Json]:
    """As far as the index has them; of GET_VECTORS keys at most."""
    answer = call.ask("get_vectors", indexArn=call.index, keys=keys, returnData=data, returnMetadata=metadata)
    return list(answer["vectors"])


def at_once(work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """In the order of the items, a few ahead of whoever takes the results."""
    given = list(items)
    if len(given) < 2:
        yield from map(work, given)
        return
    with ThreadPoolExecutor(THREADS, "s3vl") as pool:
        for start in range(0, len(given), THREADS):
            yield from pool.map(work, given[start : start + THREADS])
