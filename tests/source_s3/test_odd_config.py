"""Values of the right type that are nothing: refused by the property, where they once ended as a crash."""

import re
from typing import Any

import pytest

from source_s3.config import Config
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError

SHORT: dict[str, Any] = {"credentials": {"auth_type": "default_credentials"}, "bucket": "b"}
ONE: dict[str, Any] = {**SHORT, "path": "x", "file_type": "csv"}
DEEP = {"name": "s", "format": {"filetype": "csv"}, "input_schema": "[" * 100_000}
SKIPS = {"name": "s", "format": {"filetype": "csv", "skip_rows_before_header": 10**30}}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({**ONE, "start_date": "0001-01-01T00:00:00+14:00"}, "`start_date`.*UTC"),
        ({**ONE, "start_date": "9999-12-31T23:59:59-12:00"}, "`start_date`.*UTC"),
        ({**ONE, "endpoint": "http://127.0.0.1:99999"}, "`endpoint`: expected an address"),
        ({**ONE, "endpoint": "http://127.0.0.1/?x"}, "`endpoint`: expected an address"),
        ({**SHORT, "streams": [DEEP]}, "`streams.0.input_schema`: expected a JSON object"),
        ({**SHORT, "streams": [SKIPS]}, "skip_rows_before_header`.*2147483647"),
    ],
)
def test_what_is_no_time_address_or_schema_is_refused(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(Config, settings)
    assert re.search(expected, str(caught.value)), str(caught.value)[:500]
