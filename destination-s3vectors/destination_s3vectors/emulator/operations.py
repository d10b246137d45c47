"""From a request to its answer: signature, model, faults, access, operation. Nothing of HTTP's connections here."""

import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from destination_s3vectors.emulator import authentication, buckets, indexes, vector_calls
from destination_s3vectors.emulator.access import actions
from destination_s3vectors.emulator.account import Account
from destination_s3vectors.emulator.errors import ServiceError, internal, validation
from destination_s3vectors.emulator.faults import Faults, Rule
from destination_s3vectors.emulator.throttle import Throttle
from destination_s3vectors.emulator.wire import Body, Call, Parameters, Protocol
from destination_s3vectors.service import limits

Operation = Callable[[Account, Parameters], Body]


@dataclass(frozen=True, slots=True)
class Request:
    """`target`: path and query as they came. Names of headers are in lower case. `length` is that of the body, which
    is empty here if it was too long to be read."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`fault`: what to do with the connection, if that is to go wrong."""

    status: int
    body: bytes
    error: str | None = None
    retry_after: float | None = None
    fault: Rule | None = None


class Service:
    def __init__(self, account: Account, throttle: Throttle, faults: Faults) -> None:
        self.protocol = Protocol()
        self.log = Log()
        self._account = account
        self._faults = faults
        self._operations = _operations(throttle)

    def answer(self, request: Request) -> Answer:
        operation = "unknown"
        fault: Rule | None = None
        try:
            operation = self.protocol.operation(request.method, request.target)
            call = self._read(request)
            fault = self._faults.next(call.operation, actions(call))
            answer = self._run(call, fault)
        except ServiceError as error:
            answer = _refusal(error, fault)
        except Exception:  # noqa: BLE001 -- a bug of ours is answered as the service answers its own, and shown here
            sys.stderr.write(traceback.format_exc())
            answer = _refusal(internal("Internal server error"), fault)
        self.log.count(operation, answer)
        return answer

    def _read(self, request: Request) -> Call:
        authentication.check(request.headers, request.target)
        if request.length > limits.BODY_BYTES:
            raise validation("Request body exceeds max allowed size")
        return self.protocol.read(request.method, request.target, request.body)

    def _run(self, call: Call, fault: Rule | None) -> Answer:
        if fault is not None:
            if error := fault.error():
                raise error
            if fault.kind in {"timeout", "reset_before"}:
                return Answer(0, b"", fault=fault)
        found = self._operations[call.operation](self._account, call.parameters)
        return Answer(200, orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY), fault=fault)


class Log:
    """How often each operation was called, and what became of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._refused: dict[str, Counter[str]] = {}
        self._faults: dict[str, Counter[str]] = {}

    def count(self, operation: str, answer: Answer) -> None:
        with self._lock:
            self._calls[operation] += 1
            if answer.error is not None:
                self._refused.setdefault(operation, Counter())[answer.error] += 1
            if answer.fault is not None:
                self._faults.setdefault(operation, Counter())[answer.fault.kind] += 1

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self._refused.clear()
            self._faults.clear()

    def state(self) -> dict[str, Any]:
        """{operation: {"calls": n, "refused": {code: n}, "faults": {kind: n}}}"""
        with self._lock:
            return {
                operation: {
                    "calls": calls,
                    "refused": dict(self._refused.get(operation, {})),
                    "faults": dict(self._faults.get(operation, {})),
                }
                for operation, calls in self._calls.items()
            }


def _refusal(error: ServiceError, fault: Rule | None) -> Answer:
    body: dict[str, Any] = {"message": error.message}
    if error.fields:
        body["fieldList"] = [{"path": path, "message": message} for path, message in error.fields]
    return Answer(error.status, orjson.dumps(body), error.code, error.retry_after, fault)


def _operations(throttle: Throttle) -> Mapping[str, Operation]:
    writes = vector_calls.VectorCalls(throttle)
    return {
        "CreateIndex": indexes.create_index,
        "CreateVectorBucket": buckets.create_vector_bucket,
        "DeleteIndex": indexes.delete_index,
        "DeleteVectorBucket": buckets.delete_vector_bucket,
        "DeleteVectorBucketPolicy": buckets.delete_vector_bucket_policy,
        "DeleteVectors": writes.delete_vectors,
        "GetIndex": indexes.get_index,
        "GetVectorBucket": buckets.get_vector_bucket,
        "GetVectorBucketPolicy": buckets.get_vector_bucket_policy,
        "GetVectors": vector_calls.get_vectors,
        "ListIndexes": indexes.list_indexes,
        "ListTagsForResource": buckets.list_tags_for_resource,
        "ListVectorBuckets": buckets.list_vector_buckets,
        "ListVectors": vector_calls.list_vectors,
        "PutVectorBucketDefaultIndexMode": buckets.put_vector_bucket_default_index_mode,
        "PutVectorBucketPolicy": buckets.put_vector_bucket_policy,
        "PutVectors": writes.put_vectors,
        "QueryVectors": vector_calls.query_vectors,
        "TagResource": buckets.tag_resource,
        "UntagResource": buckets.untag_resource,
        "UpdateIndexMode": indexes.update_index_mode,
        "UpdateMetadataConfiguration": indexes.update_metadata_configuration,
    }
