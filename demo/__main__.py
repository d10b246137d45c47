"""`python -m demo` runs the demo and ends; `python -m demo serve` loads once and keeps the servers until Ctrl-C."""

import argparse
import io
import signal
import sys
from types import FrameType

from demo.run import keep_serving, run_demo
from demo.stores import STORES
from demo.sync import SyncFailedError


def main() -> int:
    parser = argparse.ArgumentParser("python -m demo", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "serve"], default="run")
    parser.add_argument("--store", choices=STORES, default="pgvector", help="where the vectors go (default: pgvector)")
    chosen = parser.parse_args()
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(errors="replace")  # the corpus has more characters than some terminals
    signal.signal(signal.SIGTERM, _leave)  # else the servers would outlive a `kill`
    try:
        keep_serving(chosen.store) if chosen.command == "serve" else run_demo(chosen.store)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The servers are gone.\n")
        return 130
    except SyncFailedError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    return 0


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a signal handler's shape)
    raise KeyboardInterrupt


sys.exit(main())
