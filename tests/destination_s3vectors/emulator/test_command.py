"""The command: it prints its endpoint, ends when told to, and loses nothing that it acknowledged."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError

from destination_s3vectors.emulator.__main__ import main
from destination_s3vectors.emulator.server import Emulator
from tests.destination_s3vectors.emulator.conftest import Index, connect, refused, vector
from tests.servers.running import running

COMMAND = [sys.executable, "-m", "destination_s3vectors.emulator"]
NAME = {"vectorBucketName": "one", "indexName": "two"}


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """The process and a client for it. Killed at the end."""
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, connect(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate()


@contextmanager
def in_process(file: Path) -> Iterator[Any]:
    with running(Emulator(file=file)) as emulator:
        yield connect(emulator.endpoint)


def make(client: Any, **parameters: Any) -> Index:
    client.create_vector_bucket(vectorBucketName="one", tags={"a": "b"})
    shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine", **parameters}
    return Index(client, NAME, client.create_index(**NAME, **shape)["indexArn"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ["AWS_ENDPOINT_URL_S3VECTORS", "/_emulator/faults", "--no-throttle", "serve", "probe"]),
        (["serve"], ["--no-throttle", "--file"]),
        (["probe"], ["--endpoint", "checks of documented behaviour"]),
    ],
)
def test_help_is_there_for_each_command(
    arguments: list[str], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert [words for words in said if words not in shown] == []


def test_an_unknown_command_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["prove"])
    assert "'serve', 'probe'" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_good_order_with_open_connections(number: signal.Signals) -> None:
    with started("serve") as (process, client):
        client.list_vector_buckets()
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_writes_are_throttled_unless_told_otherwise() -> None:
    batch = [vector(f"k{n}") for n in range(10)]
    slow = ("--vectors-per-second", "0.1")
    with started(*slow) as (_, client):
        make(client).put(*batch)
        assert refused(client.put_vectors, **NAME, vectors=batch)[0] == "TooManyRequestsException"
    with started(*slow, "--no-throttle") as (_, client):
        index = make(client)
        for _ in range(5):
            index.put(*batch)


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "emulator.db"
    with started("--file", str(file)) as (process, client):
        index = make(client, metadataConfiguration={"nonFilterableMetadataKeys": ["text"]})
        client.update_metadata_configuration(**NAME, add={"textSearchConfigurations": [{"metadataKey": "text"}]})
        client.tag_resource(resourceArn=index.arn, tags={"c": "d"})
        index.put(*(vector(f"k{n}", [n + 1, 0.1], {"n": n, "text": "é"}) for n in range(50)))
        index.put(vector("k7", [9, 9]))
        client.delete_vectors(**NAME, keys=[f"k{n}" for n in range(10, 50)])
        described = client.get_index(**NAME)["index"]
        page = client.list_vectors(**NAME, maxResults=4)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with in_process(file) as client:
        index = Index(client, NAME, described["indexArn"])
        assert client.get_index(**NAME)["index"] == described
        assert client.list_tags_for_resource(resourceArn=index.arn)["tags"] == {"c": "d"}
        assert index.get("k6", "k7") == [vector("k6", [7, 0.1], {"n": 6, "text": "é"}), vector("k7", [9, 9], {})]
        rest = client.list_vectors(**NAME, nextToken=page["nextToken"])["vectors"]
        assert [found["key"] for found in page["vectors"] + rest] == [f"k{n}" for n in range(10)]
        index.put(vector("k10"))
        assert len(index.keys()) == 11


def test_a_kill_while_others_write_loses_no_acknowledged_call(tmp_path: Path) -> None:
    file = tmp_path / "emulator.db"
    acknowledged: list[int] = []

    def write(index: Index, worker: int) -> None:
        for batch in range(worker, 100_000, 3):
            try:
                index.put(*(vector(f"{batch}-{n}", [batch + 1, n]) for n in range(5)))
            except (HTTPClientError, BotoConnectionError):
                return
            acknowledged.append(batch)

    with started("--file", str(file), "--no-throttle") as (process, client):
        index = make(client)
        with ThreadPoolExecutor(3) as pool:
            writing = [pool.submit(write, index, worker) for worker in range(3)]
            while len(acknowledged) < 60:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            for task in writing:
                task.result()
    with in_process(file) as client:
        stored = Index(client, NAME, index.arn).keys()
    batches = Counter(key.split("-")[0] for key in stored)
    assert {str(batch) for batch in acknowledged} <= batches.keys()
    assert set(batches.values()) == {5}


def test_deleted_things_stay_deleted_and_new_ones_do_not_inherit(tmp_path: Path) -> None:
    file = tmp_path / "emulator.db"
    with in_process(file) as client:
        make(client).put(vector("a"))
        client.delete_index(**NAME)
        client.delete_vector_bucket(vectorBucketName="one")
    with in_process(file) as client:
        assert client.list_vector_buckets()["vectorBuckets"] == []
        assert make(client).keys() == []


def test_a_file_serves_one_emulator_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "emulator.db"
    with in_process(file) as client:
        make(client)
    with in_process(file):
        done = subprocess.run([*COMMAND, "--file", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert str(file) in done.stderr
