"""A property of a form in the words of its title and description."""

from typing import Any


def described(title: str, description: str, **form: Any) -> dict[str, Any]:
    """For pydantic's `Field`; `form` goes into the schema as it is."""
    return {"title": title, "description": description, "json_schema_extra": form or None}
