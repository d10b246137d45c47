"""One writer for each stream: a lease in the account index, renewed while the sync runs.

The service has no conditional put, so a lease can't exclude everything: two that begin within the same moment may both
take it. The one that finds the other's name at its next renewal stops with an error.

No clocks are compared. A lease that does not change for as long as it is good for belongs to a process that is dead.
So a sync that could not renew its own for that long does not write until it has.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from destination_s3vectors.indexes.account import Account
from vector_ingest.errors import ConfigError, TransientError

logger = logging.getLogger("airbyte.s3vectors")
GOOD_FOR = 30.0  # seconds without a renewal
RENEWED_EVERY = 10.0  # seconds
TRIED_FOR = 10  # times as long as it is good for: then a sync that can't renew its lease ends


class Leases:
    """Those of one sync. A thread renews them; `assert_held` raises what it found."""

    def __init__(
        self,
        account: Account,
        good_for: float = GOOD_FOR,
        renewed_every: float = RENEWED_EVERY,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._account = account
        self._good_for, self._renewed_every, self._wait = good_for, renewed_every, wait
        self._me = {
            "owner": uuid.uuid4().hex,
            "host": _host(),
            "process": os.getpid(),
            "started": _started(os.getpid()),
        }
        self._beat = 0
        self._held: dict[str, str] = {}  # key in the account index -> the stream's name
        self._renewed = time.monotonic()  # what was written after this is good for its time
        self._lost: Exception | None = None
        self._lock = Lock()
        self._end = Event()
        self._renewal: Thread | None = None

    def acquire(self, stream_key: str, name: str) -> None:
        """TransientError: another sync is writing this stream. Waits where that sync may be dead."""
        key = f"lease#{stream_key}"
        found = self._account.read(key)
        if found and not self._is_mine(found) and not _is_dead(found) and self._is_alive(key, name, found):
            raise TransientError(
                f"The stream {name} is being written by another sync ({_described(found)}): two at once would mix "
                "their documents. Run this one when the other has ended."
            )
        with self._lock:
            began = time.monotonic()
            self._held[key] = name
            self._account.write({key: self._mine()})
            if self._renewal is None:
                self._renewed = began
                self._renewal = Thread(target=self._renew, name="lease", daemon=True)
                self._renewal.start()

    def assert_held(self) -> None:
        """Raises what a renewal found: another sync, or that the account index can't be reached any more.

        Waits for the renewal where that is late: another sync may hold the lease by now.
        """
        while self._lost is None and self._held and time.monotonic() - self._renewed > self._good_for:
            if self._end.wait(self._good_for / 300):
                break
        if self._lost is not None:
            raise self._lost

    def release(self) -> None:
        """Give all back. Those that another sync has taken stay its own."""
        self._end.set()
        if self._renewal is not None:
            self._renewal.join()
        try:
            self._account.remove([key for key in self._held if self._is_mine(self._account.read(key))])
        except (ConfigError, TransientError) as error:
            # What was loaded is stored all the same, and a lease that nobody renews runs out.
            logger.warning("The lease was not given back; the next sync may have to wait for its end. %s", error)
        self._held.clear()

    def _is_alive(self, key: str, name: str, found: Mapping[str, Any]) -> bool:
        """Whether the sync that holds the lease shows it, within the time that its lease is good for."""
        if found["host"] == self._me["host"]:  # and its process is not dead
            return True
        logger.info(
            "The stream %s has the lease of %s. Waiting %.0f s to see whether that sync is alive.",
            name, _described(found), self._good_for,
        )  # fmt: skip
        end = time.monotonic() + self._good_for
        while time.monotonic() < end:
            self._wait(self._good_for / 30)
            now = self._account.read(key)
            if now != found:
                return now is not None
        return False

    def _renew(self) -> None:
        while not self._end.wait(self._renewed_every):
            try:
                with self._lock:
                    self._lost = self._renew_all()
            except TransientError as error:
                if time.monotonic() - self._renewed > TRIED_FOR * self._good_for:
                    self._lost = error
                else:
                    logger.warning("The lease could not be renewed, and is tried again: %s", error)
            except Exception as error:  # noqa: BLE001 (it is raised in the thread that writes: assert_held)
                self._lost = error
            if self._lost is not None:
                return

    def _renew_all(self) -> TransientError | None:
        """Says so where another sync has taken one over."""
        for key, name in self._held.items():
            found = self._account.read(key)
            if not self._is_mine(found):
                other = _described(found) if found else "somebody who removed the lease"
                return TransientError(
                    f"The stream {name} was taken over by another sync ({other}) while this one was writing. This one "
                    "stops. Run it again when the other has ended."
                )
        self._beat += 1
        began = time.monotonic()
        self._account.write({key: self._mine() for key in self._held})
        self._renewed = began
        return None

    def _mine(self) -> dict[str, Any]:
        return {**self._me, "beat": self._beat}

    def _is_mine(self, found: Mapping[str, Any] | None) -> bool:
        return found is not None and found["owner"] == self._me["owner"]


def _host() -> str:
    """Of this machine since its last start, and of its container: process numbers begin anew with each."""
    boot, numbers = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    parts = [socket.gethostname()]
    parts += [boot.read_text().strip()] if boot.exists() else []
    parts += [str(numbers.readlink())] if numbers.is_symlink() else []
    return " ".join(parts)


def _started(process: int) -> str | None:
    """When it began, in ticks since the machine's start; None where that can't be read."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _is_dead(found: Mapping[str, Any]) -> bool:
    """Whether it is known to be: a process of this machine that has ended."""
    if found["host"] != _host():
        return False
    try:
        os.kill(found["process"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return found["started"] is not None and found["started"] != _started(found["process"])


def _described(found: Mapping[str, Any]) -> str:
    return f"process {found['process']} on {str(found['host']).split()[0]}"
