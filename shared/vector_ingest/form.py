"""What all models have that are a form, or a part of one."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """Built when it is first used: a command uses one form, and pays for no other."""

    model_config = ConfigDict(defer_build=True)


def shown(order: int | None = None, group: str | None = None, **more: Any) -> dict[str, Any]:
    """For `json_schema_extra`: where a property stands in the form, and what else Airbyte is told of it."""
    return {
        **({"order": order} if order is not None else {}),
        **({"group": group} if group is not None else {}),
        **more,
    }


def about(title: str, description: str) -> ConfigDict:
    """Of a section. Its description is text of the form, so it is no docstring."""
    return ConfigDict(title=title, json_schema_extra={"description": description}, protected_namespaces=())
