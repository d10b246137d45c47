"""The nearest vectors of an index, or of the shards of one, merged by distance."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from destination_s3vectors.sql_bridge.calls import Call, Json, RefusedError, invalid
from destination_s3vectors.sql_bridge.requests import ANSWER_BYTES, TOP_K, at_once, bytes_of, list_of, number_of

Place = Mapping[str, Any]  # in a shard's answers: the token of a page, and how many of its vectors are done
START: Place = {"token": None, "skip": 0}


def query_vectors(calls: Sequence[Call]) -> tuple[Json, Any]:
    """As many of the `top_k` as one answer carries. `continue`: how many were given, and where each shard goes on."""
    event = calls[0].event
    wanted = number_of(event, "top_k", 10, TOP_K)
    if len(calls) > 1 and event.get("query_texts"):
        message = "scores of words are those of one index: they can't be merged over shards. Ask by a vector alone"
        raise RefusedError("unsupported", "UnsupportedOperation", message)
    state = event.get("continue") or {}
    before, places = int(state.get("given", 0)), list(state.get("places") or [START] * len(calls))
    searches = [_Search(call, wanted, place) for call, place in zip(calls, places, strict=True)]
    metric = _metric(searches)
    rows: list[Json] = []
    size = 0
    # By the service's order alone where there is one index: that of words has no distance.
    streams: list[Iterator[tuple[float, int, Place | None, Json]]] = [
        search.rows(number) for number, search in enumerate(searches)
    ]
    for _, number, place, vector in heapq.merge(*streams, key=lambda row: row[:2]) if len(calls) > 1 else streams[0]:
        size += bytes_of(vector)
        if rows and size > ANSWER_BYTES:
            break
        rows.append(vector)
        places[number] = place
        if before + len(rows) >= wanted:
            places = [None] * len(places)
            break
        if not calls[0].in_time():
            break
    else:
        places = [None] * len(places)
    rest = {"given": before + len(rows), "places": places} if any(places) else None
    return {"distance_metric": metric, "vectors": rows}, rest


class _Search:
    """One index's answer, page by page; the first page is asked for when this is made."""

    def __init__(self, call: Call, wanted: int, place: Place | None) -> None:
        self.call, self.place = call, place
        self.asked = question(call, wanted)
        self.page: Json | None = None

    def first(self) -> Json | None:
        if self.place is not None:
            self.page = self._page(self.place["token"])
        return self.page

    def rows(self, number: int) -> Iterator[tuple[float, int, Place | None, Json]]:
        """Distance, number of the shard, the place after it (None: the end), and the vector."""
        page, place = self.page, self.place
        while page is not None and place is not None:
            token, rest = place["token"], page.get("nextToken")
            vectors = page["vectors"]
            following: Place | None = {"token": rest, "skip": 0} if rest else None
            for done in range(int(place["skip"]), len(vectors)):
                vector = vectors[done]
                after = {"token": token, "skip": done + 1} if done + 1 < len(vectors) else following
                yield float(vector.get("distance") or 0), number, after, vector
            place = following
            page = self._page(rest) if rest else None

    def _page(self, token: str | None) -> Json:
        page: Json = self.call.ask("query_vectors", **self.asked, **({"nextToken": token} if token else {}))
        return page


def _metric(searches: Sequence[_Search]) -> Any:
    """Of all first pages, which this asks for. RefusedError: the shards have several."""
    pages = [page for page in at_once(_Search.first, searches) if page is not None]
    metrics = {page.get("distanceMetric") for page in pages}
    if len(metrics) > 1:
        raise invalid(f"the shards have several distance metrics: {', '.join(sorted(map(str, metrics)))}")
    return next(iter(metrics), None)


def question(call: Call, wanted: int) -> Json:
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
