"""What a state of another shape is taken for: never for one that says that nothing was read."""

from typing import Any

import pytest

from source_s3.state.stream_state import StreamState
from source_s3.version_3 import state_of_version_3
from vector_ingest.errors import ConfigError

NOTHING: dict[str, Any] = {"version": 1, "segments": []}
RESUME: dict[str, Any] = {"key": "a", "fingerprint": 1, "position": {"byte": 7}, "rows": 1}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"done": None}, "'done' is no object but NoneType"),
        ({"done": []}, "'done' is no object but list"),
        ({"done": NOTHING, "pending": [1]}, "'pending' is no object but list"),
        ({"done": NOTHING, "settings": "x"}, "'settings' is no object but str"),
        ({"done": NOTHING, "resume": [1]}, "'resume' lacks"),
        ({"done": NOTHING, "resume": {**RESUME, "position": {"byte": "7"}}}, "'resume' lacks"),
        ({"done": NOTHING, "resume": {**RESUME, "position": {"byte": -7}}}, "'resume' lacks"),
        ({"done": NOTHING, "resume": {**RESUME, "rows": -1}}, "'resume' lacks"),
    ],
)
def test_a_state_of_another_shape_is_named_with_its_remedy(state: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=rf"{says}.*Reset the state of this stream"):
        StreamState.from_json(state, False, None)


def test_what_may_be_missing_may_be_null() -> None:
    state = StreamState.from_json({"done": NOTHING, "pending": None, "settings": None, "resume": None}, False, None)
    assert state.to_json() == {"done": NOTHING}
    assert StreamState.from_json({"done": NOTHING, "resume": RESUME}, False, None).to_json()["resume"] == RESUME


def test_a_cursor_of_version_3_an_hour_after_the_first_time_there_is_is_refused() -> None:
    cursor = {"_ab_source_file_last_modified": "0001-01-01T00:30:00Z", "history": {"2020-01-01": ["a"]}}
    with pytest.raises(ConfigError, match=r"the time '0001-01-01T00:30:00Z'.*Reset the state"):
        state_of_version_3(cursor)
