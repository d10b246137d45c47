"""Checks of QueryVectors."""

from collections.abc import Callable
from typing import Any

from destination_s3vectors.emulator.probe.check import INVALID, Check, classic, guess
from destination_s3vectors.emulator.probe.ground import CLASSIC, EUCLIDEAN, FILLERS, SEARCH, Ground
from destination_s3vectors.service import limits

CAT = [{"text": "cats", "metadataKey": "text"}]
DOG = [{"text": "dog", "metadataKey": "text"}]
ORIGIN = {"float32": [0.0, 0.0]}
PREFIX = {"path": {"$startsWith": "/m/"}}


def _matches(document: Any, index: str = SEARCH, **request: Any) -> Callable[[Ground], Any]:
    """The keys that a filter lets through, in order of the alphabet."""
    return lambda ground: sorted(ground.found(index, filter=document, **request))


def _query(index: str = SEARCH, **request: Any) -> Callable[[Ground], Any]:
    return lambda ground: ground.found(index, **request)


def _first(index: str = SEARCH, **request: Any) -> Callable[[Ground], Any]:
    """The members of the first vector of the answer."""
    return lambda ground: sorted(ground.query(index, **request)["vectors"][0])


def _distances(index: str, **request: Any) -> Callable[[Ground], Any]:
    def call(ground: Ground) -> Any:
        found = ground.query(index, returnDistance=True, **request)["vectors"]
        return [round(each["distance"], 4) for each in found]

    return call


def _score_names(**request: Any) -> Callable[[Ground], Any]:
    return lambda ground: sorted(ground.query(returnScores=True, **request)["vectors"][0].get("scores", {}))


def _paged(ground: Ground) -> Any:
    request = {"topK": FILLERS, "queryVector": ORIGIN}
    pages = ground.client.get_paginator("query_vectors").paginate(**ground.on(EUCLIDEAN), **request)
    return [len(page["vectors"]) for page in pages]


def _foreign_token(ground: Ground) -> Any:
    token = ground.query(EUCLIDEAN, topK=FILLERS, queryVector=ORIGIN)["nextToken"]
    return ground.query(EUCLIDEAN, topK=FILLERS - 1, queryVector=ORIGIN, nextToken=token)


def _without_scores(ground: Ground) -> Any:
    return [name for each in ground.query(returnScores=True)["vectors"] for name in each if name != "key"]


