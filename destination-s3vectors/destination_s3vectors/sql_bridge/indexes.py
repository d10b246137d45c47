"""An index of several: which of the shards has what."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from destination_s3vectors.sql_bridge.calls import Call, Json, invalid
from destination_s3vectors.sql_bridge.requests import at_once


def describe(calls: Sequence[Call]) -> tuple[Json, Any]:
    """RefusedError: the shards differ in what must be equal."""
    if not calls:
        return {}, None
    found = list(at_once(lambda call: call.ask("get_index", indexArn=call.index)["index"], calls))
    described = [{"dimension": each["dimension"], "distance_metric": each["distanceMetric"]} for each in found]
    for call, each in zip(calls, described, strict=True):
        if each != described[0]:
            raise invalid(
                f"the shards differ: {calls[0].index} has {described[0]['dimension']} dimensions and the distance "
                f"{described[0]['distance_metric']}, {call.index} {each['dimension']} and {each['distance_metric']}"
            )
    return described[0], None


def home_of(key: str, shards: int) -> int:
    """The shard that a new vector goes to. Never to be changed: a put elsewhere would leave the old vector."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) % shards
