"""Answers that are wrong on demand."""

import json
from dataclasses import dataclass
from typing import Any, Literal

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
    "no cost",  # null where the answer says what was used
    "no numbers",  # a word in place of each vector's numbers
    "one index twice",
    "not compressed",  # though the header says so
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
        case "no cost":
            answer = json.loads(body)
            told = answer.keys() & {"usage", "meta", "inputTextTokenCount"}
            return json.dumps(answer | dict.fromkeys(told)).encode()
        case "no numbers":
            return json.dumps(_without_numbers(json.loads(body))).encode()
        case "one index twice":
            answer = json.loads(body)
            return json.dumps(answer | {"data": [{**item, "index": 0} for item in answer["data"]]}).encode()
        case _:
            return body


def _without_numbers(node: Any) -> Any:
    match node:
        case [float(), *_]:
            return ["word"]
        case list():
            return [_without_numbers(entry) for entry in node]
        case dict():
            return {
                name: "word!" if name == "embedding" and isinstance(value, str) else _without_numbers(value)
                for name, value in node.items()
            }
        case _:
            return node
