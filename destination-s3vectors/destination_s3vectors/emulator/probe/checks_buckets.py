"""Checks of vector buckets and vector indexes."""

import json
from collections.abc import Mapping
from typing import Any

from destination_s3vectors.emulator.probe.check import CONFLICT, INVALID, MISSING, Check, guess
from destination_s3vectors.emulator.probe.ground import NON_FILTERABLE, PLAIN, SEARCH, Ground
from destination_s3vectors.service import limits


def _bucket(ground: Ground) -> Any:
    return ground.client.get_vector_bucket(vectorBucketName=ground.bucket)["vectorBucket"]


def _index(ground: Ground, name: str = PLAIN) -> Any:
    return ground.client.get_index(**ground.on(name))["index"]


def _policy(ground: Ground) -> Any:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3vectors:DeleteVectorBucketPolicy",
                "Resource": _bucket(ground)["vectorBucketArn"],
                "Condition": {"StringEquals": {"aws:PrincipalTag/probe": "never"}},
            }
        ],
    }
    name = {"vectorBucketName": ground.bucket}
    ground.client.put_vector_bucket_policy(**name, policy=json.dumps(policy))
    found = json.loads(ground.client.get_vector_bucket_policy(**name)["policy"])["Statement"][0]["Action"]
    ground.client.delete_vector_bucket_policy(**name)
    return [found] if isinstance(found, str) else found


def _tags(ground: Ground) -> list[Mapping[str, str]]:
    arn = {"resourceArn": _index(ground)["indexArn"]}
    ground.client.tag_resource(**arn, tags={"one": "1", "two": "2"})
    ground.client.untag_resource(**arn, tagKeys=["one"])
    return [ground.client.list_tags_for_resource(**arn)["tags"]]


def _text_keys(ground: Ground) -> list[str]:
    """Of an index to which a text search configuration was added, and one deleted."""
    ground.create("changing", metadataConfiguration={"textSearchConfigurations": [{"metadataKey": "x"}]})
    change = ground.client.update_metadata_configuration
    change(**ground.on("changing"), add={"textSearchConfigurations": [{"metadataKey": "y", "language": "fr"}]})
    change(**ground.on("changing"), delete={"textSearchConfigurations": [{"metadataKey": "x"}]})
    found = _index(ground, "changing")["metadataConfiguration"]["textSearchConfigurations"]
    return [each["metadataKey"] for each in found]


def _deleted_index(ground: Ground) -> Any:
    ground.create("short-lived")
    ground.client.delete_index(**ground.on("short-lived"))
    return ground.client.get_index(**ground.on("short-lived"))


def _pages(ground: Ground) -> bool:
    """Whether listing indexes one by one finds those that one page holds."""
    name = {"vectorBucketName": ground.bucket}
    pages = ground.client.get_paginator("list_indexes").paginate(**name, PaginationConfig={"PageSize": 1})
    single = [[index["indexName"] for index in page["indexes"]] for page in pages]
    whole = [index["indexName"] for index in ground.client.list_indexes(**name)["indexes"]]
    return all(len(page) <= 1 for page in single) and sorted(sum(single, [])) == sorted(whole)  # noqa: RUF017 - few


def _create(**changes: Any) -> Any:
    return lambda ground: ground.create("refused", **changes)


def _create_bucket(name: str) -> Any:
    return lambda ground: ground.client.create_vector_bucket(vectorBucketName=name)


def _keys(count: int, length: int = 5) -> Mapping[str, Any]:
    return {"nonFilterableMetadataKeys": [str(number).zfill(length) for number in range(count)]}


