"""`python -m demo` as a user runs it: what it claims, that it ends by itself, and that nothing stays behind."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo import bucket
from demo.bucket import CORPUS
from demo.stores import STORES
from tests.peak import measured

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, "-m", "demo"]
pytestmark = pytest.mark.xdist_group("demo")  # the whole demo runs once for each store, for all that is said of it
DOCUMENTS = sum(path.suffix in (".md", ".txt", ".html", ".pdf", ".docx") for path in CORPUS.rglob("*"))


@contextmanager
def started(folder: Path, command: Sequence[str] = DEMO) -> Iterator[subprocess.Popen[str]]:
    """In a folder of its own (`.demo` goes there) and a process group of its own, as a shell would start it."""
    environment = {"PATH": os.defpath, "HOME": str(folder), "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in what a shell runs in the background; it is inherited
        signal.signal(signal.SIGINT, signal.default_int_handler)
    demo = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield demo
    finally:
        if demo.poll() is None:  # where a test has failed it still runs, and takes its servers along
            os.killpg(demo.pid, signal.SIGTERM)
        demo.communicate(timeout=30)


def processes_of(folder: Path) -> list[str]:
    """Commands of the processes whose environment or working folder is the demo's."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            place = str((process / "cwd").readlink())
            environment = (process / "environ").read_bytes()
            if place.startswith(str(folder)) or str(folder).encode() in environment:
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended, or is another user's
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """What the whole demo prints, its folder, and the most memory that any of its processes took."""

    store: str
    output: str
    folder: Path
    peak: float  # MiB


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: other runs of pytest clear old ones, and a server lies in this."""
    with tempfile.TemporaryDirectory(prefix="demo-test-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture(scope="module", params=STORES)
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    with tempfile.TemporaryDirectory(prefix="demo-test-", ignore_cleanup_errors=True) as made:
        yield whole_demo(Path(made), request.param)


def whole_demo(folder: Path, store: str) -> Told:
    with started(folder, measured([*DEMO, "--store", store], folder / "peak")) as demo:
        assert demo.stdout
        output = demo.stdout.read()
        demo.wait()
    assert demo.returncode == 0, output
    return Told(store, output, folder, float((folder / "peak").read_text()))


def part(output: str, begin: str, end: str) -> str:
    return output[output.index(begin) : output.index(end)]


def figures(text: str, name: str) -> list[int]:
    """The numbers on the line that begins with `name`."""
    line = next(line for line in text.splitlines() if line.strip().startswith(name))
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", line)]


def answers(text: str, question: str) -> list[str]:
    """The source objects that were found for the question, nearest first."""
    asked = text.split("\n  Q: ")
    block = next(block for block in asked if block.startswith(question))
    return re.findall(r"^     (\S+)   \(cosine", block, re.MULTILINE)


def test_the_corpus_is_large_and_varied_enough() -> None:
    kinds = {path.suffix for path in CORPUS.rglob("*") if path.is_file()}
    assert kinds == {".md", ".txt", ".html", ".pdf", ".docx", ".csv", ".parquet"}
    assert DOCUMENTS >= 32


def test_the_first_sync_reads_and_embeds_everything(told: Told) -> None:
    first = part(told.output, "First sync", "Second sync")
    assert figures(first, "read") == [DOCUMENTS + 700, DOCUMENTS, 200, 500]
    assert figures(first, "chunked")[0] == DOCUMENTS + 700
    assert figures(first, "chunked")[1] > DOCUMENTS * 3 + 700


def test_the_readme_shows_what_is_printed(told: Told) -> None:
    """But for what is left out (…), and ports. The questions are the same of both stores."""
    (shown,) = re.findall(r"```\n\$ make demo\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    if told.store != "pgvector":
        shown = part(shown, "  read ", "Second sync")
    printed = {*without_ports(told.output), "…"}
    assert [line for line in without_ports(shown) if line not in printed] == []


def without_ports(output: str) -> Sequence[str]:
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", output).splitlines()


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("A guest has a headache", "safety/altitude-and-cold.md"),
        ("A colleague made up observations", "policies/complaints-and-conflicts.docx"),
        ("May I bring my puppy", "visitors/questions-and-answers.html"),
    ],
)
def test_questions_find_the_passage_that_answers_in_other_words(told: Told, question: str, place: str) -> None:
    assert answers(told.output, question)[0] == place


def test_a_second_sync_reads_and_embeds_nothing(told: Told) -> None:
    second = part(told.output, "Second sync", "Third sync")
    assert [figures(second, name)[0] for name in ("read", "deleted", "chunked", "embedded", "stored")] == [0] * 5


def test_a_third_sync_embeds_only_what_changed(told: Told) -> None:
    third = part(told.output, f"added    {bucket.ADDED}", "To look at")
    assert figures(third, "read") == [2, 2]  # the edited one and the new one
    assert figures(third, "deleted") == [1]
    written, chunks = figures(third, "chunked")
    embedded, reused = figures(third, "embedded")
    assert written == 2
    assert embedded + reused == chunks
    assert reused > 0
    assert embedded <= 3 + len(bucket.ADDED_TEXT) // 200  # one paragraph moves three chunks at most


def test_answers_follow_the_changes(told: Told) -> None:
    third = part(told.output, "Third sync", "To look at")
    before, after = third.split("\nAfter:")
    assert answers(before, "Is it safe to drink") == [bucket.DELETED]
    assert answers(after, "Is it safe to drink") != [bucket.DELETED]
    assert answers(before, "A nanny goat sleeps") != [bucket.ADDED]
    assert answers(after, "A nanny goat sleeps") == [bucket.ADDED]
    assert "electric van" not in before
    assert "electric van" in after


def test_sql_joins_what_s3_vectors_finds_with_a_table(told: Told) -> None:
    if told.store != "s3vectors":  # those of pgvector lie in PostgreSQL themselves
        assert "In SQL" not in told.output
        return
    shown = part(told.output, "In SQL", "To look at")
    assert "JOIN print p ON p.paper = v.metadata ->> 'document_key'" in shown
    rows = re.compile(r"^ {4}(\S+\.\S+) +\| ([0-9.]+)", re.MULTILINE)
    before, after = map(rows.findall, shown.split("UPDATE print"))
    assert before[0] == ("safety/altitude-and-cold.md", "4.50")  # those of the staff, the dear and the sold out are not
    assert len(before) == 3
    assert after[:2] == before[1:]
    log = [json.loads(line) for line in (told.folder / ".demo" / "lambda.jsonl").read_text().splitlines()]
    assert [entry["operation"] for entry in log] == ["availability_check", "query_text", "query_text"]
    assert all(entry["success"] for entry in log)


def test_the_files_to_look_at_are_there(told: Told) -> None:
    states = json.loads((told.folder / ".demo" / "state.json").read_text())
    assert {state["stream"]["stream_descriptor"]["name"] for state in states} == {"documents", "plates", "readings"}
    for name in ("source.json", "destination.json", "catalog.json", "sync-1-source.jsonl", "sync-3-destination.jsonl"):
        assert (told.folder / ".demo" / name).stat().st_size > 0


def test_each_process_stays_below_400_mib(told: Told) -> None:
    assert told.peak < 400


def test_no_process_and_no_server_data_stay(told: Told) -> None:
    assert processes_of(told.folder) == []
    assert [path.name for path in told.folder.glob("demo-*")] == []


def test_ctrl_c_leaves_no_process_while_servers_run(folder: Path) -> None:
    with started(folder) as demo:
        wait_for(demo, "S3 server")
        interrupt(demo, folder)


def test_ctrl_c_leaves_no_process_in_the_middle_of_a_sync(folder: Path) -> None:
    with started(folder) as demo:
        wait_for(demo, "destination-pgvector write")
        sent = folder / ".demo" / "sync-1-source.jsonl"
        assert any(sent.exists() and sent.stat().st_size for _ in pauses())
        interrupt(demo, folder)


def test_ctrl_c_leaves_no_process_while_questions_are_asked(folder: Path) -> None:
    with started(folder) as demo:
        wait_for(demo, "The destination says")
        interrupt(demo, folder)


def interrupt(demo: subprocess.Popen[str], folder: Path) -> None:
    os.killpg(demo.pid, signal.SIGINT)  # a terminal sends it to the whole group
    rest = demo.communicate(timeout=60)[0]
    assert demo.returncode == 130, rest
    assert "Stopped" in rest
    assert processes_of(folder) == []


def pauses() -> Iterator[None]:
    """200 times for a twentieth of a second."""
    for _ in range(200):
        yield
        time.sleep(0.05)


def test_a_failed_sync_ends_the_demo_with_its_message(folder: Path) -> None:
    with started(folder) as demo:
        wait_for(demo, "destination-pgvector write")
        assert kill_one(folder, "destination-pgvector")
        rest = demo.communicate(timeout=60)[0]
    assert demo.returncode == 1, rest
    assert "The sync failed" in rest
    assert processes_of(folder) == []


def wait_for(demo: subprocess.Popen[str], sign: str) -> None:
    assert demo.stdout
    told: list[str] = []
    for line in demo.stdout:
        if sign in line:
            return
        told.append(line)
    pytest.fail(f"the demo ended without {sign!r}:\n{''.join(told)}")


def kill_one(folder: Path, name: str) -> bool:
    """The process of the demo in `folder` whose command holds `name`, as soon as there is one."""
    for _ in pauses():
        for process in Path("/proc").glob("[0-9]*"):
            try:
                place = str((process / "cwd").readlink())
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if place == str(folder) and name.encode() in command and b"write" in command:
                os.kill(int(process.name), signal.SIGKILL)
                return True
    return False
