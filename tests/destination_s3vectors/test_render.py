"""Bodies hold what was given, bit by bit, and stay under the service's limits."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from destination_s3vectors.service import limits
from destination_s3vectors.service.render import BODY_BYTES, Vector, fill, rendered, request_buffer, unacceptable
from tests.destination_s3vectors.scripted_service import INDEX

Row = npt.NDArray[np.float32]
BUFFER = request_buffer()
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(data=arrays.arrays(np.float32, st.integers(1, 40), elements=NUMBERS), key=st.text(min_size=1, max_size=40))
def test_the_numbers_come_back_to_the_bit_and_the_metadata_as_it_was(data: Row, key: str) -> None:
    metadata = '{"ä":[1,"\\u2028"]}'.encode()
    body, count = fill(BUFFER, INDEX, [Vector(key, data, metadata)] * 2)
    sent = bytes(body)
    assert count == 2
    assert sent.count(metadata) == 2
    read = orjson.loads(sent)
    assert read["indexArn"] == INDEX
    for vector in read["vectors"]:
        assert vector["key"] == key
        assert np.array(vector["data"]["float32"], np.float32).tobytes() == data.tobytes()


def test_a_row_of_any_layout_is_rendered_as_float32() -> None:
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    wide: Any = np.array([0.1, 0.2])
    assert orjson.loads(rendered(Vector("k", matrix[:, 1], b"{}")))["data"]["float32"] == [1, 5, 9]
    assert b"[0.1,0.2]" in rendered(Vector("k", wide, b"{}"))


@given(sizes=st.lists(st.integers(0, 900), max_size=60), room=st.integers(200, 5000))
def test_a_body_is_always_under_the_limit_and_nothing_is_lost_or_moved(sizes: list[int], room: int) -> None:
    """A vector that is too long by itself goes alone."""
    buffer = memoryview(bytearray(room))
    vectors = [sized(str(number), size) for number, size in enumerate(sizes)]
    rest, keys = vectors, []
    while rest:
        body, count = fill(buffer, INDEX, rest)
        part, rest = rest[:count], rest[count:]
        assert [vector["key"] for vector in orjson.loads(body)["vectors"]] == [vector.key for vector in part]
        assert len(body) <= room or count == 1
        if rest:  # one more had no room
            assert len(body) + len(b",") + len(rendered(rest[0])) > room
        keys += [vector.key for vector in part]
    assert keys == [vector.key for vector in vectors]


def test_a_buffer_is_filled_to_its_end_and_the_service_takes_it_with_its_headers() -> None:
    vectors = [sized(str(number), 50_000) for number in range(1000)]
    body, count = fill(BUFFER, INDEX, vectors)
    assert BODY_BYTES - len(rendered(vectors[count])) <= len(body) <= BODY_BYTES
    assert len(orjson.loads(body)["vectors"]) == count
    assert BODY_BYTES + 64 * 1024 < limits.BODY_BYTES


def test_the_longest_request_of_a_common_model_is_one_body() -> None:
    rows = np.random.default_rng(1).standard_normal((limits.PUT_VECTORS, 1536), np.float32)
    vectors = [Vector(f"document#{at}", row, b'"%b"' % (b"x" * 5000)) for at, row in enumerate(rows)]
    assert fill(BUFFER, INDEX, vectors)[1] == limits.PUT_VECTORS


def sized(key: str, size: int) -> Vector:
    return Vector(key, np.ones(1, np.float32), b'"%b"' % (b"x" * size))


def test_what_the_service_would_refuse_is_found_by_row() -> None:
    rows = [np.full(3, value, np.float32) for value in (1, np.nan, 0, np.inf, -np.inf, 2)]
    rows[5] = np.ones(4, np.float32)
    reasons = unacceptable(rows, "cosine", 3)
    assert [reason is None for reason in reasons] == [True, False, False, False, False, False]
    assert "NaN" in str(reasons[1])
    assert "zero" in str(reasons[2])
    assert "infinity" in str(reasons[4])
    assert reasons[5] == "The vector has the shape (4,); the index takes (3,)."
    assert unacceptable(rows, "euclidean", 3)[2] is None


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_matrix_is_checked_like_its_rows(metric: Literal["cosine", "euclidean"]) -> None:
    matrix = np.random.default_rng(1).standard_normal((600, 5)).astype(np.float32)
    matrix[300], matrix[599, 2] = 0, np.nan
    assert unacceptable(matrix, metric, 5) == unacceptable(list(matrix), metric, 5)
    assert sum(reason is not None for reason in unacceptable(matrix, metric, 5)) == (2 if metric == "cosine" else 1)
    assert all(unacceptable(matrix, metric, 6))
    assert unacceptable([], metric, 5) == []
