"""The rights that a configuration needs and no more, as policies to paste into IAM. Nothing is asked of AWS for it.

Of globs, the fixed beginnings count: a listing is for whole prefixes, and archives are opened wherever they lie.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from source_s3.config import Config
from source_s3.listing.globs import exact_keys, listed_prefixes
from source_s3.listing.mentions import ADDRESS
from source_s3.plan import Selection, StreamPlan, plans
from source_s3.stream_config import Quarantine, folder_of_bucket
from vector_ingest.aws.credentials import EXTERNAL_ID_VARIABLE, Anonymous, IamRole
from vector_ingest.command.command_line import read_object
from vector_ingest.command.printed import print_out
from vector_ingest.command.redact import redactor
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError

VERSION = "2012-10-17"  # of the policy language; the newest there is
PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}  # by the beginning of a region's name; others are in `aws`
INVENTORY = re.compile(r"(.*/)?[^/]+/manifest\.json")  # beside its folder, whose name is a time, lies `data/`
OF_FIELDS = {"tags": ("ReadTheTags", "s3:GetObjectTagging"), "permissions": ("ReadTheAcls", "s3:GetObjectAcl")}
WHO, EXTERNAL_ID = "<ACCOUNT>:user/<WHO RUNS THE CONNECTOR>", "<EXTERNAL ID>"
KEY = "arn:{partition}:kms:<REGION>:<ACCOUNT>:key/<KEY>"

Statement = dict[str, Any]


def print_policies(path: str, buckets: Sequence[str], spec: Mapping[str, Any]) -> int:
    """Of the configuration in this file, on stdout; the exit code. What is wrong is told on stderr."""
    hide: Callable[[str], str] = str
    try:
        config = read_object(path, "configuration")
        hide = redactor(spec["connectionSpecification"], config)
        text = json.dumps(policies(parse_config(Config, config), buckets), indent=2, ensure_ascii=False)
    except ConfigError as error:
        sys.stderr.write(f"{hide(str(error))}\n")
        return 1
    print_out(text)
    return 0


def policies(config: Config, buckets: Sequence[str] = ()) -> dict[str, Any]:
    """`buckets`: others than the configured one, whose objects a manifest names."""
    partition, planned = _partition(config), plans(config)
    found: dict[str, Any] = {"permissions_policy": _policy(_permissions(config, planned, buckets, partition))}
    if isinstance(config.credentials, IamRole):
        found["trust_policy"] = _policy([_trust(config.credentials, partition)])
        found["caller_policy"] = _policy(
            [_statement("AssumeTheRole", ["sts:AssumeRole"], [config.credentials.role_arn])]
        )
    return {**found, "remarks": list(_remarks(config, planned, buckets, partition))}


def _policy(statements: Sequence[Statement]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": list(statements)}


def _statement(name: str, actions: Sequence[str], resources: Sequence[str], **more: Any) -> Statement:
    return {"Sid": name, "Effect": "Allow", "Action": list(actions), "Resource": list(resources), **more}


def _permissions(
    config: Config, planned: Sequence[StreamPlan], buckets: Sequence[str], partition: str
) -> list[Statement]:
    selections = [plan.selection for plan in planned]
    listed = _shortest(prefix for selection in selections for prefix in _listed(selection))
    patterns = _shortest(pattern for selection in selections for pattern in _read(selection, config.bucket, buckets))
    found = [_list_statement("ListTheObjects", config.bucket, listed, partition, "StringEquals")] if listed else []
    found.append(_statement("ReadTheObjects", ["s3:GetObject"], [_arn(partition, pattern) for pattern in patterns]))
    found += _fields_of_objects(config, planned, buckets, partition)
    places = dict.fromkeys(plan.bad_rows.place for plan in planned if isinstance(plan.bad_rows, Quarantine))
    folders = [found_at for place in places if (found_at := folder_of_bucket(place)) is not None]
    for number, (bucket, folder) in enumerate(folders, 1):
        last = str(number) if len(folders) > 1 else ""
        found += [
            _list_statement(f"ListTheQuarantine{last}", bucket, [f"{folder}*"], partition, "StringLike"),
            _statement(
                f"KeepBadRows{last}",
                ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
                [_arn(partition, f"{bucket}/{_literal(folder)}*")],
            ),
        ]
    return found


def _fields_of_objects(
    config: Config, planned: Sequence[StreamPlan], buckets: Sequence[str], partition: str
) -> Iterator[Statement]:
    """Of streams that want tags or permissions. User metadata comes with the right to read the object."""
    for field, (name, action) in OF_FIELDS.items():
        asking = [plan.selection for plan in planned if field in _wanted(plan)]
        patterns = _shortest(found for each in asking for found in _objects(each, config.bucket, buckets))
        if patterns:
            yield _statement(name, [action], [_arn(partition, pattern) for pattern in patterns])
        if patterns and field == "permissions":
            owners = _shortest(pattern.partition("/")[0] for pattern in patterns)
            arns = [_arn(partition, bucket) for bucket in owners]
            yield _statement("ReadTheOwnership", ["s3:GetBucketOwnershipControls"], arns)


def _wanted(plan: StreamPlan) -> Sequence[str]:
    return plan.documents.object_fields if plan.documents is not None else []


def _listed(selection: Selection) -> Sequence[str]:
    """The very prefixes that requests will have. None where objects are named."""
    if selection.manifest is not None or exact_keys(selection.globs) is not None:
        return []
    return listed_prefixes(selection.globs, selection.prefix)


def _read(selection: Selection, bucket: str, others: Sequence[str]) -> Iterator[str]:
    """`bucket/key` as patterns of IAM: the objects, and what lists them."""
    yield from _objects(selection, bucket, others)
    if selection.manifest is None or (address := ADDRESS.fullmatch(selection.manifest)) is None:
        return
    yield f"{address[1]}/{_literal(address[2])}"
    if inventory := INVENTORY.fullmatch(address[2]):
        yield f"{address[1]}/{_literal(inventory[1] or '')}data/*"


def _objects(selection: Selection, bucket: str, others: Sequence[str]) -> Iterator[str]:
    keys = exact_keys(selection.globs)
    patterns = (
        [f"{_literal(prefix)}*" for prefix in listed_prefixes(selection.globs, selection.prefix)]
        if keys is None
        else [_literal(key) for key in keys if key.startswith(selection.prefix)]
    )
    yield from (f"{bucket}/{pattern}" for pattern in patterns)
    if selection.manifest is not None and ADDRESS.fullmatch(selection.manifest) is not None:
        yield from (f"{other}/{pattern}" for other in others for pattern in patterns)


def _shortest(texts: Iterator[str]) -> list[str]:
    """Sorted, without those that a pattern or prefix among them takes in."""
    kept: list[str] = []
    for text in sorted(set(texts), key=lambda text: text.removesuffix("*")):
        if not any(text.startswith(shorter.removesuffix("*")) and shorter.endswith("*") for shorter in kept):
            kept.append(text)
    return kept


def _list_statement(name: str, bucket: str, prefixes: Sequence[str], partition: str, operator: str) -> Statement:
    """Without a condition where all of the bucket is listed."""
    whole = {"", "*"} & set(prefixes)
    literal = [f"{_literal(prefix.removesuffix('*'))}{'*' * prefix.endswith('*')}" for prefix in prefixes]
    condition: dict[str, Any] = {} if whole else {"Condition": {operator: {"s3:prefix": literal}}}
    return _statement(name, ["s3:ListBucket"], [_arn(partition, bucket)], **condition)


def _literal(text: str) -> str:
    """In a policy, `*` and `?` stand for other characters, and `${` begins a variable."""
    return re.sub(r"[*?]|\$(?=\{)", lambda found: f"${{{found[0]}}}", text)


def _arn(partition: str, path: str) -> str:
    return f"arn:{partition}:s3:::{path}"


def _trust(role: IamRole, partition: str) -> Statement:
    external_id = role.external_id or os.environ.get(EXTERNAL_ID_VARIABLE) or EXTERNAL_ID
    return {
        "Sid": "LetTheConnectorIn",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{WHO}"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }


def _partition(config: Config) -> str:
    """A role's name tells it, too, where no region is set."""
    if not config.region_name and isinstance(config.credentials, IamRole):
        return config.credentials.role_arn.split(":")[1] if config.credentials.role_arn.count(":") > 1 else "aws"
    region = config.region_name or ""
    return next((name for beginning, name in PARTITIONS.items() if region.startswith(beginning)), "aws")


