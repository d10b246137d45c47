"""The wire protocol, read from the service model of the installed botocore: routes, and what a request may hold.

A newer boto3 therefore brings its operations' shapes and stricter limits along. Sentences about a broken constraint
are those of the service (https://smithy.io/2.0/spec/constraint-traits.html).
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape

from destination_s3vectors.emulator.errors import Field, ServiceError, invalid_fields

Parameters = Mapping[str, Any]  # what a request holds
Body = dict[str, Any]  # what an answer holds
NUMBERS = frozenset({int, float})
NOT_NUMBERS_IN_JSON = frozenset({"NaN", "Infinity", "-Infinity"})  # how rest-json writes these floats
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "float": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read and valid by the model. `parameters`: those of the path and the query string too."""

    operation: str
    parameters: Parameters


class Protocol:
    def __init__(self) -> None:
        self.model = _model()
        self._operations = [self.model.operation_model(name) for name in self.model.operation_names]

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(self.model.operation_names)

    def operation(self, method: str, target: str) -> str:
        """The name of the operation at `target`, the path and query as they were sent."""
        return self._route(method, urlsplit(target).path)[0].name

    def read(self, method: str, target: str, body: bytes) -> Call:
        url = urlsplit(target)
        operation, parameters = self._route(method, url.path)
        if operation.input_shape is None:
            return Call(operation.name, {})
        members = operation.input_shape.members
        in_body = any("location" not in shape.serialization for shape in members.values())
        if in_body:
            parameters |= _parse(body)
        query = parse_qs(url.query, keep_blank_values=True)
        for name, shape in members.items():
            wire_name = shape.serialization.get("name", name)
            if shape.serialization.get("location") == "querystring" and wire_name in query:
                parameters[name] = query[wire_name]
        broken = tuple(_broken(operation.input_shape, parameters, ""))
        if broken:
            raise invalid_fields(*broken)
        return Call(operation.name, {name: value for name, value in parameters.items() if value is not None})

    def _route(self, method: str, path: str) -> tuple[OperationModel, dict[str, Any]]:
        for operation in self._operations:
            if operation.http["method"] != method:
                continue
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(operation.http["requestUri"]))
            if found := re.fullmatch(pattern, path):
                return operation, {name: unquote(value) for name, value in found.groupdict().items()}
        # Guess: another method on a known path may be answered otherwise.
        raise ServiceError("UnknownOperationException", 404, f"No operation of the service answers to {method} {path}")


@cache
def _model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("s3vectors", "service-2"))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        parsed = _parse_with_not_numbers(body)
    if not isinstance(parsed, dict):
        raise _unreadable()
    return parsed


def _parse_with_not_numbers(body: bytes) -> Any:
    """Some clients write NaN and Infinity as JavaScript does: read them, so that the refusal can name the key."""
    found: list[float] = []

    def number(text: str) -> float:
        found.append(float(text))
        return found[-1]

    try:
        parsed = json.loads(body, parse_constant=number)
        orjson.dumps(parsed)  # refuses a lone surrogate, as the service does
    except (ValueError, RecursionError, TypeError) as error:
        raise _unreadable() from error
    if not found:
        raise _unreadable()
    return parsed


def _unreadable() -> ServiceError:
    # Measured by others: a lone surrogate is answered so. Guess: any other text that is no JSON too.
    return ServiceError("SerializationException", 400, "The request body is not a JSON object")


def _broken(shape: Shape, value: Any, path: str) -> Iterator[Field]:
    """Each constraint of `shape` that `value` breaks; None stands for a member that is not there."""
    if getattr(shape, "is_document_type", False):
        return
    if not _has_type(shape, value):
        # Guess: the service may call it a SerializationException.
        yield _failed(path, "Member must be of type " + shape.type_name)
        return
    match shape:
        case StructureShape():
            yield from _broken_structure(shape, value, path)
        case ListShape():
            yield from _broken_size(shape, len(value), path)
            yield from _broken_items(shape, value, path)
        case MapShape():
            for key, item in value.items():
                yield from _broken(shape.key, key, path)
                yield from _broken(shape.value, item, f"{path}/{key}")
        case StringShape():
            yield from _broken_text(shape, value, path)
        case Shape(type_name="integer"):
            yield from _broken_range(shape, value, path)


def _has_type(shape: Shape, value: Any) -> bool:
    if isinstance(value, bool) and shape.type_name != "boolean":
        return False
    if shape.type_name == "float" and isinstance(value, str):
        return value in NOT_NUMBERS_IN_JSON
    return isinstance(value, TYPES[shape.type_name])


def _broken_structure(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[Field]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _failed(f"{path}/{name}", "Member must not be null")
    given = [name for name in shape.members if value.get(name) is not None]
    if shape.metadata.get("union") and len(given) != 1:
        yield _failed(path, f"Member must have exactly one of [{', '.join(shape.members)}]")
    for name in given:
        yield from _broken(shape.members[name], value[name], f"{path}/{name}")


def _broken_items(shape: ListShape, items: list[Any], path: str) -> Iterator[Field]:
    if shape.member.type_name == "float" and set(map(type, items)) <= NUMBERS:
        return  # the numbers of a vector: the one list that is long
    for position, item in enumerate(items):
        if item is None:
            yield _failed(f"{path}/{position}", "Member must not be null")
        else:
            yield from _broken(shape.member, item, f"{path}/{position}")


def _broken_text(shape: StringShape, value: str, path: str) -> Iterator[Field]:
    yield from _broken_size(shape, len(value), path)
    if shape.enum and value not in shape.enum:
        yield _failed(path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield _failed(path, f"Member must satisfy regular expression pattern: {pattern}")


def _broken_size(shape: Shape, size: int, path: str) -> Iterator[Field]:
    allowed = _bounds(shape, "have length ")
    if allowed and not _within(shape, size):
        message = f"Value with length {size} at '{path}' failed to satisfy constraint: Member must {allowed}"
        yield path, message


def _broken_range(shape: Shape, value: int, path: str) -> Iterator[Field]:
    allowed = _bounds(shape, "be ")
    if allowed and not _within(shape, value):
        yield _failed(path, f"Member must {allowed}")


def _within(shape: Shape, size: int) -> bool:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    return (least is None or size >= least) and (most is None or size <= most)


def _bounds(shape: Shape, verb: str) -> str:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is None and most is None:
        return ""
    if most is None:
        return f"{verb}greater than or equal to {least}"
    if least is None:
        return f"{verb}less than or equal to {most}"
    return f"{verb}between {least} and {most}, inclusive"


def _failed(path: str, constraint: str) -> Field:
    return path, f"Value at '{path}' failed to satisfy constraint: {constraint}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    r"""The model's patterns are Java's: `\p{L}` stands for all characters of the category L."""
    return re.compile(re.sub(r"\\p\{(\w)\}", lambda found: _characters(found[1]), pattern))


@cache
def _characters(category: str) -> str:
    """All characters whose Unicode category begins with the letter, as ranges inside of brackets."""
    codes = (code for code in range(0x110000) if unicodedata.category(chr(code)).startswith(category))
    runs = (
        [code for _, code in run]
        for _, run in groupby(enumerate(codes), key=lambda numbered: numbered[1] - numbered[0])
    )
    return "".join(f"\\U{run[0]:08x}-\\U{run[-1]:08x}" for run in runs)
