"""When a state leaves."""

import logging

import pytest

from source_s3.state.checkpoint import LARGE, WORTH, Checkpoint
from source_s3.state.stream_state import StreamState


def empty() -> StreamState:
    return StreamState.from_json({}, full_refresh=False, generation=None)


def test_a_state_is_due_when_what_left_since_the_last_one_is_worth_its_bytes() -> None:
    checkpoint, state = Checkpoint("files", None, interval=0), empty()
    assert not checkpoint.is_due()
    checkpoint.count(1, 1)
    assert checkpoint.is_due()  # nothing is known of its size yet
    size = len(checkpoint.line(state))
    checkpoint.count(1, WORTH * size)
    assert not checkpoint.is_due()
    checkpoint.count(1, 1)
    assert checkpoint.is_due()


def test_no_state_is_due_before_its_time_whatever_left() -> None:
    checkpoint = Checkpoint("files", None, interval=1000)
    checkpoint.count(1, 10**9)
    assert not checkpoint.is_due()
    assert checkpoint.counts_something


def test_a_state_that_the_platform_may_refuse_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    checkpoint, state = Checkpoint("files", None), empty()
    checkpoint.line(state)
    assert caplog.messages == []
    state.settings = {"selection": {"globs": "x" * LARGE}}
    with caplog.at_level(logging.WARNING, "airbyte"):
        checkpoint.line(state)
        checkpoint.line(state)
    (told,) = caplog.messages
    assert told.startswith("The state of stream `files` has 8 MB, which the platform may refuse. Split the stream by")
