"""The settings of a loading process, seen in one."""

import ctypes
import subprocess
import sys

from tests.untested import untested

BUFFERS = """
import ctypes
from vector_ingest.command.interpreter import LARGE, give_back

class Heaps(ctypes.Structure):  # struct mallinfo2 of malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]

heaps = ctypes.CDLL(None).mallinfo2
heaps.restype = Heaps
GIVE_BACK
for _ in range(3):
    body = bytearray(8 * LARGE)
    mapped = heaps().hblkhd
    del body
print(mapped > 8 * LARGE)
"""


def heaps_are_left_alone(code: str) -> bool:
    """Whether a large buffer is outside of the heaps, also after others were freed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout == "True\n"


def test_large_buffers_are_given_back_where_glibc_would_keep_them() -> None:
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        untested("UNTESTED: memory that is given back, which needs glibc 2.33 or newer to be seen.")
    assert not heaps_are_left_alone(BUFFERS.replace("GIVE_BACK", ""))
    assert heaps_are_left_alone(BUFFERS.replace("GIVE_BACK", "give_back()"))
