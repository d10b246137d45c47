"""Every request is held against the service model of the installed botocore, at the edges of its limits."""

import http.client
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from destination_s3vectors.emulator.server import Emulator
from destination_s3vectors.emulator.wire import Protocol
from destination_s3vectors.service import limits
from tests.destination_s3vectors.emulator.conftest import Index, connect, refused, vector
from tests.servers.running import running

CREDENTIAL = "Credential=any/20261121/us-east-1/s3vectors/aws4_request"
SIGNED = {
    "Authorization": f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
    "X-Amz-Date": "20261121T000000Z",
}


def send(
    emulator: Emulator, target: str, body: bytes, headers: Mapping[str, str] = SIGNED, method: str = "POST"
) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(urlsplit(emulator.endpoint).netloc, timeout=10)
    try:
        connection.request(method, target, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(answer.read())
    finally:
        connection.close()


def test_an_operation_of_the_model_is_never_unknown(emulator: Emulator) -> None:
    for name in Protocol().operations:
        http_of = Protocol().model.operation_model(name).http
        target = http_of["requestUri"].replace("{resourceArn}", "arn")
        status, headers, _ = send(emulator, target, b"{}", method=http_of["method"])
        assert headers.get("x-amzn-errortype") != "UnknownOperationException", name
        assert status < 500, name


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/CountVectors"),
        ("POST", "/"),
        ("POST", "/putvectors"),
        ("POST", "/PutVectors/"),
        ("GET", "/PutVectors"),
        ("PUT", "/PutVectors"),
        ("PATCH", "/tags/arn"),
        ("GET", "/tags/"),
    ],
)
def test_what_the_model_does_not_know_is_not_found(emulator: Emulator, method: str, target: str) -> None:
    status, headers, body = send(emulator, target, b"{}", method=method)
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert f"{method} {target}" in body["message"]


@pytest.mark.parametrize(
    ("parameters", "path", "constraint"),
    [
        ({"dimension": 0}, "/dimension", "Member must be between 1 and 4096, inclusive"),
        ({"dimension": limits.DIMENSIONS + 1}, "/dimension", "Member must be between 1 and 4096, inclusive"),
        ({"dimension": "2"}, "/dimension", "Member must be of type integer"),
        ({"dimension": 2.5}, "/dimension", "Member must be of type integer"),
        ({"dimension": True}, "/dimension", "Member must be of type integer"),
        ({"dimension": None}, "/dimension", "Member must not be null"),
        (
            {"distanceMetric": "dotproduct"},
            "/distanceMetric",
            "Member must satisfy enum value set: [euclidean, cosine]",
        ),
        (
            {"metadataConfiguration": {"nonFilterableMetadataKeys": ["ok", ""]}},
            "/metadataConfiguration/nonFilterableMetadataKeys/1",
            "Member must have length between 1 and 63, inclusive",
        ),
        (
            {"metadataConfiguration": {"nonFilterableMetadataKeys": ["k" * 64]}},
            "/metadataConfiguration/nonFilterableMetadataKeys/0",
            "Member must have length between 1 and 63, inclusive",
        ),
        (
            {"metadataConfiguration": {"nonFilterableMetadataKeys": [f"k{n}" for n in range(11)]}},
            "/metadataConfiguration/nonFilterableMetadataKeys",
            "Member must have length between 0 and 10, inclusive",
        ),
        ({"tags": {"k?": "v"}}, "/tags", "Member must satisfy regular expression pattern"),
        ({"indexName": "ab"}, "/indexName", "Member must have length between 3 and 63, inclusive"),
        ({"indexName": "a" * 64}, "/indexName", "Member must have length between 3 and 63, inclusive"),
        ({"dataType": "float16"}, "/dataType", "Member must satisfy enum value set: [float32]"),
        ({"metadataConfiguration": []}, "/metadataConfiguration", "Member must be of type structure"),
        ({"tags": {"": "v"}}, "/tags", "Member must have length between 1 and 128, inclusive"),
        ({"tags": {"k" * 129: "v"}}, "/tags", "Member must have length between 1 and 128, inclusive"),
        ({"tags": {"k": "v" * 257}}, "/tags/k", "Member must have length between 0 and 256, inclusive"),
    ],
)
def test_a_broken_constraint_is_named_with_its_path(
    emulator: Emulator, bucket: str, parameters: dict[str, Any], path: str, constraint: str
) -> None:
    whole = {"vectorBucketName": bucket, "indexName": "one", "dataType": "float32", "dimension": 2}
    body = json.dumps(whole | {"distanceMetric": "cosine"} | parameters).encode()
    status, headers, answer = send(emulator, "/CreateIndex", body)
    assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert [field["path"] for field in answer["fieldList"]] == [path]
    assert constraint in answer["fieldList"][0]["message"]
    assert answer["message"] == f"1 validation error detected. {answer['fieldList'][0]['message']}"


