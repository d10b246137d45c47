"""How a sync ends, by what the source said of itself and by how its input ends."""

from dataclasses import replace
from typing import Any

import pytest

from tests.shared.load.syncs import DEDUP, Sync, record, state, status
from vector_ingest.errors import DataError, TransientError
from vector_ingest.messages import dumps, error_line


@pytest.mark.parametrize("mode", ["append", "append_dedup"])
def test_without_any_status_the_input_is_stored_and_nothing_is_said_to_be_missing(mode: Any) -> None:
    sync = Sync()
    sync.run([replace(DEDUP, mode=mode)], record(1, "a"), state(1))
    assert sync.states() == [1]


def test_a_stream_that_began_and_did_not_complete_fails_the_sync_after_its_records_are_stored() -> None:
    sync = Sync()
    other = replace(DEDUP, name="other")
    with pytest.raises(TransientError, match="other"):
        sync.run(
            [DEDUP, other], status("STARTED"), record(1, "a"), state(1), status("COMPLETE"), status("STARTED", "other")
        )
    assert sync.states() == [1]
    assert sync.texts() == ["text: a"]


def test_what_the_source_said_of_its_failure_is_told_by_the_destination_too() -> None:
    """In a plain pipe nobody else reads the source's messages."""
    failed = error_line("s3://b/k is gone.", "transient_error")
    with pytest.raises(TransientError, match=r"sent all of: s\..* It said: s3://b/k is gone\."):
        Sync().run([DEDUP], status("STARTED"), record(1, "a"), status("INCOMPLETE"), failed)


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_failure_counts_too_of_a_source_that_sends_no_statuses(mode: Any) -> None:
    sync = Sync()
    stream = replace(DEDUP, mode=mode)
    sync.run([stream], record(1, "old"))
    with pytest.raises(TransientError, match="It said: the table is gone"):
        sync.run([stream], record(2, "half"), error_line("the table is gone", "transient_error"))
    assert sync.texts() == (["text: old"] if mode == "overwrite" else ["text: half", "text: old"])


def test_an_overwrite_without_statuses_is_complete_at_the_end_of_the_input() -> None:
    sync = Sync()
    overwrite = replace(DEDUP, mode="overwrite")
    sync.run([overwrite], record(1, "a"))
    sync.run([overwrite], record(2, "b"))
    assert sync.texts() == ["text: b"]


def test_a_line_cut_off_at_the_end_is_worth_a_retry_and_all_before_it_is_acknowledged() -> None:
    sync = Sync()
    with pytest.raises(TransientError, match="cut off"):
        sync.run([DEDUP], record(1, "a"), state(1), record(2, "b")[:-9], end=b"")
    assert sync.states() == [1]
    assert sync.texts() == ["text: a"]


def test_a_last_line_that_only_lacks_its_newline_counts() -> None:
    sync = Sync()
    sync.run([DEDUP], record(1, "a"), state(1), end=b"")
    assert sync.states() == [1]


def test_a_broken_line_in_the_middle_is_an_error_of_the_data_and_all_before_it_is_acknowledged() -> None:
    sync = Sync()
    with pytest.raises(DataError, match="input line"):
        sync.run([DEDUP], record(1, "a"), state(1), b'{"type": "RECORD", "record"', record(2, "b"), state(2))
    assert sync.states() == [1]


def test_lines_that_are_no_messages_are_passed_over_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run([DEDUP], b"Traceback: something", record(1, "a"), b"", b"more", state(1))
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert len(warnings) == 2
    assert "Traceback: something" in warnings[0]
    assert sync.states() == [1]


@pytest.mark.parametrize("said", [b"", error_line("no such file", "config_error")], ids=["nothing", "an error"])
def test_a_source_that_did_not_start_empties_nothing(said: bytes) -> None:
    """As in `source-s3 read --config wrong-path | destination-pgvector write`."""
    sync = Sync()
    overwrite = replace(DEDUP, mode="overwrite")
    sync.run([overwrite], record(1, "a"))
    with pytest.raises(TransientError, match="stays as it was"):
        Sync(sync.tables).run([overwrite], said)
    assert sync.texts() == ["text: a"]


def test_an_error_of_a_source_without_statuses_fails_the_sync() -> None:
    with pytest.raises(TransientError, match="It said: no such file"):
        Sync().run([DEDUP], error_line("no such file", "config_error"))


def test_an_overwrite_without_rows_is_complete_where_a_state_says_so() -> None:
    sync = Sync()
    overwrite = replace(DEDUP, mode="overwrite")
    sync.run([overwrite], record(1, "a"))
    empty = Sync(sync.tables)
    empty.run([overwrite], state(1))
    assert (empty.texts(), empty.states()) == ([], [1])


def test_lines_that_are_no_messages_are_told_as_such(caplog: pytest.LogCaptureFixture) -> None:
    """As of a file of JSON lines that is piped into a destination, or of what a library prints."""
    log = dumps({"type": "LOG", "log": {"level": "INFO", "message": "a line"}})
    sync = Sync()
    sync.run([DEDUP], log, b'{"document_key": "a.md"}', record(1, "a"), b"Picked up options")
    assert sync.texts() == ["text: a"]
    assert [each.getMessage() for each in caplog.records if each.levelname == "WARNING"] == [
        'Passed over a line of the input that is no Airbyte message: \'{"document_key": "a.md"}\'',
        "2 lines of the input were no Airbyte messages.",
    ]
