"""QueryVectors on an index as it stands: by vector, by text, by both; filtered and paged."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import pytest

from destination_s3vectors.emulator.errors import ServiceError
from destination_s3vectors.emulator.index_view import IndexView
from destination_s3vectors.emulator.query import CLASSIC_CANDIDATES, query
from destination_s3vectors.service import limits

ROWS: Sequence[tuple[str, list[float], Any]] = (
    ("a", [1, 0], {"genre": "drama", "text": "the old cat"}),
    ("b", [1, 1], {"genre": "drama", "text": "cat and dog and cat"}),
    ("c", [0, 1], {"genre": "comedy", "text": "a dog", "title": "cats"}),
    ("d", [-1, 0], None),
)


def view(rows: Sequence[tuple[str, list[float], Any]] = ROWS, **changes: Any) -> IndexView:
    settings: dict[str, Any] = {
        "uid": "one",
        "dimension": 2,
        "metric": "cosine",
        "mode": "ENHANCED",
        "non_filterable": frozenset({"text"}),
        "text_keys": {"text": None, "title": "en"},
    } | changes
    vectors = np.array([row[1] for row in rows], np.float32).reshape(-1, settings["dimension"])
    return IndexView(keys=[row[0] for row in rows], vectors=vectors, metadata=[row[2] for row in rows], **settings)


def ask(index: IndexView, vector: Sequence[float] | None = (1.0, 0.1), **request: Any) -> dict[str, Any]:
    by_vector = {} if vector is None else {"queryVector": {"float32": list(vector)}}
    return query(index, {"topK": 10} | by_vector | request)


def keys(answer: dict[str, Any]) -> list[str]:
    return [found["key"] for found in answer["vectors"]]


def refusal(index: IndexView, *arguments: Any, **request: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        ask(index, *arguments, **request)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    return caught.value.message


def text(words: str, key: str = "text") -> dict[str, str]:
    return {"text": words, "metadataKey": key}


def test_keys_alone_come_back_unless_more_is_asked_for() -> None:
    assert ask(view(), topK=2) == {"vectors": [{"key": "a"}, {"key": "b"}], "distanceMetric": "cosine"}


def test_distance_and_metadata_come_back_when_asked_for() -> None:
    found = ask(view(), (1, 0), returnDistance=True, returnMetadata=True, returnScores=True)["vectors"]
    assert found[0] == {"key": "a", "distance": 0.0, "metadata": ROWS[0][2]}
    assert found[3] == {"key": "d", "distance": 2.0, "metadata": {}}


def test_the_metric_is_the_index_own() -> None:
    answer = ask(view(metric="euclidean"), (0, 4), returnDistance=True)
    assert (answer["distanceMetric"], keys(answer)) == ("euclidean", ["c", "b", "a", "d"])
    assert answer["vectors"][0]["distance"] == 3.0


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        ([1.0], "vector must have length 2, but has length 1"),
        ([1.0, 2.0, 3.0], "vector must have length 2, but has length 3"),
        ([], "vector must have length 2, but has length 0"),
        ([float("nan"), 1.0], "vector contains NaNs or Infs"),
        ([float("inf"), 1.0], "vector contains NaNs or Infs"),
        (["NaN", 1.0], "vector contains NaNs or Infs"),
        ([1e39, 1.0], "vector contains NaNs or Infs"),
        ([10**400, 1], "vector contains NaNs or Infs"),
        ([0.0, 0.0], "cosine distance does not support vectors with zero norm"),
        ([1e-60, 0.0], "cosine distance does not support vectors with zero norm"),
    ],
)
def test_a_vector_that_cannot_be_compared_is_refused(vector: list[Any], reason: str) -> None:
    with pytest.raises(ServiceError, match="Query vector contains invalid values or is invalid for this index") as it:
        ask(view(), vector)
    assert it.value.fields == (("vector", f"Invalid input: {reason}"),)


def test_a_zero_vector_is_compared_by_euclidean_distance() -> None:
    assert keys(ask(view(metric="euclidean"), (0, 0), topK=1)) == ["a"]


def test_a_query_without_vector_and_text_is_refused() -> None:
    assert "queryVector, queryTexts, or both" in refusal(view(), None)


def test_more_than_the_most_results_are_refused() -> None:
    assert str(limits.TOP_K) in refusal(view(), topK=limits.TOP_K + 1)
    assert len(keys(ask(view(), topK=limits.TOP_K))) == 4


def test_an_empty_index_answers_nothing() -> None:
    index = view([])
    assert keys(ask(index)) == []
    assert keys(ask(index, queryTexts=[text("cat")], filter={"genre": "drama"})) == []


def test_only_what_matches_the_filter_is_ranked() -> None:
    assert keys(ask(view(), topK=1, filter={"genre": "comedy"})) == ["c"]
    assert keys(ask(view(), filter={"genre": {"$exists": False}})) == ["d"]


def test_a_filter_on_a_non_filterable_key_is_refused() -> None:
    assert "non-filterable metadata in filter" in refusal(view(), filter={"text": "cat"})


def test_a_classic_index_filters_during_the_search_and_may_find_less() -> None:
    near = [(f"near {number}", [1.0, 0.0], {"genre": "drama"}) for number in range(CLASSIC_CANDIDATES)]
    index = view([*near, ("far", [-1.0, 0.0], {"genre": "comedy"})], mode="CLASSIC")
    assert keys(ask(index, topK=1, filter={"genre": "comedy"})) == []
    assert keys(ask(index, topK=1, filter={"genre": "comedy"}, queryMode="ENHANCED")) == ["far"]


def test_a_query_may_ask_a_classic_index_for_enhanced_mode_but_not_the_reverse() -> None:
    prefix = {"genre": {"$startsWith": "dra"}}
    assert keys(ask(view(mode="CLASSIC"), filter=prefix, queryMode="ENHANCED")) == ["a", "b"]
    assert "ENHANCED" in refusal(view(mode="CLASSIC"), filter=prefix)
    assert "CLASSIC" in refusal(view(), queryMode="CLASSIC")


def test_a_text_search_ranks_by_bm25() -> None:
    answer = ask(view(), None, queryTexts=[text("cat")], returnScores=True, returnDistance=True)
    assert keys(answer) == ["b", "a"]
    assert answer["distanceMetric"] == "cosine"
    for found in answer["vectors"]:
        assert list(found["scores"]) == ["bm25Scores"]
        assert found["scores"]["bm25Scores"][0]["metadataKey"] == "text"
        assert "distance" not in found


def test_several_texts_add_up() -> None:
    answer = ask(view(), None, queryTexts=[text("dog"), text("cat", "title")], returnScores=True)
    assert keys(answer)[0] == "c"
    assert [score["metadataKey"] for score in answer["vectors"][0]["scores"]["bm25Scores"]] == ["text", "title"]


def test_a_filter_holds_for_a_text_search() -> None:
    assert keys(ask(view(), None, queryTexts=[text("dog")], filter={"genre": "comedy"})) == ["c"]


def test_a_hybrid_search_fuses_both_rankings() -> None:
    answer = ask(view(), (1, 0), queryTexts=[text("dog")], returnScores=True, returnDistance=True)
    scores = {found["key"]: found["scores"] for found in answer["vectors"]}
    # By vector a b c d, by text c b: fused, c (ranks 3 and 1) is before b (2 and 2), as 1/63 + 1/61 > 2/62.
    assert keys(answer) == ["c", "b", "a", "d"]
    assert scores["c"]["fused"] == pytest.approx(1 / 63 + 1 / 61)
    assert scores["a"] == {"fused": pytest.approx(1 / 61), "bm25Scores": [], "vectorDistance": 0.0}
    assert answer["vectors"][2]["distance"] == 0.0


def test_text_needs_an_enhanced_index_and_a_searchable_key_used_once() -> None:
    enhanced = {"queryTexts": [text("cat")], "queryMode": "ENHANCED"}
    assert "ENHANCED" in refusal(view(mode="CLASSIC"), **enhanced)
    assert "`genre` has no text search" in refusal(view(), queryTexts=[text("cat", "genre")])
    assert "more than once" in refusal(view(), queryTexts=[text("cat"), text("dog")])


def large(count: int, **changes: Any) -> IndexView:
    rows = [(f"{number:04}", [1.0, float(number)], {"n": number}) for number in range(count)]
    return view(rows, **changes)


def pages(index: IndexView, **request: Any) -> list[list[str]]:
    found, token = [], None
    while True:
        answer = ask(index, **request | ({"nextToken": token} if token else {}))
        found.append(keys(answer))
        if (token := answer.get("nextToken")) is None:
            return found


def test_pages_together_are_the_answer() -> None:
    found = pages(large(250), topK=230)
    assert [len(page) for page in found] == [100, 100, 30]
    assert list(chain(*found)) == sorted(chain(*found))


@pytest.mark.parametrize("count", [99, 100])
def test_a_full_last_page_has_no_token(count: int) -> None:
    assert len(pages(large(count), topK=count)) == 1


def test_what_is_returned_may_change_from_page_to_page() -> None:
    index = large(150)
    token = ask(index, topK=150)["nextToken"]
    assert ask(index, topK=150, nextToken=token, returnMetadata=True)["vectors"][0]["metadata"] == {"n": 100}


def test_a_token_lives_as_long_as_the_index() -> None:
    token = ask(large(150), topK=150)["nextToken"]
    assert len(keys(ask(large(140), topK=150, nextToken=token))) == 40


def test_a_token_of_another_request_or_index_is_refused() -> None:
    token = ask(large(150), topK=150)["nextToken"]
    assert "nextToken" in refusal(large(150), topK=149, nextToken=token)
    assert "nextToken" in refusal(large(150), topK=150, nextToken=token, filter={"n": 1})
    assert "nextToken" in refusal(large(150, uid="two"), topK=150, nextToken=token)


@pytest.mark.parametrize("token", ["x", "????", "MTAwOmFi", "é", "LTE6YQ=="])
def test_a_malformed_token_is_refused(token: str) -> None:
    assert "nextToken" in refusal(large(150), topK=150, nextToken=token)


def test_a_hybrid_answer_has_pages_too() -> None:
    rows = [(f"{number:04}", [1.0, float(number)], {"text": "cat " * (1 + number % 3)}) for number in range(250)]
    found = pages(view(rows), topK=150, queryTexts=[text("cat")])
    assert [len(page) for page in found] == [100, 50]
    assert len(set(chain(*found))) == 150
