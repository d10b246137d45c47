"""What every command does, in a process of its own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vector_ingest.command.command_line import read_object
from vector_ingest.errors import ConfigError

THREAD_THAT_GOES_ON = """
import sys, threading, time
from vector_ingest.command.command_line import leave
threading.Thread(target=time.sleep, args=(120,)).start()
sys.stdout.write("all of it")
leave(3)
"""


def test_a_process_leaves_at_once_with_its_output_and_code_whatever_its_threads_do() -> None:
    """A library's thread that is still busy must neither hold the process nor change its exit code."""
    ended = subprocess.run(
        [sys.executable, "-c", THREAD_THAT_GOES_ON], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "all of it", "")


WORK_THAT_WAITS = """
import sys, time
from vector_ingest.command.command_line import execute, leave
def work(config, output):
    output._stream.write(b"a line that is not whole")
    sys.stderr.write("begun\\n")
    sys.stderr.flush()
    while True:
        time.sleep(0.05)  # a signal just before one long sleep would be heard after it
leave(execute("read", sys.argv[1], {"connectionSpecification": {}}, work))
"""


@pytest.mark.parametrize("read", [True, False], ids=["in a file", "into a pipe whose reader is gone"])
def test_ctrl_c_ends_a_command_with_130_and_one_line(tmp_path: Path, read: bool) -> None:
    """A terminal sends it to all parts of a pipe, so that the reader may be gone already."""
    (tmp_path / "config.json").write_text("{}")
    line = [sys.executable, "-c", WORK_THAT_WAITS, str(tmp_path / "config.json")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline() == "begun\n"
        if not read:
            process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == "\nStopped by Ctrl-C.\n"
        assert not read or process.stdout.read() == ""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "can't be opened: No such file or directory. Give the path of a JSON file."),
        ("{", "can't be read as JSON: .*line 1 column 2.* Mend it"),
        ("[1]", "holds an array: expected a JSON object"),
        ('"x"', "holds a text: expected a JSON object"),
        ("null", "holds null: expected a JSON object"),
    ],
)
def test_a_file_that_is_no_json_object_is_told_with_its_path(
    tmp_path: Path, content: str | None, expected: str
) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=f"The configuration file {path} {expected}"):
        read_object(str(path), "configuration")


def test_a_folder_in_place_of_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be opened: Is a directory"):
        read_object(str(tmp_path), "configuration")


WORK_THAT_LASTS = """
import sys, time
from vector_ingest.command.command_line import execute
def work(config, output):
    output.write(b"begun")
    while True:
        time.sleep(0.05)  # a signal just before one long sleep would be heard after it
execute("write", sys.argv[1], {"connectionSpecification": {}}, work)
"""


def test_a_command_that_is_told_to_stop_does_so_itself(tmp_path: Path) -> None:
    """The first process of a container gets no signal that it does not handle."""
    (tmp_path / "config.json").write_text("{}")
    line = [sys.executable, "-c", WORK_THAT_LASTS, str(tmp_path / "config.json")]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM


WORK_THAT_WARNS = """
import logging, sys
from vector_ingest.command.command_line import execute
def work(config, output):
    logging.getLogger("x").warning("the key is %s", config["key"])
    output.write(b"found")
    raise ValueError(config["key"])
spec = {"connectionSpecification": {"properties": {"key": {"airbyte_secret": True}}}}
tell = (lambda text: print(text, file=sys.stderr)) if sys.argv[2] == "person" else None
sys.exit(execute("search", sys.argv[1], spec, work, tell))
"""


@pytest.mark.parametrize("caller", ["person", "platform"])
def test_logs_and_failures_go_where_the_caller_looks_without_secrets(tmp_path: Path, caller: str) -> None:
    (tmp_path / "config.json").write_text('{"key": "s3cr3t"}')
    line = [sys.executable, "-c", WORK_THAT_WARNS, str(tmp_path / "config.json"), caller]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    told = ended.stderr if caller == "person" else ended.stdout
    assert "the key is ****" in told
    assert "ValueError: ****" in told
    assert "s3cr3t" not in ended.stdout + ended.stderr
    assert (ended.stdout == "found\n") == (caller == "person")
