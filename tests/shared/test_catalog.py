"""The configured catalog, as clients send it and as they should not."""

from typing import Any

import pytest

from vector_ingest.catalog import streams_of
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError


def configured(name: str = "s", **more: Any) -> dict[str, Any]:
    return {"stream": {"name": name}, "destination_sync_mode": "append", **more}


def test_what_is_unset_may_be_null_and_a_key_of_the_source_counts_where_the_user_chose_none() -> None:
    nulls = {"namespace": None, "json_schema": None, "source_defined_primary_key": [["a"], ["b", "c"]]}
    catalog = {"streams": [configured(primary_key=None, generation_id=None) | {"stream": {"name": "s", **nulls}}]}
    assert streams_of(catalog) == [Stream("s", None, "append", (("a",), ("b", "c")))]
    empty = {"streams": [configured(stream={"name": "s", "namespace": ""})]}
    assert streams_of(empty) == [Stream("s", None, "append")]
    chosen = {"streams": [{**catalog["streams"][0], "primary_key": [["id"]], "generation_id": 3}]}
    assert streams_of(chosen) == [Stream("s", None, "append", (("id",),), generation=3)]


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        (None, "expected `streams`, each with `stream` and .*; one of its parts is of another type"),
        ([{"stream": {"name": "s"}}], "a `destination_sync_mode` is missing"),
        ([configured(destination_sync_mode="update")], "`s` asks for .* `update`: expected one of append, overwrite"),
        ([configured(primary_key=["id"])], r"primary key of the stream `s` is \['id'\]: expected a list of paths"),
        ([configured(), configured("other"), configured()], "has the stream `s` 2 times"),
        ([configured(stream={"name": "s", "namespace": "n"})] * 2, "`s` of the namespace `n` 2 times"),
    ],
)
def test_a_catalog_that_can_not_be_loaded_says_why(streams: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        streams_of({"streams": streams})
