"""The check, against an emulator that refuses single rights."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from destination_s3vectors.connector import CONNECTOR
from destination_s3vectors.emulator.faults import Rule
from tests.conftest import VectorBucket
from tests.destination_commands import config
from tests.destination_s3vectors.commands import ACCOUNT
from tests.destination_s3vectors.contents import connect, index_names, vectors_of
from vector_ingest.command.pipeline import check
from vector_ingest.errors import ConfigError, TransientError

WRITES = ("CreateVectorBucket", "CreateIndex", "PutVectors", "DeleteVectors", "TagResource", "UpdateIndexMode")


def deny(bucket: VectorBucket, *actions: str) -> None:
    bucket.emulator.faults.set([Rule("deny", action=f"s3vectors:{action}") for action in actions])


def run(bucket: VectorBucket, **indexing: Any) -> None:
    check(CONNECTOR, config(bucket.indexing(**indexing)))


def calls(bucket: VectorBucket) -> set[str]:
    return set(bucket.emulator.service.log.state())


def test_a_check_leaves_no_vector_behind_and_may_be_repeated(vector_bucket: VectorBucket) -> None:
    for _ in range(2):
        run(vector_bucket)
        assert index_names(vector_bucket) == [ACCOUNT]
        assert vectors_of(vector_bucket, ACCOUNT) == []
    assert {"PutVectors", "GetVectors", "DeleteVectors", "ListVectors", "QueryVectors"} <= calls(vector_bucket)


@pytest.mark.parametrize(
    "action",
    [
        *("CreateVectorBucket", "GetVectorBucket", "CreateIndex", "GetIndex"),
        *("PutVectors", "GetVectors", "DeleteVectors", "ListVectors"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_missing_right_is_named_by_its_action(vector_bucket: VectorBucket, action: str, is_first: bool) -> None:
    if not is_first:
        run(vector_bucket)
    deny(vector_bucket, action)
    if action == "CreateVectorBucket" and not is_first:
        run(vector_bucket)  # the bucket is there
        return
    with pytest.raises(ConfigError, match=rf"Grant s3vectors:{action} .*on arn:aws:s3vectors:eu-central-1:.*bucket/"):
        run(vector_bucket)
    deny(vector_bucket)
    assert vectors_of(vector_bucket, ACCOUNT) == []


def test_all_missing_rights_are_named_at_once(vector_bucket: VectorBucket) -> None:
    run(vector_bucket)
    deny(vector_bucket, "CreateIndex", "PutVectors", "GetVectors", "ListVectors")
    with pytest.raises(ConfigError) as found:
        run(vector_bucket)
    lines = str(found.value).splitlines()
    named = [line.partition("Grant s3vectors:")[2].split()[0] for line in lines]
    assert sorted(named) == ["CreateIndex", "GetVectors", "ListVectors", "PutVectors"]


def test_a_vector_that_could_not_be_deleted_again_is_not_put(vector_bucket: VectorBucket) -> None:
    deny(vector_bucket, "DeleteVectors")
    with pytest.raises(ConfigError):
        run(vector_bucket)
    assert "PutVectors" not in calls(vector_bucket)


def test_without_the_right_to_search_there_is_a_warning(
    vector_bucket: VectorBucket, caplog: pytest.LogCaptureFixture
) -> None:
    deny(vector_bucket, "QueryVectors")
    run(vector_bucket)
    (warning,) = [entry.getMessage() for entry in caplog.records if entry.levelno == logging.WARNING]
    assert "search" in warning
    assert "Grant s3vectors:QueryVectors" in warning


def test_the_right_to_tag_is_needed_with_tags_only(vector_bucket: VectorBucket) -> None:
    tags = [{"key": "team", "value": "search"}]
    deny(vector_bucket, "TagResource")
    with pytest.raises(ConfigError, match="Grant s3vectors:TagResource on"):
        run(vector_bucket, tags=tags)
    run(vector_bucket)
    with pytest.raises(ConfigError, match="Grant s3vectors:TagResource on"):
        run(vector_bucket, tags=tags)


def test_the_right_to_create_is_not_needed_where_all_is_there_already(vector_bucket: VectorBucket) -> None:
    run(vector_bucket)
    deny(vector_bucket, "CreateVectorBucket", "CreateIndex")
    run(vector_bucket, create_missing=False)


def test_without_the_canary_nothing_is_written_at_all(
    vector_bucket: VectorBucket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run(vector_bucket, canary=False)
    assert not calls(vector_bucket).intersection(WRITES)
    assert index_names(vector_bucket) == []
    assert "Nothing was tried" in caplog.text
    run(vector_bucket)
    vector_bucket.emulator.service.log.clear()
    run(vector_bucket, canary=False)
    assert not calls(vector_bucket).intersection(WRITES)
    assert {"GetVectorBucket", "GetIndex", "GetVectors", "ListVectors"} <= calls(vector_bucket)


@pytest.mark.parametrize("action", ["GetVectorBucket", "GetIndex", "GetVectors", "ListVectors"])
def test_without_the_canary_a_missing_right_to_look_is_named_all_the_same(
    vector_bucket: VectorBucket, action: str
) -> None:
    run(vector_bucket)
    deny(vector_bucket, action)
    with pytest.raises(ConfigError, match=f"Grant s3vectors:{action} "):
        run(vector_bucket, canary=False)


@pytest.mark.parametrize("canary", [True, False])
def test_what_may_not_be_made_is_told_with_the_command_that_makes_it(vector_bucket: VectorBucket, canary: bool) -> None:
    with pytest.raises(ConfigError, match=f"does not exist.*aws s3vectors create-vector-bucket.*{vector_bucket.name}"):
        run(vector_bucket, create_missing=False, canary=canary)
    connect(vector_bucket).create_vector_bucket(vectorBucketName=vector_bucket.name)
    with pytest.raises(ConfigError, match=f"no index `{ACCOUNT}`.*aws s3vectors create-index .*--dimension 1 "):
        run(vector_bucket, create_missing=False, canary=canary)
    assert index_names(vector_bucket) == []


def test_a_service_that_answers_nothing_but_errors_is_given_up_soon(vector_bucket: VectorBucket) -> None:
    vector_bucket.emulator.faults.set([Rule("throttle")])
    with pytest.raises(TransientError, match=r"Gave up after .*GetVectorBucket.*TooManyRequestsException"):
        run(vector_bucket)


BAD: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "no embedding": ({"embedding": None}, {}, "`embedding`"),
    "chunk size": ({"processing": {"chunk_size": 0}}, {}, "`processing.chunk_size`"),
    "credentials": ({}, {"credentials": "none"}, "`indexing.credentials`"),
    "anonymous": ({}, {"credentials": {"auth_type": "anonymous"}}, "`indexing.credentials`.*expected one of .iam_user"),
    "bucket": ({}, {"vector_bucket": "My_Vectors"}, "`indexing.vector_bucket`.*3 to 63 characters"),
    "address": ({}, {"vector_bucket": "s3://vectors"}, "`indexing.vector_bucket`.*s3vectors://bucket"),
    "two prefixes": (
        {},
        {"vector_bucket": "s3vectors://abc/one", "index_prefix": "two"},
        "Two values.*index prefix: one.*two",
    ),
    "KMS key": ({}, {"kms_key_arn": "alias/mine"}, "alias/mine.*no ARN of a KMS key"),
    "metric": ({}, {"distance_metric": "dotproduct"}, "`indexing.distance_metric`.*cosine"),
    "tenant": ({}, {"index_for": {"type": "tenant"}}, "`indexing.index_for.tenant_field`"),
    "FIPS": ({}, {"use_fips": True}, "leave out either FIPS or the endpoint"),
    "dimensions": (
        {"embedding": {"mode": "from_field", "field_name": "v", "dimensions": 4097}},
        {},
        "4,097 dimensions.*at most 4,096",
    ),
    "non-filterable": (
        {"metadata": {"filterable_first": ["a"], "non_filterable": ["a"]}},
        {},
        "`a` is set both",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_configuration_is_refused_with_a_message_that_names_it(vector_bucket: VectorBucket, name: str) -> None:
    changes, indexing, expected = BAD[name]
    with pytest.raises(ConfigError, match=expected):
        check(CONNECTOR, config(vector_bucket.indexing(**indexing), **changes))
    assert index_names(vector_bucket) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UnrecognizedClientException", "Check the access key ID"),
        ("InvalidSignatureException", "Check the secret access key"),
        ("ExpiredTokenException", "new temporary credentials"),
    ],
)
def test_a_wrong_key_is_told_with_its_remedy(vector_bucket: VectorBucket, code: str, expected: str) -> None:
    vector_bucket.emulator.faults.set([Rule("error", code=code, status=403)])
    with pytest.raises(ConfigError, match=expected):
        run(vector_bucket)
