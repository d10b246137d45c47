"""Configurations that older versions of Airbyte's source-s3 have left behind, and what no version knows."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

logger = logging.getLogger("airbyte")
KEYS = ("aws_access_key_id", "aws_secret_access_key")
VERSION_3 = ("dataset", "path_pattern", "format", "schema", "provider")
EMPTY: tuple[Any, ...] = (None, "", "{}", {})


def newest_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """Version 4 had the keys at the top at first. ValueError: what can't be taken over, with the remedy."""
    old = [name for name in VERSION_3 if config.get(name) not in EMPTY]
    if old and not config.get("streams"):
        raise ValueError(
            f"`{old[0]}` belongs to version 3 of Airbyte's source-s3, which is not read here: list `streams` instead, "
            "with their globs and formats, and put the bucket and the keys where the form has them"
        )
    at_top = {name: config[name] for name in (*KEYS, "role_arn") if config.get(name)}
    rest = {name: value for name, value in config.items() if name not in {*KEYS, "role_arn"}}
    if not at_top:
        return rest
    if config.get("credentials"):
        raise ValueError(f"`{next(iter(at_top))}` stands beside `credentials`, which has its own: remove it")
    if "role_arn" in at_top and len(at_top) > 1:
        raise ValueError("`role_arn` and keys are both set: keep one of them, inside `credentials`")
    missing = [name for name in KEYS if "role_arn" not in at_top and name not in at_top]
    if missing:
        raise ValueError(f"`{missing[0]}` is missing beside `{next(iter(at_top))}`: put both into `credentials`")
    return {**rest, "credentials": {"auth_type": "iam_role" if "role_arn" in at_top else "iam_user", **at_top}}


def warn_of_unknown(found: Mapping[str, Any], known: Collection[str], owner: str) -> None:
    """Not an error: forms leave behind what was once filled in."""
    unknown = sorted(name for name in map(str, found) if name not in known)
    if unknown:
        logger.warning("%s has properties that are not known and have no effect: %s.", owner, ", ".join(unknown))