BUCKETS = (
    Check("a bucket has its name", True, lambda g: _bucket(g)["vectorBucketName"] == g.bucket),
    Check(
        "a bucket's ARN ends with its name",
        True,
        lambda g: _bucket(g)["vectorBucketArn"].endswith(f":bucket/{g.bucket}"),
    ),
    Check("a bucket is encrypted with AES256", "AES256", lambda g: _bucket(g)["encryptionConfiguration"]["sseType"]),
    Check("a new bucket's default mode is ENHANCED", "ENHANCED", lambda g: g.first_mode),
    Check("the default mode that was set is read back", "ENHANCED", lambda g: _bucket(g)["defaultIndexMode"]),
    Check("a bucket that exists is a conflict", CONFLICT, lambda g: _create_bucket(g.bucket)(g)),
    Check("a bucket's name of 2 characters is refused", INVALID, _create_bucket("ab")),
    Check("a bucket's name of 64 characters is refused", INVALID, _create_bucket("a" * 64)),
    Check("a bucket's name in upper case is refused", INVALID, _create_bucket("Upper-Case")),
    Check(
        "a bucket that does not exist is not found",
        MISSING,
        lambda g: g.client.get_vector_bucket(vectorBucketName=f"{g.bucket}-none"),
    ),
    Check(
        "a bucket with indexes can't be deleted",
        CONFLICT,
        lambda g: g.client.delete_vector_bucket(vectorBucketName=g.bucket),
    ),
    Check(
        "buckets are listed by prefix",
        True,
        lambda g: (
            [b["vectorBucketName"] for b in g.client.list_vector_buckets(prefix=g.bucket)["vectorBuckets"]]
            == [g.bucket]
        ),
    ),
    Check("a page of 501 buckets is refused", INVALID, lambda g: g.client.list_vector_buckets(maxResults=501)),
    Check("a policy is kept and deleted", ["s3vectors:DeleteVectorBucketPolicy"], _policy),
    Check(
        "a policy that is not there is not found",
        MISSING,
        lambda g: g.client.get_vector_bucket_policy(vectorBucketName=g.bucket),
    ),
    Check("an index has its dimension", 2, lambda g: _index(g)["dimension"]),
    Check("an index has its metric", "cosine", lambda g: _index(g)["distanceMetric"]),
    Check("an index has its data type", "float32", lambda g: _index(g)["dataType"]),
    Check("an index has the bucket's default mode", "ENHANCED", lambda g: _index(g)["indexMode"]),
    Check(
        "an index has its non-filterable keys",
        sorted(NON_FILTERABLE),
        lambda g: sorted(_index(g, SEARCH)["metadataConfiguration"]["nonFilterableMetadataKeys"]),
    ),
    Check(
        "an index has its text search configuration",
        [("text", "en", "ACTIVE")],
        lambda g: [
            (each["metadataKey"], each["language"], each["status"])
            for each in _index(g, SEARCH)["metadataConfiguration"]["textSearchConfigurations"]
        ],
    ),
    Check("an index is found by its ARN", PLAIN, lambda g: _by_arn(g)["indexName"]),
    Check("an index that exists is a conflict", CONFLICT, lambda g: g.create(PLAIN)),
    Check("an index that does not exist is not found", MISSING, lambda g: _index(g, "nowhere")),
    Check("an index of dimension 0 is refused", INVALID, _create(dimension=0)),
    Check("an index of more dimensions than allowed is refused", INVALID, _create(dimension=limits.DIMENSIONS + 1)),
    Check("an unknown metric is refused", INVALID, _create(distanceMetric="dotproduct")),
    Check("an unknown data type is refused", INVALID, _create(dataType="float16")),
    Check(
        "more non-filterable keys than allowed are refused",
        INVALID,
        _create(metadataConfiguration=_keys(limits.NON_FILTERABLE_KEYS + 1)),
    ),
    Check("a non-filterable key of 64 characters is refused", INVALID, _create(metadataConfiguration=_keys(1, 64))),
    Check(
        "an unknown language is refused",
        INVALID,
        _create(metadataConfiguration={"textSearchConfigurations": [{"metadataKey": "t", "language": "xx"}]}),
    ),
    Check("text search configurations are added and deleted", ["y"], _text_keys),
    Check("an index that was deleted is not found", MISSING, _deleted_index),
    Check("pages of indexes together are the whole list", True, _pages),
    Check("tags are set and removed", [{"two": "2"}], _tags),
    Check(
        "an ENHANCED index of a new bucket can't become CLASSIC",
        INVALID,
        lambda g: g.client.update_index_mode(**g.on(PLAIN), indexMode="CLASSIC"),
    ),
    guess("an index without name and ARN is refused", INVALID, lambda g: g.client.get_index()),
)


def _by_arn(ground: Ground) -> Any:
    return ground.client.get_index(indexArn=_index(ground)["indexArn"])["index"]
