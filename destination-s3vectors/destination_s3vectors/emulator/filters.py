"""Metadata filters: read into a tree that is known to be right, then matched against the metadata of a vector.

Operators, and what counts as a constraint:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html

What is marked "measured" others published after calling the service; the README names the source. The service says no
more than "Invalid filter".
"""

import math
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from destination_s3vectors.emulator.errors import ServiceError, validation
from destination_s3vectors.service import limits

Test = Callable[[Any, Any], bool]  # a value of the metadata, the operand

MOST_NESTED = 32  # Guess: no depth is documented. Without a bound the recursion would end in a 500.


@dataclass(frozen=True, slots=True)
class Comparison:
    key: str
    operator: str
    operand: Any


@dataclass(frozen=True, slots=True)
class Group:
    """All (`and`) or at least one (`or`) of its parts."""

    kind: Literal["and", "or"]
    parts: tuple["Comparison | Group", ...]


Filter = Comparison | Group


def parse(document: Any, mode: str, non_filterable: Collection[str]) -> Filter:
    """Raises a ValidationException that tells what is wrong. `mode` is the query's: CLASSIC or ENHANCED."""
    parsed = _filter(document, mode, 1)
    for comparison in _comparisons(parsed):
        if comparison.key in non_filterable:
            raise _refused("Invalid use of non-filterable metadata in filter", f"the metadata key `{comparison.key}`")
    # Guess: documented for ENHANCED indexes; here also for a query that asks a CLASSIC index for that behavior.
    if mode == "ENHANCED" and (count := constraints(parsed)) > limits.FILTER_CONSTRAINTS:
        raise _invalid(f"it has {count} constraints; at most {limits.FILTER_CONSTRAINTS} are allowed in ENHANCED mode")
    return parsed


def matches(parsed: Filter, metadata: Mapping[str, Any] | None) -> bool:
    if isinstance(parsed, Group):
        found = (matches(part, metadata) for part in parsed.parts)
        return all(found) if parsed.kind == "and" else any(found)
    present = metadata is not None and parsed.key in metadata
    if parsed.operator == "$exists":
        return present is parsed.operand
    if parsed.operator in NEGATED:
        # Guess: a vector without the key matches $ne and $nin; a list matches if no element is the operand.
        return not (present and metadata is not None and _holds(NEGATED[parsed.operator], parsed, metadata))
    return present and metadata is not None and _holds(parsed.operator, parsed, metadata)


def constraints(parsed: Filter) -> int:
    """Each value that is evaluated counts: `$in` with three values is three.

    Guess: so do the values of `$nin`; `$exists` is one.
    """
    return sum(
        len(comparison.operand) if isinstance(comparison.operand, list) else 1 for comparison in _comparisons(parsed)
    )


def _holds(name: str, comparison: Comparison, metadata: Mapping[str, Any]) -> bool:
    value = metadata[comparison.key]
    # Documented for $eq: any element of a list. Guess: so with $in, the ranges and $startsWith.
    values = value if isinstance(value, list) else [value]
    return any(TESTS[name](each, comparison.operand) for each in values)


def _comparisons(parsed: Filter) -> list[Comparison]:
    if isinstance(parsed, Comparison):
        return [parsed]
    return [comparison for part in parsed.parts for comparison in _comparisons(part)]


def _filter(document: Any, mode: str, depth: int) -> Filter:
    if not isinstance(document, dict):
        raise _invalid(f"a filter must be an object, but found {_kind(document)}")
    # Measured: also inside of $and and $or. Several operators of one key are taken.
    if len(document) != 1:
        found = f"found {', '.join(f'`{key}`' for key in document)}; join them with $and" if document else "it is empty"
        raise _invalid(f"a condition must have exactly one key, but {found}")
    if depth > MOST_NESTED:
        raise _invalid(f"it is nested more than {MOST_NESTED} deep")
    parts = [part for key, value in document.items() for part in _condition(key, value, mode, depth)]
    return parts[0] if len(parts) == 1 else Group("and", tuple(parts))


def _condition(key: str, value: Any, mode: str, depth: int) -> list[Filter]:
    if key in ("$and", "$or"):
        if not isinstance(value, list) or not value:
            raise _invalid(f"{key} takes a non-empty array of filters, but found {_kind(value)}")
        parts = tuple(_filter(part, mode, depth + 1) for part in value)
        return [Group("and" if key == "$and" else "or", parts)]
    if key.startswith("$"):
        raise _invalid(f"unknown operator {key} where a metadata key, $and or $or is expected")
    if not isinstance(value, dict):
        return [_comparison(key, "$eq", value, mode)]
    if not value:
        raise _invalid(f"no operator is given for the metadata key `{key}`")
    return [_comparison(key, name, operand, mode) for name, operand in value.items()]


def _comparison(key: str, name: str, operand: Any, mode: str) -> Comparison:
    if name not in OPERANDS:
        raise _invalid(f"unknown operator {name} for the metadata key `{key}`; known are {', '.join(OPERANDS)}")
    if name == "$startsWith" and mode != "ENHANCED":
        raise _invalid(
            "$startsWith requires ENHANCED query behavior: an index in that mode, or queryMode ENHANCED in the request"
        )
    expected, is_right = OPERANDS[name]
    if not is_right(operand):
        raise _invalid(f"{name} for the metadata key `{key}` takes {expected}, but found {_kind(operand)}")
    return Comparison(key, name, operand)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _is_primitive(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _are_primitives(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_primitive, value))


def _equal(value: Any, operand: Any) -> bool:
    """`1 == True` in Python, but not in a filter."""
    return isinstance(value, bool) == isinstance(operand, bool) and bool(value == operand)


def _is_one_of(value: Any, operands: list[Any]) -> bool:
    return any(_equal(value, operand) for operand in operands)


def _starts(value: Any, prefix: str) -> bool:
    return isinstance(value, str) and value.startswith(prefix)


def _ordered(compare: Test) -> Test:
    return lambda value, operand: _is_number(value) and compare(value, operand)


NEGATED = {"$ne": "$eq", "$nin": "$in"}
TESTS: dict[str, Test] = {
    "$eq": _equal,
    "$in": _is_one_of,
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
    "$startsWith": _starts,
}
OPERANDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("$eq", "$ne"), ("a string, a number or a boolean", _is_primitive)),
    **dict.fromkeys(("$gt", "$gte", "$lt", "$lte"), ("a number", _is_finite)),
    **dict.fromkeys(("$in", "$nin"), ("a non-empty array of strings, numbers and booleans", _are_primitives)),
    "$exists": ("a boolean", lambda value: isinstance(value, bool)),
    "$startsWith": ("a string", lambda value: isinstance(value, str)),
}


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "an array with an element that isn't allowed" if value else "an empty array"
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    return names.get(type(value), "an object")


def _invalid(message: str) -> ServiceError:
    return _refused("Invalid filter", message)


def _refused(measured: str, reason: str) -> ServiceError:
    message = f"{measured}: {reason}"
    return validation(message, ("filter", message))
