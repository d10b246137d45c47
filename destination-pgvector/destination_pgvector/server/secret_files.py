"""Secrets as files, for a library that takes only paths."""

import os
import shutil
import tempfile
from pathlib import Path

OWNER_ONLY = 0o600  # libpq refuses a key that others may read


class SecretFiles:
    """Files that only this process (on Linux), or only this user can read. `close` removes them.

    On Linux they lie in memory and have no name: nothing is left behind, however the process ends.
    """

    def __init__(self) -> None:
        self._descriptors: list[int] = []
        self._folder: Path | None = None

    def write(self, name: str, content: str) -> str:
        """The path of a new file."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
            self._descriptors.append(descriptor)
            path = f"/proc/self/fd/{descriptor}"
        else:
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="postgres-"))
            path = str(self._folder / name)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
            self._descriptors.append(descriptor)
        os.fchmod(descriptor, OWNER_ONLY)
        os.write(descriptor, content.encode())
        return path

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())
        if self._folder:
            shutil.rmtree(self._folder)
            self._folder = None
