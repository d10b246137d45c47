"""The Lambda function between PostgreSQL and S3 Vectors. Without Lambda it is `Bridge(client_for).answer(event)`.

    event    {"operation": …, "index_arn": …, its parameters, "timeout_ms": …, "continue": what the last answer gave}
             of a logical index "index_arns", those of its shards, in the place of "index_arn"
    answer   {"success": true, "result": {…}, "continue": null, or what the next event carries to get the rest}
             {"success": false, "error": {"kind": …, "type": …, "message": …}}

What the caller or the service did wrong is data, with a kind that SQL turns into its SQLSTATE. Anything else is a bug
and is raised: Lambda then reports a function error. This folder and botocore are the whole of the function's package.
"""

import functools
import json
import os
import re
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from botocore.config import Config
from botocore.session import get_session

from destination_s3vectors.sql_bridge.cache import Answers, answers_from
from destination_s3vectors.sql_bridge.calls import (
    CONNECT_SECONDS,
    READ_SECONDS,
    Call,
    Event,
    Json,
    RefusedError,
    invalid,
)
from destination_s3vectors.sql_bridge.embedding import Embed
from destination_s3vectors.sql_bridge.operations import OPERATIONS, QUERIES, WRITES
from destination_s3vectors.sql_bridge.providers import providers
from destination_s3vectors.sql_bridge.text import Questions

SECONDS = 30.0  # where the event names no timeout
MARGIN = 0.5  # seconds that are left to answer, before whoever waits gives up
ARN = re.compile(
    r"arn:aws[a-z-]*:s3vectors:([a-z0-9-]+):[0-9]{12}:bucket/[a-z0-9.-]{3,63}/index/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)
COUNTED = ("vector_ids", "vectors", "query_texts", "query_vectors")


class Bridge:
    """`client_for` gives the client of a region; it is asked once for each. `log` takes a line for each event.

    `embedders` make vectors of questions that are text, by the first word of the model's fingerprint. `answers` keeps
    those to queries; by default none.
    """

    def __init__(
        self,
        client_for: Callable[[str], Any],
        log: Callable[[str], object] = sys.stdout.write,
        embedders: Mapping[str, Embed] = MappingProxyType({}),
        answers: Answers | None = None,
    ) -> None:
        self._client_for = functools.cache(client_for)
        self._log, self._answers = log, answers or Answers(0, 0)
        questions = Questions(embedders)
        text = {"query_text": questions.query_text, "embed_text": questions.embed_text}
        self._operations = {**OPERATIONS, **text, "find_model": questions.find_model}
        self._queries = {*QUERIES, *text}

    def answer(self, event: Event, seconds: float | None = None, request_id: str = "") -> Json:
        """`seconds`: what is left of the time that the function may take."""
        began = time.monotonic()
        request_id = request_id or str(uuid.uuid4())
        operation = str(event.get("operation", ""))
        try:
            answer = self._answer(operation, event, began, seconds)
        except RefusedError as refused:
            error = {"kind": refused.kind, "type": refused.type, "message": refused.message}
            answer = {"success": False, "error": error}
        answer |= {"request_id": request_id, "execution_time_ms": round((time.monotonic() - began) * 1000, 1)}
        self._log(json.dumps(_account(operation, event, answer)) + "\n")
        return answer

    def _answer(self, operation: str, event: Event, began: float, seconds: float | None) -> Json:
        if operation not in self._operations:
            raise invalid(f"the operation {operation!r} is none; expected one of {', '.join(self._operations)}")
        asked = float(event.get("timeout_ms") or SECONDS * 1000) / 1000
        deadline = began + max(min(asked, seconds or asked) - MARGIN, 0.1)
        regions = _regions(operation, event)
        calls = [Call(self._client_for(region), arn, event, deadline) for arn, region in regions.items()]

        def ask() -> Json:
            result, rest = self._operations[operation](calls)
            return {"success": True, "result": result, "continue": rest}

        if operation in self._queries:
            answer, kept = self._answers.answer(event, list(regions), ask)
            return answer | ({"cached": True} if kept else {})
        if operation in WRITES:
            with self._answers.writing(list(regions)):
                return ask()
        return ask()


def _regions(operation: str, event: Event) -> dict[str, str]:
    """Of each index, by ARN, in the order given."""
    arns = event.get("index_arns") or [event.get("index_arn")]
    if arns == [None] and operation == "availability_check":
        return {}
    named = [ARN.fullmatch(arn) if isinstance(arn, str) else None for arn in arns]
    for arn, name in zip(arns, named, strict=True):
        if name is None:
            raise invalid(f"{arn!r} is not the ARN of an index of S3 Vectors")
    return {name[0]: name[1] for name in named if name is not None}


def handler(event: Event, context: Any) -> Json:
    """What Lambda calls. The clients stay from one event to the next."""
    return _BRIDGE.answer(event, context.get_remaining_time_in_millis() / 1000, context.aws_request_id)


def default_client(region: str) -> Any:
    """Signs in as Lambda's own role, or as the environment says; AWS_ENDPOINT_URL_S3VECTORS is botocore's to read."""
    create: Any = get_session().create_client  # typed for literal names only
    return create("s3vectors", region_name=region, config=client_config())


def client_config() -> Config:
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},  # `ask` tries again: it knows how much time there is
        parameter_validation=False,  # the service validates; its word is what SQL reports
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        tcp_keepalive=True,
    )


def _account(operation: str, event: Event, answer: Json) -> Json:
    """What a log may hold: no vector, no id, no text, no filter."""
    where = event.get("index_arns") or event.get("index_arn")
    said: Json = {"operation": operation, "index_arn": where, "request_id": answer["request_id"]}
    said |= {"success": answer["success"], "execution_time_ms": answer["execution_time_ms"]}
    said |= {name: len(event[name]) for name in COUNTED if isinstance(event.get(name), list)}
    if answer["success"]:
        vectors = answer["result"].get("vectors")
        said |= {"cached": True} if answer.get("cached") else {}
        return said | {"rows": None if vectors is None else len(vectors), "continues": answer["continue"] is not None}
    return said | {"kind": answer["error"]["kind"], "type": answer["error"]["type"]}


_BRIDGE = Bridge(default_client, embedders=providers(os.environ), answers=answers_from(os.environ))
