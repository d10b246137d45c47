"""The commands: spec, check, write, and search. stdout carries protocol lines only, but for `search` and `--help`."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
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
    protocol = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not stand between the protocol's lines
    code = _run(arguments, protocol)
    sys.stdout.flush()
    sys.exit(code)


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


def _run(arguments: argparse.Namespace, protocol: int) -> int:
    from vector_ingest.errors import ConfigError, DataError, TransientError
    from vector_ingest.messages import Output
    from vector_ingest.redact import redactor

    output = Output(os.fdopen(protocol, "wb"))
    hide: Callable[[str], str] = str
    try:
        config = _read_object(arguments.config, "configuration")
        hide = redactor(_spec()["connectionSpecification"], config)
        _start_logging(output, hide)
        _dispatch(arguments, config, output)
    except (ConfigError, DataError, TransientError) as error:
        return _refuse(arguments.command, error, hide, output)
    except Exception as error:  # noqa: BLE001 (the last stop: the platform wants a bug as a message too)
        return _crash(error, hide, output)
    return 0


def _dispatch(arguments: argparse.Namespace, config: Mapping[str, Any], output: "Output") -> None:
    from destination_pgvector.config import Config
    from destination_pgvector.pipeline import check, find, write_lines
    from vector_ingest.messages import dumps
    from vector_ingest.spec import parse_config

    match arguments.command:
        case "check":
            check(parse_config(Config, config))
            output.write(dumps(_status("SUCCEEDED")))
        case "write":
            catalog = _read_object(arguments.catalog, "catalog")
            with open(0, "rb", buffering=0, closefd=False) as stdin:
                write_lines(config, catalog, stdin, output.write)
        case "search":
            from destination_pgvector.search import as_json, as_text

            stream, namespace = arguments.stream, arguments.namespace
            found = find(parse_config(Config, config), stream, namespace, arguments.question, arguments.limit)
            output.write((as_json(found) if arguments.json else as_text(found)).encode())


def _refuse(command: str, error: Exception, hide: Callable[[str], str], output: "Output") -> int:
    """What the user can mend, or what trying again mends. A failed check is an answer, so it exits with 0."""
    from vector_ingest.errors import failure_type
    from vector_ingest.messages import dumps, error_line

    message = hide(str(error))
    match command:
        case "check":
            output.write(dumps(_status("FAILED", message)))
            return 0
        case "search":
            sys.stderr.write(f"{message}\n")
        case _:
            cause = hide(repr(error.__cause__)) if error.__cause__ else None
            output.write(error_line(message, failure_type(error), cause))
    return 1


def _crash(error: Exception, hide: Callable[[str], str], output: "Output") -> int:
    from traceback import format_exception

    from vector_ingest.errors import failure_type
    from vector_ingest.messages import error_line

    message = "The connector failed in a way that it does not know. Please report it with the log of this sync."
    stack_trace = hide("".join(format_exception(error)))
    output.write(error_line(message, failure_type(error), hide(repr(error)), stack_trace))
    return 1


def _start_logging(output: "Output", hide: Callable[[str], str]) -> None:
    """Python's logging as LOG lines."""
    import logging

    from vector_ingest.messages import LogHandler

    logging.root.handlers[:] = [LogHandler(output, hide)]
    logging.root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request to the model


def _read_object(path: str, what: str) -> dict[str, Any]:
    from vector_ingest.errors import ConfigError

    try:
        value = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The {what} file {path} can't be read as JSON: {error}. Give the path of a JSON file."
        ) from None
    if not isinstance(value, dict):
        raise ConfigError(f"The {what} file {path} holds a {type(value).__name__}: expected a JSON object.")
    return value


def _status(status: str, message: str | None = None) -> dict[str, Any]:
    details = {"status": status} if message is None else {"status": status, "message": message}
    return {"type": "CONNECTION_STATUS", "connectionStatus": details}