def _remarks(config: Config, planned: Sequence[StreamPlan], buckets: Sequence[str], partition: str) -> Iterator[str]:
    match config.credentials:
        case IamRole():
            yield "permissions_policy and trust_policy are the role's; caller_policy is of the user who assumes it."
            yield f"Put that user's ARN in place of {WHO}" + (
                "."
                if config.credentials.external_id or os.environ.get(EXTERNAL_ID_VARIABLE)
                else f", and a text of your own, also set as `external_id`, in place of {EXTERNAL_ID}."
            )
        case Anonymous():
            yield "Requests are not signed: the bucket's own policy must allow this to everybody (Principal *)."
        case _:
            yield "permissions_policy is of the user, or the role of the machine, that the credentials belong to."
    keeps = any(isinstance(plan.bad_rows, Quarantine) and folder_of_bucket(plan.bad_rows.place) for plan in planned)
    yield (
        f"Where objects are encrypted by a KMS key of yours, allow kms:Decrypt on {KEY.format(partition=partition)}"
        f"{', and kms:GenerateDataKey on that of the quarantine' if keeps else ''}."
    )
    if any(plan.selection.manifest for plan in planned) and not buckets:
        yield "If the manifest names objects of other buckets, give --bucket NAME for each of these."
    if any(not _listed(plan.selection) for plan in planned):
        yield "Without s3:ListBucket, S3 answers 403 also where a named object is missing; the error then says both."
