"""QueryVectors: by a vector, by texts, or by both; filtered, ranked, and cut into pages.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-query.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-querying-full-text-and-vector-search.html
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from destination_s3vectors.emulator import filters
from destination_s3vectors.emulator.errors import ServiceError, invalid_fields, validation
from destination_s3vectors.emulator.index_view import IndexView
from destination_s3vectors.emulator.paging import place, token
from destination_s3vectors.emulator.ranking import Distances, Rows, best, distances, fuse, nearest
from destination_s3vectors.emulator.records import as_float32
from destination_s3vectors.emulator.text_search import TextIndexes
from destination_s3vectors.service import limits

# Guess: a CLASSIC index looks at so many of the nearest vectors and keeps those that match the filter. Documented is
# only that it "may return fewer than top K results".
CLASSIC_CANDIDATES = 10_000
FUSION_DEPTH = 100  # Guess: how much of each ranking is fused, if topK is not more
ASKED = ("queryVector", "queryTexts", "filter", "topK", "queryMode")  # what must stay the same from page to page

_texts = TextIndexes()


@dataclass(frozen=True, slots=True)
class Ranked:
    """`order`: rows of the answer, best first. The others have what is known of some rows."""

    order: Sequence[int]
    distances: Mapping[int, float] = field(default_factory=dict)
    fused: Mapping[int, float] = field(default_factory=dict)
    texts: Mapping[str, Mapping[int, float]] = field(default_factory=dict)


def query(index: IndexView, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's body. `request` has passed the checks of the model. Raises ServiceError."""
    mode = _mode(index, request)
    vector = _vector(index, request)
    texts = _query_texts(index, request)
    if vector is None and not texts:
        raise _invalid("queryVector", "A request must include queryVector, queryTexts, or both")
    if request["topK"] > limits.TOP_K:
        raise _invalid("topK", f"topK must be at most {limits.TOP_K}, but found {request['topK']}")
    wanted = request.get("filter")
    parsed = None if wanted is None else filters.parse(wanted, mode, index.non_filterable)
    start = _start(index, request)
    ranked = _rank(index, vector, texts, parsed, mode, request["topK"])
    page = ranked.order[start : start + limits.QUERY_PAGE]
    answer: dict[str, Any] = {
        "vectors": [_found(index, row, ranked, request) for row in page],
        "distanceMetric": index.metric,
    }
    if start + len(page) < len(ranked.order):
        answer["nextToken"] = token(_listing(index, request), start + len(page))
    return answer


def _mode(index: IndexView, request: Mapping[str, Any]) -> str:
    mode = request.get("queryMode") or index.mode
    if mode == "CLASSIC" and index.mode == "ENHANCED":
        raise _invalid("queryMode", "You can't specify queryMode CLASSIC for an index in ENHANCED mode")
    return str(mode)


def _vector(index: IndexView, request: Mapping[str, Any]) -> NDArray[np.float32] | None:
    if request.get("queryVector") is None:
        return None
    values = request["queryVector"].get("float32")
    if not values or len(values) != index.dimension:
        raise _unfit(f"vector must have length {index.dimension}, but has length {len(values or ())}")
    vector = as_float32(values)
    if not np.isfinite(vector).all():
        raise _unfit("vector contains NaNs or Infs")
    if index.metric == "cosine" and not vector.any():
        raise _unfit("cosine distance does not support vectors with zero norm")
    return vector


def _unfit(reason: str) -> ServiceError:
    """Measured by others (the README names the source): the words, and that the path is not the member's name."""
    return validation(
        "Query vector contains invalid values or is invalid for this index", ("vector", f"Invalid input: {reason}")
    )


def _query_texts(index: IndexView, request: Mapping[str, Any]) -> dict[str, str]:
    """Text by metadata key."""
    entries = request.get("queryTexts") or ()
    if entries and index.mode != "ENHANCED":
        raise _invalid("queryTexts", "Full-text and hybrid searches require a vector index in ENHANCED mode")
    texts: dict[str, str] = {}
    for entry in entries:
        key = entry["metadataKey"]
        if key not in index.text_keys:
            raise _invalid("queryTexts", f"The metadata key `{key}` has no text search configuration in this index")
        if key in texts:
            raise _invalid("queryTexts", f"The metadata key `{key}` appears more than once in queryTexts")
        texts[key] = entry["text"]
    return texts


