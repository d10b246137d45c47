import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from botocore.awsrequest import AWSPreparedRequest

from destination_s3vectors.config import GROUPS, Config
from destination_s3vectors.indexes.places import Places
from destination_s3vectors.vectors.metadata import Layout
from vector_ingest.command.spec import connection_specification, parse_config
from vector_ingest.errors import ConfigError

SPEC = json.loads(files("destination_s3vectors").joinpath("spec.json").read_text())
FORM = SPEC["connectionSpecification"]
SHORTEST: dict[str, Any] = {
    "embedding": {"mode": "openai", "openai_key": "sk-1"},
    "processing": {"chunk_size": 500},
    "indexing": {"credentials": {"auth_type": "default_credentials"}, "vector_bucket": "my-vectors"},
}


def parsed(**indexing: Any) -> Config:
    return parse_config(Config, {**SHORTEST, "indexing": {**SHORTEST["indexing"], **indexing}})


def test_the_committed_spec_is_that_of_the_model() -> None:
    """To renew it: `make spec`."""
    assert connection_specification(Config, GROUPS) == FORM


def test_the_shortest_configuration_has_safe_defaults() -> None:
    jsonschema.Draft7Validator(FORM).validate(SHORTEST)
    config = parsed()
    indexing = config.indexing
    assert (indexing.index_for.type, indexing.distance_metric) == ("stream", "cosine")
    assert (indexing.create_missing, indexing.canary, indexing.use_fips) == (True, True, False)
    assert (indexing.kms_key_arn, indexing.tags, indexing.endpoint) == (None, [], None)
    assert (config.refused_records.type, config.largest_sweep, config.omit_raw_text) == ("stop", 100, False)


@pytest.mark.parametrize(
    ("indexing", "expected"),
    [
        ({}, ("my-vectors", "airbyte", None)),
        ({"index_prefix": "books"}, ("my-vectors", "books", None)),
        ({"vector_bucket": "s3vectors://shelf/books"}, ("shelf", "books", None)),
        ({"vector_bucket": "s3vectors://shelf/books", "index_prefix": "books"}, ("shelf", "books", None)),
        ({"vector_bucket": "s3vectors://shelf", "index_prefix": "books"}, ("shelf", "books", None)),
    ],
)
def test_where_the_indexes_are_is_told_by_name_or_address(indexing: dict[str, Any], expected: tuple[str, ...]) -> None:
    location = Places(parsed(**indexing).indexing, Layout(), 8).location
    assert (location.bucket, location.prefix, location.kms_key_arn) == expected


def test_two_keys_are_refused() -> None:
    one, two = (f"arn:aws:kms:eu-central-1:123456789012:key/{number}" for number in (1, 2))
    indexing = parsed(vector_bucket=f"s3vectors://shelf?kmsKeyArn={one}", kms_key_arn=two).indexing
    with pytest.raises(ConfigError, match=r"Two values are set for the KMS key: .*key/1 .*key/2"):
        Places(indexing, Layout(), 8)


def test_fips_leads_to_the_fips_host_of_the_region() -> None:
    keys = {"auth_type": "iam_user", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    places = Places(parsed(region_name="us-gov-west-1", use_fips=True, credentials=keys).indexing, Layout(), 8)
    urls = []

    def break_off(request: AWSPreparedRequest, **_: object) -> None:
        urls.append(request.url)
        raise RuntimeError("nothing leaves the test")

    places.transport.client.meta.events.register("before-send.s3vectors", break_off)
    with pytest.raises(RuntimeError, match="nothing leaves"):
        _ = places.account
    places.close()
    assert urls == ["https://s3vectors-fips.us-gov-west-1.api.aws/GetVectorBucket"]
