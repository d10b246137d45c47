"""What the function does for an event: an operation of S3 Vectors each, in as many requests as it takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from destination_s3vectors.sql_bridge.batches import query_among, query_many
from destination_s3vectors.sql_bridge.calls import Call, Json, invalid
from destination_s3vectors.sql_bridge.indexes import describe, home_of
from destination_s3vectors.sql_bridge.query import query_vectors
from destination_s3vectors.sql_bridge.requests import (
    ANSWER_BYTES,
    DELETE_VECTORS,
    GET_VECTORS,
    LIST_PAGE,
    PUT_VECTORS,
    at_once,
    bytes_of,
    get_vectors,
    list_of,
    number_of,
)

Operation = Callable[[Sequence[Call]], tuple[Json, Any]]  # calls: one for each shard, or the only one


def _get(calls: Sequence[Call]) -> tuple[Json, Any]:
    """One row for each id, in the order given; `continue` is how many ids are done."""
    event = calls[0].event
    ids, done = list_of(event, "vector_ids"), int(event.get("continue") or 0)
    rows: list[Json] = []
    size = 0
    while done < len(ids):
        wanted = ids[done : done + GET_VECTORS]
        found = _found(calls, list(dict.fromkeys(wanted)))
        for key in wanted:
            row = _row(found[key]) | {"found": True} if key in found else {"key": key, "found": False}
            size += bytes_of(row)
            if rows and size > ANSWER_BYTES:
                return {"vectors": rows}, done
            rows.append(row)
            done += 1
        if not calls[0].in_time():
            break
    return {"vectors": rows}, done if done < len(ids) else None


def _found(calls: Sequence[Call], keys: Sequence[str]) -> dict[str, Json]:
    """From all shards: a vector that was not put by this function may be in any."""
    event = calls[0].event
    data, metadata = bool(event.get("return_data", True)), bool(event.get("return_metadata", True))

    def ask(call: Call) -> Sequence[Json]:
        return get_vectors(call, keys, data=data, metadata=metadata)

    return {vector["key"]: vector for vectors in at_once(ask, calls) for vector in vectors}


def _list_page(calls: Sequence[Call]) -> tuple[Json, Any]:
    """One page, with the service's own token; or, with `all`, as many pages as one answer carries.

    Of several shards one after the other: the token begins with the number of the shard.
    """
    event = calls[0].event
    token = event.get("continue") or event.get("next_token")
    if len(calls) == 1:
        return _pages(calls[0], token)
    number, mark, inner = (token or "0#").partition("#")
    if not mark or not number.isdigit() or int(number) >= len(calls):
        raise invalid(f"the token {token!r} is none of this index")
    result: Json = {"vectors": []}
    for shard in range(int(number), len(calls)):
        result, rest = _pages(calls[shard], inner or None)
        following = f"{shard + 1}#" if shard + 1 < len(calls) else None
        if rest is not None:
            return result, f"{shard}#{rest}"
        if result["vectors"]:  # a page without rows would carry no token to SQL
            return result, following
        inner = ""
    return result, None


def _pages(call: Call, token: str | None) -> tuple[Json, Any]:
    event, count = call.event, number_of(call.event, "max_results", 100, LIST_PAGE)
    asked: Json = {"indexArn": call.index, "returnData": bool(event.get("return_data", False))}
    asked["returnMetadata"] = bool(event.get("return_metadata", True))
    rows: list[Json] = []
    size = 0
    while True:
        page = call.ask("list_vectors", **asked, maxResults=count, **({"nextToken": token} if token else {}))
        more = [_row(vector) for vector in page["vectors"]]
        weight = sum(map(bytes_of, more))
        if size + weight > ANSWER_BYTES and rows:
            return {"vectors": rows}, token
        if weight > ANSWER_BYTES:  # numbers as text may weigh five times what the service counts
            count = max(count // 2, 1)
            continue
        rows, size, token = rows + more, size + weight, page.get("nextToken")
        if not token or (rows and not event.get("all")) or not call.in_time():
            return {"vectors": rows}, token


def _put(calls: Sequence[Call]) -> tuple[Json, Any]:
    """In calls of 500. A put replaces the whole vector, so that a repeated event changes nothing."""
    given = list_of(calls[0].event, "vectors")
    homes: list[list[Json]] = [[] for _ in calls]
    for each in given:
        vector = {"key": each.get("key"), "data": {"float32": each.get("data")}}
        vector |= {} if each.get("metadata") is None else {"metadata": each["metadata"]}
        homes[home_of(str(each.get("key")), len(calls))].append(vector)
    for call, vectors in zip(calls, homes, strict=True):
        for start in range(0, len(vectors), PUT_VECTORS):
            call.ask("put_vectors", indexArn=call.index, vectors=vectors[start : start + PUT_VECTORS])
    return {"count": len(given)}, None


def _delete(calls: Sequence[Call]) -> tuple[Json, Any]:
    """From all shards, wherever the ids are."""
    ids = list(dict.fromkeys(list_of(calls[0].event, "vector_ids")))
    for call in calls:
        for start in range(0, len(ids), DELETE_VECTORS):
            call.ask("delete_vectors", indexArn=call.index, keys=ids[start : start + DELETE_VECTORS])
    return {"count": len(ids)}, None


def _row(vector: Json) -> Json:
    row = {"key": vector["key"]}
    if "data" in vector:
        row["data"] = vector["data"]["float32"]
    return row | ({"metadata": vector["metadata"]} if "metadata" in vector else {})


QUERIES: Mapping[str, Operation] = {
    "query_vectors": query_vectors,
    "query_many": lambda calls: query_many(calls, query_vectors),
    "query_among": query_among,
}
WRITES: Mapping[str, Operation] = {"put_vectors": _put, "delete_vectors": _delete}
OPERATIONS: Mapping[str, Operation] = {
    "availability_check": describe,
    "get_vectors": _get,
    "list_vectors": _list_page,
    **QUERIES,
    **WRITES,
}
