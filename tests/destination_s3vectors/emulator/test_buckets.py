"""Buckets: their life, encryption, policy, default index mode, tags and listing."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from destination_s3vectors.emulator.server import ACCOUNT, REGION
from destination_s3vectors.service import limits
from tests.destination_s3vectors.emulator.conftest import Index, MakeIndex, refused

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd"
ELSEWHERE = f"arn:aws:s3vectors:eu-west-1:{ACCOUNT}:bucket/one"


def test_a_bucket_has_the_defaults_of_the_service(client: Any) -> None:
    arn = client.create_vector_bucket(vectorBucketName="one")["vectorBucketArn"]
    found = client.get_vector_bucket(vectorBucketArn=arn)["vectorBucket"]
    assert found.pop("creationTime").timestamp() > 0
    assert found == {
        "vectorBucketName": "one",
        "vectorBucketArn": f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/one",
        "encryptionConfiguration": {"sseType": "AES256"},
        "defaultIndexMode": "ENHANCED",
    }


@pytest.mark.parametrize("name", ["abc", "a" * 63, "1.2-3"])
def test_a_name_may_be_as_short_and_as_long_as_is_said(client: Any, name: str) -> None:
    client.create_vector_bucket(vectorBucketName=name)
    assert client.get_vector_bucket(vectorBucketName=name)["vectorBucket"]["vectorBucketName"] == name


@pytest.mark.parametrize("name", ["Upper", "under_score", "-begins", "ends-", ".begins", "a b"])
def test_a_name_of_other_characters_is_refused(client: Any, name: str) -> None:
    found = refused(client.create_vector_bucket, vectorBucketName=name)
    assert found[:3] == ("ValidationException", 400, "Invalid vector bucket name")


def test_a_second_bucket_of_a_name_is_a_conflict(client: Any, bucket: str) -> None:
    assert refused(client.create_vector_bucket, vectorBucketName=bucket)[:2] == ("ConflictException", 409)


@pytest.mark.parametrize("given", [{}, {"vectorBucketName": "one", "vectorBucketArn": ELSEWHERE}])
def test_a_bucket_is_meant_by_name_or_by_arn(client: Any, given: dict[str, str]) -> None:
    assert refused(client.get_vector_bucket, **given)[0] == "ValidationException"


def test_the_arn_of_another_region_is_not_found(client: Any) -> None:
    client.create_vector_bucket(vectorBucketName="one")
    assert refused(client.get_vector_bucket, vectorBucketArn=ELSEWHERE)[:2] == ("NotFoundException", 404)


def test_a_bucket_with_an_index_cannot_be_deleted(client: Any, bucket: str, index: Index) -> None:
    assert refused(client.delete_vector_bucket, vectorBucketName=bucket)[:2] == ("ConflictException", 409)
    client.delete_index(**index.name)
    client.delete_vector_bucket(vectorBucketName=bucket)
    assert refused(client.get_vector_bucket, vectorBucketName=bucket)[0] == "NotFoundException"


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"sseType": "AES256"}, True),
        ({"sseType": "aws:kms", "kmsKeyArn": KEY}, True),
        ({"sseType": "aws:kms"}, False),
        ({"sseType": "AES256", "kmsKeyArn": KEY}, False),
        ({"kmsKeyArn": KEY}, False),
        ({"sseType": "aws:kms", "kmsKeyArn": "alias/mine"}, False),
    ],
)
def test_a_kms_key_goes_with_aws_kms_and_only_with_it(
    client: Any, make_index: MakeIndex, given: dict[str, str], fits: bool
) -> None:
    if not fits:
        call = refused(client.create_vector_bucket, vectorBucketName="one", encryptionConfiguration=given)
        assert call[:2] == ("ValidationException", 400)
        assert refused(make_index, encryptionConfiguration=given)[0] == "ValidationException"
        return
    client.create_vector_bucket(vectorBucketName="one", encryptionConfiguration=given)
    assert client.get_vector_bucket(vectorBucketName="one")["vectorBucket"]["encryptionConfiguration"] == given
    index = make_index(encryptionConfiguration=given)
    assert client.get_index(**index.name)["index"]["encryptionConfiguration"] == given


def test_an_index_takes_the_encryption_of_its_bucket(client: Any) -> None:
    encryption = {"sseType": "aws:kms", "kmsKeyArn": KEY}
    client.create_vector_bucket(vectorBucketName="one", encryptionConfiguration=encryption)
    name = {"vectorBucketName": "one", "indexName": "two"}
    client.create_index(**name, dataType="float32", dimension=2, distanceMetric="cosine")
    assert client.get_index(**name)["index"]["encryptionConfiguration"] == encryption


def test_a_policy_is_kept_and_deleted(client: Any, bucket: str) -> None:
    name = {"vectorBucketName": bucket}
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert refused(client.get_vector_bucket_policy, **name)[:2] == ("NotFoundException", 404)
    client.put_vector_bucket_policy(**name, policy=policy)
    assert client.get_vector_bucket_policy(**name)["policy"] == policy
    assert refused(client.put_vector_bucket_policy, **name, policy="none")[0] == "ValidationException"
    client.delete_vector_bucket_policy(**name)
    client.delete_vector_bucket_policy(**name)
    assert refused(client.get_vector_bucket_policy, **name)[0] == "NotFoundException"


def test_the_default_mode_is_that_of_new_indexes_only(client: Any, bucket: str, make_index: MakeIndex) -> None:
    before = make_index()
    client.put_vector_bucket_default_index_mode(vectorBucketName=bucket, defaultIndexMode="CLASSIC")
    after = make_index()
    modes = [client.get_index(**index.name)["index"]["indexMode"] for index in (before, after)]
    assert modes == ["ENHANCED", "CLASSIC"]
    assert client.get_vector_bucket(vectorBucketName=bucket)["vectorBucket"]["defaultIndexMode"] == "CLASSIC"


def test_tags_are_added_replaced_and_removed(client: Any, index: Index) -> None:
    client.tag_resource(resourceArn=index.arn, tags={"a": "1", "b/c": "2"})
    client.tag_resource(resourceArn=index.arn, tags={"a": "3", "d": "4"})
    client.untag_resource(resourceArn=index.arn, tagKeys=["b/c", "never there"])
    assert client.list_tags_for_resource(resourceArn=index.arn)["tags"] == {"a": "3", "d": "4"}


def test_a_resource_has_50_tags_at_most(client: Any, index: Index) -> None:
    client.tag_resource(resourceArn=index.arn, tags={f"k{n}": "v" for n in range(limits.TAGS)})
    client.tag_resource(resourceArn=index.arn, tags={"k0": "again"})
    assert refused(client.tag_resource, resourceArn=index.arn, tags={"more": ""})[0] == "ValidationException"
    assert len(client.list_tags_for_resource(resourceArn=index.arn)["tags"]) == limits.TAGS


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("aws:owner", "System tags cannot be added/updated by requester"),
        ("AWS:owner", 'Invalid System Tag: AWS:owner must be prefixed with "aws:" in lowercase.'),
    ],
)
def test_a_tag_of_the_system_is_refused(client: Any, make_index: MakeIndex, key: str, message: str) -> None:
    tags = {key: "me"}
    index = make_index(tags={"owner": "aws:me"})
    for call, given in (
        (client.create_vector_bucket, {"vectorBucketName": "one"}),
        (make_index, {}),
        (client.tag_resource, {"resourceArn": index.arn}),
    ):
        assert refused(call, **given, tags=tags)[:3] == ("ValidationException", 400, message)


def test_more_tags_than_allowed_are_refused_at_creation(client: Any, make_index: MakeIndex) -> None:
    tags = {f"k{n}": "v" for n in range(limits.TAGS + 1)}
    assert refused(client.create_vector_bucket, vectorBucketName="one", tags=tags)[2] == "Too many tags specified"
    assert refused(make_index, tags=tags)[2] == "Too many tags specified"


@pytest.mark.parametrize("arn", [ELSEWHERE, "arn", f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/none"])
def test_the_tags_of_nothing_are_not_found(client: Any, arn: str) -> None:
    assert refused(client.list_tags_for_resource, resourceArn=arn)[:2] == ("NotFoundException", 404)


@pytest.mark.parametrize(
    ("prefix", "wanted"), [("", ["aa-1", "aa-2", "aa-3", "bb-1"]), ("aa", ["aa-1", "aa-2", "aa-3"])]
)
def test_pages_of_buckets_hold_each_once_in_order(client: Any, prefix: str, wanted: Sequence[str]) -> None:
    for name in ("bb-1", "aa-2", "aa-3", "aa-1"):
        client.create_vector_bucket(vectorBucketName=name)
    given = {"prefix": prefix} if prefix else {}
    pages = list(client.get_paginator("list_vector_buckets").paginate(maxResults=2, **given))
    assert [bucket["vectorBucketName"] for page in pages for bucket in page["vectorBuckets"]] == wanted
    assert len(pages) == 2


def test_a_token_is_good_only_for_its_own_listing(client: Any) -> None:
    for name in ("aa-1", "aa-2", "aa-3"):
        client.create_vector_bucket(vectorBucketName=name)
    token = client.list_vector_buckets(maxResults=1)["nextToken"]
    assert client.list_vector_buckets(nextToken=token)["vectorBuckets"][0]["vectorBucketName"] == "aa-2"
    for given in ({"nextToken": token, "prefix": "aa"}, {"nextToken": "aa-1"}, {"nextToken": token[:-4]}):
        assert refused(client.list_vector_buckets, **given)[0] == "ValidationException"
