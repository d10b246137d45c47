"""Indexes: their life, settings, modes and text search configurations."""

from typing import Any

import pytest

from destination_s3vectors.emulator.server import Emulator
from destination_s3vectors.service import limits
from tests.destination_s3vectors.emulator.conftest import Index, MakeIndex, connect, refused, vector

TEXT = {"metadataKey": "text", "language": "en"}
PLAIN = {"metadataKey": "title"}


def described(index: Index) -> dict[str, Any]:
    found: dict[str, Any] = index.client.get_index(**index.name)["index"]
    return found


def test_an_index_is_described_as_it_was_made(make_index: MakeIndex, bucket: str) -> None:
    configuration = {"nonFilterableMetadataKeys": ["text", "source"], "textSearchConfigurations": [TEXT, PLAIN]}
    index = make_index(indexName="one.two-3", metadataConfiguration=configuration, distanceMetric="euclidean")
    found = described(index)
    assert found.pop("creationTime").timestamp() > 0
    assert found == {
        "vectorBucketName": bucket,
        "indexName": "one.two-3",
        "indexArn": index.arn,
        "dataType": "float32",
        "dimension": 2,
        "distanceMetric": "euclidean",
        "encryptionConfiguration": {"sseType": "AES256"},
        "indexMode": "ENHANCED",
        "metadataConfiguration": {
            "nonFilterableMetadataKeys": ["text", "source"],
            "textSearchConfigurations": [TEXT | {"status": "ACTIVE"}, PLAIN | {"status": "ACTIVE"}],
        },
    }


def test_a_second_index_of_a_name_is_a_conflict_and_changes_nothing(make_index: MakeIndex) -> None:
    index = make_index(indexName="one")
    index.put(vector("a"))
    assert refused(make_index, indexName="one", dimension=3)[:2] == ("ConflictException", 409)
    assert described(index)["dimension"] == 2
    assert index.keys() == ["a"]


