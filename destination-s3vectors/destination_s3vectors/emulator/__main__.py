"""Starts the emulator, or probes an endpoint: `python -m destination_s3vectors.emulator --help`."""

import argparse
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from destination_s3vectors.emulator.probe import command as probe
from destination_s3vectors.emulator.server import ACCOUNT, REGION, Emulator
from destination_s3vectors.emulator.throttle import Rates
from destination_s3vectors.service import limits

SERVE = "Amazon S3 Vectors on 127.0.0.1. Prints its endpoint on the first line; ends on SIGTERM or Ctrl-C."
EPILOG = """\
Point boto3 at the printed endpoint, with any credentials:
  export AWS_ENDPOINT_URL_S3VECTORS=http://127.0.0.1:8765 AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any

Make things go wrong (see faults.py for the rules), and see what happened:
  curl -X PUT http://127.0.0.1:8765/_emulator/faults -d '{"rules": [{"kind": "throttle", "probability": 0.2}]}'
  curl http://127.0.0.1:8765/_emulator/log
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code. None: the arguments of the process."""
    options = _parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def serve(options: argparse.Namespace) -> int:
    rates = None
    if not options.no_throttle:
        rates = Rates(options.requests_per_second, options.vectors_per_second)
    try:
        emulator = Emulator(options.port, options.file, rates, options.region, options.account)
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"The emulator can't start on port {options.port} with the file {options.file}: {error}\n")
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    emulator.start()
    sys.stdout.write(f"{emulator.endpoint}\n")
    sys.stdout.flush()
    stop.wait()
    emulator.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m destination_s3vectors.emulator",
        description=f"{SERVE} Without a command it serves.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=serve)
    _add_options(parser)
    commands = parser.add_subparsers(metavar="COMMAND")
    _add_options(commands.add_parser("serve", help="serve, with the options below", description=SERVE))
    probing = commands.add_parser(
        "probe", help="hold an endpoint, AWS or this emulator, against the documentation", description=probe.DESCRIPTION
    )
    probing.set_defaults(run=probe.main)
    probe.add_arguments(probing)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="to listen on (default: a free one)")
    parser.add_argument("--file", type=Path, help="keeps everything in this file, also when killed (default: memory)")
    parser.add_argument("--region", default=REGION, help="in ARNs (default: %(default)s)")
    parser.add_argument("--account", default=ACCOUNT, help="in ARNs, 12 digits (default: %(default)s)")
    parser.add_argument("--no-throttle", action="store_true", help="take writes at any rate")
    parser.add_argument(
        "--requests-per-second",
        type=float,
        default=limits.REQUESTS_PER_SECOND,
        help="writes to one index (default: %(default)s)",
    )
    parser.add_argument(
        "--vectors-per-second",
        type=float,
        default=limits.VECTORS_PER_SECOND,
        help="put into and deleted from one index (default: %(default)s)",
    )


if __name__ == "__main__":
    sys.exit(main())
