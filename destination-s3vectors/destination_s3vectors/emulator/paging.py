"""Tokens of listings: opaque to the client, bound to the listing that gave them, and good after a restart."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

import orjson

from destination_s3vectors.emulator.errors import ServiceError, validation
from destination_s3vectors.emulator.wire import Body

DIGEST_BYTES = 8
T = TypeVar("T")


def token(listing: str, place: str | int) -> str:
    """`listing` names what is listed and how; `place` is the last thing that was given."""
    body = orjson.dumps(place)
    return base64.urlsafe_b64encode(_digest(listing, body) + body).decode()


def place(listing: str, given: str | None) -> str | int | None:
    """What `token` was made of, None at the beginning."""
    if given is None:
        return None
    try:
        raw = base64.b64decode(given.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error
    digest, body = raw[:DIGEST_BYTES], raw[DIGEST_BYTES:]
    if digest != _digest(listing, body):
        raise _invalid()
    found: str | int = orjson.loads(body)
    return found


def page(
    listing: str, named: Iterable[T], name: Callable[[T], str], given: str | None, most: int
) -> tuple[Sequence[T], str | None]:
    """Up to `most` of `named`, which is sorted by `name`, and the token of the next page if there is more."""
    last = place(listing, given)
    rest = (item for item in named if last is None or name(item) > str(last))
    items = list(islice(rest, most + 1))
    if len(items) <= most:
        return items, None
    return items[:most], token(listing, name(items[most - 1]))


def with_token(answer: Body, token: str | None) -> Body:
    return answer if token is None else answer | {"nextToken": token}


def _digest(listing: str, body: bytes) -> bytes:
    return hashlib.blake2b(body, key=hashlib.sha256(listing.encode()).digest(), digest_size=DIGEST_BYTES).digest()


def _invalid() -> ServiceError:
    # Guess: the wording.
    return validation("Invalid nextToken", ("nextToken", "Invalid nextToken"))
