"""Pieces that the forms of several providers have."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from vector_ingest.form import Form, shown

_ADDRESS = re.compile(r"https?://[^/?#\s]\S*")


def _address(value: str) -> str:
    found = value.strip()
    if not _ADDRESS.fullmatch(found):
        shown_as = "one with a password" if "@" in found else repr(value)
        raise ValueError(f"expected an address that begins with https:// or http://, found {shown_as}")
    return found


# Of a service. A client takes anything for one, and says "can't be reached" of what is none.
Address = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[Address | None, BeforeValidator(lambda value: value or None)]  # forms leave empty texts


def key_from_field(number: int) -> Any:
    return Field(
        default=None,
        title="Where the key is",
        description="In place of the key itself: where the connector finds it.",
        json_schema_extra=shown(number),
    )


def normalize_field(number: int) -> Any:
    return Field(
        default=False,
        title="Normalize",
        description="Bring each vector to length 1, for models that don't. Then all distances order alike.",
        json_schema_extra=shown(number),
    )


def prefix_field(number: int, of: str, example: str) -> Any:
    return Field(
        default=None,
        title=f"Prefix of {of}s",
        description=f"Put before each {of} that is embedded, for models that were trained so. It is not stored.",
        examples=[f"{example}: "],
        json_schema_extra=shown(number),
    )


class Metered(Form):
    """What every service that is paid and limited by use has in its section."""

    requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        title="Requests per minute",
        description="No more requests than this are sent. Unset: what the service says of its limits, if it does.",
        examples=[500, 3000],
        json_schema_extra=shown(21),
    )
    tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        title="Tokens per minute",
        description="No more tokens than this are sent. Unset: what the service says of its limits, if it does. Less "
        "than the account's limit leaves room for others who use it.",
        examples=[1_000_000],
        json_schema_extra=shown(22),
    )
    price_per_million_tokens: float | None = Field(
        default=None,
        ge=0,
        title="Price of a million tokens",
        description="Only to tell at the end of a sync what it cost, in the currency that you think of.",
        examples=[0.02, 0.13],
        json_schema_extra=shown(23),
    )
