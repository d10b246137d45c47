"""A form looked through."""

from typing import Any


def nodes(node: Any) -> list[dict[str, Any]]:
    """Every object in it, at any depth."""
    if isinstance(node, list):
        return [found for entry in node for found in nodes(entry)]
    if not isinstance(node, dict):
        return []
    return [node, *(found for value in node.values() for found in nodes(value))]
