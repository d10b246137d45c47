"""Answers that are wrong on demand."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tests.servers.embedding.wire import Matrix

Broken = Literal[
    "one vector short",
    "one vector more",
    "not a number",
    "other dimension",
    "cut off",  # the connection ends in the middle of the body
    "half a body",  # JSON that stops in the middle, of the length that the header says
    "a page",  # HTML with status 200
    "reset",  # the connection is reset before the answer
    "slow",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """How one request is answered. `status` is an HTTP status; `broken` a status of 200 with a bad answer."""

    status: int = 200
    retry_after: str | None = None
    broken: Broken | None = None
    body: str = '{"error": {"message": "loopback fault", "type": "fault", "code": null, "param": null}}'
    header: str = "Retry-After"  # the one that `retry_after` goes into


def broken_vectors(vectors: Matrix, broken: Broken | None) -> Matrix:
    match broken:
        case "one vector short":
            return vectors[:-1]
        case "one vector more":
            return np.concatenate([vectors, vectors[:1]])
        case "not a number":
            spoilt = vectors.copy()
            spoilt[-1, 5] = np.nan
            return spoilt
        case "other dimension":
            return vectors[:, :-1]
        case _:
            return vectors


def broken_body(body: bytes, broken: Broken | None) -> bytes:
    match broken:
        case "a page":
            return b"<html>Welcome</html>"
        case "half a body":
            return body[: len(body) // 2]
        case _:
            return body
