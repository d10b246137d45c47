"""The commands. stdout carries protocol lines only, but for `--help` and the policies of `iam-policy`."""

import argparse
import gc
import json
import os
import signal
import sys
from contextlib import closing
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from vector_ingest.command.printed import print_out

if TYPE_CHECKING:
    from source_s3.config import Config
    from vector_ingest.messages import Output

DESCRIPTION = "Read the files of an S3 bucket as records (tables by rows, documents as Markdown): an Airbyte source."
EPILOG = """examples:
  source-s3 check --config source.json
  source-s3 discover --config source.json > catalog-message.json
  source-s3 read --config source.json --catalog catalog.json --state state.json \\
    | destination-pgvector write --config pgvector.json --catalog catalog.json

The shortest configuration:
  {"credentials": {"auth_type": "default_credentials"}, "region_name": "eu-central-1", "bucket": "my-bucket",
   "path": "handbook/", "file_type": "documents"}

Messages go to stdout as one JSON object a line (Airbyte protocol). Exit code: 0 done, 1 failed (the last message says
why; a failed check is a message and exit code 0), 2 wrong arguments."""

GARBAGE = 50_000  # new objects before cycles are looked for: to start makes several hundred thousand, all of which stay


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.command == "spec":
        print_out(json.dumps({"type": "SPEC", "spec": _spec()}))
        sys.exit(0)
    if arguments.command == "iam-policy":
        from source_s3.iam_policy import print_policies

        sys.exit(print_policies(arguments.config, arguments.bucket, _spec()))
    gc.set_threshold(GARBAGE)
    from vector_ingest.command.command_line import execute, leave

    leave(execute(arguments.command, arguments.config, _spec(), partial(_dispatch, arguments)))


def _leave(output: "Output", words: bytes) -> None:
    """The last words of a read that was told to stop. Threads that wait for the network would hold it up."""
    output.write(words)
    os._exit(128 + signal.SIGTERM)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "source-s3", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("spec", help="print the form of the configuration")
    check = commands.add_parser("check", help="prove that the bucket can be listed and a file of each stream be read")
    discover = commands.add_parser("discover", help="print the streams and their schemas")
    read = commands.add_parser("read", help="print the records of the catalog's streams, and states to go on from")
    replay = commands.add_parser("replay", help="print the records of bad rows that were kept aside")
    policy = commands.add_parser("iam-policy", help="print the rights that the configuration needs, as IAM policies")
    policy.add_argument(
        "--bucket", action="append", default=[], metavar="NAME", help="another bucket, whose objects a manifest names"
    )
    for command in (check, discover, read, replay, policy):
        command.add_argument("--config", required=True, help="path of the configuration, a JSON file")
    for command in (read, replay):
        command.add_argument("--catalog", required=True, help="path of the configured catalog, a JSON file")
    silent = replay.add_mutually_exclusive_group()
    silent.add_argument("--dry-run", action="store_true", help="print no records, only what is kept, and why")
    silent.add_argument("--forget", action="store_true", help="print no records, but take out what can be read now")
    read.add_argument("--state", help="path of the states that the last sync ended with, a JSON file")
    read.add_argument("--state-interval", type=_seconds, metavar="SECONDS", help="between two states at least (60)")
    for command in (*commands.choices.values(), parser):
        command.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)  # the platform may pass it
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)  # argparse words its ValueError
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more, found {text}")
    return seconds


def _spec() -> dict[str, Any]:
    """From the committed file: Airbyte asks often, and importing what makes it takes a second."""
    spec: dict[str, Any] = json.loads(files("source_s3").joinpath("spec.json").read_text())
    return spec


class _NoPandas:
    """Stands first among those that are asked for a module."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:  # noqa: ARG002
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _prepare_arrow() -> None:
    """Arrow imports pandas, where it is installed, to look whether its first value is one of pandas': 0.5 to 0.8 s.

    Its memory comes from jemalloc where it can: mimalloc, the default, holds 50 to 80 MiB more for the same work.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's, which would start for nothing
    finder: Any = _NoPandas()
    sys.meta_path.insert(0, finder)
    import pyarrow

    pyarrow.scalar("")  # Arrow looks once and remembers
    sys.meta_path.remove(finder)
    if "ARROW_DEFAULT_MEMORY_POOL" not in os.environ and "jemalloc" in pyarrow.supported_memory_backends():
        pyarrow.set_memory_pool(pyarrow.jemalloc_memory_pool())
        pyarrow.jemalloc_set_decay_ms(100)  # what is free goes back: 20 to 30 MiB less than after its second


def _dispatch(arguments: argparse.Namespace, config: dict[str, Any], output: "Output") -> None:
    _prepare_arrow()
    from source_s3.config import Config
    from vector_ingest.command.command_line import connection_status, read_object
    from vector_ingest.command.spec import parse_config
    from vector_ingest.messages import dumps

    parsed = parse_config(Config, config)
    match arguments.command:
        case "check":
            from source_s3.check import check

            check(parsed)
            output.write(connection_status(True))
        case "discover":
            from source_s3.discover import discover

            output.write(dumps({"type": "CATALOG", "catalog": {"streams": discover(parsed)}}))
        case "read":
            _read(arguments, parsed, config, output)
        case "replay":
            from source_s3.replay import replay, require_no_overwrite
            from source_s3.sync.configured import configured_streams

            catalog = read_object(arguments.catalog, "catalog")
            configured = configured_streams(catalog, [])
            require_no_overwrite(catalog)
            with closing(replay(parsed, configured, dry_run=arguments.dry_run, forget=arguments.forget)) as read:
                for lines in read:
                    output.write(lines)


def _read(arguments: argparse.Namespace, parsed: "Config", config: dict[str, Any], output: "Output") -> None:
    """`config`: `parsed` as it was given, whose secrets must not stand in an error."""
    from source_s3.state.checkpoint import INTERVAL
    from source_s3.sync.configured import configured_streams
    from source_s3.sync.leaving import Leaving
    from source_s3.sync.read_all import read_all
    from vector_ingest.command.command_line import error_message, read_json, read_object
    from vector_ingest.command.redact import redactor

    hide = redactor(_spec()["connectionSpecification"], config)

    def tell(error: Exception, stream: tuple[str | None, str]) -> bytes:
        return error_message(error, hide, stream)

    interval = INTERVAL if arguments.state_interval is None else arguments.state_interval
    states = read_json(arguments.state, "state") if arguments.state else []
    configured = configured_streams(read_object(arguments.catalog, "catalog"), states)
    leaving = Leaving(partial(_leave, output))
    signal.signal(signal.SIGTERM, leaving.ask)
    with closing(read_all(parsed, configured, interval, tell, leaving)) as read:
        for lines in read:
            output.write(lines)