def test_all_broken_constraints_are_named_at_once(client: Any, bucket: str) -> None:
    _, _, message, fields = refused(client.create_index, vectorBucketName=bucket, indexName="x", dimension=0)
    assert message.startswith("4 validation errors detected. ")
    assert {field["path"] for field in fields} == {"/indexName", "/dimension", "/dataType", "/distanceMetric"}


def test_tags_in_any_script_are_fine(client: Any) -> None:
    tags = {"Größe": "日本語 10+x", "a:b/c=d": ""}
    arn = client.create_vector_bucket(vectorBucketName=f"b-{uuid.uuid4().hex}", tags=tags)["vectorBucketArn"]
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == tags


@pytest.mark.parametrize("count", [0, limits.PUT_VECTORS + 1])
def test_a_call_puts_1_to_500_vectors(index: Index, count: int) -> None:
    vectors = [vector(str(n)) for n in range(count)]
    code, status, message, _ = refused(index.client.put_vectors, **index.name, vectors=vectors)
    assert (code, status) == ("ValidationException", 400)
    assert "Member must have length between 1 and 500, inclusive" in message


@pytest.mark.parametrize("count", [0, limits.DELETE_VECTORS + 1])
def test_a_call_deletes_1_to_500_vectors(index: Index, count: int) -> None:
    code, _, message, _ = refused(index.client.delete_vectors, **index.name, keys=[str(n) for n in range(count)])
    assert (code, "between 1 and 500" in message) == ("ValidationException", True)


@pytest.mark.parametrize(
    ("call", "given", "path"),
    [
        ("list_vector_buckets", {"maxResults": 0}, "/maxResults"),
        ("list_vector_buckets", {"maxResults": limits.LIST_RESOURCES + 1}, "/maxResults"),
        ("list_vector_buckets", {"prefix": ""}, "/prefix"),
        ("list_vector_buckets", {"prefix": "p" * 64}, "/prefix"),
        ("list_vector_buckets", {"nextToken": "t" * 513}, "/nextToken"),
        ("list_indexes", {"vectorBucketName": "one", "maxResults": limits.LIST_RESOURCES + 1}, "/maxResults"),
        ("create_vector_bucket", {"vectorBucketName": "ab"}, "/vectorBucketName"),
        ("create_vector_bucket", {"vectorBucketName": "a" * 64}, "/vectorBucketName"),
        ("get_vector_bucket", {"vectorBucketArn": "arn:aws:s3:::one"}, "/vectorBucketArn"),
        ("put_vector_bucket_default_index_mode", {"vectorBucketName": "one"}, "/defaultIndexMode"),
        ("update_index_mode", {"indexArn": "one", "indexMode": "ENHANCED"}, "/indexArn"),
        ("query_vectors", {"vectorBucketName": "one", "indexName": "two"}, "/topK"),
        ("query_vectors", {"topK": 0}, "/topK"),
        ("query_vectors", {"topK": 1, "queryMode": "FAST"}, "/queryMode"),
        ("query_vectors", {"topK": 1, "queryTexts": []}, "/queryTexts"),
        ("query_vectors", {"topK": 1, "queryTexts": [{"metadataKey": "k"}]}, "/queryTexts/0/text"),
        ("query_vectors", {"topK": 1, "queryTexts": [{"metadataKey": "k", "text": "x" * 1025}]}, "/queryTexts/0/text"),
        ("query_vectors", {"topK": 1, "queryTexts": [{"metadataKey": "k", "text": "x"}] * 11}, "/queryTexts"),
        ("query_vectors", {"topK": 1, "nextToken": "t" * 4097}, "/nextToken"),
        ("query_vectors", {"topK": 1, "returnDistance": "yes"}, "/returnDistance"),
    ],
)
def test_a_member_out_of_its_bounds_is_named(client: Any, call: str, given: dict[str, Any], path: str) -> None:
    code, status, _, fields = refused(getattr(client, call), **given)
    assert (code, status) == ("ValidationException", 400)
    assert fields[0]["path"].startswith(path)


@pytest.mark.parametrize("count", [0, limits.GET_VECTORS + 1])
def test_a_call_gets_1_to_100_vectors(index: Index, count: int) -> None:
    code, _, message, _ = refused(index.client.get_vectors, **index.name, keys=[str(n) for n in range(count)])
    assert (code, "between 1 and 100" in message) == ("ValidationException", True)


