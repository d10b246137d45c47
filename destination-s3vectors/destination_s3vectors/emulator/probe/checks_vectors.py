"""Checks of writing, reading, deleting and listing vectors."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from destination_s3vectors.emulator.probe.check import INVALID, MISSING, Check, guess
from destination_s3vectors.emulator.probe.ground import EUCLIDEAN, FILLERS, PLAIN, SEARCH, Ground, vector
from destination_s3vectors.service import limits

MANY = {f"k{number}": number for number in range(limits.METADATA_KEYS)}


def _data(values: Sequence[Any]) -> Callable[[Ground], Any]:
    """Puts a vector with these values, and answers what was stored."""

    def call(ground: Ground) -> Any:
        ground.put_one(values)
        return ground.get_one()["data"]["float32"]

    return call


def _metadata(given: Any) -> Callable[[Ground], Any]:
    """Puts a vector with this metadata, and answers what was stored."""

    def call(ground: Ground) -> Any:
        ground.put_one(metadata=given)
        return ground.get_one()["metadata"]

    return call


def _key(key: str) -> Callable[[Ground], Any]:
    def call(ground: Ground) -> Any:
        ground.put_one(key=key)
        found = ground.get_one(key)["key"] == key
        ground.client.delete_vectors(**ground.on(PLAIN), keys=[key])
        return found

    return call


def _note(characters: int) -> Callable[[Ground], Any]:
    """Non-filterable metadata of this length; answers the length that was stored. The vector is removed."""

    def call(ground: Ground) -> Any:
        name = {**ground.on(SEARCH), "keys": ["large"]}
        ground.put(SEARCH, vector("large", [1, 1], {"note": "x" * characters}))
        found = len(ground.client.get_vectors(**name, returnMetadata=True)["vectors"][0]["metadata"]["note"])
        ground.client.delete_vectors(**name)
        return found

    return call


def _replaced(ground: Ground) -> Any:
    ground.put_one([1, 2], {"a": 1})
    ground.put_one([3, 4])
    found = ground.get_one()
    return found["data"]["float32"], found["metadata"]


def _put_many(count: int) -> Callable[[Ground], Any]:
    def call(ground: Ground) -> Any:
        keys = [f"many-{number}" for number in range(count)]
        ground.put(PLAIN, *(vector(key, [1, 2]) for key in keys))
        ground.client.delete_vectors(**ground.on(PLAIN), keys=keys)
        return "taken"

    return call


def _refused_whole(ground: Ground) -> Any:
    """Whether a vector is stored whose neighbour in the call was refused."""
    key = uuid.uuid4().hex
    try:
        ground.put(PLAIN, vector(key, [1, 2]), vector("wrong", [1, 2, 3]))
    except ground.client.exceptions.ValidationException:
        return ground.get_one(key)
    return "the call was taken"


def _deleted(ground: Ground) -> Any:
    ground.put_one(key="gone")
    ground.client.delete_vectors(**ground.on(PLAIN), keys=["gone", "never-there"])
    return ground.get_one("gone")


def _get(**request: Any) -> Callable[[Ground], Any]:
    return lambda ground: ground.client.get_vectors(**ground.on(EUCLIDEAN), **request)["vectors"]


def _list(**request: Any) -> Callable[[Ground], Any]:
    return lambda ground: ground.client.list_vectors(**ground.on(EUCLIDEAN), **request)


def _listed(ground: Ground, **request: Any) -> list[str]:
    pages = ground.client.get_paginator("list_vectors").paginate(**ground.on(EUCLIDEAN), **request)
    return sorted(found["key"] for page in pages for found in page["vectors"])


def _segments(ground: Ground) -> list[str]:
    return sorted(key for number in range(4) for key in _listed(ground, segmentCount=4, segmentIndex=number))


def _zero(ground: Ground) -> Any:
    found = ground.client.get_vectors(**ground.on(EUCLIDEAN), keys=["000"], returnData=True)["vectors"]
    return found[0]["data"]["float32"]


ALL = [f"{number:03}" for number in range(FILLERS)]
VECTORS = (
    Check("values are kept as float32", [0.5, -3.0], _data([0.5, -3])),
    Check("higher precision is rounded to float32", [1.0, 1.0], _data([1.00000001, 1])),
    Check("too few values are refused", INVALID, _data([1])),
    Check("too many values are refused", INVALID, _data([1, 2, 3])),
    Check("a zero vector is refused with cosine", INVALID, _data([0, 0])),
    Check("a value beyond float32 is refused", INVALID, _data([1e39, 1])),
    Check("NaN is refused", INVALID, _data([float("nan"), 1])),
    Check("a zero vector is taken with euclidean", [0.0, 0.0], _zero),
    Check("a vector is replaced whole, data and metadata", ([3.0, 4.0], {}), _replaced),
    Check(
        "metadata is kept as it is",
        {"s": "é", "n": 1.5, "b": True, "l": ["a", "b"]},
        _metadata({"s": "é", "n": 1.5, "b": True, "l": ["a", "b"]}),
    ),
    Check("no metadata comes back as an empty object", {}, _metadata(None)),
    Check("as many metadata keys as allowed are taken", MANY, _metadata(MANY)),
    Check("one metadata key too many is refused", INVALID, _metadata({**MANY, "more": 1})),
    Check("filterable metadata over its limit is refused", INVALID, _metadata({"s": "x" * limits.FILTERABLE_BYTES})),
    guess(
        "filterable metadata 100 bytes under its limit is taken",
        limits.FILTERABLE_BYTES - 100,
        lambda g: len(_metadata({"s": "x" * (limits.FILTERABLE_BYTES - 100)})(g)["s"]),
    ),
    Check("non-filterable metadata may be longer", 30_000, _note(30_000)),
    Check("metadata over its limit is refused", INVALID, _note(limits.METADATA_BYTES)),
    guess("a nested object in the metadata is refused", INVALID, _metadata({"o": {"a": 1}})),
    guess("metadata that is no object is refused", INVALID, _metadata("text")),
    Check("a key of the greatest length is taken", True, _key("k" * limits.KEY_CHARACTERS)),
    Check("a longer key is refused", INVALID, _key("k" * (limits.KEY_CHARACTERS + 1))),
    Check("an empty key is refused", INVALID, _key("")),
    Check("as many vectors as allowed are put in a call", "taken", _put_many(limits.PUT_VECTORS)),
    Check("one vector too many is refused", INVALID, _put_many(limits.PUT_VECTORS + 1)),
    Check("a call without vectors is refused", INVALID, lambda g: g.put(PLAIN)),
    guess("a refused call stores none of its vectors", {}, _refused_whole),
    Check("vectors of an unknown index are not found", MISSING, lambda g: g.put("nowhere", vector("a", [1, 2]))),
    Check("what is deleted is gone, and a missing key is no error", {}, _deleted),
    Check(
        "too many keys to delete are refused",
        INVALID,
        lambda g: g.client.delete_vectors(
            **g.on(PLAIN), keys=[str(number) for number in range(limits.DELETE_VECTORS + 1)]
        ),
    ),
    Check("keys that are missing are left out", [{"key": "001"}], _get(keys=["001", "missing"])),
    Check(
        "as many keys as allowed are read", limits.GET_VECTORS, lambda g: len(_get(keys=ALL[: limits.GET_VECTORS])(g))
    ),
    Check("too many keys to read are refused", INVALID, _get(keys=ALL[: limits.GET_VECTORS + 1])),
    Check("the whole index is listed", ALL, _listed),
    Check("pages together are the whole index", ALL, lambda g: _listed(g, PaginationConfig={"PageSize": 50})),
    Check("segments together are the whole index, without overlap", ALL, _segments),
    Check("a page has no more than was asked for", 7, lambda g: len(_list(maxResults=7)(g)["vectors"])),
    Check("a page over the limit is refused", INVALID, _list(maxResults=limits.LIST_PAGE + 1)),
    Check("too many segments are refused", INVALID, _list(segmentCount=limits.SEGMENTS + 1, segmentIndex=0)),
    guess("a segment beyond the last is refused", INVALID, _list(segmentCount=2, segmentIndex=2)),
    guess("a count of segments without an index is refused", INVALID, _list(segmentCount=2)),
    guess("a wrong token of a listing is refused", INVALID, _list(nextToken="wrong")),
)
