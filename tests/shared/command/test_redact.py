import json
from typing import Any
from urllib.parse import quote

import pytest

from vector_ingest.command.redact import redactor

SPEC = {
    "properties": {
        "credentials": {"oneOf": [{"properties": {"password": {"type": "string", "airbyte_secret": True}}}]},
        "keys": {"type": "array", "airbyte_secret": True},
        "host": {"type": "string"},
    }
}


@pytest.mark.parametrize(
    "config",
    [
        {"credentials": {"password": "s3cret"}},
        {"elsewhere": [{"password": {"value": "s3cret"}}]},
        {"keys": ["other", "s3cret"]},
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(config: Any) -> None:
    assert redactor(SPEC, config)("before s3cret after") == "before **** after"


def test_a_secret_that_begins_another_does_not_show_the_rest() -> None:
    assert redactor(SPEC, {"keys": ["abc", "abcdef"]})("abcdef") == "****"


def test_a_secret_is_hidden_without_the_line_break_that_was_pasted_with_it_too() -> None:
    assert redactor(SPEC, {"keys": [" s3cret\n"]})("a 's3cret' b") == "a '****' b"


@pytest.mark.parametrize("around", ["%s", "it's %s", 'say "%s"', 'it\'s "%s"'])
def test_a_secret_is_hidden_too_where_an_error_or_an_address_escapes_it(around: str) -> None:
    secret = "s3'c\"r\\t\né/k"
    hide = redactor(SPEC, {"credentials": {"password": secret}})
    for text in (repr(ValueError(around % secret)), json.dumps(around % secret)):
        assert "s3" in text
        assert hide(text).count("****") == 1
        assert "s3" not in hide(text)
    assert hide(f"postgresql://user:{quote(secret, safe='')}@host") == "postgresql://user:****@host"


def test_what_is_no_secret_stays() -> None:
    redact = redactor(SPEC, {"host": "s3cret", "credentials": {"password": "a"}})
    assert redact("s3cret at a host") == "s3cret at a host"


@pytest.mark.parametrize("config", [None, [], "text", 1, {"credentials": "text"}])
def test_a_configuration_of_a_wrong_shape_has_no_secrets(config: Any) -> None:
    assert redactor(SPEC, config)("text") == "text"