def test_data_must_be_one_member_of_its_union(index: Index) -> None:
    vectors = [{"key": "k", "data": {}}]
    code, _, message, _ = refused(index.client.put_vectors, **index.name, vectors=vectors)
    assert (code, "exactly one of [float32]" in message) == ("ValidationException", True)


@pytest.mark.parametrize("numbers", [["1", 2], [True, 2], [None, 2], [[1], 2]])
def test_a_vector_holds_numbers_only(emulator: Emulator, index: Index, numbers: list[Any]) -> None:
    body = json.dumps({**index.name, "vectors": [{"key": "k", "data": {"float32": numbers}}]}).encode()
    status, headers, answer = send(emulator, "/PutVectors", body)
    assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert answer["fieldList"][0]["path"] == "/vectors/0/data/float32/0"


@pytest.mark.parametrize("number", ['"NaN"', '"Infinity"', '"-Infinity"', "NaN", "-Infinity", "1e39", "1" + "0" * 39])
def test_no_number_is_one_however_it_is_written(emulator: Emulator, index: Index, number: str) -> None:
    vectors = f'[{{"key": "k", "data": {{"float32": [{number}, 1]}}}}]'
    body = f'{{"indexArn": "{index.arn}", "vectors": {vectors}}}'.encode()
    status, _, answer = send(emulator, "/PutVectors", body)
    assert (status, answer["message"]) == (400, "Invalid record for key 'k': vector contains NaNs or Infs")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"a": "\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_no_object_of_json_is_refused(emulator: Emulator, body: bytes) -> None:
    status, headers, _ = send(emulator, "/ListVectorBuckets", body)
    assert (status, headers["x-amzn-errortype"]) == (400, "SerializationException")


def test_members_that_the_model_does_not_know_are_ignored(emulator: Emulator) -> None:
    status, _, answer = send(emulator, "/ListVectorBuckets", b'{"color": "blue", "prefix": null}')
    assert (status, answer) == (200, {"vectorBuckets": []})


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer abc"}, "IncompleteSignatureException"),
        ({"Authorization": f"AWS4-HMAC-SHA256 {CREDENTIAL}"}, "IncompleteSignatureException"),
        ({"Authorization": SIGNED["Authorization"]}, "IncompleteSignatureException"),
        (
            SIGNED | {"Authorization": SIGNED["Authorization"].replace("s3vectors", "s3")},
            "IncompleteSignatureException",
        ),
    ],
)
def test_a_request_without_a_whole_signature_is_forbidden(
    emulator: Emulator, headers: dict[str, str], code: str
) -> None:
    status, found, _ = send(emulator, "/ListVectorBuckets", b"{}", headers)
    assert (status, found["x-amzn-errortype"]) == (403, code)


def test_a_presigned_request_is_signed(emulator: Emulator) -> None:
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=any%2F20261121%2Fus-east-1%2Fs3vectors%2Faws4_request"
        f"&X-Amz-Date=20261121T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
    )
    assert send(emulator, f"/ListVectorBuckets?{query}", b"{}", {})[0] == 200


def test_each_answer_has_an_id_of_its_own(emulator: Emulator) -> None:
    ids = {send(emulator, "/ListVectorBuckets", b"{}")[1]["x-amzn-requestid"] for _ in range(3)}
    assert len(ids) == 3


def test_a_body_of_20_mib_is_taken_and_one_byte_more_is_not(emulator: Emulator) -> None:
    body = b'{"prefix": "abc", "more": "' + b"x" * limits.BODY_BYTES
    whole = body[: limits.BODY_BYTES - 2] + b'"}'
    assert send(emulator, "/ListVectorBuckets", whole)[0] == 200
    status, headers, answer = send(emulator, "/ListVectorBuckets", whole + b" ")
    assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert answer["message"] == "Request body exceeds max allowed size"


def test_a_connection_serves_many_requests_also_after_errors(emulator: Emulator) -> None:
    connection = http.client.HTTPConnection(urlsplit(emulator.endpoint).netloc, timeout=10)
    for target in ("/ListVectorBuckets", "/Nothing", "/CreateIndex", "/ListVectorBuckets"):
        connection.request("POST", target, b"{}", SIGNED)
        answer = connection.getresponse()
        answer.read()
        assert not answer.will_close
    assert answer.status == 200
    connection.close()


def test_region_and_account_are_those_that_were_asked_for() -> None:
    with running(Emulator(region="cn-north-1", account="111122223333")) as emulator:
        answer = connect(emulator.endpoint).create_vector_bucket(vectorBucketName="one")
    assert answer["vectorBucketArn"] == "arn:aws-cn:s3vectors:cn-north-1:111122223333:bucket/one"
