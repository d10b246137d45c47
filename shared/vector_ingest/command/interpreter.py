"""Settings of Python for a process in which threads move many small objects."""

import gc
import sys

# A thread that comes back from the network or from NumPy waits for the one that computes for as long as this: with the
# 5 ms of Python's own setting, a COPY of pieces of 256 KiB waits longer than it writes.
SWITCH_INTERVAL = 0.0005  # seconds
# Nothing that travels is part of a cycle: looking for cycles at every 700 objects finds none, for a tenth of the time.
THRESHOLDS = (20_000, 50, 100)


def settle() -> None:
    """Once a process, when all is imported: what is there now is not looked through again."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(SWITCH_INTERVAL)