FILTERS = (
    Check("a filter by value means equality", ["c"], _matches({"genre": "comedy"})),
    Check("$eq matches an element of a list too", ["a", "b"], _matches({"genre": {"$eq": "drama"}})),
    Check("$eq tells booleans from numbers", [], _matches({"seen": {"$eq": 1}})),
    Check("$eq finds booleans", ["a"], _matches({"seen": True})),
    guess("$ne matches what lacks the key", ["c", "d"], _matches({"genre": {"$ne": "drama"}})),
    Check("$gt is greater", ["b", "c"], _matches({"year": {"$gt": 2019}})),
    Check("$gte is greater or equal", ["b", "c"], _matches({"year": {"$gte": 2020}})),
    Check("$lt is less", ["a"], _matches({"year": {"$lt": 2020}})),
    Check("$lte is less or equal", ["a", "b"], _matches({"year": {"$lte": 2020}})),
    Check("two operators of one key must both hold", ["b"], _matches({"year": {"$gt": 2019, "$lt": 2021}})),
    Check("$gt of a string is refused", INVALID, _matches({"genre": {"$gt": "a"}})),
    Check("$in matches any value", ["a", "c"], _matches({"year": {"$in": [2019, 2021]}})),
    Check("$in of nothing is refused", INVALID, _matches({"year": {"$in": []}})),
    guess("$nin matches what lacks the key", ["b", "d"], _matches({"year": {"$nin": [2019, 2021]}})),
    Check("$nin of nothing is refused", INVALID, _matches({"year": {"$nin": []}})),
    Check("$exists true", ["b", "c"], _matches({"path": {"$exists": True}})),
    Check("$exists false", ["a", "d"], _matches({"path": {"$exists": False}})),
    Check("$exists of a string is refused", INVALID, _matches({"path": {"$exists": "yes"}})),
    Check("$startsWith matches a prefix", ["b"], _matches(PREFIX)),
    Check("$and needs all", ["b"], _matches({"$and": [{"genre": "drama"}, {"year": 2020}]})),
    Check("$or needs one", ["a", "b", "c"], _matches({"$or": [{"genre": "comedy"}, {"year": {"$lt": 2021}}]})),
    Check("$and of nothing is refused", INVALID, _matches({"$and": []})),
    Check("an unknown operator is refused", INVALID, _matches({"genre": {"$regex": "d"}})),
    Check("a filter on a non-filterable key is refused", INVALID, _matches({"note": "x"})),
    guess("two keys in one condition are refused", INVALID, _matches({"genre": "drama", "year": 2020})),
    guess("an empty filter is refused", INVALID, _matches({})),
    Check(
        "as many constraints as allowed are taken",
        [],
        _matches({"year": {"$in": list(range(limits.FILTER_CONSTRAINTS))}}),
    ),
    Check(
        "one constraint too many is refused",
        INVALID,
        _matches({"year": {"$in": list(range(limits.FILTER_CONSTRAINTS + 1))}}),
    ),
    classic("$startsWith is refused by a CLASSIC index", INVALID, _matches(PREFIX, CLASSIC)),
    classic("$startsWith in ENHANCED mode on a CLASSIC index", ["b"], _matches(PREFIX, CLASSIC, queryMode="ENHANCED")),
    classic("a CLASSIC index filters", ["c"], _matches({"genre": "comedy"}, CLASSIC)),
    Check("CLASSIC mode is refused by an ENHANCED index", INVALID, _query(queryMode="CLASSIC")),
)
SEARCHES = (
    Check("the nearest come first", ["a", "b", "c", "d"], _query()),
    Check("topK is the number of answers", ["a", "b"], _query(topK=2)),
    Check("an answer is the key alone unless more is asked for", ["key"], _first()),
    Check(
        "distance and metadata on demand",
        ["distance", "key", "metadata"],
        _first(returnDistance=True, returnMetadata=True),
    ),
    Check("the answer names the metric", "euclidean", lambda g: g.query(EUCLIDEAN)["distanceMetric"]),
    Check("cosine distance is 1 - cosine", [0.0, 0.2929], _distances(SEARCH, topK=2)),
    guess("euclidean distance is not squared", [0.0, 5.0, 10.0], _distances(EUCLIDEAN, queryVector=ORIGIN, topK=3)),
    Check("topK of 0 is refused", INVALID, _query(topK=0)),
    Check("topK over the limit is refused", INVALID, _query(topK=limits.TOP_K + 1)),
    Check("topK at the limit is taken", ["a", "b", "c", "d"], _query(topK=limits.TOP_K)),
    Check("a query of another dimension is refused", INVALID, _query(queryVector={"float32": [1.0]})),
    Check("a zero query is refused with cosine", INVALID, _query(queryVector=ORIGIN)),
    Check("a query without vector and text is refused", INVALID, _query(queryVector=None)),
    Check("answers come in pages", [limits.QUERY_PAGE, FILLERS - limits.QUERY_PAGE], _paged),
    guess("a wrong token of a query is refused", INVALID, _query(nextToken="wrong")),
    guess("a token of another request is refused", INVALID, _foreign_token),
    Check("a text search ranks by its words", ["b", "a"], _query(queryVector=None, queryTexts=CAT)),
    Check("a text search gives BM25 scores", ["bm25Scores"], _score_names(queryVector=None, queryTexts=CAT)),
    Check("a filter holds for a text search", ["c"], _query(queryVector=None, queryTexts=DOG, filter={"year": 2021})),
    Check("a hybrid search gives all scores", ["bm25Scores", "fused", "vectorDistance"], _score_names(queryTexts=CAT)),
    guess(
        "a hybrid search ranks by fusion",
        ["b", "a", "c", "d"],
        _query(queryTexts=CAT, queryVector={"float32": [1.0, 0.9]}),
    ),
    Check("a vector search has no scores", [], _without_scores),
    Check(
        "a text search of a key without configuration is refused",
        INVALID,
        _query(queryTexts=[{"text": "drama", "metadataKey": "genre"}]),
    ),
    Check("a text search of one key twice is refused", INVALID, _query(queryTexts=CAT + DOG)),
    classic("a text search is refused by a CLASSIC index", INVALID, _query(CLASSIC, queryTexts=CAT)),
)
QUERIES = (*SEARCHES, *FILTERS)