def test_an_index_needs_its_bucket(client: Any) -> None:
    shape = {"indexName": "one", "dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    assert refused(client.create_index, vectorBucketName="none", **shape)[:2] == ("NotFoundException", 404)


@pytest.mark.parametrize(
    ("old", "new"), [("us-east-1", "eu-west-1"), ("123456789012", "210987654321"), ("/index/", "/index/no-")]
)
@pytest.mark.parametrize("call", ["get_index", "delete_index", "list_vectors"])
def test_the_arn_of_another_index_is_not_found(index: Index, call: str, old: str, new: str) -> None:
    assert refused(getattr(index.client, call), indexArn=index.arn.replace(old, new))[:2] == ("NotFoundException", 404)


def test_a_token_of_indexes_is_good_only_for_its_bucket_and_prefix(client: Any, make_index: MakeIndex) -> None:
    bucket = make_index(indexName="aa-1").name["vectorBucketName"]
    make_index(indexName="aa-2")
    client.create_vector_bucket(vectorBucketName="other")
    token = client.list_indexes(vectorBucketName=bucket, maxResults=1)["nextToken"]
    for given in ({"vectorBucketName": "other"}, {"vectorBucketName": bucket, "prefix": "aa"}):
        assert refused(client.list_indexes, **given, nextToken=token)[:2] == ("ValidationException", 400)


@pytest.mark.parametrize("left_out", ["vectorBucketName", "indexName"])
def test_an_index_is_meant_by_both_names_or_by_arn(index: Index, left_out: str) -> None:
    half = {name: value for name, value in index.name.items() if name != left_out}
    for given in (half, {}, half | {"indexArn": index.arn}, dict(index.name) | {"indexArn": index.arn}):
        code, _, message, _ = refused(index.client.get_index, **given)
        assert code == "ValidationException"
        assert message == "Must specify either indexArn or both vectorBucketName and indexName"
    assert index.client.get_index(indexArn=index.arn)["index"]["indexArn"] == index.arn


@pytest.mark.parametrize(
    "configuration",
    [
        {"nonFilterableMetadataKeys": ["a", "a"]},
        {"textSearchConfigurations": [TEXT, {"metadataKey": "text"}]},
        {"textSearchConfigurations": [{"metadataKey": "text", "language": "xx"}]},
        {"textSearchConfigurations": [{"language": "en"}]},
    ],
)
def test_a_metadata_configuration_that_means_nothing_is_refused(
    make_index: MakeIndex, configuration: dict[str, Any]
) -> None:
    assert refused(make_index, metadataConfiguration=configuration)[:2] == ("ValidationException", 400)


def test_a_deleted_index_is_gone_with_its_vectors(make_index: MakeIndex) -> None:
    index = make_index(indexName="one")
    index.put(vector("a"))
    index.client.delete_index(**index.name)
    assert refused(index.client.get_index, **index.name)[:2] == ("NotFoundException", 404)
    assert refused(index.client.delete_index, **index.name)[0] == "NotFoundException"
    assert refused(index.client.put_vectors, **index.name, vectors=[vector("a")])[0] == "NotFoundException"
    assert make_index(indexName="one").keys() == []


def test_pages_of_indexes_hold_each_once_in_order(client: Any, bucket: str, make_index: MakeIndex) -> None:
    for name in ("bb-1", "aa-2", "aa-3", "aa-1"):
        make_index(indexName=name)
    listing = client.get_paginator("list_indexes").paginate(vectorBucketName=bucket, prefix="aa", maxResults=2)
    assert [[index["indexName"] for index in page["indexes"]] for page in listing] == [["aa-1", "aa-2"], ["aa-3"]]


@pytest.mark.parametrize(("seconds", "mode"), [(-1, "CLASSIC"), (0, "ENHANCED")])
def test_the_age_of_a_bucket_decides_on_the_mode_of_its_indexes(seconds: float, mode: str) -> None:
    time = [limits.ENHANCED_SINCE.timestamp() + seconds]
    emulator = Emulator(clock=lambda: time[0])
    emulator.start()
    try:
        client, name = connect(emulator.endpoint), {"vectorBucketName": "one", "indexName": "two"}
        client.create_vector_bucket(vectorBucketName="one")
        time[0] += 365 * 24 * 3600
        client.create_index(**name, dataType="float32", dimension=2, distanceMetric="cosine")
        assert client.get_vector_bucket(vectorBucketName="one")["vectorBucket"]["defaultIndexMode"] == mode
        assert client.get_index(**name)["index"]["indexMode"] == mode
        client.update_index_mode(**name, indexMode="ENHANCED")
        if mode == "CLASSIC":
            client.update_index_mode(**name, indexMode="CLASSIC")
        else:
            code, status, message, _ = refused(client.update_index_mode, **name, indexMode="CLASSIC")
            assert (code, status) == ("ValidationException", 400)
            assert "created before September 30, 2026" in message
        assert client.get_index(**name)["index"]["indexMode"] == mode
    finally:
        emulator.stop()


def test_text_search_is_added_and_deleted(make_index: MakeIndex) -> None:
    index = make_index()
    update = index.client.update_metadata_configuration
    assert update(**index.name, add={"textSearchConfigurations": [TEXT, PLAIN]})["indexArn"] == index.arn
    update(**index.name, delete={"textSearchConfigurations": [{"metadataKey": "text"}]})
    configuration = described(index)["metadataConfiguration"]
    assert configuration == {"textSearchConfigurations": [PLAIN | {"status": "ACTIVE"}]}


def test_text_search_is_not_changed_in_classic_mode(client: Any, bucket: str, make_index: MakeIndex) -> None:
    client.put_vector_bucket_default_index_mode(vectorBucketName=bucket, defaultIndexMode="CLASSIC")
    index = make_index()
    add = {"textSearchConfigurations": [TEXT]}
    code = refused(index.client.update_metadata_configuration, **index.name, add=add)[:2]
    assert code == ("ValidationException", 400)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "ValidationException"),
        ({"add": {"textSearchConfigurations": [PLAIN]}, "delete": {"textSearchConfigurations": [PLAIN]}}, "Validation"),
        ({"add": {"textSearchConfigurations": [TEXT]}}, "ConflictException"),
        ({"delete": {"textSearchConfigurations": [PLAIN]}}, "NotFoundException"),
        (
            {"add": {"textSearchConfigurations": [{"metadataKey": str(n)} for n in range(limits.TEXT_SEARCH_KEYS)]}},
            "ValidationException",
        ),
    ],
)
def test_a_change_of_text_search_that_cannot_be_is_refused(
    make_index: MakeIndex, change: dict[str, Any], code: str
) -> None:
    index = make_index(metadataConfiguration={"textSearchConfigurations": [TEXT]})
    before = described(index)
    assert refused(index.client.update_metadata_configuration, **index.name, **change)[0].startswith(code)
    assert described(index) == before
