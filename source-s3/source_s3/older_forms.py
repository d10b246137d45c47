"""Configurations that older versions of Airbyte's source-s3 have left behind."""

import logging
from collections.abc import Mapping
from typing import Any

from source_s3.version_3 import PROPERTIES, of_version_3

logger = logging.getLogger("airbyte")
KEYS = ("aws_access_key_id", "aws_secret_access_key")
AT_TOP = (*KEYS, "role_arn")
EMPTY: tuple[Any, ...] = (None, "", "{}", {})
OURS = ("path", "file_type")


def newest_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with `streams` and `credentials`. ValueError: what can't be taken over, with the remedy."""
    return _with_credentials(_with_streams(config))


def _with_streams(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Version 3 had one stream, described at the top."""
    old = [name for name in PROPERTIES if config.get(name) not in EMPTY]
    if not old or config.get("streams"):
        return config
    ours = [name for name in OURS if config.get(name)]
    if ours:
        raise ValueError(
            f"`{old[0]}` belongs to version 3 of Airbyte's source-s3, `{ours[0]}` to this one: keep one of them"
        )
    return of_version_3(config)


def _with_credentials(config: Mapping[str, Any]) -> dict[str, Any]:
    """The first releases of version 4 had the keys at the top: a role before keys, and without any the machine's."""
    at_top = {name: config[name] for name in AT_TOP if config.get(name)}
    rest = {name: value for name, value in config.items() if name not in AT_TOP}
    if config.get("credentials"):
        if at_top:
            logger.warning("`credentials` count; beside them %s at the top has no effect.", ", ".join(at_top))
        return rest
    if "role_arn" in at_top:
        return {**rest, "credentials": {"auth_type": "iam_role", "role_arn": at_top["role_arn"]}}
    if not at_top:
        return {**rest, "credentials": {"auth_type": "default_credentials"}}
    missing = [name for name in KEYS if name not in at_top]
    if missing:
        raise ValueError(f"`{missing[0]}` is missing beside `{next(iter(at_top))}`: put both into `credentials`")
    return {**rest, "credentials": {"auth_type": "iam_user", **at_top}}
