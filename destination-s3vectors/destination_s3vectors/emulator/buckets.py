"""The operations on vector buckets: their life, encryption, policy, default index mode, and everybody's tags."""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from destination_s3vectors.emulator.account import Account, Bucket
from destination_s3vectors.emulator.errors import conflict, not_found, quota_exceeded, validation
from destination_s3vectors.emulator.names import bucket_arn, check_name
from destination_s3vectors.emulator.paging import page, with_token
from destination_s3vectors.emulator.wire import Body, Parameters
from destination_s3vectors.service import limits


def create_vector_bucket(account: Account, request: Parameters) -> Body:
    name = request["vectorBucketName"]
    check_name(name, "vector bucket")
    encryption = checked_encryption(request.get("encryptionConfiguration")) or {"sseType": "AES256"}
    tags = checked_tags(request.get("tags") or {})
    arn = account.owner.bucket(name)
    with account.lock:
        if account.has_bucket(arn):
            raise conflict("A vector bucket with the specified name already exists")
        if len(account.buckets()) >= limits.BUCKETS:
            raise quota_exceeded(f"The account already has {limits.BUCKETS} vector buckets")
        bucket = Bucket(name, arn, account.now(), encryption, "ENHANCED", tags=tags)
        account.save_bucket(replace(bucket, mode="CLASSIC") if bucket.may_be_classic else bucket)
    return {"vectorBucketArn": arn}


def get_vector_bucket(account: Account, request: Parameters) -> Body:
    bucket = account.bucket(bucket_arn(account.owner, request))
    more = {"encryptionConfiguration": bucket.encryption, "defaultIndexMode": bucket.mode}
    return {"vectorBucket": _summary(bucket) | more}


def list_vector_buckets(account: Account, request: Parameters) -> Body:
    prefix = request.get("prefix", "")
    buckets = [bucket for bucket in account.buckets() if bucket.name.startswith(prefix)]
    most = request.get("maxResults", limits.LIST_RESOURCES)
    listing = f"buckets {account.owner.prefix} {prefix}"
    found, token = page(listing, buckets, lambda bucket: bucket.name, request.get("nextToken"), most)
    return with_token({"vectorBuckets": [_summary(bucket) for bucket in found]}, token)


def delete_vector_bucket(account: Account, request: Parameters) -> Body:
    with account.lock:
        bucket = account.bucket(bucket_arn(account.owner, request))
        if account.indexes(bucket.name):
            raise conflict("The specified vector bucket is not empty")
        account.drop_bucket(bucket)
    return {}


def put_vector_bucket_policy(account: Account, request: Parameters) -> Body:
    arn = bucket_arn(account.owner, request)
    try:
        readable = isinstance(orjson.loads(request["policy"]), dict)
    except orjson.JSONDecodeError:
        readable = False
    with account.lock:
        bucket = account.bucket(arn)
        if not readable:
            # Guess: the service checks much more; that the policy is kept but never applied is ours.
            raise validation("The policy must be a JSON object", ("policy", "The policy must be a JSON object"))
        account.save_bucket(replace(bucket, policy=request["policy"]))
    return {}


def get_vector_bucket_policy(account: Account, request: Parameters) -> Body:
    bucket = account.bucket(bucket_arn(account.owner, request))
    if bucket.policy is None:
        raise not_found("The specified vector bucket policy could not be found")
    return {"policy": bucket.policy}


def delete_vector_bucket_policy(account: Account, request: Parameters) -> Body:
    with account.lock:
        # Guess: without a policy this succeeds, as S3's DeleteBucketPolicy does.
        account.save_bucket(replace(account.bucket(bucket_arn(account.owner, request)), policy=None))
    return {}


def put_vector_bucket_default_index_mode(account: Account, request: Parameters) -> Body:
    with account.lock:
        bucket = account.bucket(bucket_arn(account.owner, request))
        # Guess: a new bucket may be set to CLASSIC too; only of UpdateIndexMode is it said that it can't.
        account.save_bucket(replace(bucket, mode=request["defaultIndexMode"]))
    return {}


def list_tags_for_resource(account: Account, request: Parameters) -> Body:
    return {"tags": account.tags(request["resourceArn"])}


def tag_resource(account: Account, request: Parameters) -> Body:
    with account.lock:
        tags = {**account.tags(request["resourceArn"]), **request["tags"]}
        account.tag(request["resourceArn"], checked_tags(tags))
    return {}


def untag_resource(account: Account, request: Parameters) -> Body:
    with account.lock:
        tags = account.tags(request["resourceArn"])
        gone = set(request["tagKeys"])
        account.tag(request["resourceArn"], {key: value for key, value in tags.items() if key not in gone})
    return {}


def checked_encryption(given: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """As it is kept, None if nothing was asked for. The words are measured."""
    if not given:
        return None
    kind, key = given.get("sseType", "AES256"), given.get("kmsKeyArn")
    if kind == "AES256" and key is not None:
        reason = "kmsKeyArn must not be specified when sseType is AES256."
        raise validation(reason, ("EncryptionConfiguration", reason))
    if kind == "aws:kms" and key is None:
        reason = "kmsKeyArn must be specified when sseType is set to aws:kms"
        raise validation(reason, ("EncryptionConfiguration", reason))
    return {"sseType": kind} | ({"kmsKeyArn": key} if key is not None else {})


def checked_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Measured by others, for CreateIndex; the README names the source."""
    if len(tags) > limits.TAGS:
        raise validation("Too many tags specified", ("tags", "Too many tags specified"))
    for key in tags:
        if key.startswith("aws:"):
            raise validation("System tags cannot be added/updated by requester")
        if key.lower().startswith("aws:"):
            raise validation(f'Invalid System Tag: {key} must be prefixed with "aws:" in lowercase.')
    return tags


def _summary(bucket: Bucket) -> Body:
    return {"vectorBucketName": bucket.name, "vectorBucketArn": bucket.arn, "creationTime": bucket.created}
