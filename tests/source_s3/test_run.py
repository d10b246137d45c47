"""The commands of source-s3 as processes: what they print, and how they exit."""

import json
import re
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from demo.s3_server import SECRET_KEY
from tests.conftest import Bucket
from tests.destination_commands import run, run_program
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import PROGRAM, arguments, catalog, config, read, records, statuses

HEAVY = {"airbyte_cdk", "pydantic", "boto3", "botocore", "pyarrow", "orjson"}
SECRET = "s3cret-in-the-config"


def test_spec_is_one_message_and_imports_nothing_heavy() -> None:
    ended = run_program([str(PROGRAM), "spec"])
    assert ended.code == 0
    (spec,) = ended.of("SPEC")
    assert spec["supportsIncremental"] is True
    code = "import sys; sys.argv = ['x', 'spec']; import source_s3.run as r\ntry: r.main()\nexcept SystemExit: "
    code += f"sys.exit(bool({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([PROGRAM.parent / "python", "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", [["--help"], ["check", "--help"], ["read", "--help"]])
def test_help_tells_how_to_use_it(line: list[str]) -> None:
    done = subprocess.run([PROGRAM, *line], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--config" in done.stdout


READ = ["read", "--config", "x", "--catalog", "y", "--state-interval"]


@pytest.mark.parametrize(
    "line", [[], ["wrong"], ["check"], ["read", "--config", "x"], [*READ, "nan"], [*READ, "-1"], [*READ, "soon"]]
)
def test_wrong_arguments_exit_with_2(line: list[str]) -> None:
    assert subprocess.run([PROGRAM, *line], capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize(
    ("file_type", "key", "content"),
    [("csv", "a.csv", "id\n1\n"), ("jsonl", "a.jsonl", '{"id": 1}\n'), ("documents", "a.md", "# A")],
)
def test_check_succeeds_where_a_file_can_be_read(
    bucket: Bucket, tmp_path: Path, file_type: str, key: str, content: str
) -> None:
    bucket.put(key, content)
    ended = run_program(arguments(tmp_path, "check", config(bucket, file_type=file_type)))
    assert (ended.code, ended.of("CONNECTION_STATUS")) == (0, [{"status": "SUCCEEDED"}])


def keys(secret: str) -> dict[str, Any]:
    return {"auth_type": "iam_user", "aws_access_key_id": "AKIAX", "aws_secret_access_key": secret}


def test_the_short_form_reads_tab_separated_values(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.tsv", 'id\ttext\n1\t"a\tb, c"\n')
    ended = read(tmp_path, config(bucket, "a.tsv", "tsv"), catalog())
    assert records(ended) == [{"id": "1", "text": "a\tb, c", "_ab_source_file_url": "a.tsv"}]


BAD: dict[str, tuple[Mapping[str, Any], str]] = {
    "no bucket's name": ({"bucket": ""}, "`bucket`"),
    "unknown bucket": ({"bucket": "no-such-bucket-anywhere"}, "no-such-bucket-anywhere.*NoSuchBucket"),
    "no object": ({"path": "none/*"}, "no object in s3://bucket-.*none/\\*.*[Cc]hange the path"),
    "credentials of another shape": ({"credentials": SECRET}, "`credentials`"),
    "unknown file type": ({"file_type": "xml"}, "`file_type`.*csv"),
    "no server": ({"endpoint": "http://127.0.0.1:9", "credentials": keys(SECRET)}, "127.0.0.1:9"),
    "not a csv": ({"path": "wrong.csv"}, "wrong.csv.*equal names"),
    "another format": ({"file_type": "parquet"}, "a.csv.*Parquet.*If it is no parquet file, set its format"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_failed_check_names_the_cause_and_exits_with_0(bucket: Bucket, tmp_path: Path, name: str) -> None:
    changes, expected = BAD[name]
    bucket.put("a.csv", "id\n1\n")
    bucket.put("wrong.csv", "id,id\n1,2\n")
    ended = run(arguments(tmp_path, "check", {**config(bucket, "a.csv"), **changes}))
    assert ended.code == 0
    (status,) = ended.of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert re.search(expected, status["message"]), status["message"]
    said = str(ended.messages) + ended.errors
    assert SECRET not in said
    assert SECRET_KEY not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["discover", "read"])
@pytest.mark.parametrize("name", ["no bucket's name", "credentials of another shape", "unknown bucket"])
def test_a_bad_configuration_ends_discover_and_read_with_a_config_error(
    bucket: Bucket, tmp_path: Path, command: str, name: str
) -> None:
    changes, expected = BAD[name]
    bad = {**config(bucket), **changes}
    ended = run(arguments(tmp_path, command, bad, catalog() if command == "read" else None))
    assert ended.code == 1
    assert ended.error()["failure_type"] == "config_error"
    assert re.search(expected, ended.error()["message"])
    assert SECRET not in str(ended.messages) + ended.errors
    assert "Traceback" not in str(ended.messages) + ended.errors


@pytest.mark.parametrize("content", ["{", "[]", '"text"'])
def test_a_configuration_that_is_no_json_object_is_a_config_error(tmp_path: Path, content: str) -> None:
    ended = run_program(arguments(tmp_path, "discover", content))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert "config.json" in ended.error()["message"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[]", "JSON object"),
        ("{", "can't be read"),
        ("{}", "configured catalog.*a `streams` is missing. Make it of what `discover` prints"),
        ('{"streams": [{}]}', "configured catalog.*a `stream` is missing"),
        ('{"streams": 1}', "configured catalog"),
        ('{"streams": [1]}', "configured catalog"),
        ('{"streams": [{"stream": {"name": "files"}, "sync_mode": "sometimes"}]}', "sync_mode"),
    ],
)
def test_a_bad_catalog_is_a_config_error(bucket: Bucket, tmp_path: Path, content: str, expected: str) -> None:
    ended = run(arguments(tmp_path, "read", config(bucket), content))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert re.search(expected, ended.error()["message"])
    assert "Error:" not in ended.error()["message"]


def test_a_stream_that_the_configuration_does_not_make_is_a_config_error(bucket: Bucket, tmp_path: Path) -> None:
    ended = read(tmp_path, config(bucket), catalog("files", "others"))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert re.search("`others`.*files", ended.error()["message"])
    assert not ended.of("RECORD")


@pytest.mark.parametrize("states", ["{", "text", [{"type": "STREAM"}], [1]], ids=str)
def test_a_bad_state_is_a_config_error(bucket: Bucket, tmp_path: Path, states: Any) -> None:
    """More of them in sync/test_stream.py."""
    ended = run_program(arguments(tmp_path, "read", config(bucket), catalog(), states))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error"), ended.error()
    assert "state" in ended.error()["message"]
    assert "Error:" not in ended.error()["message"]


@pytest.mark.parametrize("states", [[], {}, [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "old"}}}]])
def test_no_state_or_that_of_another_stream_begins_anew(bucket: Bucket, tmp_path: Path, states: Any) -> None:
    bucket.put("a.csv", "id\n1\n")
    ended = run(arguments(tmp_path, "read", config(bucket), catalog(), states))
    assert (ended.code, len(ended.of("RECORD")), statuses(ended)[-1]) == (0, 1, "COMPLETE")


