"""Faults of the server and on the way to it, each followed by the rows of an undisturbed sync.

`POSTGRES_KILLS` sets how many processes are killed; `make soak` kills many.
"""

import os
import random
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from demo.postgres_server import PostgresServer
from tests.conftest import Database, new_cluster
from tests.destination_commands import run
from tests.destination_pgvector.disturbed import (
    END,
    Killer,
    disturbed,
    line_of,
    lines_of,
    looking,
    rows,
    sync,
)
from tests.forks import Command
from tests.servers.postgres_front import PostgresFront
from tests.untested import untested

KILLS = int(os.environ.get("POSTGRES_KILLS", "6"))
PER_ROUND = 3  # kills in one sync, at most
KINDS = ("connector", "backend", "postmaster")


@pytest.fixture(scope="module")
def killed_server() -> Iterator[PostgresServer]:
    """Of this module alone: it is killed."""
    with new_cluster() as server:
        yield server


@pytest.fixture
def database(killed_server: PostgresServer) -> Iterator[Database]:
    """Made and dropped by connections of their own: others break in a test."""
    name = f"test_{uuid.uuid4().hex}"
    made = Database(name, killed_server.port, killed_server.dsn(name))
    with psycopg.connect(killed_server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    yield made
    with psycopg.connect(killed_server.dsn(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("mode", ["append_dedup", "truncating refresh"])
def test_kills_at_random_moments_end_with_the_rows_of_an_undisturbed_sync(
    killed_server: PostgresServer, database: Database, tmp_path: Path, mode: str
) -> None:
    chance = random.Random(mode)
    killer = Killer(killed_server, database, chance)
    versions = range(1, 400)
    for schema in ("calm", "killed"):
        sync(line_of(database, schema, mode, 1, tmp_path), lines_of(1))
    with looking(database, "killed") as reader:
        for version in versions[1:]:
            begun = time.monotonic()
            sync(line_of(database, "calm", mode, version, tmp_path), lines_of(version))
            seconds = time.monotonic() - begun
            kinds = [chance.choice(KINDS) for _ in range(min(PER_ROUND, KILLS // 2 - len(killer.done)))]
            disturbed(line_of(database, "killed", mode, version, tmp_path), lines_of(version), kinds, seconds, killer)
            assert rows(database, "killed") == rows(database, "calm")
            if len(killer.done) >= KILLS // 2:
                break
    assert reader.wrong == []
    assert reader.looks > 5
    assert len(killer.done) >= KILLS // 2


def test_a_connection_that_is_cut_in_copy_is_made_anew(database: Database, tmp_path: Path) -> None:
    for schema in ("calm", "cut"):
        sync(line_of(database, schema, "append_dedup", 1, tmp_path), lines_of(1))
    sync(line_of(database, "calm", "append_dedup", 2, tmp_path), lines_of(2))
    # The first connection prepares; the next ones are cut in the middle of what they bring.
    with PostgresFront(database.port, cut_after=[10**9, 300_000, 700_000]) as front, looking(database, "cut") as reader:
        line = line_of(database, "cut", "append_dedup", 2, tmp_path, port=front.port)
        ended = run(line, b"\n".join([*lines_of(2), *END]))
    assert ended.code == 0, ended
    assert str(ended.of("LOG")).count("broke off") >= 2
    assert reader.wrong == []
    assert rows(database, "cut") == rows(database, "calm")


@pytest.mark.parametrize("mode", ["append_dedup", "overwrite"])
def test_two_syncs_at_once_end_with_the_rows_of_one(database: Database, tmp_path: Path, mode: str) -> None:
    for schema in ("calm", "twice"):
        sync(line_of(database, schema, mode, 1, tmp_path), lines_of(1))
    sync(line_of(database, "calm", mode, 2, tmp_path), lines_of(2))
    lines = lines_of(2)
    forms = [lines, lines if mode == "overwrite" else list(reversed(lines))]
    line = line_of(database, "twice", mode, 2, tmp_path)
    codes: list[int] = []

    def write(mine: Sequence[bytes]) -> None:
        ended = run(line, b"\n".join([*mine, *END]))
        codes.append(ended.code)
        if ended.code:
            assert ended.error()["failure_type"] == "transient_error", ended
            assert "another sync" in ended.error()["message"]

    with looking(database, "twice") as reader:
        writers = [threading.Thread(target=write, args=(mine,)) for mine in forms]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert len(codes) == 2
        if any(codes):  # an overwrite gives way to the one that began later, and is run again
            assert mode == "overwrite"
            sync(line, lines)
    assert reader.wrong == []
    assert rows(database, "twice") == rows(database, "calm")


def test_a_table_that_is_dropped_in_mid_sync_is_said_and_the_rerun_makes_it_anew(
    database: Database, tmp_path: Path
) -> None:
    line, lines = line_of(database, "dropped", "append_dedup", 1, tmp_path), lines_of(1)
    with Command(line) as process:
        process.stdin.write(b"\n".join(lines[: len(lines) // 2]) + b"\n")
        process.stdin.flush()
        assert b"STATE" in _until(process, b'"STATE"')
        with database.connect() as conn:
            conn.execute("DROP TABLE dropped.docs")
        process.stdin.write(b"\n".join([*lines[len(lines) // 2 :], *END]))
        process.stdin.close()
        rest = process.stdout.read().decode()
        assert process.wait() == 1
    assert "lacks a table of this sync" in rest
    assert '"transient_error"' in rest
    sync(line, lines)
    sync(line_of(database, "calm", "append_dedup", 1, tmp_path), lines)
    assert rows(database, "dropped") == rows(database, "calm")


def _until(process: Command, words: bytes) -> bytes:
    return next(line for line in process.stdout if words in line)


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A file system of its own, which only root can make."""
    with tempfile.TemporaryDirectory(prefix="disk-") as folder:
        done = subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode:
            untested(f"NOT TESTED, a full disk: this machine mounts no file system ({done.stderr.decode().strip()})")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["/bin/umount", "--lazy", folder], check=True)


def test_a_full_disk_is_said_and_what_was_there_stays_until_there_is_room(
    killed_server: PostgresServer, database: Database, tmp_path: Path
) -> None:
    sync(line_of(database, "calm", "append_dedup", 1, tmp_path), lines_of(1))
    sync(line_of(database, "calm", "append_dedup", 2, tmp_path), lines_of(2))
    with small_disk("40m") as disk, database.connect() as conn:
        killed_server.own(disk)
        conn.execute(f"CREATE TABLESPACE {database.name} LOCATION '{disk}'".encode())
        conn.execute(
            f"ALTER ROLE postgres IN DATABASE {database.name} SET default_tablespace = {database.name}".encode()
        )
        line = line_of(database, "small", "append_dedup", 1, tmp_path)
        sync(line, lines_of(1))
        before = rows(database, "small")
        (disk / "ballast").write_bytes(bytes(_free(disk) - 100_000))
        with looking(database, "small") as reader:
            ended = run(line_of(database, "small", "append_dedup", 2, tmp_path), b"\n".join([*lines_of(2), *END]))
            assert ended.code == 1
            assert ended.error()["failure_type"] == "transient_error"
            assert "out of disk space" in ended.error()["message"]
            assert "Make room" in ended.error()["message"]
            (disk / "ballast").unlink()
            done = max((state["stream"]["stream_state"]["lines"] for state in ended.of("STATE")), default=0)
            assert done > 0 or rows(database, "small") == before
            sync(line_of(database, "small", "append_dedup", 2, tmp_path), lines_of(2)[done:])
        assert reader.wrong == []
        assert rows(database, "small") == rows(database, "calm")
        conn.execute("DROP SCHEMA small CASCADE")
        conn.execute(f"DROP TABLESPACE {database.name}".encode())


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_a_killed_server_leaves_no_process_and_comes_back_with_what_was_committed(
    killed_server: PostgresServer, database: Database
) -> None:
    """The kills of the other tests are of no worth if a part of the server outlives them."""
    with database.connect() as conn:
        conn.execute("CREATE TABLE t AS SELECT 1 AS a")
        ((backend,),) = conn.execute("SELECT pg_backend_pid()").fetchall()
        killed_server.kill()
        assert not Path(f"/proc/{backend}").exists()
    killed_server.start()
    with database.connect() as conn:
        assert conn.execute("SELECT a FROM t").fetchall() == [(1,)]