def _rank(
    index: IndexView,
    vector: NDArray[np.float32] | None,
    texts: Mapping[str, str],
    parsed: filters.Filter | None,
    mode: str,
    most: int,
) -> Ranked:
    measured = None if vector is None else distances(index.vectors, vector, index.metric)
    rows = _rows(index, measured, parsed, mode, most)
    scores = _scores(index, texts, rows if parsed else None)
    if measured is None:
        # Guess: the scores of several texts are added up.
        return Ranked(best(_added(scores.values()), index.keys, most), texts=scores)
    if not texts:
        order = nearest(measured, rows, index.keys, most)
        return Ranked(order, {row: float(measured[row]) for row in order})
    depth = max(most, FUSION_DEPTH)
    order = nearest(measured, rows, index.keys, depth)
    fused = fuse([order, *(best(each, index.keys, depth) for each in scores.values())])
    return Ranked(best(fused, index.keys, most), {row: float(measured[row]) for row in order}, fused, scores)


def _rows(index: IndexView, measured: Distances | None, parsed: filters.Filter | None, mode: str, most: int) -> Rows:
    """The rows that the filter lets through: of all (ENHANCED), or of the candidates of the search (CLASSIC)."""
    rows: Rows = np.arange(len(index.keys), dtype=np.intp)
    if parsed is None:
        return rows
    if mode == "CLASSIC" and measured is not None:
        rows = np.array(nearest(measured, rows, index.keys, max(CLASSIC_CANDIDATES, most)), np.intp)
    kept = [row for row in rows.tolist() if filters.matches(parsed, index.metadata[row])]
    return np.array(kept, np.intp)


def _scores(index: IndexView, texts: Mapping[str, str], rows: Rows | None) -> dict[str, dict[int, float]]:
    """BM25 of the matching rows, by metadata key; of `rows` only, unless they are None."""
    found = {key: _texts.of(index, key).scores(text) for key, text in texts.items()}
    if rows is None:
        return found
    allowed = set(rows.tolist())
    return {key: {row: score for row, score in each.items() if row in allowed} for key, each in found.items()}


def _added(scores: Iterable[Mapping[int, float]]) -> dict[int, float]:
    total: dict[int, float] = {}
    for each in scores:
        for row, score in each.items():
            total[row] = total.get(row, 0.0) + score
    return total


def _found(index: IndexView, row: int, ranked: Ranked, request: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"key": index.keys[row]}
    # Guess: in a hybrid answer only what the vector search found has a distance.
    if request.get("returnDistance") and row in ranked.distances:
        found["distance"] = ranked.distances[row]
    if request.get("returnScores") and ranked.texts:
        found["scores"] = _scores_of(row, ranked)
    if request.get("returnMetadata"):
        found["metadata"] = index.metadata[row] or {}
    return found


def _scores_of(row: int, ranked: Ranked) -> dict[str, Any]:
    scores: dict[str, Any] = {
        "bm25Scores": [{"metadataKey": key, "score": each[row]} for key, each in ranked.texts.items() if row in each]
    }
    if row in ranked.fused:
        scores["fused"] = ranked.fused[row]
        if row in ranked.distances:
            scores["vectorDistance"] = ranked.distances[row]
    return scores


def _start(index: IndexView, request: Mapping[str, Any]) -> int:
    """Where the page begins. A token is of this index and this request, or it is refused.

    Guess: later pages see what was written since, as each is computed anew; the token does not expire.
    """
    try:
        return int(place(_listing(index, request), request.get("nextToken") or None) or 0)
    except ServiceError as error:
        reason = "Invalid nextToken: it must come from the previous page of this same request"
        raise _invalid("nextToken", reason) from error


def _listing(index: IndexView, request: Mapping[str, Any]) -> str:
    return json.dumps([index.uid, [request.get(name) for name in ASKED]], sort_keys=True)


def _invalid(path: str, message: str) -> ServiceError:
    return invalid_fields((path, message))