def test_no_message_holds_a_secret(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv", "id,id\n1,2\n")
    ended = read(tmp_path, config(bucket), catalog())
    assert ended.code == 1
    assert SECRET_KEY not in str(ended.messages) + ended.errors


def test_a_reader_that_goes_away_ends_the_read_without_a_traceback(bucket: Bucket, tmp_path: Path) -> None:
    for number in range(5):
        bucket.put(f"{number}.csv", "id\n" + "a rather long value\n" * 20_000)
    line = arguments(tmp_path, "read", config(bucket), catalog())
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        errors = process.stderr.read().decode()
        assert process.wait(60) == 1
    assert "nobody to send to" in errors
    assert "Traceback" not in errors


def test_a_read_that_is_told_to_stop_ends_without_a_traceback(bucket: Bucket, proxy: FaultyS3, tmp_path: Path) -> None:
    """The proxy keeps the second file to itself, so that the command is still at work when the signal comes."""
    for number in range(2):
        bucket.put(f"{number}.csv", "id\n1\n")
    proxy.rules.append(Rule("delay", seconds=2, path="1.csv", times=None))
    line = arguments(tmp_path, "read", config(bucket, endpoint=proxy.endpoint), catalog())
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b"RECORD" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        collected: list[bytes] = []
        reader = threading.Thread(target=lambda stream=process.stdout: collected.append(stream.read()))
        reader.start()
        errors = process.stderr.read().decode()
        code = process.wait(60)
        reader.join()
    assert code in {-signal.SIGTERM, 128 + signal.SIGTERM}
    assert "Traceback" not in errors
    assert all(json.loads(text) for text in collected[0].splitlines())
