"""The vector bucket and the index of a stream: made where missing, compared point by point where they exist."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING, Protocol, TypeVar

from destination_s3vectors.indexes.index_differences import IndexFacts, IndexSettings, differences, encryption
from destination_s3vectors.service.limits import NON_FILTERABLE_KEYS
from destination_s3vectors.service.service_errors import Failure
from destination_s3vectors.vectors.metadata import SPARE
from destination_s3vectors.vectors.names import Location
from vector_ingest.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient
    from mypy_boto3_s3vectors.type_defs import (
        CreateIndexInputTypeDef,
        CreateVectorBucketInputTypeDef,
        EncryptionConfigurationTypeDef,
    )

__all__ = [
    "BucketFacts",
    "IndexFacts",
    "IndexSettings",
    "ensure_bucket",
    "ensure_index",
    "find_bucket",
    "find_index",
    "prove_right_to_create",
]

T = TypeVar("T")
MAY_CREATE = "indexing.create_missing"  # the setting that messages name


class Service(Protocol):
    """A client, and the way to send a request with it: `transport.Transport`."""

    @property
    def client(self) -> "S3VectorsClient": ...

    def ask(self, action: str, resource: str, call: Callable[[], T]) -> T | Failure:
        """The answer, or what waiting does not mend: `missing`, `conflict`, `refused`, `invalid`."""
        ...


@dataclass(frozen=True, slots=True)
class BucketFacts:
    arn: str
    created: bool
    kms_key_arn: str | None


def find_bucket(service: Service, name: str) -> BucketFacts | None:
    """None if there is none. ConfigError, TransientError: it could not be read."""
    action, resource = f"read the vector bucket `{name}`", _arn(service, name)
    answer = service.ask(action, resource, lambda: service.client.get_vector_bucket(vectorBucketName=name))
    if isinstance(answer, Failure):
        _raise_unless_missing(answer, action, resource)
        return None
    bucket = answer["vectorBucket"]
    return BucketFacts(bucket["vectorBucketArn"], False, _key_of(bucket.get("encryptionConfiguration")))


def ensure_bucket(service: Service, location: Location, tags: Mapping[str, str], may_create: bool) -> BucketFacts:
    """The bucket, made if it is missing. One that exists may be encrypted otherwise: each index has its own key.

    ConfigError: it is missing and may not be made, or it was not encrypted as asked for.
    """
    name, key = location.bucket, location.kms_key_arn
    if found := find_bucket(service, name):
        return found
    if not may_create:
        raise ConfigError(
            f"The vector bucket `{name}` does not exist in the region {service.client.meta.region_name}, and the "
            f"connector may not make it. Set {MAY_CREATE}, correct bucket or region, or make the bucket: "
            f"aws s3vectors create-vector-bucket --vector-bucket-name {name}"
        )
    created = _create_bucket(service, name, key, tags)
    bucket = find_bucket(service, name)
    if bucket is None:
        raise TransientError(f"The vector bucket `{name}` is gone since it was made. Is something else deleting it?")
    if created and key and bucket.kms_key_arn != key:
        unlike = encryption(bucket.kms_key_arn, key)
        raise ConfigError(f"The vector bucket `{name}` was made, but not as asked for. {unlike}")
    return replace(bucket, created=created)


def find_index(service: Service, bucket: str, name: str) -> IndexFacts | None:
    """None if there is none, or no such bucket. ConfigError, TransientError: it could not be read."""
    action, resource = f"read the index `{name}`", _arn(service, bucket, name)
    answer = service.ask(action, resource, lambda: service.client.get_index(vectorBucketName=bucket, indexName=name))
    if isinstance(answer, Failure):
        _raise_unless_missing(answer, action, resource)
        return None
    index = answer["index"]
    return IndexFacts(
        index["indexArn"],
        False,
        index["dimension"],
        index["distanceMetric"],
        tuple(index.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys", ())),
        _key_of(index.get("encryptionConfiguration")),
    )


def ensure_index(service: Service, bucket: str, name: str, settings: IndexSettings, may_create: bool) -> IndexFacts:
    """The index as it is set, made if it is missing. What was made is read and compared like what was there.

    ConfigError: it is missing and may not be made, or it differs; then the message holds all differences.
    """
    found, created = find_index(service, bucket, name), False
    if found is None:
        if not may_create:
            raise ConfigError(_how_to_make(bucket, name, settings))
        created = _create_index(service, bucket, name, settings)
        found = find_index(service, bucket, name)
    if found is None:
        raise TransientError(f"The index `{name}` is gone since it was made. Is something else deleting it?")
    if unlike := list(differences(found, settings)):
        listed = " ".join(f"({number}) {each}" for number, each in enumerate(unlike, 1))
        raise ConfigError(
            f"The index `{name}` in the vector bucket `{bucket}` is not as it is set. {listed} Or set another prefix, "
            "so that a new index is made, or delete this one and sync anew."
        )
    return replace(found, created=created)


def prove_right_to_create(service: Service, bucket: str, name: str, settings: IndexSettings) -> None:
    """Makes nothing, as the index `name` exists: the service looks at rights before it finds the conflict.

    ConfigError: the right is missing.
    """
    _create_index(service, bucket, name, settings)


def _create_bucket(service: Service, name: str, key: str | None, tags: Mapping[str, str]) -> bool:
    """False if somebody else was faster."""
    request: CreateVectorBucketInputTypeDef = {"vectorBucketName": name}
    if key:
        request["encryptionConfiguration"] = _encrypted_by(key)
    if tags:  # even an empty map may need the right to tag
        request["tags"] = dict(tags)
    action, resource = f"make the vector bucket `{name}`", _arn(service, name)
    return _is_made(
        service.ask(action, resource, lambda: service.client.create_vector_bucket(**request)), action, resource
    )


def _create_index(service: Service, bucket: str, name: str, settings: IndexSettings) -> bool:
    """False if somebody else was faster."""
    request: CreateIndexInputTypeDef = {
        "vectorBucketName": bucket,
        "indexName": name,
        "dataType": "float32",
        "dimension": settings.dimension,
        "distanceMetric": settings.metric,
        "metadataConfiguration": {"nonFilterableMetadataKeys": _to_reserve(settings)},
    }
    if settings.kms_key_arn:
        request["encryptionConfiguration"] = _encrypted_by(settings.kms_key_arn)
    if settings.tags:
        request["tags"] = dict(settings.tags)
    action, resource = f"make the index `{name}`", _arn(service, bucket, name)
    return _is_made(service.ask(action, resource, lambda: service.client.create_index(**request)), action, resource)


def _to_reserve(settings: IndexSettings) -> list[str]:
    """With the spare key, if there is room: none can be reserved later."""
    return list(dict.fromkeys((*settings.non_filterable, SPARE)))[:NON_FILTERABLE_KEYS]


def _how_to_make(bucket: str, name: str, settings: IndexSettings) -> str:
    keys = quote(json.dumps({"nonFilterableMetadataKeys": _to_reserve(settings)}))
    encrypted = settings.kms_key_arn and f" --encryption-configuration sseType=aws:kms,kmsKeyArn={settings.kms_key_arn}"
    return (
        f"The vector bucket `{bucket}` has no index `{name}`, and the connector may not make it. Set {MAY_CREATE}, "
        f"correct the prefix, or make the index: aws s3vectors create-index --vector-bucket-name {bucket} --index-name "
        f"{name} --data-type float32 --dimension {settings.dimension} --distance-metric {settings.metric} "
        f"--metadata-configuration {keys}{encrypted or ''}"
    )


def _is_made(answer: object, action: str, resource: str) -> bool:
    if not isinstance(answer, Failure):
        return True
    if answer.kind == "conflict":
        return False
    raise answer.explained(action, resource) from answer.cause


def _raise_unless_missing(failure: Failure, action: str, resource: str) -> None:
    if failure.kind != "missing":
        raise failure.explained(action, resource) from failure.cause


def _arn(service: Service, bucket: str, index: str | None = None) -> str:
    """As a policy may name it: whose account it is was not asked for."""
    meta = service.client.meta
    whole = f"arn:{meta.partition}:s3vectors:{meta.region_name}:*:bucket/{bucket}"
    return whole if index is None else f"{whole}/index/{index}"


def _encrypted_by(key: str) -> "EncryptionConfigurationTypeDef":
    return {"sseType": "aws:kms", "kmsKeyArn": key}


def _key_of(configuration: "EncryptionConfigurationTypeDef | None") -> str | None:
    return configuration.get("kmsKeyArn") if configuration else None
