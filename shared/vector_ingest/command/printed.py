"""Text for people or for a file, on stdout. Imports nothing: `spec` answers at once."""

import os
import sys


def print_out(text: str) -> None:
    """A reader that has seen enough of it, such as `head -1`, is no error."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it ends
