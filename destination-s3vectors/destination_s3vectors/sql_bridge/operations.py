"""What the function does for an event: an operation of S3 Vectors each, in as many requests as it takes."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from destination_s3vectors.sql_bridge.calls import Call, Event, Json, invalid

# A synchronous answer of Lambda has at most 6 MB; the rest is for what surrounds the vectors.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ANSWER_BYTES = 5_500_000
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
PUT_VECTORS, DELETE_VECTORS, GET_VECTORS, LIST_PAGE, TOP_K = 500, 500, 100, 1000, 10_000


def describe(call: Call) -> tuple[Json, Any]:
    found = call.ask("get_index", indexArn=call.index)["index"]
    return {"dimension": found["dimension"], "distance_metric": found["distanceMetric"]}, None


def _query(call: Call) -> tuple[Json, Any]:
    """Pages until there are `top_k`, or as many as one answer carries.

    `continue`: the token of the page to go on with, how many of its vectors were given, and how many in all.
    """
    wanted = _number(call.event, "top_k", 10, TOP_K)
    asked = _question(call, wanted)
    state = call.event.get("continue") or {}
    token, skip, before = state.get("token"), int(state.get("skip", 0)), int(state.get("given", 0))
    rows: list[Json] = []
    rest: Json | None
    size = 0
    while True:
        page = call.ask("query_vectors", **asked, **({"nextToken": token} if token else {}))
        metric = page.get("distanceMetric")
        for vector in page["vectors"][skip : skip + wanted - before - len(rows)]:
            size += _bytes(vector)
            if rows and size > ANSWER_BYTES:
                rest = {"token": token, "skip": skip, "given": before + len(rows)}
                return {"distance_metric": metric, "vectors": rows}, rest
            rows.append(vector)
            skip += 1
        token, skip = page.get("nextToken"), 0
        given = before + len(rows)
        if not token or given >= wanted or not call.in_time():
            rest = {"token": token, "skip": 0, "given": given} if token and given < wanted else None
            return {"distance_metric": metric, "vectors": rows}, rest


def _question(call: Call, wanted: int) -> Json:
    event = call.event
    asked: Json = {"indexArn": call.index, "topK": wanted, "returnDistance": True}
    asked["returnMetadata"] = bool(event.get("return_metadata", True))
    if event.get("query_vector") is not None:
        asked["queryVector"] = {"float32": _list(event, "query_vector")}
    if event.get("query_texts"):
        asked |= {"queryTexts": event["query_texts"], "returnScores": True}
    if event.get("filter") is not None:
        asked["filter"] = event["filter"]
    return asked


def _get(call: Call) -> tuple[Json, Any]:
    """One row for each id, in the order given; `continue` is how many ids are done."""
    ids, done = _list(call.event, "vector_ids"), int(call.event.get("continue") or 0)
    data, metadata = bool(call.event.get("return_data", True)), bool(call.event.get("return_metadata", True))
    rows: list[Json] = []
    size = 0
    while done < len(ids):
        wanted = ids[done : done + GET_VECTORS]
        answer = call.ask(
            "get_vectors",
            indexArn=call.index,
            keys=list(dict.fromkeys(wanted)),
            returnData=data,
            returnMetadata=metadata,
        )
        found = {vector["key"]: vector for vector in answer["vectors"]}
        for key in wanted:
            row = _row(found[key]) | {"found": True} if key in found else {"key": key, "found": False}
            size += _bytes(row)
            if rows and size > ANSWER_BYTES:
                return {"vectors": rows}, done
            rows.append(row)
            done += 1
        if not call.in_time():
            break
    return {"vectors": rows}, done if done < len(ids) else None


def _list_page(call: Call) -> tuple[Json, Any]:
    """One page, with the service's own token; or, with `all`, as many pages as one answer carries."""
    event, count = call.event, _number(call.event, "max_results", 100, LIST_PAGE)
    asked: Json = {"indexArn": call.index, "returnData": bool(event.get("return_data", False))}
    asked["returnMetadata"] = bool(event.get("return_metadata", True))
    token = event.get("continue") or event.get("next_token")
    rows: list[Json] = []
    size = 0
    while True:
        page = call.ask("list_vectors", **asked, maxResults=count, **({"nextToken": token} if token else {}))
        more = [_row(vector) for vector in page["vectors"]]
        weight = sum(map(_bytes, more))
        if size + weight > ANSWER_BYTES and rows:
            return {"vectors": rows}, token
        if weight > ANSWER_BYTES:  # numbers as text may weigh five times what the service counts
            count = max(count // 2, 1)
            continue
        rows, size, token = rows + more, size + weight, page.get("nextToken")
        if not token or (rows and not event.get("all")) or not call.in_time():
            return {"vectors": rows}, token


def _put(call: Call) -> tuple[Json, Any]:
    """In calls of 500. A put replaces the whole vector, so that a repeated event changes nothing."""
    vectors = [
        {"key": each.get("key"), "data": {"float32": each.get("data")}}
        | ({} if each.get("metadata") is None else {"metadata": each["metadata"]})
        for each in _list(call.event, "vectors")
    ]
    for start in range(0, len(vectors), PUT_VECTORS):
        call.ask("put_vectors", indexArn=call.index, vectors=vectors[start : start + PUT_VECTORS])
    return {"count": len(vectors)}, None


def _delete(call: Call) -> tuple[Json, Any]:
    ids = list(dict.fromkeys(_list(call.event, "vector_ids")))
    for start in range(0, len(ids), DELETE_VECTORS):
        call.ask("delete_vectors", indexArn=call.index, keys=ids[start : start + DELETE_VECTORS])
    return {"count": len(ids)}, None


def _row(vector: Json) -> Json:
    row = {"key": vector["key"]}
    if "data" in vector:
        row["data"] = vector["data"]["float32"]
    return row | ({"metadata": vector["metadata"]} if "metadata" in vector else {})


def _bytes(row: Json) -> int:
    """Of the row in the answer, or a little more."""
    return len(json.dumps(row)) + 2


def _list(event: Event, name: str) -> list[Any]:
    given = event.get(name)
    if not isinstance(given, list) or not given:
        raise invalid(f"`{name}` must be a list that is not empty; got {type(given).__name__}")
    return given


def _number(event: Event, name: str, default: int, most: int) -> int:
    given = event.get(name, default)
    if not isinstance(given, int) or not 1 <= given <= most:
        raise invalid(f"`{name}` must be a number from 1 to {most}; got {given!r}")
    return given


OPERATIONS: Mapping[str, Callable[[Call], tuple[Json, Any]]] = {
    "availability_check": describe,
    "query_vectors": _query,
    "get_vectors": _get,
    "list_vectors": _list_page,
    "put_vectors": _put,
    "delete_vectors": _delete,
}
