"""What the function does for an event: an operation of S3 Vectors each, in as many requests as it takes."""

from collections.abc import Callable, Mapping
from typing import Any

from destination_s3vectors.sql_bridge.batches import query_among, query_many
from destination_s3vectors.sql_bridge.calls import Call, Json
from destination_s3vectors.sql_bridge.requests import (
    ANSWER_BYTES,
    DELETE_VECTORS,
    GET_VECTORS,
    LIST_PAGE,
    PUT_VECTORS,
    TOP_K,
    bytes_of,
    list_of,
    number_of,
)


def describe(call: Call) -> tuple[Json, Any]:
    found = call.ask("get_index", indexArn=call.index)["index"]
    return {"dimension": found["dimension"], "distance_metric": found["distanceMetric"]}, None


def _query(call: Call) -> tuple[Json, Any]:
    """Pages until there are `top_k`, or as many as one answer carries.

    `continue`: the token of the page to go on with, how many of its vectors were given, and how many in all.
    """
    wanted = number_of(call.event, "top_k", 10, TOP_K)
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
            size += bytes_of(vector)
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
    asked: Json = {"indexArn": call.index, "topK": wanted}
    asked["returnMetadata"] = bool(event.get("return_metadata", True))
    if event.get("query_vector") is not None:
        asked |= {"queryVector": {"float32": list_of(event, "query_vector")}, "returnDistance": True}
    if event.get("query_texts"):
        asked |= {"queryTexts": event["query_texts"], "returnScores": True}
    if event.get("filter") is not None:
        asked["filter"] = event["filter"]
    return asked


def _get(call: Call) -> tuple[Json, Any]:
    """One row for each id, in the order given; `continue` is how many ids are done."""
    ids, done = list_of(call.event, "vector_ids"), int(call.event.get("continue") or 0)
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
            size += bytes_of(row)
            if rows and size > ANSWER_BYTES:
                return {"vectors": rows}, done
            rows.append(row)
            done += 1
        if not call.in_time():
            break
    return {"vectors": rows}, done if done < len(ids) else None


def _list_page(call: Call) -> tuple[Json, Any]:
    """One page, with the service's own token; or, with `all`, as many pages as one answer carries."""
    event, count = call.event, number_of(call.event, "max_results", 100, LIST_PAGE)
    asked: Json = {"indexArn": call.index, "returnData": bool(event.get("return_data", False))}
    asked["returnMetadata"] = bool(event.get("return_metadata", True))
    token = event.get("continue") or event.get("next_token")
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


def _put(call: Call) -> tuple[Json, Any]:
    """In calls of 500. A put replaces the whole vector, so that a repeated event changes nothing."""
    vectors = [
        {"key": each.get("key"), "data": {"float32": each.get("data")}}
        | ({} if each.get("metadata") is None else {"metadata": each["metadata"]})
        for each in list_of(call.event, "vectors")
    ]
    for start in range(0, len(vectors), PUT_VECTORS):
        call.ask("put_vectors", indexArn=call.index, vectors=vectors[start : start + PUT_VECTORS])
    return {"count": len(vectors)}, None


def _delete(call: Call) -> tuple[Json, Any]:
    ids = list(dict.fromkeys(list_of(call.event, "vector_ids")))
    for start in range(0, len(ids), DELETE_VECTORS):
        call.ask("delete_vectors", indexArn=call.index, keys=ids[start : start + DELETE_VECTORS])
    return {"count": len(ids)}, None


def _row(vector: Json) -> Json:
    row = {"key": vector["key"]}
    if "data" in vector:
        row["data"] = vector["data"]["float32"]
    return row | ({"metadata": vector["metadata"]} if "metadata" in vector else {})


OPERATIONS: Mapping[str, Callable[[Call], tuple[Json, Any]]] = {
    "availability_check": describe,
    "query_vectors": _query,
    "query_many": lambda call: query_many(call, _query),
    "query_among": query_among,
    "get_vectors": _get,
    "list_vectors": _list_page,
    "put_vectors": _put,
    "delete_vectors": _delete,
}
