"""For what can't be tested everywhere."""

import os
import sys
from typing import NoReturn

import pytest


def untested(message: str) -> NoReturn:
    """Skip the test, loudly; where CI runs, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(message)
    sys.stderr.write(f"{message}\n")
    pytest.skip(message)
