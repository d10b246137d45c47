"""The operations on vector indexes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from destination_s3vectors.emulator.account import Account, Settings, new_uid
from destination_s3vectors.emulator.buckets import checked_encryption, checked_tags
from destination_s3vectors.emulator.errors import conflict, not_found, quota_exceeded, validation
from destination_s3vectors.emulator.names import bucket_arn, check_name, index_arn
from destination_s3vectors.emulator.paging import page, with_token
from destination_s3vectors.emulator.wire import Body, Parameters
from destination_s3vectors.service import limits


def create_index(account: Account, request: Parameters) -> Body:
    arn = bucket_arn(account.owner, request)
    check_name(request["indexName"], "index")
    encryption = checked_encryption(request.get("encryptionConfiguration"))
    metadata = request.get("metadataConfiguration") or {}
    non_filterable = metadata.get("nonFilterableMetadataKeys") or []
    _check_distinct(non_filterable, "nonFilterableMetadataKeys")
    # Guess: text search may be configured here for a CLASSIC index too; it serves once the mode is ENHANCED.
    text = _languages(metadata.get("textSearchConfigurations") or [])
    tags = checked_tags(request.get("tags") or {})
    with account.lock:
        bucket = account.bucket(arn)
        name = account.owner.index(bucket.name, request["indexName"])
        if account.has_index(name):
            raise conflict("An index with the specified name already exists")
        if len(account.indexes(bucket.name)) >= limits.INDEXES_PER_BUCKET:
            raise quota_exceeded(f"The vector bucket already has {limits.INDEXES_PER_BUCKET} indexes")
        settings = Settings(
            number=account.next_number(),
            uid=new_uid(),
            bucket=bucket.name,
            name=request["indexName"],
            arn=name,
            created=account.now(),
            dimension=request["dimension"],
            metric=request["distanceMetric"],
            encryption=encryption or bucket.encryption,
            mode=bucket.mode,
            non_filterable=non_filterable,
            text=text,
            tags=tags,
        )
        account.save_index(settings)
    return {"indexArn": name}


def get_index(account: Account, request: Parameters) -> Body:
    settings = account.index(index_arn(account.owner, request)).settings
    answer = _summary(settings) | {
        "dataType": "float32",
        "dimension": settings.dimension,
        "distanceMetric": settings.metric,
        "encryptionConfiguration": settings.encryption,
        "indexMode": settings.mode,
    }
    # Guess: what is not configured is left out.
    metadata: Body = {}
    if settings.non_filterable:
        metadata["nonFilterableMetadataKeys"] = settings.non_filterable
    if settings.text:
        metadata["textSearchConfigurations"] = [_text_search(*entry) for entry in settings.text.items()]
    return {"index": answer | ({"metadataConfiguration": metadata} if metadata else {})}


def list_indexes(account: Account, request: Parameters) -> Body:
    bucket = account.bucket(bucket_arn(account.owner, request))
    prefix = request.get("prefix", "")
    indexes = [settings for settings in account.indexes(bucket.name) if settings.name.startswith(prefix)]
    most = request.get("maxResults", limits.LIST_RESOURCES)
    listing = f"indexes {bucket.arn} {prefix}"
    found, token = page(listing, indexes, lambda settings: settings.name, request.get("nextToken"), most)
    return with_token({"indexes": [_summary(settings) for settings in found]}, token)


def delete_index(account: Account, request: Parameters) -> Body:
    account.drop_index(index_arn(account.owner, request))
    return {}


def update_index_mode(account: Account, request: Parameters) -> Body:
    with account.locked(index_arn(account.owner, request)) as index:
        settings = index.settings
        bucket = account.bucket(account.owner.bucket(settings.bucket))
        if request["indexMode"] == "CLASSIC" and not bucket.may_be_classic:
            day = f"{limits.ENHANCED_SINCE:%B %d, %Y}"
            reason = f"The mode can be set to CLASSIC only in a vector bucket created before {day}"
            raise validation(reason, ("indexMode", reason))
        account.save_index(replace(settings, mode=request["indexMode"]))
    return {}


def update_metadata_configuration(account: Account, request: Parameters) -> Body:
    added, deleted = request.get("add"), request.get("delete")
    with account.locked(index_arn(account.owner, request)) as index:
        if (added is None) == (deleted is None):
            raise validation("Must specify either add or delete but not both")
        if index.settings.mode != "ENHANCED":
            raise validation("The index must be in ENHANCED mode to change its text search configurations")
        if added is not None:
            text = _added(index.settings.text, _languages(added.get("textSearchConfigurations") or []))
        else:
            text = _without(index.settings.text, (deleted or {}).get("textSearchConfigurations") or [])
        account.save_index(replace(index.settings, text=text))
    return {"indexArn": index.settings.arn}


def _added(text: Mapping[str, str | None], new: Mapping[str, str | None]) -> Mapping[str, str | None]:
    # Guess: a second configuration of a key is a conflict; too many of them break a rule of validation.
    for key in new:
        if key in text:
            raise conflict(f"A text search configuration for the metadata key '{key}' already exists")
    if len(text) + len(new) > limits.TEXT_SEARCH_KEYS:
        raise validation(f"An index can have at most {limits.TEXT_SEARCH_KEYS} text search configurations")
    return {**text, **new}


def _without(text: Mapping[str, str | None], gone: Sequence[Mapping[str, str]]) -> Mapping[str, str | None]:
    keys = {configuration["metadataKey"] for configuration in gone}
    for key in sorted(keys - text.keys()):
        # Guess: which error this is.
        raise not_found(f"The text search configuration for the metadata key '{key}' could not be found")
    return {key: language for key, language in text.items() if key not in keys}


def _languages(configurations: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    _check_distinct([found["metadataKey"] for found in configurations], "textSearchConfigurations")
    return {found["metadataKey"]: found.get("language") for found in configurations}


def _check_distinct(keys: Sequence[str], member: str) -> None:
    # Guess: the service may take it.
    repeated = [key for key, times in Counter(keys).items() if times > 1]
    if repeated:
        raise validation(
            f"The metadata key '{repeated[0]}' is given more than once",
            (f"metadataConfiguration.{member}", "Keys must be unique"),
        )


def _text_search(key: str, language: str | None) -> Body:
    # Guess: ACTIVE at once; the service builds for a while.
    return {"metadataKey": key} | ({"language": language} if language else {}) | {"status": "ACTIVE"}


def _summary(settings: Settings) -> Body:
    return {
        "vectorBucketName": settings.bucket,
        "indexName": settings.name,
        "indexArn": settings.arn,
        "creationTime": settings.created,
    }
