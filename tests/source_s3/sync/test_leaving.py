"""A read that is told to stop (SIGTERM): it leaves soon, with a last state, and the next one goes on from there."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tests.conftest import Bucket
from tests.destination_commands import Ended
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import arguments, catalog, config, counts, last_states, read, records, statuses

SOON = 10.0  # seconds; what is waited for below would take 60


@dataclass(frozen=True, slots=True)
class Told:
    """A read that was told to stop: what it had said by then and after, and how long it took to leave."""

    ended: Ended
    seconds: float


def told_to_stop(line: Sequence[str], after: bytes, pause: float = 0.0) -> Told:
    """SIGTERM, `pause` seconds after a line that holds `after`."""
    environment = {**os.environ, "S3_READ_TIMEOUT_SECONDS": "60"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines: list[bytes] = []
        for text in process.stdout:
            lines.append(text)
            if after in text:
                break
        rest = Thread(target=lines.extend, args=[process.stdout])
        rest.start()
        time.sleep(pause)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        seconds = time.monotonic() - told
        rest.join()
        errors = process.stderr.read().decode()
    return Told(Ended(code, [json.loads(text) for text in lines], errors), seconds)


def ids(*ended: Ended) -> list[int]:
    return sorted(int(record["id"]) for each in ended for record in records(each))


def assert_leaves(told: Told) -> None:
    assert told.ended.code == 128 + signal.SIGTERM
    assert told.seconds < SOON
    assert "Traceback" not in told.ended.errors
    assert statuses(told.ended)[-1] == "INCOMPLETE"
    assert told.ended.messages[-1]["type"] == "TRACE"
    assert all(counted == said for counted, said in counts(told.ended))


def put_ten(bucket: Bucket) -> None:
    for number in range(10):
        bucket.put(f"{number}.csv", f"id\n{number}\n")


def test_it_leaves_while_an_answer_is_awaited_and_the_next_sync_reads_what_is_left(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    put_ten(bucket)
    proxy.rules.append(Rule("delay", seconds=60, path="/5.csv", times=None))
    settings = config(bucket, endpoint=proxy.endpoint)
    told = told_to_stop(arguments(tmp_path, "read", settings, catalog()), b'"id":"4"', 0.2)
    assert_leaves(told)
    proxy.rules.clear()
    again = read(tmp_path, settings, catalog(), last_states(told.ended))
    assert (again.code, ids(told.ended), ids(again)) == (0, list(range(5)), list(range(5, 10)))


def test_it_leaves_in_a_long_file_whose_body_stalls_and_the_next_sync_goes_on_inside_it(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    lines = [json.dumps({"id": number, "text": "x" * 1000}) for number in range(20_000)]
    bucket.put("long.jsonl", "\n".join(lines))
    proxy.rules.append(Rule("stall", after=15_000_000, seconds=60, path="/long.jsonl", times=None))
    settings = config(bucket, file_type="jsonl", endpoint=proxy.endpoint)
    told = told_to_stop(arguments(tmp_path, "read", settings, catalog()), b'"id": 6000', 1.0)
    assert_leaves(told)
    (state,) = last_states(told.ended)
    assert state["stream"]["stream_state"]["resume"]["rows"] == len(records(told.ended))
    proxy.rules.clear()
    again = read(tmp_path, settings, catalog(), [state])
    assert again.code == 0
    assert ids(told.ended, again) == list(range(20_000))


def test_it_leaves_while_the_bucket_is_listed(bucket: Bucket, proxy: FaultyS3, tmp_path: Path) -> None:
    put_ten(bucket)
    proxy.rules.append(Rule("delay", seconds=60, path="list-type=2", times=None))
    settings = config(bucket, endpoint=proxy.endpoint)
    told = told_to_stop(arguments(tmp_path, "read", settings, catalog()), b"STARTED", 0.5)
    assert_leaves(told)
    assert told.ended.of("STATE") == []


def test_it_leaves_while_nobody_reads_its_lines_without_a_last_state(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("long.csv", "id\n" + "a rather long value\n" * 200_000)
    line = arguments(tmp_path, "read", config(bucket), catalog())
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        while b"RECORD" not in process.stdout.readline():
            pass
        time.sleep(1)  # the pipe is full
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        assert time.monotonic() - told < SOON


def test_told_at_any_moment_the_two_reads_together_have_all_rows(bucket: Bucket, tmp_path: Path) -> None:
    rows = 40_000
    for part in range(4):
        numbers = range(part * rows // 4, (part + 1) * rows // 4)
        bucket.put(f"{part}.csv", "id,text\n" + "".join(f"{number},{'x' * 50}\n" for number in numbers))
    settings: dict[str, Any] = config(bucket)
    left = 0
    for number in (1, 12_000, 29_000):
        told = told_to_stop(arguments(tmp_path, "read", settings, catalog()), b'"id":"%d"' % number)
        if told.ended.code == 0:  # faster than the signal
            continue
        assert_leaves(told)
        again = read(tmp_path, settings, catalog(), last_states(told.ended))
        assert (again.code, statuses(again)[-1]) == (0, "COMPLETE")
        assert set(ids(told.ended, again)) == set(range(rows))
        left += 1
    assert left
