"""Streams of documents that a server reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conftest import Bucket
from tests.destination_commands import run
from tests.source_s3.commands import arguments, catalog
from tests.source_s3.records.test_document_records import ALL

PNG = b"\x89PNG\r\n\x1a\n and its dots"


def settings(bucket: Bucket, processing: Mapping[str, Any], **options: Any) -> Any:
    form = {"filetype": "unstructured", "processing": processing, **options}
    return {**bucket.sign_in(), "streams": [{"name": "files", "globs": ["**"], "format": form}]}


def whole() -> dict[str, Any]:
    """The catalog with all fields of a document."""
    configured = catalog()
    configured["streams"][0]["stream"]["json_schema"] = {"properties": ALL}
    return configured


def checked(folder: Path, config: Any) -> Any:
    return run(arguments(folder, "check", config)).of("CONNECTION_STATUS")[0]
