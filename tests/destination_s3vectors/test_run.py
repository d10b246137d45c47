"""The commands as processes: what they print, how they exit, what lies in the vector bucket afterwards."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from destination_s3vectors.emulator.faults import Kind, Rule
from tests.conftest import VectorBucket
from tests.destination_commands import (
    Ended,
    acknowledging,
    assert_that,
    catalog,
    config,
    lines,
    run,
    run_program,
    stream,
)
from tests.destination_s3vectors.commands import (
    COMPLETE,
    INDEX,
    PROGRAM,
    command_line,
    logged,
    record,
    state,
    states,
    stored,
)
from tests.destination_s3vectors.contents import vectors_of
from vector_ingest.messages import status_line

SECRET = "s3cret-in-the-config"
KEYS = {"auth_type": "iam_user", "aws_access_key_id": "test", "aws_secret_access_key": SECRET}


def test_check_succeeds_on_a_working_configuration(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    ended = run_program(command_line(tmp_path, "check", config(vector_bucket.indexing())))
    assert (ended.code, ended.of("CONNECTION_STATUS")) == (0, [{"status": "SUCCEEDED"}])


@pytest.mark.parametrize(
    ("indexing", "expected"),
    [({"credentials": SECRET}, "`indexing.credentials`"), ({"endpoint": "http://127.0.0.1:9"}, "Could not connect")],
)
def test_a_bad_configuration_fails_the_check_with_a_message_that_names_it(
    vector_bucket: VectorBucket, tmp_path: Path, indexing: dict[str, Any], expected: str
) -> None:
    ended = run(command_line(tmp_path, "check", config(vector_bucket.indexing(**{"credentials": KEYS, **indexing}))))
    assert ended.code == 0
    (status,) = ended.of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert_that(status["message"], expected)
    assert SECRET not in str(ended.messages) + ended.errors
    assert "Traceback" not in str(ended.messages) + ended.errors


def test_a_wrong_key_fails_a_write_with_the_remedy_and_without_the_secret(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    said = f"The request with {SECRET} is refused"
    vector_bucket.emulator.faults.set([Rule("error", code="InvalidSignatureException", status=403, message=said)])
    options = config(vector_bucket.indexing(credentials=KEYS))
    ended = run(command_line(tmp_path, "write", options, catalog(stream("docs", "append"))), lines(record(1, "a")))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert_that(ended.error()["message"], "Check the secret access key")
    assert SECRET not in str(ended.messages) + ended.errors
    assert "Traceback" not in str(ended.messages) + ended.errors


def test_a_right_that_is_missing_in_a_write_is_named(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "append_dedup")))
    assert run(write, lines(record(1, "a"), COMPLETE)).code == 0
    vector_bucket.emulator.faults.set([Rule("deny", action="s3vectors:PutVectors")])
    ended = run(write, lines(record(1, "b"), COMPLETE))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert_that(ended.error()["message"], f"Grant s3vectors:PutVectors on arn:.*bucket/{vector_bucket.name}/index/")


def test_three_syncs_store_change_and_delete_and_search_finds(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "append_dedup")))
    cat, dog = record(1, "the cat", _ab_source_file_url="a.md"), record(2, "a dog")
    first = run_program(write, lines(cat, state(1), dog, state(2), COMPLETE))
    assert (first.code, states(first)) == (0, [1, 2]), first
    assert [s["destinationStats"]["recordCount"] for s in first.of("STATE")] == [1.0, 1.0]
    assert stored(vector_bucket) == {"1": ["text: the cat"], "2": ["text: a dog"]}
    before = vectors_of(vector_bucket, INDEX)

    again = run_program(write, lines(cat, dog, state(3), COMPLETE))
    assert (again.code, states(again)) == (0, [3])
    assert logged(again, "2 unchanged, 0 documents written")
    assert vectors_of(vector_bucket, INDEX) == before

    changed = run_program(write, lines(cat, record(2, "a wolf"), COMPLETE))
    assert changed.code == 0
    assert logged(changed, "1 unchanged, 1 documents written in 1 chunks, 0 deleted; 1 texts embedded")

    deleted = run_program(write, lines(record(2, "", _ab_cdc_deleted_at="2026-01-01"), state(4), COMPLETE))
    assert (deleted.code, states(deleted)) == (0, [4])
    assert stored(vector_bucket) == {"1": ["text: the cat"]}

    search = [str(PROGRAM), "search", "--config", str(tmp_path / "config.json"), "--stream", "docs", "--json"]
    done = subprocess.run([*search, "text: the cat"], capture_output=True, check=True)
    (found,) = json.loads(done.stdout)
    assert (found["document_id"], found["source"], found["text"]) == ("Stream_docs_Key_1", "a.md", "text: the cat")
    assert abs(found["distance"]) < 1e-5
    plain = subprocess.run([*search[:-1], "anything"], capture_output=True, text=True, check=True)
    assert "1. a.md, chunk 0" in plain.stdout


def test_a_search_gives_up_soon_where_nobody_answers(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    """A load waits for minutes: nobody sits before it."""
    line = command_line(tmp_path, "search", config(vector_bucket.indexing(endpoint="http://127.0.0.1:9")))
    ended = run([*line, "--stream", "docs", "x"])
    assert ended.code == 1
    assert_that(ended.errors, "Gave up after .* and 5 seconds.*http://127.0.0.1:9")


def test_search_prints_the_nearest_first_and_as_many_as_asked_for(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    options = config(vector_bucket.indexing(), embedding={"mode": "local"})
    write = command_line(tmp_path, "write", options, catalog(stream("docs", "append_dedup")))
    texts = ["Rye is sown in autumn.", "The key of the server is renewed each month.", "Oats are sown in spring."]
    assert run(write, lines(*(record(n, text) for n, text in enumerate(texts)), COMPLETE)).code == 0
    line = [str(PROGRAM), "search", "--config", str(tmp_path / "config.json"), "--stream", "docs", "--json"]
    done = subprocess.run([*line, "--limit", "2", "When is grain sown?"], capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert {entry["document_id"] for entry in found} == {"Stream_docs_Key_0", "Stream_docs_Key_2"}
    assert found[0]["distance"] <= found[1]["distance"] < 1


def test_an_update_of_a_long_document_embeds_and_puts_only_what_changed(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    processing = {"chunk_size": 30, "text_fields": ["text"], "metadata_fields": ["id"]}
    options = config(vector_bucket.indexing(), processing=processing)
    write = command_line(tmp_path, "write", options, catalog(stream("docs", "append_dedup")))
    paragraphs = [f"Paragraph {number} tells of seeds, of jars, of rye and of " + "oats " * 4 for number in range(12)]
    assert run(write, lines(record(1, "\n\n".join(paragraphs)), COMPLETE)).code == 0
    before = {vector["key"]: vector for vector in vectors_of(vector_bucket, INDEX)}
    assert len(before) >= 12
    paragraphs[5] = paragraphs[5].replace("jars", "bags")
    ended = run(write, lines(record(1, "\n\n".join(paragraphs)), COMPLETE))
    assert logged(ended, "1 texts embedded")
    after = {vector["key"]: vector for vector in vectors_of(vector_bucket, INDEX)}
    assert before.keys() == after.keys()
    rewritten = {key.rpartition("#")[2] for key in after if after[key] != before[key]}
    assert {"0", str(len(after) - 1)} < rewritten  # they say that the document is whole
    assert len(rewritten) == 3


def test_append_with_a_key_keeps_each_version_once(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "append")))
    for _ in range(2):
        assert run(write, lines(record(1, "old"), record(1, "new"), COMPLETE)).code == 0
        assert sorted(text for (text,) in stored(vector_bucket).values()) == ["text: new", "text: old"]


def test_an_overwrite_replaces_all_at_its_end_and_holds_its_states_until_then(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "overwrite")))
    first = run(write, lines(record(1, "a"), record(2, "b"), state(1), COMPLETE))
    assert (first.code, states(first)) == (0, [1])
    cut = run(write, lines(status_line("docs", None, "STARTED"), record(3, "c"), state(2)))
    assert (cut.code, cut.error()["failure_type"], states(cut)) == (1, "transient_error", [])
    assert {"1", "2"} < set(stored(vector_bucket))
    whole = run(write, lines(record(2, "b"), state(3), COMPLETE))
    assert (whole.code, states(whole)) == (0, [3])
    assert stored(vector_bucket) == {"2": ["text: b"]}


def test_a_merging_refresh_takes_out_at_the_end_what_did_not_come_again(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    def write(generation: int, minimum: int, *more: bytes) -> Ended:
        chosen = stream("docs", "append_dedup", generation_id=generation, minimum_generation_id=minimum)
        return run(command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(chosen)), lines(*more))

    assert write(1, 0, record(1, "a"), record(2, "b"), COMPLETE).code == 0
    merged = write(2, 0, record(1, "a"), record(3, "c"), COMPLETE)
    assert merged.code == 0
    assert set(stored(vector_bucket)) == {"1", "2", "3"}
    truncated = write(3, 3, status_line("docs", None, "STARTED"), record(3, "c"), state(1))
    assert (truncated.code, states(truncated)) == (1, [1])
    assert set(stored(vector_bucket)) == {"1", "2", "3"}
    assert write(3, 3, record(1, "new"), COMPLETE).code == 0
    assert stored(vector_bucket) == {"1": ["text: new"], "3": ["text: c"]}
    assert write(3, 3, COMPLETE).code == 0  # some clients repeat it in every sync
    assert set(stored(vector_bucket)) == {"1", "3"}


def test_a_sweep_that_would_take_more_than_allowed_takes_nothing(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    options = config(vector_bucket.indexing(), largest_sweep=50)
    write = command_line(tmp_path, "write", options, catalog(stream("docs", "overwrite")))
    assert run(write, lines(*(record(number, "a") for number in range(4)), COMPLETE)).code == 0
    ended = run(write, lines(record(0, "a"), COMPLETE))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert_that(ended.error()["message"], r"would delete 3 of 4 documents \(75 %\).*At most 50 %")
    assert len(stored(vector_bucket)) == 4


def test_a_source_that_breaks_off_is_a_transient_error_and_its_states_came_back(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "append_dedup")))
    ended = run(write, lines(status_line("docs", None, "STARTED"), record(1, "a"), state(1)))
    assert (ended.code, ended.error()["failure_type"], states(ended)) == (1, "transient_error", [1])


def test_a_state_comes_back_while_stdin_stays_open(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "append_dedup")))
    with acknowledging(write, record(1, "a"), state(1)) as process:
        assert stored(vector_bucket) == {"1": ["text: a"]}
        process.communicate()
        assert process.returncode == 0


def test_a_sync_begun_while_another_writes_the_stream_ends_with_an_error(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "append_dedup")))
    with acknowledging(write, record(1, "a"), state(1)) as process:
        other = run(write, lines(record(1, "b"), COMPLETE))
        assert (other.code, other.error()["failure_type"]) == (1, "transient_error")
        assert_that(other.error()["message"], f"is being written by another sync .process {process.pid} on")
        process.communicate()
        assert process.returncode == 0
    assert stored(vector_bucket) == {"1": ["text: a"]}


def test_another_model_is_refused_until_the_stream_is_overwritten(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    def write(mode: str, chunk_size: int) -> Ended:
        options = config(vector_bucket.indexing(), processing={"chunk_size": chunk_size, "text_fields": ["text"]})
        line = command_line(tmp_path, "write", options, catalog(stream("docs", mode)))
        return run(line, lines(record(1, "a"), COMPLETE))

    assert write("append_dedup", 100).code == 0
    refused = write("append_dedup", 200)
    assert (refused.code, refused.error()["failure_type"]) == (1, "config_error")
    assert_that(refused.error()["message"], "The stream docs was filled by .*100.*but set now is .*200")
    assert write("overwrite", 200).code == 0
    assert write("append_dedup", 200).code == 0


def test_vectors_that_come_in_a_field_are_stored_as_they_are(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    embedding = {"mode": "from_field", "field_name": "v", "dimensions": 2}
    options = config(vector_bucket.indexing(), embedding=embedding)
    write = command_line(tmp_path, "write", options, catalog(stream("docs", "append", None)))
    ended = run(write, lines(record(1, "a", v=[1, 2.5]), state(1)))
    assert ended.code == 0, ended
    (vector,) = vectors_of(vector_bucket, INDEX)
    assert vector["data"]["float32"] == [1, 2.5]
    assert (vector["metadata"]["id"], vector["metadata"]["_ab_stream"]) == (1, "docs")
    zero = run(write, lines(record(1, "a", v=[0, 0]), state(1)))
    assert (zero.code, states(zero)) == (1, [])
    assert_that(zero.error()["message"], "zero.*cosine|cosine.*zero")


def test_half_of_the_calls_failing_changes_nothing_in_what_is_stored(
    vector_bucket: VectorBucket, tmp_path: Path
) -> None:
    kinds: list[Kind] = ["throttle", "unavailable", "internal", "request_timeout", "reset_before", "reset_after"]
    vector_bucket.emulator.faults.set([Rule(kind, probability=0.1) for kind in kinds], seed=4)
    write = command_line(tmp_path, "write", config(vector_bucket.indexing()), catalog(stream("docs", "append_dedup")))
    ended = run(write, lines(*(record(number, f"text {number}") for number in range(40)), state(1), COMPLETE))
    assert (ended.code, states(ended)) == (0, [1]), ended
    assert sum(rule["fired"] for rule in vector_bucket.emulator.faults.state()) > 3
    vector_bucket.emulator.faults.set([])
    assert len(stored(vector_bucket)) == 40
