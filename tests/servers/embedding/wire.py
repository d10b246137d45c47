"""What the services have in common: a request that keeps to the documented schema, or a refusal."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

KEY = "sk-loopback-4711-secret"
Matrix = npt.NDArray[np.float32]


class RefusedError(Exception):
    """The status of an answer, and what its body says."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param, self.code = param, code


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is well-formed. `answer` makes the body of the answer from the vectors, in the texts' order.

    `dimensions`: what the request asks for, where the service lets it choose.
    """

    texts: Sequence[str]
    answer: Callable[[Matrix], Any]
    dimensions: int | None = None


class Service(Protocol):
    """One provider's wire. `body` is JSON."""

    def takes(self, path: str, query: str) -> bool:
        """Whether this is a path of the service."""

    def sign_in(self, headers: Mapping[str, str]) -> None:
        """RefusedError: the key is wrong."""

    def read(self, path: str, body: dict[str, Any]) -> Asked:
        """RefusedError: not the documented schema."""

    def error(self, refused: RefusedError) -> Any:
        """The body of an error."""


def texts_of(body: Mapping[str, Any], name: str, most: int, known: set[str]) -> list[str]:
    """The texts under `name`, at most `most`. `known` are the parameters that the documentation has."""
    texts = body.get(name)
    unknown = set(body) - known
    if unknown:
        raise RefusedError(400, f"unknown parameters: {sorted(unknown)}")
    if not isinstance(texts, list) or not 1 <= len(texts) <= most or not all(isinstance(text, str) for text in texts):
        raise RefusedError(400, f"{name} must be a list of 1 to {most} strings")
    if "" in texts:
        raise RefusedError(400, f"{name} can't hold an empty string")
    return list(texts)


def words(texts: Sequence[str]) -> int:
    """The tokens of a text, here: its words."""
    return sum(map(count_words, texts))


def count_words(text: str) -> int:
    return len(text.split())


def check_bearer(headers: Mapping[str, str]) -> None:
    check_header(headers, "Authorization", f"Bearer {KEY}")


def check_header(headers: Mapping[str, str], name: str, expected: str) -> None:
    if headers[name] != expected:
        # OpenAI repeats the key in its message, and so does this one, in full.
        raise RefusedError(401, f"Incorrect API key provided: {headers[name]}")


def is_date(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None
