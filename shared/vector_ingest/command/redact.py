"""Secrets of a configuration, out of what is printed. The CDK has the same, at the price of importing all of it."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "****"
SHORTEST = 3  # characters: to hide an "a" would make every message unreadable


def redactor(specification: Mapping[str, Any], config: Any) -> Callable[[str], str]:
    """Takes the values of secret properties out of a text. `config` may be of any shape, also a wrong one."""
    names = set(_secret_names(specification))
    values = {form for value in _values(config, names) for form in _forms(value)}
    secrets = sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)

    def redact(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, HIDDEN)
        return text

    return redact


def _secret_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, dict) and value.get("airbyte_secret") is True:
                yield name
            yield from _secret_names(value)
    elif isinstance(node, list):
        for entry in node:
            yield from _secret_names(entry)


def _forms(secret: str) -> Iterator[str]:
    """As it may stand in a text: libraries strip it, `repr` and JSON escape it, an address has it percent-encoded."""
    for form in (secret, secret.strip()):
        quoted = repr(form + "'\"")[1:-4]  # with both quotes in it, the single one is escaped
        yield from (form, quoted, quoted.replace("\\'", "'"), json.dumps(form)[1:-1], quote(form, safe=""))


def _values(node: Any, names: set[str], secret: bool = False) -> Iterator[str]:
    """Every string under a secret name. Under such a name stands a secret, whatever shape the user gave it."""
    match node:
        case str() if secret:
            yield node
        case dict():
            for name, value in node.items():
                yield from _values(value, names, secret or name in names)
        case list():
            for entry in node:
                yield from _values(entry, names, secret)
