from typing import Any

import numpy as np
import pytest

from vector_ingest.embed.from_field import FromFieldEmbedder, vector_of
from vector_ingest.embed.options import FromField
from vector_ingest.errors import DataError

OPTION = FromField(field_name="embedding", dimensions=3)


def test_the_field_becomes_a_vector_of_float32() -> None:
    vector = vector_of({"embedding": [1, 0.5, -2]}, OPTION)
    assert vector.dtype == np.float32
    assert vector.tolist() == [1, 0.5, -2]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({}, "no such field"),
        ({"embedding": "[1,2,3]"}, "found str"),
        ({"embedding": [1, 2]}, "found 2: change"),
        ({"embedding": [1, "2", 3]}, "other values"),
        ({"embedding": [1, None, 3]}, "other values"),
        ({"embedding": [1, [2], 3]}, "other values"),
        ({"embedding": [[1], [2], [3]]}, "other values"),
        ({"embedding": [[1, 2], [3, 4], [5, 6]]}, "other values"),
        ({"embedding": [1, True, 3]}, "other values"),
        ({"embedding": [1, 1e300, 3]}, "too large"),
        ({"embedding": [1, 10**400, 3]}, "too large"),
    ],
)
def test_anything_else_is_an_error_that_names_the_record(data: dict[str, Any], found: str) -> None:
    with pytest.raises(DataError, match=rf"row 7: expected an array of 3 numbers in the field embedding, .*{found}"):
        vector_of(data, OPTION, "row 7")


def test_a_text_without_a_vector_is_refused() -> None:
    with pytest.raises(DataError):
        FromFieldEmbedder(OPTION).embed(["a"])
