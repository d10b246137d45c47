"""The configuration of version 3 of Airbyte's source-s3, as version 4 understood it: one stream, and `provider`.

What version 4 had no use for (sizes of blocks and batches, newlines in values) has none here; the log names it.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from source_s3.schema import LAST_MODIFIED
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte")
PROPERTIES = ("dataset", "path_pattern", "format", "schema", "provider")
AS_BEFORE = ("bucket", "endpoint", "region_name", "start_date", "aws_access_key_id", "aws_secret_access_key")
# pyarrow read CSV files then, and these were its words. Version 4 kept them.
NULLS = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA"]
NULLS += ["NULL", "NaN", "n/a", "nan", "null"]
TRUE, FALSE = ["1", "True", "TRUE", "true"], ["0", "False", "FALSE", "false"]
ADVANCED_WITHOUT_EFFECT = ("auto_dict_encode", "timestamp_parsers", "block_size")
WITHOUT_EFFECT: Mapping[str, tuple[str, ...]] = {
    "csv": ("newlines_in_values", "block_size"),
    "parquet": ("columns", "batch_size", "buffer_size"),
    "jsonl": ("newlines_in_values", "unexpected_field_behavior", "block_size"),
    "avro": (),
}


def of_version_3(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with `streams`. ValueError names what is missing or can't be taken over, and the remedy."""
    provider = config.get("provider")
    if not isinstance(provider, Mapping):
        raise ValueError(  # noqa: TRY004  (the form takes this kind)
            _incomplete("provider", "an object with `bucket` and the keys")
        )
    for name, expected in (("dataset", "the name of the stream"), ("path_pattern", "globs with | between them")):
        if not isinstance(config.get(name), str) or not config[name]:
            raise ValueError(_incomplete(name, expected))
    schema = config.get("schema")
    stream = {
        "name": config["dataset"],
        "globs": config["path_pattern"].split("|"),
        "legacy_prefix": provider.get("path_prefix") or None,
        "format": _format(config.get("format")),
        **({"input_schema": schema} if schema and schema != "{}" else {}),
    }
    kept = {name: provider[name] for name in AS_BEFORE if provider.get(name)}
    has_keys = "aws_access_key_id" in kept or "aws_secret_access_key" in kept
    role = {"role_arn": provider["role_arn"]} if provider.get("role_arn") and not has_keys else {}
    others = {name: value for name, value in config.items() if name not in PROPERTIES}
    return {**others, **kept, **role, "streams": [stream]}


def state_of_version_3(state: Any) -> tuple[Any, datetime | None]:
    """The state without what only version 3 knew, and the time before which it had read every object.

    It kept a cursor, and names only of the last day: version 4 began an hour before the cursor, and kept that time.
    ConfigError: a time that is none.
    """
    if not isinstance(state, Mapping):
        return state, None  # refused where states are read
    history = state.get("history")
    old = isinstance(history, Mapping) and any(isinstance(names, list) for names in history.values())
    text = state.get(LAST_MODIFIED) if old else state.get("v3_min_sync_date")
    rest = {name: value for name, value in state.items() if not old and name != "v3_min_sync_date"}
    if not text:
        return rest, None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return rest, moment - timedelta(hours=1) if old else moment
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"The state of version 3 of Airbyte's source-s3 has the time {text!r}: expected one such as "
            "2023-06-05T03:54:07Z. Reset the state of this stream (clear its data)."
        ) from error


def _incomplete(name: str, expected: str) -> str:
    return (
        f"`{name}` of version 3 of Airbyte's source-s3 is missing or empty: expected {expected}. Fill it in, or list "
        "`streams` instead"
    )


def _format(format_: Any) -> dict[str, Any]:
    filetype = str(format_.get("filetype", "csv")) if isinstance(format_, Mapping) else ""
    if filetype not in WITHOUT_EFFECT:
        raise ValueError(_incomplete("format", f"an object whose `filetype` is one of {', '.join(WITHOUT_EFFECT)}"))
    ignored = [name for name in WITHOUT_EFFECT[filetype] if format_.get(name)]
    if ignored:
        logger.warning("These settings of version 3 have no effect, as in version 4: %s.", ", ".join(ignored))
    if filetype == "parquet":
        return {"filetype": filetype, "decimal_as_float": True}
    return {"filetype": filetype, **(_csv(format_) if filetype == "csv" else {})}


def _csv(format_: Mapping[str, Any]) -> dict[str, Any]:
    reader = _options(format_, "additional_reader_options")
    advanced = _options(format_, "advanced_options")
    reading = {
        **{name: format_[name] for name in ("delimiter", "quote_char", "double_quote") if name in format_},
        **{name: format_[name] for name in ("escape_char", "encoding") if format_.get(name)},
        "inference_type": "Primitive Types Only" if format_.get("infer_datatypes", True) else "None",
        "null_values": reader.pop("null_values", NULLS),
        "true_values": reader.pop("true_values", TRUE),
        "false_values": reader.pop("false_values", FALSE),
        "strings_can_be_null": reader.pop("strings_can_be_null", False),
        "skip_rows_before_header": advanced.pop("skip_rows", None) or 0,
        "skip_rows_after_header": advanced.pop("skip_rows_after_names", None) or 0,
        "header_definition": _header(advanced),
    }
    rest = {name for name in advanced if name not in ADVANCED_WITHOUT_EFFECT}
    if advanced.get("check_utf8") is False:
        rest.discard("check_utf8")
    for name, unknown in (("additional_reader_options", set(reader)), ("advanced_options", rest)):
        if unknown:
            raise ValueError(f"`format.{name}` has `{min(unknown)}`, which has no counterpart any more: remove it")
    return reading


def _header(advanced: dict[str, Any]) -> dict[str, Any]:
    names, generated = advanced.pop("column_names", None), advanced.pop("autogenerate_column_names", None)
    if names:
        return {"header_definition_type": "User Provided", "column_names": names}
    return {"header_definition_type": "Autogenerated" if generated else "From CSV"}


def _options(format_: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Options of pyarrow, kept as JSON in a text."""
    try:
        options = json.loads(format_.get(name) or "{}")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"`format.{name}` should be a JSON object in a text, found no JSON: {error}") from None
    if not isinstance(options, dict):
        raise ValueError(  # noqa: TRY004  (the form takes this kind)
            f"`format.{name}` should be a JSON object in a text, found a {type(options).__name__}: write {{…}}"
        )
    return options
