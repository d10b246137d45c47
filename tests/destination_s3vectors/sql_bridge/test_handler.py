"""The Lambda function as a plain function, against the emulator."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.sql_bridge import handler as lambda_module
from destination_s3vectors.sql_bridge.requests import ANSWER_BYTES
from tests.destination_s3vectors.sql_bridge.conftest import Service

X, Y = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


def test_the_nearest_come_first_with_distance_metric_and_metadata(service: Service) -> None:
    service.put(service.products, ("x", X, {"price": 3}), ("y", Y, {}))
    found = service.result("query_vectors", query_vector=X, top_k=2)
    assert found == {
        "distance_metric": "cosine",
        "vectors": [
            {"key": "x", "distance": pytest.approx(0), "metadata": {"price": 3}},
            {"key": "y", "distance": pytest.approx(1), "metadata": {}},
        ],
    }
    bare = service.result("query_vectors", query_vector=Y, top_k=1, return_metadata=False)["vectors"]
    assert bare == [{"key": "y", "distance": pytest.approx(0)}]
    filtered = service.result("query_vectors", query_vector=Y, filter={"price": {"$gt": 2}})["vectors"]
    assert [vector["key"] for vector in filtered] == ["x"]


def test_more_than_a_page_of_answers_comes_whole(service: Service) -> None:
    service.result("put_vectors", vectors=[{"key": f"k{n}", "data": [1.0, n / 1000, 0.0]} for n in range(1203)])
    found = service.result("query_vectors", query_vector=X, top_k=1150)["vectors"]
    assert [vector["key"] for vector in found] == [f"k{n}" for n in range(1150)]


def test_what_one_answer_cannot_carry_follows_without_gap_or_repetition(service: Service) -> None:
    text = "ü" * 3000  # six bytes each in JSON
    keys = [f"k{n}" for n in range(400)]
    service.client.delete_index(indexArn=service.products)
    service.client.create_index(
        vectorBucketName="shop",
        indexName="products",
        dataType="float32",
        dimension=3,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
    )
    for n in range(0, 400, 100):
        service.put(service.products, *((key, [1.0, int(key[1:]), 0.0], {"text": text}) for key in keys[n : n + 100]))
    for operation, parameters in (
        ("query_vectors", {"query_vector": X, "top_k": 390}),
        ("get_vectors", {"vector_ids": keys[:390]}),
        ("list_vectors", {"max_results": 150, "all": True}),
    ):
        read: list[str] = []
        rest, answers = None, 0
        while answers == 0 or rest is not None:
            answer = service.answer(operation, **parameters, **{"continue": rest})
            assert len(json.dumps(answer)) < ANSWER_BYTES + 10_000
            read += [vector["key"] for vector in answer["result"]["vectors"]]
            rest, answers = answer["continue"], answers + 1
        assert answers > 1, operation
        assert sorted(read) == sorted(keys if operation == "list_vectors" else keys[:390])


def test_ids_that_are_not_there_keep_their_row(service: Service) -> None:
    service.put(service.products, ("x", X, {"a": 1}))
    found = service.result("get_vectors", vector_ids=["no", "x", "x"])["vectors"]
    there = {"key": "x", "found": True, "data": X, "metadata": {"a": 1}}
    assert found == [{"key": "no", "found": False}, there, there]


def test_put_and_delete_take_any_number(service: Service) -> None:
    given = [{"key": f"k{n}", "data": [1.0, n, 0.0], "metadata": {"n": n}} for n in range(1203)]
    assert service.result("put_vectors", vectors=given) == {"count": 1203}
    assert service.result("delete_vectors", vector_ids=[f"k{n}" for n in range(1, 1203)]) == {"count": 1202}
    assert service.result("list_vectors") == {"vectors": [{"key": "k0", "metadata": {"n": 0}}]}


def test_a_listing_goes_on_with_the_token_of_the_service(service: Service) -> None:
    service.put(service.products, *((f"k{n}", X, {}) for n in range(5)))
    first = service.answer("list_vectors", max_results=3, return_data=True)
    second = service.answer("list_vectors", max_results=3, next_token=first["continue"])
    assert second["continue"] is None
    assert len({vector["key"] for answer in (first, second) for vector in answer["result"]["vectors"]}) == 5
    assert first["result"]["vectors"][0]["data"] == X


def test_a_client_is_made_once_for_each_region_and_its_region_is_that_of_the_arn(service: Service) -> None:
    for _ in range(2):
        service.answer("list_vectors")
        service.answer("list_vectors", index_arn=service.products.replace("us-east-1", "eu-west-3"))
    assert service.regions == ["us-east-1", "eu-west-3"]
    china = "arn:aws-cn:s3vectors:cn-north-1:123456789012:bucket/shop/index/products"
    service.answer("list_vectors", index_arn=china)
    assert service.regions[-1] == "cn-north-1"


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (Rule("deny", action="s3vectors:GetVectors"), "denied"),
        (Rule("error", code="ServiceQuotaExceededException", status=402), "quota"),
        (Rule("error", code="KmsDisabledException", status=400), "key"),
        (Rule("error", code="SomethingNewException", status=418), "refused"),
        (Rule("error", code="ThrottlingException", status=400), "throttled"),
        (Rule("throttle"), "throttled"),
        (Rule("internal"), "unavailable"),
        (Rule("reset_before"), "unavailable"),
        (Rule("request_timeout"), "timeout"),
    ],
)
def test_an_error_of_the_service_is_data_with_a_kind(service: Service, rule: Rule, kind: str) -> None:
    service.fail(rule)
    assert service.kind("query_vectors", query_vector=X, timeout_ms=700) == kind


def test_what_the_caller_does_wrong_is_data_too(service: Service) -> None:
    assert service.kind("query_vectors", query_vector=[1.0]) == "invalid"
    assert service.kind("query_vectors", query_vector=[]) == "invalid"
    assert service.kind("query_vectors", query_vector=X, top_k=10_001) == "invalid"
    assert service.kind("get_vectors", vector_ids=[]) == "invalid"
    assert service.kind("drop_everything") == "invalid"
    assert service.kind("list_vectors", index_arn="arn:aws:s3:::shop") == "invalid"
    assert service.kind("list_vectors", index_arn=service.products + "-2") == "missing"


def test_throttling_is_waited_for_while_there_is_time(service: Service) -> None:
    service.fail(Rule("throttle", times=2))
    assert service.result("list_vectors") == {"vectors": []}


def test_the_log_has_counts_and_no_content(service: Service) -> None:
    service.put(service.products, ("secret-id", X, {"name": "Ada"}))
    service.answer("query_vectors", query_vector=[0.123, 0.0, 0.0], filter={"name": {"$eq": "Ada"}})
    service.answer("get_vectors", vector_ids=["secret-id"])
    service.answer("query_vectors", query_vector=[0.123])
    assert [line.count("\n") for line in service.logged] == [1, 1, 1]
    query, get, wrong = map(json.loads, service.logged)
    assert (query["operation"], query["rows"], query["success"], query["continues"]) == (
        "query_vectors",
        1,
        True,
        False,
    )
    assert get["vector_ids"] == 1
    assert (wrong["kind"], wrong["type"]) == ("invalid", "ValidationException")
    assert not any(word in "".join(service.logged) for word in ("Ada", "secret-id", "0.123"))


def test_lambda_gets_the_same_answer(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put(service.products, ("x", X, {}))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3VECTORS", service.emulator.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    context = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 3000)
    event = {"operation": "list_vectors", "index_arn": service.products}
    answer = lambda_module.handler(event, context)
    assert (answer["success"], answer["request_id"]) == (True, "r-1")
    assert answer["result"] == {"vectors": [{"key": "x", "metadata": {}}]}
    described = lambda_module.handler({**event, "operation": "availability_check"}, context)["result"]
    assert described == {"dimension": 3, "distance_metric": "cosine"}
    assert lambda_module.handler({"operation": "availability_check"}, context)["success"]


def test_the_folder_and_botocore_are_the_whole_package(tmp_path: Path) -> None:
    package = tmp_path / "destination_s3vectors"
    shutil.copytree(Path(lambda_module.__file__).parent, package / "sql_bridge")
    (package / "__init__.py").touch()
    program = (
        "import sys, destination_s3vectors.sql_bridge.handler as module; print(module.__file__);"
        "print({'numpy', 'orjson', 'vector_ingest', 'airbyte_cdk', 'psycopg', 'boto3'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(package / "sql_bridge" / "handler.py"), "set()"]
