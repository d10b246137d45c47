"""The commands: spec, check, write, and search. stdout carries protocol lines only, but for `search` and `--help`."""

import argparse
import json
import sys
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vector_ingest.messages import Output

DESCRIPTION = "Chunk, embed and load records into PostgreSQL with pgvector, as an Airbyte destination."
EPILOG = """examples:
  source-s3 read --config source.json --catalog catalog.json \\
    | destination-pgvector write --config pgvector.json --catalog catalog.json
  destination-pgvector search --config pgvector.json --stream documents "How do I rotate the keys?"

Messages go to stdout as one JSON object a line (Airbyte protocol). Exit code: 0 done, 1 failed (the last message says
why; a failed check is a message and exit code 0), 2 wrong arguments."""


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.command == "spec":
        sys.stdout.write(json.dumps({"type": "SPEC", "spec": _spec()}) + "\n")
        sys.exit(0)
    from vector_ingest.command_line import execute, leave

    to_stderr = _tell if arguments.command == "search" else None
    work = partial(_dispatch, arguments)
    leave(execute(arguments.command, arguments.config, _spec(), work, to_stderr))


def _tell(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "destination-pgvector",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("spec", help="print the form of the configuration")
    check = commands.add_parser("check", help="prove that the configuration works: server, rights, model")
    write = commands.add_parser("write", help="load the messages that come on stdin")
    search = commands.add_parser("search", help="print the stored chunks nearest to a question")
    for command in (check, write, search):
        command.add_argument("--config", required=True, help="path of the configuration, a JSON file")
    write.add_argument("--catalog", required=True, help="path of the configured catalog, a JSON file")
    search.add_argument("--stream", required=True, help="the stream whose table is searched")
    search.add_argument("--namespace", help="the stream's namespace, if it has one")
    search.add_argument("--limit", type=int, default=3, help="how many chunks (default: 3)")
    search.add_argument("--json", action="store_true", help="print JSON with the metadata")
    search.add_argument("question", help="in plain words")
    return parser


def _spec() -> dict[str, Any]:
    """From the committed file: Airbyte asks often, and the CDK alone takes two seconds to import."""
    spec: dict[str, Any] = json.loads(files("destination_pgvector").joinpath("spec.json").read_text())
    return spec


def _dispatch(arguments: argparse.Namespace, config: Mapping[str, Any], output: "Output") -> None:
    from destination_pgvector.config import Config
    from destination_pgvector.pipeline import check, find, write_lines
    from vector_ingest.command_line import read_object, status
    from vector_ingest.spec import parse_config

    match arguments.command:
        case "check":
            check(parse_config(Config, config))
            output.write(status(True))
        case "write":
            catalog = read_object(arguments.catalog, "catalog")
            with open(0, "rb", buffering=0, closefd=False) as stdin:
                write_lines(config, catalog, stdin, output.write)
        case "search":
            from destination_pgvector.search import as_json, as_text

            stream, namespace = arguments.stream, arguments.namespace
            found = find(parse_config(Config, config), stream, namespace, arguments.question, arguments.limit)
            output.write((as_json(found) if arguments.json else as_text(found)).encode())
