"""Whatever is sent gets an answer of the service's kind; a bug is shown, not hidden behind a broken connection."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destination_s3vectors.emulator.account import Account, Index
from destination_s3vectors.emulator.errors import ServiceError
from destination_s3vectors.emulator.faults import Faults
from destination_s3vectors.emulator.names import Owner
from destination_s3vectors.emulator.operations import Answer, Request, Service
from destination_s3vectors.emulator.storage import Storage
from destination_s3vectors.emulator.throttle import Throttle
from destination_s3vectors.emulator.vector_calls import query_vectors
from destination_s3vectors.emulator.wire import Protocol
from tests.destination_s3vectors.emulator.test_wire import SIGNED

MODEL = Protocol().model
HEADERS = {name.lower(): value for name, value in SIGNED.items()}
NAME = {"vectorBucketName": "one", "indexName": "two"}
# What the operations would take, so that not all ends at the first check, and what they would not.
USUAL = [
    "one",
    "two",
    "arn:aws:s3vectors:us-east-1:123456789012:bucket/one",
    "arn:aws:s3vectors:us-east-1:123456789012:bucket/one/index/two",
    1,
    2,
    "a",
    ["a"],
    {"float32": [1, 2]},
    [{"key": "a", "data": {"float32": [1, "NaN"]}, "metadata": {"n": 1}}],
    [{"text": "a", "metadataKey": "t"}],
    [{"metadataKey": "t"}],
    {"textSearchConfigurations": [{"metadataKey": "t"}]},
    {"n": {"$in": [1]}},
    {"n": {}},
    "ENHANCED",
    "cosine",
    "float32",
    {"sseType": "aws:kms"},
]
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(USUAL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def calls(draw: Callable[[Any], Any]) -> tuple[str, str, dict[str, Any]]:
    """Method, target and body of any operation with any values for its members."""
    operation = MODEL.operation_model(draw(st.sampled_from(MODEL.operation_names)))
    members = operation.input_shape.members if operation.input_shape else {}
    body = draw(st.fixed_dictionaries({}, optional={name: st.sampled_from(USUAL) | anything for name in members}))
    if "indexName" in members and draw(st.booleans()):
        body = {name: value for name, value in body.items() if name != "indexArn"} | NAME
    target = operation.http["requestUri"].replace(
        "{resourceArn}", "arn:aws:s3vectors:us-east-1:123456789012:bucket%2Fone"
    )
    return operation.http["method"], target, body


def service(account: Any) -> Service:
    return Service(account, Throttle(None), Faults())


def send(to: Service, method: str, target: str, body: Any) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return to.answer(Request(method, target, HEADERS, raw, len(raw)))


def prepared() -> tuple[Account, Service]:
    """With the bucket one, its index two, and a vector in it."""
    account = Account(Owner("us-east-1", "123456789012"), Storage(None))
    to = service(account)
    shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    text = {"metadataConfiguration": {"textSearchConfigurations": [{"metadataKey": "t"}]}}
    vectors = [{"key": "a", "data": {"float32": [1, 2]}, "metadata": {"n": 1, "t": "cat"}}]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("CreateVectorBucket", {"vectorBucketName": "one"}),
        ("CreateIndex", NAME | shape | text),
        ("PutVectors", NAME | {"vectors": vectors}),
    ]
    assert [send(to, "POST", f"/{name}", body).status for name, body in steps] == [200] * 3
    return account, to


def only_index(account: Account) -> Index:
    return account.index(account.owner.index("one", "two"))


@settings(max_examples=100, deadline=None)
@given(st.lists(calls(), min_size=1, max_size=4))
def test_no_request_is_too_odd_for_an_answer(requests: list[tuple[str, str, dict[str, Any]]]) -> None:
    _, to = prepared()
    for method, target, body in requests:
        answer = send(to, method, target, body)
        assert answer.status < 500, answer
        assert (answer.error is None) == (answer.status == 200)
        assert isinstance(json.loads(answer.body), dict)


BROKEN = service(object())  # with an account that can do nothing


@given(st.binary(max_size=30))
def test_no_body_is_too_odd_for_an_answer(body: bytes) -> None:
    assert send(BROKEN, "POST", "/PutVectors", body).status == 400


def test_a_bug_is_answered_with_500_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    answer = send(BROKEN, "POST", "/ListVectorBuckets", {})
    assert (answer.status, answer.error) == (500, "InternalServerException")
    assert json.loads(answer.body) == {"message": "Internal server error"}
    assert "Traceback" in (shown := capsys.readouterr().err)
    assert "AttributeError" in shown
    assert BROKEN.log.state()["ListVectorBuckets"]["refused"] == {"InternalServerException": 1}


def test_a_query_ranks_while_others_may_write() -> None:
    account, _ = prepared()
    lock = only_index(account).lock
    seen: list[bool] = []

    def is_free() -> bool:
        if free := lock.acquire(timeout=1):
            lock.release()
        return free

    class Watched(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            with ThreadPoolExecutor(1) as other:
                seen.append(other.submit(is_free).result())
            return super().__getitem__(name)

    request = Watched({**NAME, "topK": 1, "queryVector": {"float32": [1, 2]}})
    assert query_vectors(account, request)["vectors"] == [{"key": "a"}]
    assert seen
    assert all(seen)


def test_a_call_that_began_before_an_index_was_deleted_does_not_end_in_its_successor() -> None:
    account, to = prepared()
    before = only_index(account)
    assert send(to, "POST", "/DeleteIndex", NAME).status == 200
    shape: dict[str, Any] = {"dataType": "float32", "dimension": 5, "distanceMetric": "cosine"}
    assert send(to, "POST", "/CreateIndex", NAME | shape).status == 200
    with pytest.raises(ServiceError) as caught, account.still(before):
        pytest.fail("the deleted index was taken for one that is there")
    assert caught.value.code == "NotFoundException"
