"""Bucket and index are made where they are missing, and every difference from what is set is told with its remedy."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.emulator.server import ACCOUNT, REGION, Emulator
from destination_s3vectors.indexes import index as module
from destination_s3vectors.indexes.index import (
    IndexSettings,
    Service,
    ensure_bucket,
    ensure_index,
    find_bucket,
    find_index,
)
from destination_s3vectors.service.limits import NON_FILTERABLE_KEYS
from destination_s3vectors.service.service_errors import Failure
from destination_s3vectors.service.transport import Transport, client_for
from destination_s3vectors.vectors.metadata import OURS, SPARE, Layout
from destination_s3vectors.vectors.names import Location
from tests.sessions import signed_in
from vector_ingest.errors import ConfigError, TransientError

T = TypeVar("T")
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = KEY.replace("1234abcd", "99999999")
BUCKET = "vectors"
NAME = "docs.articles"
SETTINGS = IndexSettings(dimension=3, metric="cosine")


@dataclass(frozen=True, slots=True)
class BeforeCall:
    """The service, where something happens just before one of its calls is sent."""

    inner: Transport
    action: str
    happens: Callable[[], object]

    @property
    def client(self) -> Any:
        return self.inner.client

    def ask(self, action: str, resource: str, call: Callable[[], T]) -> T | Failure:
        if action.startswith(self.action):
            self.happens()
        return self.inner.ask(action, resource, call)


@pytest.fixture
def service(emulator: Emulator) -> Iterator[Transport]:
    client = client_for(signed_in("the-key", "secret"), REGION, emulator.endpoint)
    transport = Transport(client, sleep=lambda _: None, patience=0.5)
    yield transport
    transport.close()
    client.close()


@pytest.fixture
def bucket(service: Transport) -> str:
    service.client.create_vector_bucket(vectorBucketName=BUCKET)
    return BUCKET


def calls(emulator: Emulator) -> dict[str, int]:
    return {operation: each["calls"] for operation, each in emulator.service.log.state().items()}


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigError) as raised:
        call()
    return str(raised.value)


def test_a_missing_bucket_is_made_with_key_and_tags(service: Transport) -> None:
    assert find_bucket(service, BUCKET) is None
    made = ensure_bucket(service, Location(BUCKET, "docs", KEY), {"team": "search"}, may_create=True)
    assert (made.created, made.kms_key_arn) == (True, KEY)
    assert service.client.list_tags_for_resource(resourceArn=made.arn)["tags"] == {"team": "search"}
    again = ensure_bucket(service, Location(BUCKET, "docs", KEY), {}, may_create=False)
    assert again == replace(made, created=False)


def test_a_bucket_that_is_encrypted_otherwise_is_taken_as_its_indexes_have_their_own_key(service: Transport) -> None:
    ensure_bucket(service, Location(BUCKET, "", None), {}, may_create=True)
    found = ensure_bucket(service, Location(BUCKET, "", KEY), {}, may_create=True)
    assert (found.created, found.kms_key_arn) == (False, None)


def test_a_missing_bucket_that_may_not_be_made_says_which_setting_and_which_command(service: Transport) -> None:
    said = refused(lambda: ensure_bucket(service, Location(BUCKET, "", None), {}, may_create=False))
    for part in (BUCKET, REGION, module.MAY_CREATE, f"create-vector-bucket --vector-bucket-name {BUCKET}"):
        assert part in said


def test_a_missing_index_is_made_as_set(service: Transport, bucket: str) -> None:
    layout = Layout(non_filterable=("html", "raw"))
    settings = replace(
        SETTINGS, metric="euclidean", non_filterable=layout.reserved_keys, kms_key_arn=KEY, tags={"a": "b"}
    )
    assert find_index(service, bucket, NAME) is None
    made = ensure_index(service, bucket, NAME, settings, may_create=True)
    assert made.created
    assert (made.dimension, made.metric, made.kms_key_arn) == (3, "euclidean", KEY)
    assert set(made.non_filterable) == {*OURS, "html", "raw", SPARE}
    assert made.arn == f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/{bucket}/index/{NAME}"
    assert service.client.list_tags_for_resource(resourceArn=made.arn)["tags"] == {"a": "b"}
    assert ensure_index(service, bucket, NAME, settings, may_create=False) == replace(made, created=False)


def test_an_index_of_the_most_fields_can_be_made(service: Transport, bucket: str) -> None:
    settings = replace(SETTINGS, non_filterable=Layout(tuple("abcdef")).reserved_keys)
    assert len(ensure_index(service, bucket, NAME, settings, may_create=True).non_filterable) == NON_FILTERABLE_KEYS
    by_hand = replace(SETTINGS, non_filterable=(*OURS, *"abcdefg"))
    assert SPARE not in ensure_index(service, bucket, "by-hand", by_hand, may_create=True).non_filterable


def test_a_key_that_the_service_did_not_take_is_noticed(service: Transport) -> None:
    """An endpoint that ignores what it does not know."""

    def forget(params: dict[str, Any], **_: object) -> None:
        params.pop("encryptionConfiguration", None)

    for operation in ("CreateVectorBucket", "CreateIndex"):
        service.client.meta.events.register(f"before-parameter-build.s3vectors.{operation}", forget)
    said = refused(lambda: ensure_bucket(service, Location(BUCKET, "", KEY), {}, may_create=True))
    assert (
        f"was made, but not as asked for. Encryption: found keys of Amazon S3 (AES256), expected the KMS key {KEY}"
        in said
    )
    settings = replace(SETTINGS, kms_key_arn=KEY)
    said = refused(lambda: ensure_index(service, BUCKET, NAME, settings, may_create=True))
    assert f"Encryption: found keys of Amazon S3 (AES256), expected the KMS key {KEY}" in said


def test_without_tags_the_right_to_tag_is_not_needed(service: Transport, emulator: Emulator) -> None:
    emulator.faults.set([Rule("deny", action="s3vectors:TagResource")])
    ensure_bucket(service, Location(BUCKET, "", None), {}, may_create=True)
    assert ensure_index(service, BUCKET, NAME, SETTINGS, may_create=True).created


def test_a_missing_index_that_may_not_be_made_says_which_setting_and_which_command(
    service: Transport, bucket: str, emulator: Emulator
) -> None:
    settings = replace(SETTINGS, kms_key_arn=KEY, non_filterable=(*OURS, "it's"))
    said = refused(lambda: ensure_index(service, bucket, NAME, settings, may_create=False))
    for part in (module.MAY_CREATE, f"--index-name {NAME}", "--dimension 3", "cosine", "_overflow", f"kmsKeyArn={KEY}"):
        assert part in said
    assert "CreateIndex" not in calls(emulator)


def test_an_index_with_more_non_filterable_keys_is_taken(service: Transport, bucket: str) -> None:
    ensure_index(service, bucket, NAME, replace(SETTINGS, non_filterable=(*OURS, "more")), may_create=True)
    assert "more" in ensure_index(service, bucket, NAME, SETTINGS, may_create=False).non_filterable


@pytest.mark.parametrize(
    ("made", "wanted", "said"),
    [
        ({}, {"dimension": 4}, "Dimension: found 3, expected 4. If another model"),
        ({}, {"metric": "euclidean"}, "Distance metric: found cosine, expected euclidean. Set cosine"),
        ({}, {"kms_key_arn": KEY}, f"Encryption: found keys of Amazon S3 (AES256), expected the KMS key {KEY}. Set"),
        ({"kms_key_arn": OTHER_KEY}, {"kms_key_arn": KEY}, f"Encryption: found the KMS key {OTHER_KEY}, expected the"),
        (
            {"non_filterable": ("_text",)},
            {},
            "Non-filterable keys: found `_text`, `_spare`, expected `_overflow`, `_account`. Without them",
        ),
        ({}, {"non_filterable": (*OURS, "html")}, "expected `html`. In this index they would be filterable and count"),
    ],
)
def test_each_difference_is_told_with_what_was_found_what_was_expected_and_the_remedy(
    service: Transport, bucket: str, made: dict[str, Any], wanted: dict[str, Any], said: str
) -> None:
    ensure_index(service, bucket, NAME, replace(SETTINGS, **made), may_create=True)
    message = refused(lambda: ensure_index(service, bucket, NAME, replace(SETTINGS, **wanted), may_create=True))
    assert said in message
    assert message.startswith(f"The index `{NAME}` in the vector bucket `{bucket}` is not as it is set. (1) ")
    assert "(2)" not in message
    assert message.endswith("Or set another prefix, so that a new index is made, or delete this one and sync anew.")


def test_all_differences_are_in_one_message(service: Transport, bucket: str) -> None:
    service.client.create_index(
        vectorBucketName=bucket, indexName=NAME, dataType="float32", dimension=2, distanceMetric="euclidean"
    )
    settings = IndexSettings(3, "cosine", (*OURS, "html"), KEY)
    message = refused(lambda: ensure_index(service, bucket, NAME, settings, may_create=False))
    found = re.findall(r"\((\d)\) ([^:]+): found (\S+)", message)
    assert found == [
        ("1", "Dimension", "2,"),
        ("2", "Distance metric", "euclidean,"),
        ("3", "Non-filterable keys", "none,"),
        ("4", "Non-filterable fields", "none,"),
        ("5", "Encryption", "keys"),
    ]


def test_two_that_make_the_same_index_both_have_it(service: Transport, bucket: str, emulator: Emulator) -> None:
    emulator.faults.set([Rule("slow", operation="GetIndex", seconds=0.2, times=4)])
    with ThreadPoolExecutor(4) as threads:
        facts = list(threads.map(lambda _: ensure_index(service, bucket, NAME, SETTINGS, may_create=True), range(4)))
    assert sorted(each.created for each in facts) == [False, False, False, True]
    assert emulator.service.log.state()["CreateIndex"]["refused"] == {"ConflictException": 3}


def test_an_index_that_another_one_made_meanwhile_is_compared(service: Transport, bucket: str) -> None:
    def other() -> None:
        service.client.create_index(
            vectorBucketName=bucket, indexName=NAME, dataType="float32", dimension=9, distanceMetric="cosine"
        )

    raced: Service = BeforeCall(service, "make the index", other)
    assert "found 9, expected 3" in refused(lambda: ensure_index(raced, bucket, NAME, SETTINGS, may_create=True))


def test_a_bucket_that_another_one_made_meanwhile_is_taken(service: Transport) -> None:
    raced: Service = BeforeCall(
        service, "make the vector bucket", lambda: service.client.create_vector_bucket(vectorBucketName=BUCKET)
    )
    found = ensure_bucket(raced, Location(BUCKET, "", KEY), {}, may_create=True)
    assert (found.created, found.kms_key_arn) == (False, None)


def test_an_index_or_bucket_that_is_deleted_meanwhile_may_be_there_next_time(service: Transport, bucket: str) -> None:
    """Made, then deleted before it is read."""
    reads = iter(range(9))

    def delete_before_the_second_read() -> None:
        if next(reads) == 1:
            service.client.delete_index(vectorBucketName=bucket, indexName=NAME)

    raced: Service = BeforeCall(service, "read the index", delete_before_the_second_read)
    with pytest.raises(TransientError, match="is gone since it was made"):
        ensure_index(raced, bucket, NAME, SETTINGS, may_create=True)


def test_a_lost_answer_to_the_creation_is_no_harm(service: Transport, bucket: str, emulator: Emulator) -> None:
    emulator.faults.set([Rule("reset_after", operation="CreateIndex", times=1)])
    assert ensure_index(service, bucket, NAME, SETTINGS, may_create=True).dimension == 3
    assert calls(emulator)["CreateIndex"] == 2


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "internal", "reset_before"])
def test_what_passes_by_itself_is_waited_for(service: Transport, bucket: str, emulator: Emulator, kind: Any) -> None:
    emulator.faults.set([Rule(kind, times=1)])
    assert ensure_index(service, bucket, NAME, SETTINGS, may_create=True).created


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("GetVectorBucket", f"arn:aws:s3vectors:{REGION}:*:bucket/{BUCKET}"),
        ("CreateVectorBucket", f"arn:aws:s3vectors:{REGION}:*:bucket/{BUCKET}"),
        ("GetIndex", f"arn:aws:s3vectors:{REGION}:*:bucket/{BUCKET}/index/{NAME}"),
        ("CreateIndex", f"arn:aws:s3vectors:{REGION}:*:bucket/{BUCKET}/index/{NAME}"),
    ],
)
def test_a_missing_right_is_named_with_its_resource(
    service: Transport, emulator: Emulator, action: str, resource: str
) -> None:
    emulator.faults.set([Rule("deny", action=f"s3vectors:{action}")])

    def load() -> None:
        ensure_bucket(service, Location(BUCKET, "", None), {}, may_create=True)
        ensure_index(service, BUCKET, NAME, SETTINGS, may_create=True)

    assert f"Grant s3vectors:{action} on {resource}." in refused(load)


def test_an_index_in_a_bucket_that_is_gone_names_both(service: Transport) -> None:
    assert find_index(service, BUCKET, NAME) is None
    message = refused(lambda: ensure_index(service, BUCKET, NAME, SETTINGS, may_create=True))
    assert f"make the index `{NAME}`" in message
    assert "bucket" in message
