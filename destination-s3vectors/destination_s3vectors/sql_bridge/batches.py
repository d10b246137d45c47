"""Operations that the service does not have: many queries at once, and the order of chosen vectors by distance."""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import mul
from typing import Any

from destination_s3vectors.sql_bridge.calls import Call, Json, RefusedError, invalid
from destination_s3vectors.sql_bridge.indexes import describe
from destination_s3vectors.sql_bridge.requests import (
    ANSWER_BYTES,
    GET_VECTORS,
    TOP_K,
    at_once,
    bytes_of,
    get_vectors,
    list_of,
    number_of,
)

Query = Callable[[Sequence[Call]], tuple[Json, Any]]


def query_many(calls: Sequence[Call], query: Query) -> tuple[Json, Any]:
    """`query` for each of `query_vectors`, in their order. `continue` is how many of them are answered."""
    call = calls[0]
    questions = list_of(call.event, "query_vectors")
    done, size = int(call.event.get("continue") or 0), 0
    event = {name: value for name, value in call.event.items() if name != "continue"}
    answers: list[Json] = []
    asked = ([replace(shard, event={**event, "query_vector": each}) for shard in calls] for each in questions[done:])
    for answer, rest in at_once(query, asked):
        size += bytes_of(answer)
        if rest is not None or size > ANSWER_BYTES:
            if not answers:
                if not call.in_time():
                    raise RefusedError("timeout", "OutOfTime", f"query {done + 1} takes longer than the timeout")
                message = f"query {done + 1} alone has more vectors than one answer carries: ask for them by themselves"
                raise RefusedError("too_large", "AnswerTooLarge", message)
            break
        answers.append(answer)
        if not call.in_time():
            break
    done += len(answers)
    return {"answers": answers}, done if done < len(questions) else None


def query_among(calls: Sequence[Call]) -> tuple[Json, Any]:
    """The nearest of `vector_ids`, by exact distance: the service cannot filter by key.

    Ids that the index does not have are not among them.
    """
    call = calls[0]
    question = list_of(call.event, "query_vector")
    ids = list(dict.fromkeys(list_of(call.event, "vector_ids")))
    wanted = number_of(call.event, "top_k", 10, TOP_K)
    index, _ = describe(calls)
    if len(question) != index["dimension"]:
        raise invalid(f"the query vector has {len(question)} numbers, the index {index['dimension']}")
    measure = _distance_to(question, index["distance_metric"])
    found = (
        (measure(vector["data"]["float32"]), vector["key"]) for vector in _read(calls, ids, data=True, metadata=False)
    )
    rows: list[Json] = [{"key": key, "distance": distance} for distance, key in heapq.nsmallest(wanted, found)]
    if call.event.get("return_metadata", True):
        keys = [row["key"] for row in rows]
        metadata = {each["key"]: each.get("metadata") for each in _read(calls, keys, data=False, metadata=True)}
        rows = [row | {"metadata": metadata.get(row["key"])} for row in rows]
    if sum(map(bytes_of, rows)) > ANSWER_BYTES:
        message = "the metadata of the nearest are more than one answer carries: lower top_k, or leave the metadata out"
        raise RefusedError("too_large", "AnswerTooLarge", message)
    return {"distance_metric": index["distance_metric"], "vectors": rows}, None


def _read(calls: Sequence[Call], ids: Sequence[str], *, data: bool, metadata: bool) -> Iterator[Json]:
    def read(part: tuple[Call, Sequence[str]]) -> list[Json]:
        call, keys = part
        if not call.in_time():
            raise RefusedError("timeout", "OutOfTime", f"reading {len(ids)} vectors takes longer than the timeout")
        return get_vectors(call, keys, data=data, metadata=metadata)

    starts = range(0, len(ids), GET_VECTORS)
    for vectors in at_once(read, [(call, ids[start : start + GET_VECTORS]) for start in starts for call in calls]):
        yield from vectors


def _distance_to(question: Sequence[float], metric: str) -> Callable[[Sequence[float]], float]:
    """As the service has it: 1 - cosine, or the root of the summed squares."""
    if metric == "euclidean":
        return lambda vector: math.dist(question, vector)
    length = math.hypot(*question)
    if not length:
        raise invalid("the query vector is zero: it has no direction")
    return lambda vector: 1 - sum(map(mul, question, vector)) / (length * math.hypot(*vector))
