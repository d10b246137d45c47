"""Reads of one stream whose configured catalog says which columns it has."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.conftest import Bucket
from tests.destination_commands import Ended
from tests.source_s3 import in_process
from tests.source_s3.commands import catalog

ADDITIONAL = "_ab_additional_properties"


def settings(bucket: Bucket, file_type: str = "csv", form: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """One stream called `files`. `form`: more of its format."""
    stream = {"name": "files", "globs": ["**"], "format": {"filetype": file_type, **(form or {})}, **more}
    return {**bucket.sign_in(), "streams": [stream]}


def read(config: Any, columns: Mapping[str, Any] | None = None, states: Sequence[Any] = ()) -> Ended:
    """One whole read in this process. `columns`: JSON types of the catalog, as a name or a list of names."""
    kinds = {name: kind if isinstance(kind, list) else ["null", kind] for name, kind in (columns or {}).items()}
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    schema = {"type": "object", "properties": properties} if columns is not None else {}
    chosen = catalog(*in_process.names(config))
    for entry in chosen["streams"]:
        entry["stream"]["json_schema"] = schema
    return in_process.read(config, chosen, states)


def rows(ended: Ended) -> list[dict[str, Any]]:
    """The records' data without the facts of the file."""
    return [
        {name: value for name, value in record["data"].items() if not name.startswith("_ab_source_file_")}
        for record in ended.of("RECORD")
    ]


def changes(ended: Ended) -> list[list[str]]:
    """For each record, the fields that became null."""
    return [[change["field"] for change in record.get("meta", {}).get("changes", [])] for record in ended.of("RECORD")]
