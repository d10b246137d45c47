"""How far a build of an index has come, in log lines."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
from psycopg import Connection

from vector_ingest.errors import ConfigError, TransientError

logger = logging.getLogger("airbyte.pgvector")
Connect = Callable[[], AbstractContextManager[Connection]]
INTERVAL = 10.0  # seconds between lines
# https://www.postgresql.org/docs/current/progress-reporting.html#CREATE-INDEX-PROGRESS-REPORTING
QUERY = (
    "SELECT phase, tuples_done, tuples_total, blocks_done, blocks_total FROM pg_stat_progress_create_index "
    "WHERE pid = %s"
)


@contextmanager
def progress(pid: int, name: str, watch: Connect, interval: float = INTERVAL) -> Iterator[None]:
    """A line every `interval` seconds on what the server's process `pid` builds. `watch` makes a connection."""
    done = threading.Event()
    arguments = (pid, name, watch, interval, done)
    watcher = threading.Thread(target=_watch, args=arguments, name="index progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(pid: int, name: str, watch: Connect, interval: float, done: threading.Event) -> None:
    begun = time.monotonic()
    if done.wait(interval):
        return
    try:
        with watch() as conn:
            while True:
                for row in conn.execute(QUERY, (pid,)).fetchall():
                    logger.info("%s", line(name, row, time.monotonic() - begun))
                if done.wait(interval):
                    return
    except (psycopg.Error, ConfigError, TransientError) as error:  # of the server, AWS or the tunnel
        # The build goes on without; if the server is gone, it says so itself.
        logger.warning("How far the index of %s is can't be asked: %s", name, " ".join(str(error).split()))


def line(name: str, row: tuple[str, int, int, int, int], seconds: float) -> str:
    phase, rows, all_rows, blocks, all_blocks = row
    part, whole, unit = (rows, all_rows, "rows") if all_rows else (blocks, all_blocks, "blocks")
    share = f", {part / whole:.0%} ({part:,} of {whole:,} {unit})" if whole else f", {rows:,} rows" if rows else ""
    return f"Building the index of {name}: {phase}{share}, {seconds:.0f} s."
