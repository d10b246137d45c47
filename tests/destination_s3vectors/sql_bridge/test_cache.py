"""Answers kept by the function: for as long, and as much, as set; never past a write, never of another index."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.sql_bridge.cache import Answers, answers_from
from destination_s3vectors.sql_bridge.handler import Bridge
from tests.destination_s3vectors.sql_bridge.conftest import Service, embed_fake

X = [1.0, 0.0, 0.0]


@dataclass
class Cached:
    """A function that keeps its answers for a minute by a clock of its own."""

    service: Service
    now: float = 0.0
    logged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers = Answers(60, 4000, lambda: self.now)
        self.bridge = Bridge(lambda _: self.service.client, self.logged.append, {"fake": embed_fake}, self.answers)

    def keys(self, asked: str = "query_vectors", **more: Any) -> list[str]:
        event = {"operation": asked, "index_arn": self.service.products, "query_vector": X, **more}
        answer = self.bridge.answer(event)
        assert answer["success"], answer
        return [vector["key"] for vector in answer["result"]["vectors"]]

    def write(self, operation: str, **more: Any) -> None:
        assert self.bridge.answer({"operation": operation, "index_arn": self.service.products, **more})["success"]


@pytest.fixture
def cached(service: Service) -> Cached:
    service.put(service.products, ("a", X, {}))
    return Cached(service)


def put_by_others(service: Service, key: str = "b") -> None:
    service.put(service.products, (key, X, {}))


def test_an_answer_is_given_again_until_its_time_is_up(cached: Cached) -> None:
    assert cached.keys() == ["a"]
    put_by_others(cached.service)
    cached.now = 59
    assert cached.keys(timeout_ms=5000) == ["a"]
    assert json.loads(cached.logged[-1])["cached"]
    cached.now = 60
    assert cached.keys() == ["a", "b"]
    assert "cached" not in json.loads(cached.logged[-1])


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("put_vectors", {"vectors": [{"key": "b", "data": X}]}),
        ("delete_vectors", {"vector_ids": ["a"]}),
    ],
)
def test_a_write_through_the_function_ends_it_at_once(
    cached: Cached, operation: str, parameters: dict[str, Any]
) -> None:
    cached.keys()
    cached.keys("query_among", vector_ids=["a", "b"])
    cached.write(operation, **parameters)
    expected = ["a", "b"] if operation == "put_vectors" else []
    assert cached.keys() == expected
    assert cached.keys("query_among", vector_ids=["a", "b"]) == expected


def test_a_write_that_fails_ends_it_too(cached: Cached) -> None:
    cached.keys()
    put_by_others(cached.service)
    cached.service.fail(Rule("error", "PutVectors", code="NewException", status=418))
    wrong = {"operation": "put_vectors", "index_arn": cached.service.products, "vectors": [{"key": "c", "data": X}]}
    assert not cached.bridge.answer(wrong)["success"]
    assert cached.keys() == ["a", "b"]


def test_an_answer_from_before_a_write_is_not_kept() -> None:
    answers = Answers(60, 4000)
    event = {"operation": "query_vectors"}

    def ask() -> dict[str, Any]:
        with answers.writing(["products"]):
            return {"old": True}

    assert answers.answer(event, ["products"], ask) == ({"old": True}, False)
    assert answers.answer(event, ["products"], lambda: {"old": False}) == ({"old": False}, False)
    with answers.writing(["places"]):
        assert answers.answer(event, ["products"], ask) == ({"old": False}, True)
    with answers.writing(["products"]):  # what is asked while the write runs may be of either side
        answers.answer(event, ["products"], lambda: {"old": True})
    assert answers.answer(event, ["products"], lambda: {"new": 1}) == ({"new": 1}, False)


def test_another_index_and_another_question_have_answers_of_their_own(cached: Cached) -> None:
    assert cached.keys() == ["a"]
    assert cached.keys(index_arn=cached.service.places) == []
    assert cached.keys(filter={"price": {"$eq": 1}}) == []
    put_by_others(cached.service)
    assert cached.keys(top_k=2) == ["a", "b"]
    assert cached.keys() == ["a"]


def test_a_write_to_a_shard_ends_the_answers_of_the_whole(cached: Cached) -> None:
    service = cached.service
    other = service.client.create_index(
        vectorBucketName="shop", indexName="more", dataType="float32", dimension=3, distanceMetric="cosine"
    )["indexArn"]
    both: dict[str, Any] = {"index_arn": None, "index_arns": [service.products, other]}
    assert cached.keys(**both) == ["a"]
    cached.write("put_vectors", vectors=[{"key": "b", "data": X}])
    assert cached.keys(**both) == ["a", "b"]


def test_errors_and_what_is_no_query_are_not_kept(cached: Cached) -> None:
    cached.service.fail(Rule("error", code="NewException", status=418, times=1))
    event = {"operation": "query_vectors", "index_arn": cached.service.products, "query_vector": X}
    assert not cached.bridge.answer(event)["success"]
    assert cached.keys() == ["a"]
    listed = {"operation": "list_vectors", "index_arn": cached.service.products}
    cached.bridge.answer(listed)
    put_by_others(cached.service)
    assert len(cached.bridge.answer(listed)["result"]["vectors"]) == 2


def test_the_oldest_answers_go_when_there_are_too_many_bytes() -> None:
    answers = Answers(60, 4000)
    asked: list[str] = []

    def ask(name: str) -> bool:
        def answer() -> dict[str, Any]:
            asked.append(name)
            return {"text": "x" * 1000}

        return answers.answer({"name": name}, ["i"], answer)[1]

    assert [ask(name) for name in ("a", "b", "c", "a", "d", "d", "a")] == [False] * 3 + [True, False, True, False]
    assert answers.answer({"name": "huge"}, ["i"], lambda: {"text": "x" * 5000})[1] is False
    assert ask("b") is False


def test_nothing_is_kept_unless_the_environment_says_so(service: Service) -> None:
    for environment in ({}, {"S3VL_CACHE_SECONDS": ""}, {"S3VL_CACHE_SECONDS": "0"}):
        off = answers_from(environment)
        assert [off.answer({}, [], dict)[1] for _ in range(2)] == [False, False]
    on = answers_from({"S3VL_CACHE_SECONDS": "1.5"})
    assert [on.answer({}, [], dict)[1] for _ in range(2)] == [False, True]
    service.put(service.products, ("a", X, {}))
    service.answer("query_vectors", query_vector=X)
    service.put(service.products, ("b", X, {}))
    assert len(service.result("query_vectors", query_vector=X)["vectors"]) == 2
