import json

import pytest

from vector_ingest.messages import loads


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**18, 10**19, 2**64, 10**40])
@pytest.mark.parametrize(
    "line", ["%d", '{"a": %d}', "[0.00123456789012345678, %d]", "[1.5,%d,0.1234567890123456789012345]"]
)
def test_integers_of_any_length_stay_exact_also_among_long_fractions(number: int, line: str) -> None:
    assert loads((line % number).encode()) == json.loads(line % number)
