"""Record what the peer makes of the cases: `python -m tests.peer.record [group ...]`.

A case whose recording is of the same configuration and objects is kept; with `--all` every one is made anew.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.peer.bucket import Server, serving
from tests.peer.case import (
    Case,
    Outcome,
    configured,
    hidden,
    initial_states,
    is_trace,
    last_states,
    names_of,
    outcome_of_read,
    streams_of,
)
from tests.peer.cases import GROUPS
from tests.peer.program import Program, running
from tests.peer.properties import paths

FOLDER = Path(__file__).parents[1] / "files" / "peer_cases"


def recorded(group: str) -> dict[str, Outcome]:
    path = FOLDER / f"{group}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def keep(group: str, outcomes: Mapping[str, Outcome]) -> None:
    """One case a line."""
    lines = [f" {json.dumps(name)}: {json.dumps(outcome, ensure_ascii=False)}" for name, outcome in outcomes.items()]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{group}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def record(case: Case, program: Program, server: Server) -> Outcome:
    bucket = server.make_bucket()
    server.put(bucket, case.objects)
    config = case.configuration(server.endpoint, bucket)
    environment = {name: value.replace("{endpoint}", server.endpoint) for name, value in case.environment.items()}
    check = program.run("check", environment, config=config).messages
    discover = program.run("discover", environment, config=config).messages
    streams = streams_of(discover)
    names = names_of(config)
    catalog = configured(streams, names, case.mode)
    server.put(bucket, case.late)
    states = initial_states(case, names[0])
    reads = []
    for more in ({}, case.again):
        if more is None:
            continue
        server.put(bucket, more)
        ended = program.run("read", environment, config=config, catalog=catalog, state=states)
        states = last_states(ended.messages)
        reads.append(outcome_of_read(ended.messages, ended.code != 0))
    outcome = {"digest": case.digest(), **outcome_of_check(check), "streams": streams, "reads": reads}
    return hidden(outcome, server.endpoint, bucket)


def outcome_of_check(messages: Any) -> Outcome:
    for message in messages:
        if message["type"] == "CONNECTION_STATUS":
            found = message["connectionStatus"]
            return {"check": found["status"], "check_says": (found.get("message") or "")[:200] or None}
    errors = [message["trace"]["error"]["message"] for message in messages if is_trace(message, "ERROR")]
    return {"check": "FAILED", "check_says": errors[0][:200] if errors else None}


def record_form(program: Program) -> None:
    """The names of all properties that the peer's form has."""
    (spec,) = [message["spec"] for message in program.run("spec", {}).messages if message["type"] == "SPEC"]
    found = sorted(paths(spec["connectionSpecification"]))
    (FOLDER / "form.json").write_text(json.dumps(found, indent=0) + "\n")


def main(arguments: list[str]) -> None:
    wanted = [name for name in arguments if name != "--all"] or list(GROUPS)
    with serving() as server, running() as program:
        for group in wanted:
            known = {} if "--all" in arguments else recorded(group)
            outcomes = {}
            for case in GROUPS[group]:
                old = known.get(case.name)
                if old and old["digest"] == case.digest():
                    outcomes[case.name] = old
                    continue
                outcomes[case.name] = record(case, program, server)
                found = outcomes[case.name]
                print(group, case.name, found["check"], [(read["failed"], read["statuses"]) for read in found["reads"]])
            keep(group, outcomes)
        if not arguments:
            record_form(program)


if __name__ == "__main__":
    main(sys.argv[1:])
