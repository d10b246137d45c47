"""Run by the peer's own Python: for each line of stdin, one command of the peer in a fork of this process.

A line: {"arguments": [...], "out": where its stdout goes, "environment": {...}}. The answer: the exit code.
"""

import importlib
import json
import os
import sys


def main() -> None:
    launch = importlib.import_module("source_s3.v4").SourceS3.launch
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(command(launch, **json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def command(launch, arguments, out, environment) -> int:  # type: ignore[no-untyped-def]
    os.environ.update(environment)
    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
    try:
        launch(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (as at the end of any process)
        sys.excepthook(*sys.exc_info())
        code = 1
    else:
        code = 0
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    main()
