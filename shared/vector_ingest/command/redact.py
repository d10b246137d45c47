"""Secrets of a configuration, out of what is printed. The CDK has the same, at the price of importing all of it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

HIDDEN = "****"
SHORTEST = 3  # characters: to hide an "a" would make every message unreadable


def redactor(specification: Mapping[str, Any], config: Any) -> Callable[[str], str]:
    """Takes the values of secret properties out of a text. `config` may be of any shape, also a wrong one."""
    names = set(_secret_names(specification))
    values = {form for value in _values(config, names) for form in (value, value.strip())}  # libraries may strip too
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
