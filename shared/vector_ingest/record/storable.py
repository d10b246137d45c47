"""Text that every store can hold. PostgreSQL has no NUL in text or jsonb, and UTF-8 has no lone surrogates."""

import re
from typing import Any

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def is_storable(text: str) -> bool:
    return "\0" not in text if text.isascii() else not UNSTORABLE.search(text)


def storable(text: str) -> tuple[str, int]:
    """The text with U+FFFD in place of what can't be stored, and how many were replaced."""
    return (text, 0) if is_storable(text) else UNSTORABLE.subn(REPLACEMENT, text)


def storable_json(value: Any, dumped: bytes) -> tuple[Any, int]:
    """The same for the strings and names in a JSON value. `dumped` is `messages.dumps(value)`: it shows at once."""
    if b"\\u0000" not in dumped and b"\\ud" not in dumped:
        return value, 0
    return _walk(value)


def _walk(value: Any) -> tuple[Any, int]:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        items = [_walk(item) for item in value]
        return [item for item, _ in items], sum(count for _, count in items)
    if isinstance(value, dict):
        pairs = [(storable(name), _walk(item)) for name, item in value.items()]
        return {name[0]: item[0] for name, item in pairs}, sum(name[1] + item[1] for name, item in pairs)
    return value, 0
