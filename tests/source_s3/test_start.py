"""What the command does not load, since each import is waited for."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Bucket
from tests.source_s3 import commands
from tests.source_s3.commands import arguments, catalog, config


def imported(command: list[str]) -> set[str]:
    """The modules that a command imports."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize(("file_type", "content"), [("csv", "id\n1\n"), ("jsonl", '{"id":1}\n')])
def test_reading_loads_neither_pandas_nor_the_airbyte_cdk(
    bucket: Bucket, tmp_path: Path, file_type: str, content: str
) -> None:
    bucket.put("a", content)
    modules = imported(arguments(tmp_path, "read", config(bucket, file_type=file_type), catalog()))
    assert "pyarrow.lib" in modules
    assert not modules & {"pandas.core", "airbyte_cdk", "duckdb", "openpyxl"}  # `pandas` itself was asked for


def test_documents_are_read_without_what_only_tables_need(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.md", "# A")
    modules = imported(arguments(tmp_path, "read", config(bucket, file_type="documents"), catalog()))
    assert "source_s3.records.document_records" in modules
    assert not modules & {"pyarrow.compute", "source_s3.records.table"}


def test_the_form_is_answered_without_any_of_the_libraries() -> None:
    modules = imported([str(commands.PROGRAM), "spec"])
    assert "source_s3.run" in modules
    assert not modules & {"pyarrow", "pydantic", "boto3", "botocore", "airbyte_cdk"}
