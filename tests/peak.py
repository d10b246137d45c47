"""The most memory that a process took.

A process's peak, as the system counts it, includes what its parent held when it was started; so a small parent must
start it. Linux counts in KiB.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

LAUNCHER = """
import os, resource, sys
code = os.spawnvp(os.P_WAIT, sys.argv[2], sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024))
sys.exit(code)
"""


def measured(command: Sequence[str | Path], peak: Path) -> list[str]:
    """The command that runs `command` and then writes the MiB of it, or of its largest child, into the file `peak`."""
    quick = ("-I", "-S")  # its start is measured, too
    return [sys.executable, *quick, "-c", LAUNCHER, str(peak), *(str(part) for part in command)]
