import io
import json
import logging
import math
from typing import Any

import pytest

from vector_ingest.errors import DataError
from vector_ingest.messages import (
    LogHandler,
    Output,
    Record,
    State,
    Status,
    dumps,
    echo_line,
    error_line,
    loads,
    parse,
    state_line,
    status_line,
)


def test_a_record_is_read_with_its_namespace() -> None:
    line = b'{"type":"RECORD","record":{"stream":"s","namespace":"n","data":{"a":1},"emitted_at":5}}\n'
    assert parse(line) == Record("s", "n", {"a": 1}, 5, len(line))


def test_unset_keys_sent_as_null_are_taken_as_unset() -> None:
    line = b'{"type":"STATE","log":null,"state":{"type":"STREAM","stream":null,"data":{"x":1}}}'
    state = parse(line)
    assert isinstance(state, State)
    assert (state.stream, state.namespace) == (None, None)


def test_a_state_is_echoed_with_all_keys_that_came_and_our_count() -> None:
    """The platform adds an id to each state and fails the sync if it does not come back."""
    sent = {
        "type": "STATE",
        "state": {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": "s"}, "stream_state": {"big": 2**70}},
            "sourceStats": {"recordCount": 3.0},
            "id": 17,
        },
    }
    state = parse(json.dumps(sent).encode())
    assert isinstance(state, State)
    assert state.stream == "s"
    echoed = json.loads(echo_line(state, 3))
    assert echoed["state"].pop("destinationStats") == {"recordCount": 3.0}
    assert echoed == sent


def test_integers_beyond_64_bits_stay_exact() -> None:
    line = b'{"type":"RECORD","record":{"stream":"s","data":{"n":123456789012345678901234567890},"emitted_at":1}}'
    record = parse(line)
    assert isinstance(record, Record)
    assert record.data["n"] == 123456789012345678901234567890
    assert b"123456789012345678901234567890" in dumps(record.data)


def test_lone_surrogates_are_read_not_refused() -> None:
    record = parse(b'{"type":"RECORD","record":{"stream":"s","data":{"t":"\\ud800"},"emitted_at":1}}')
    assert isinstance(record, Record)
    assert record.data["t"] == "\ud800"


def test_the_status_of_a_stream_is_read() -> None:
    assert parse(status_line("s", None, "COMPLETE")) == Status("s", None, "COMPLETE")


@pytest.mark.parametrize(
    "line", [b"a warning of some library\n", b"\n", b'{"type":"LOG","log":{"level":"INFO"}}', b"7"]
)
def test_lines_that_ask_for_nothing_give_none(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"RECORD","record":{"stream":"s","da',
        b'{"type":"RECORD"}',
        b'{"type":"RECORD","record":{"stream":"s","data":null,"emitted_at":1}}',
        b'{"type":"RECORD","record":{"stream":"s","data":[1],"emitted_at":1}}',
        b'{"type":"RECORD","record":{"stream":"s","data":%s,"emitted_at":1}}'
        % (b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        b'{"type":"STATE","state":7}',
    ],
    ids=lambda line: line[:60].decode(),
)
def test_a_message_that_cannot_be_read_is_an_error_that_shows_its_beginning(line: bytes) -> None:
    with pytest.raises(DataError, match=r'input line beginning .\{"type":'):
        parse(line)


@pytest.mark.parametrize("beside", ["x", 2**70, "\ud800"])
@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]])
def test_nan_becomes_null_whatever_stands_beside_it(value: Any, beside: Any) -> None:
    expected = {"in": {"x": [None] if isinstance(value, list) else None}, "y": beside}
    assert json.loads(dumps({"in": {"x": value}, "y": beside})) == expected


def test_an_empty_namespace_is_none() -> None:
    record = parse(b'{"type":"RECORD","record":{"stream":"s","namespace":"","data":{},"emitted_at":5}}')
    assert isinstance(record, Record)
    assert record.namespace is None
    assert parse(status_line("s", "", "COMPLETE")) == Status("s", None, "COMPLETE")


def test_a_state_line_counts_as_a_float() -> None:
    """The platform's classes refuse an integer here."""
    assert json.loads(state_line("s", "n", {}, 2))["state"]["sourceStats"] == {"recordCount": 2.0}


def test_an_error_names_its_stream_and_kind() -> None:
    error = json.loads(error_line("no key", "config_error", stream=("n", "s")))["trace"]["error"]
    assert error == {
        "message": "no key",
        "failure_type": "config_error",
        "stream_descriptor": {"name": "s", "namespace": "n"},
    }


def test_log_lines_pass_the_one_writer_without_secrets() -> None:
    stream = io.BytesIO()
    logger = logging.Logger("test")  # noqa: LOG001  a logger of its own, not one of the process
    logger.addHandler(LogHandler(Output(stream), lambda text: text.replace("s3cr3t", "****")))
    logger.warning("key %s", "s3cr3t")
    assert json.loads(stream.getvalue()) == {"type": "LOG", "log": {"level": "WARN", "message": "key ****"}}


def test_output_ends_each_line_once() -> None:
    stream = io.BytesIO()
    output = Output(stream)
    output.write(b"one")
    output.write(memoryview(b"two\nthree\n"))
    assert stream.getvalue() == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**18, 10**19, 2**64, 10**40])
@pytest.mark.parametrize(
    "line", ["%d", '{"a": %d}', "[0.00123456789012345678, %d]", "[1.5,%d,0.1234567890123456789012345]"]
)
def test_integers_of_any_length_stay_exact_also_among_long_fractions(number: int, line: str) -> None:
    assert loads((line % number).encode()) == json.loads(line % number)
