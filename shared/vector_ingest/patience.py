"""How long a client waits for its service, and how often it asks again, where the environment knows better."""

import os

from vector_ingest.errors import ConfigError


def limit(variable: str, usual: int) -> int:
    """As the environment sets it, else as it usually is."""
    text = os.environ.get(variable) or str(usual)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"The environment variable {variable} is {text!r}: expected a whole number from 1 on.")
    return int(text)
