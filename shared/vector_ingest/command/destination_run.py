"""The commands of a destination. stdout carries protocol lines, but for what people call: search, replay, status.

Imports nothing heavy before it must: `spec` answers in 0.05 seconds, and Airbyte asks often.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from vector_ingest.command.printed import print_out

if TYPE_CHECKING:
    from vector_ingest.command.pipeline import Connector
    from vector_ingest.messages import Output

MESSAGES = """

Messages go to stdout as one JSON object a line (Airbyte protocol). Exit code: 0 done, 1 failed (the last message says
why; a failed check is a message and exit code 0), 2 wrong arguments."""


@dataclass(frozen=True, slots=True)
class Program:
    """A destination's command. `connector` imports what does the work; `package` holds the committed spec.json."""

    name: str
    package: str
    description: str
    examples: str
    connector: "Callable[[], Connector[Any]]"
    # Imports what tells of the streams that are stored, by configuration, as text or JSON; None: it can't tell.
    status: "Callable[[], Callable[[Mapping[str, Any], bool], str]] | None" = None


def run(program: Program) -> None:
    arguments = _parser(program).parse_args()
    spec = json.loads(files(program.package).joinpath("spec.json").read_text())
    if arguments.command == "spec":
        print_out(json.dumps({"type": "SPEC", "spec": spec}))
        sys.exit(0)
    from vector_ingest.command.command_line import execute, leave

    to_stderr = _tell if arguments.command in ("search", "replay", "status") else None
    work = partial(_dispatch, program, arguments)
    leave(execute(arguments.command, arguments.config, spec, work, to_stderr))


def _tell(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, found {text!r}")
    return int(text)


def _parser(program: Program) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        program.name,
        description=program.description,
        epilog=f"examples:\n{program.examples}{MESSAGES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("spec", help="print the form of the configuration")
    commands.add_parser("check", help="prove that the configuration works: store, rights, model")
    write = commands.add_parser("write", help="load the messages that come on stdin")
    search = commands.add_parser("search", help="print the stored chunks nearest to a question")
    write.add_argument("--catalog", required=True, help="path of the configured catalog, a JSON file")
    search.add_argument("--stream", required=True, help="the stream that is searched")
    search.add_argument("--namespace", help="the stream's namespace, if it has one")
    search.add_argument("--tenant", help="the tenant, where tenants are kept apart")
    search.add_argument("--limit", type=_positive, default=3, help="how many chunks (default: 3)")
    search.add_argument("--json", action="store_true", help="print JSON with the metadata")
    search.add_argument("question", help="in plain words")
    replay = commands.add_parser("replay", help="load the refused records that are kept aside once more")
    replay.add_argument("--dry-run", action="store_true", help="only list them, with the reasons")
    if program.status:
        status = commands.add_parser("status", help="tell what is stored of each stream, and how")
        status.add_argument("--json", action="store_true", help="print JSON")
    for name, command in commands.choices.items():
        if name != "spec":
            command.add_argument("--config", required=True, help="path of the configuration, a JSON file")
    return parser


def _dispatch(program: Program, arguments: argparse.Namespace, config: Mapping[str, Any], output: "Output") -> None:
    from vector_ingest.command.command_line import connection_status, read_object
    from vector_ingest.command.interpreter import settle
    from vector_ingest.command.pipeline import check, find, replay, write_lines

    connector = program.connector()
    match arguments.command:
        case "check":
            check(connector, config)
            output.write(connection_status(True))
        case "write":
            catalog = read_object(arguments.catalog, "catalog")
            settle()
            with open(0, "rb", buffering=0, closefd=False) as stdin:
                write_lines(connector, config, catalog, stdin, output.write)
        case "status":
            assert program.status
            output.write(program.status()(config, arguments.json).encode())
        case "replay":
            output.write(replay(connector, config, arguments.dry_run).encode())
        case "search":
            from vector_ingest.command.search import Scope, as_json, as_text

            scope = Scope(arguments.stream, arguments.namespace, arguments.tenant)
            found = find(connector, config, scope, arguments.question, arguments.limit)
            output.write((as_json(found) if arguments.json else as_text(found)).encode())
