"""What all models have that are a form, or a part of one."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

logger = logging.getLogger("airbyte")


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


def unknown_properties(found: Any, form: Any, within: str = "") -> Iterator[str]:
    """The paths of what was `found` in a configuration and stands in no form. `form`: what was made of it."""
    if isinstance(found, list) and isinstance(form, list):
        for number, (item, part) in enumerate(zip(found, form, strict=False)):
            yield from unknown_properties(item, part, f"{within}{number}.")
    if isinstance(found, Mapping) and isinstance(form, BaseModel):
        for name, value in found.items():
            if name not in type(form).model_fields:
                yield f"{within}{name}"
            else:
                yield from unknown_properties(value, getattr(form, name), f"{within}{name}.")


def warn_of_unknown(unknown: Iterable[str], owner: str = "The configuration") -> None:
    """Not an error: forms leave behind what was once filled in."""
    if names := sorted(unknown):
        logger.warning("%s has properties that are not known and have no effect: %s.", owner, ", ".join(names))
