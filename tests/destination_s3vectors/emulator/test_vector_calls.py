"""Vectors: put, got, listed and deleted; the limits of one vector; listings while others write."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from destination_s3vectors.emulator.records import metadata_bytes
from destination_s3vectors.service import limits
from tests.destination_s3vectors.emulator.conftest import Index, MakeIndex, refused, vector


def test_a_put_replaces_data_and_metadata(index: Index) -> None:
    index.put(vector("a", [1, 2], {"old": 1}), vector("b"))
    index.put(vector("a", [3, 4], {"new": True}))
    index.put(vector("b", [5, 6]))
    assert index.get("a", "b") == [vector("a", [3, 4], {"new": True}), vector("b", [5, 6], {})]


def test_only_what_is_asked_for_is_answered(index: Index) -> None:
    index.put(vector("a", [1, 2], {"x": 1}), vector("b"))
    answer = index.client.get_vectors(**index.name, keys=["missing", "b", "a", "a"])
    assert sorted(found["key"] for found in answer["vectors"]) == ["a", "b"]
    assert all(found.keys() == {"key"} for found in answer["vectors"])
    listed = index.client.list_vectors(**index.name, returnMetadata=True)["vectors"]
    assert listed == [{"key": "a", "metadata": {"x": 1}}, {"key": "b", "metadata": {}}]


def test_numbers_come_back_as_the_float32_they_became(index: Index) -> None:
    numbers = [0.1, -3.4028235e38]
    index.put(vector("a", numbers))
    found = index.get("a")[0]["data"]["float32"]
    assert np.asarray(found, np.float32).tolist() == np.asarray(numbers, np.float32).tolist()


def test_deleting_what_is_not_there_succeeds(index: Index) -> None:
    index.put(vector("a"), vector("b"), vector("c"))
    index.client.delete_vectors(**index.name, keys=["a", "never"])
    index.client.delete_vectors(**index.name, keys=["a"])
    assert sorted(index.keys()) == ["b", "c"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([1, 2, 3], "vector must have length 2, but has length 3"),
        ([], "vector must have length 2, but has length 0"),
        ([float("nan"), 1], "vector contains NaNs or Infs"),
        ([float("-inf"), 1], "vector contains NaNs or Infs"),
        ([3.5e38, 1], "vector contains NaNs or Infs"),
        ([1e39, 1], "vector contains NaNs or Infs"),
        ([-1e300, 1], "vector contains NaNs or Infs"),
        ([0, 0], "cosine distance does not support vectors with zero norm"),
        ([1e-46, 1e-46], "cosine distance does not support vectors with zero norm"),
    ],
)
def test_one_bad_vector_refuses_the_call_and_is_named(index: Index, data: Sequence[float], reason: str) -> None:
    code, status, message, fields = refused(
        index.client.put_vectors, **index.name, vectors=[vector("good"), vector("bad", data)]
    )
    assert (code, status) == ("ValidationException", 400)
    assert message == f"Invalid record for key 'bad': {reason}"
    assert fields == [{"path": "vectors[1]", "message": reason}]
    assert index.keys() == []


def test_whole_numbers_are_numbers(index: Index) -> None:
    index.put(vector("a", [1, 16_777_217]))
    assert index.get("a")[0]["data"]["float32"] == [1.0, 16_777_216.0]


def test_a_zero_vector_has_a_euclidean_distance(make_index: MakeIndex) -> None:
    index = make_index(distanceMetric="euclidean")
    index.put(vector("zero", [0, 0]))
    assert index.keys() == ["zero"]


@pytest.mark.parametrize("key", ["", "k" * 1025, "é" * 513, 5, None])
def test_a_key_that_does_not_fit_is_refused(index: Index, key: Any) -> None:
    assert refused(index.client.put_vectors, **index.name, vectors=[vector(key)])[:2] == ("ValidationException", 400)


@pytest.mark.parametrize("key", ["k", "k" * 1024, "é" * 512, "a/b c\n#'\"\\"])
def test_a_key_may_be_any_text_within_the_limit(index: Index, key: str) -> None:
    index.put(vector(key))
    assert index.keys() == [key]
    index.client.delete_vectors(**index.name, keys=[key])
    assert index.keys() == []


def test_a_key_comes_once_in_a_write(index: Index) -> None:
    index.put(vector("a"))
    wanted: tuple[str, int, str, list[dict[str, str]]] = (
        "ValidationException",
        400,
        "Request must not contain duplicate keys",
        [],
    )
    assert refused(index.client.put_vectors, **index.name, vectors=[vector("a"), vector("a", [3, 4])]) == wanted
    assert refused(index.client.delete_vectors, **index.name, keys=["a", "a"]) == wanted
    assert index.get("a") == [vector("a", metadata={})]


@pytest.mark.parametrize(
    "metadata",
    [
        {"text": "é", "number": -1.5, "whole": 2**53, "yes": True, "": "", "$eq": "dollar", "a.b": [""], "k" * 1024: 0},
        {"words": ["a", "a"], "numbers": [1, 2.5]},
        {f"k{n}": n for n in range(limits.METADATA_KEYS)},
        {"f": "x" * (limits.FILTERABLE_BYTES - 13)},
        {"bulk": "x" * (limits.METADATA_BYTES - 16)},
        {},
    ],
)
def test_metadata_within_the_limits_comes_back_unchanged(make_index: MakeIndex, metadata: dict[str, Any]) -> None:
    index = make_index(metadataConfiguration={"nonFilterableMetadataKeys": ["bulk"]})
    index.put(vector("a", metadata=metadata))
    assert index.get("a")[0]["metadata"] == metadata


VALUES = "Metadata values must be strings, numbers, booleans, or arrays"
ITEMS = "Metadata array values must be strings or numbers"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"a": {"b": 1}}, VALUES),
        ({"bulk": {"b": 1}}, VALUES),
        ({"a": None}, VALUES),
        ({"a": [None]}, ITEMS),
        ({"a": [{"b": 1}]}, ITEMS),
        ({"a": [["b"]]}, ITEMS),
        ({"a": ["b", 1]}, ITEMS),
        ({"a": [True]}, ITEMS),
        ({"a": []}, "Empty arrays are not allowed in metadata"),
        (["a"], "Metadata must be an object"),
        ({f"k{n}": n for n in range(51)}, "Metadata object must have at most 50 keys"),
        ({"f": "x" * (limits.FILTERABLE_BYTES - 12)}, "Filterable metadata must have at most 2048 bytes"),
        ({"f": "é" * 1018}, "Filterable metadata must have at most 2048 bytes"),
        ({"bulk": "x" * (limits.METADATA_BYTES - 15)}, "Metadata object must have at most 40960 bytes"),
    ],
)
def test_metadata_beyond_the_limits_is_refused(make_index: MakeIndex, metadata: Any, reason: str) -> None:
    index = make_index(metadataConfiguration={"nonFilterableMetadataKeys": ["bulk"]})
    code, _, message, fields = refused(index.client.put_vectors, **index.name, vectors=[vector("a", metadata=metadata)])
    assert (code, message) == ("ValidationException", f"Invalid record for key 'a': {reason}")
    assert fields == [{"path": "vectors[0].metadata", "message": reason}]


@pytest.mark.parametrize(
    ("metadata", "size"),
    [
        ({"f": "x" * 2035}, 2048),
        ({"f": "x" * 1626, "a": [1.5] * 50}, 2048),
        ({"f": "x" * 1726, "s": ["ab"] * 50}, 2048),
        ({"f": "\n" * 2035}, 2048),
        ({"f": "x" * 1935} | {f"b{n}": True for n in range(10)}, 2048),
        ({"f": "x" * 1895} | {f"e{n}": 1e21 for n in range(10)}, 2048),
    ],
)
def test_bytes_of_metadata_are_counted_as_the_service_was_measured_to(metadata: dict[str, Any], size: int) -> None:
    assert metadata_bytes(metadata) == size


def fill(index: Index, count: int) -> list[str]:
    keys = [f"k{n:05}" for n in range(count)]
    for first in range(0, count, limits.PUT_VECTORS):
        index.put(*(vector(key) for key in keys[first : first + limits.PUT_VECTORS]))
    return keys


def test_a_page_has_500_vectors_unless_told_otherwise(index: Index) -> None:
    keys = fill(index, 1001)
    assert [len(page) for page in index.pages()] == [500, 500, 1]
    assert [len(page) for page in index.pages(maxResults=1000)] == [1000, 1]
    assert sorted(index.keys(maxResults=7)) == keys


def test_the_last_page_has_no_token(index: Index) -> None:
    fill(index, 500)
    assert "nextToken" not in index.client.list_vectors(**index.name)


def test_a_page_ends_where_1_mb_was_processed(make_index: MakeIndex) -> None:
    index = make_index(dimension=1000)
    index.put(*(vector(f"k{n}", [1.0] * 1000) for n in range(400)))
    pages = [len(page) for page in index.pages(maxResults=1000, returnData=True)]
    assert sum(pages) == 400
    assert pages[0] * 4000 <= limits.LIST_PAGE_BYTES < (pages[0] + 1) * 4010


@pytest.mark.parametrize("segments", [1, 2, 3, 16])
def test_segments_are_disjoint_and_complete(index: Index, segments: int) -> None:
    keys = fill(index, 100)
    found = [index.keys(segmentCount=segments, segmentIndex=n, maxResults=3) for n in range(segments)]
    assert sorted(key for segment in found for key in segment) == keys
    assert all(found)


@pytest.mark.parametrize(
    "given",
    [
        {"segmentCount": 2},
        {"segmentIndex": 0},
        {"segmentCount": 2, "segmentIndex": 2},
        {"segmentCount": 17, "segmentIndex": 0},
        {"segmentCount": 0, "segmentIndex": 0},
        {"maxResults": 0},
        {"maxResults": 1001},
        {"nextToken": "made up"},
        {"nextToken": ""},
    ],
)
def test_a_listing_that_cannot_be_is_refused(index: Index, given: dict[str, Any]) -> None:
    assert refused(index.client.list_vectors, **index.name, **given)[:2] == ("ValidationException", 400)


def test_a_token_is_good_only_for_its_index_and_segment(make_index: MakeIndex) -> None:
    one, other = make_index(), make_index()
    for index in (one, other):
        fill(index, 10)
    segment = {"segmentCount": 2, "segmentIndex": 0}
    token = one.client.list_vectors(**one.name, **segment, maxResults=2)["nextToken"]
    assert len(one.client.list_vectors(**one.name, **segment, nextToken=token)["vectors"]) == 3
    for index, more in ((other, segment), (one, {}), (one, segment | {"segmentIndex": 1})):
        assert refused(index.client.list_vectors, **index.name, **more, nextToken=token)[1] == 400


def test_a_token_does_not_outlive_its_index(make_index: MakeIndex) -> None:
    index = make_index(indexName="one")
    query = {"topK": 150, "queryVector": {"float32": [1, 1]}}
    fill(index, 150)
    listing = index.client.list_vectors(**index.name, maxResults=10)["nextToken"]
    ranking = index.client.query_vectors(**index.name, **query)["nextToken"]
    index.client.delete_index(**index.name)
    fill(make_index(indexName="one"), 150)
    for call, given in ((index.client.list_vectors, {"nextToken": listing}), (index.client.query_vectors, query)):
        assert refused(call, **index.name, **given | {"nextToken": given.get("nextToken", ranking)})[:2] == (
            "ValidationException",
            400,
        )


def test_a_key_that_stays_is_listed_once_while_others_come_and_go(index: Index) -> None:
    staying = fill(index, 300)
    stop = threading.Event()

    def churn() -> None:
        round_ = 0
        while not stop.is_set():
            passing = [f"passing{round_}-{n}" for n in range(20)]
            index.put(*(vector(key) for key in passing), vector(staying[round_ % 300], [3, 3]))
            index.client.delete_vectors(**index.name, keys=passing)
            round_ += 1

    with ThreadPoolExecutor(1) as pool:
        churning = pool.submit(churn)
        try:
            for _ in range(3):
                found = [key for key in index.keys(maxResults=10) if not key.startswith("passing")]
                assert sorted(found) == staying
        finally:
            stop.set()
        churning.result()


def test_every_read_sees_what_was_acknowledged_to_any_thread(make_index: MakeIndex) -> None:
    indexes = [make_index() for _ in range(2)]

    def work(number: int) -> None:
        index = indexes[number % 2]
        for turn in range(15):
            index.put(vector(f"w{number}", [turn + 1, 1]))
            assert index.get(f"w{number}")[0]["data"]["float32"] == [turn + 1, 1]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert [sorted(index.keys()) for index in indexes] == [["w0", "w2"], ["w1", "w3"]]
