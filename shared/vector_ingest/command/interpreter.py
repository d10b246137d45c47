"""Settings of Python for a process in which threads move many small objects, and some large ones."""

import ctypes
import gc
import sys

# A thread that comes back from the network or from NumPy waits for the one that computes for as long as this: with the
# 5 ms of Python's own setting, a COPY of pieces of 256 KiB waits longer than it writes.
SWITCH_INTERVAL = 0.0005  # seconds
# Nothing that travels is part of a cycle: looking for cycles at every 700 objects finds none, for a tenth of the time.
THRESHOLDS = (20_000, 50, 100)
# From this size on, memory is the system's again when it is freed. By itself glibc raises its limit to the largest that
# was ever freed (to 32 MiB), and then keeps bodies of requests in the heaps of its threads, which grow for hours.
LARGE = 1024 * 1024  # bytes
MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h, see mallopt(3)


def settle() -> None:
    """Once a process, when all is imported: what is there now is not looked through again."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(SWITCH_INTERVAL)


def give_back() -> None:
    """For a process whose large buffers are many at once. Elsewhere it costs: of a load into PostgreSQL about 3 %."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # other C libraries have none
        mallopt(MMAP_THRESHOLD, LARGE)
