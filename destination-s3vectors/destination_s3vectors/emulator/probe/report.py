"""What the checks found, for people or as JSON."""

import json
from collections import Counter
from collections.abc import Sequence

from destination_s3vectors.emulator.probe.check import Result


def text(results: Sequence[Result], endpoint: str) -> str:
    counts = Counter(result.verdict for result in results)
    lines = [line for result in results for line in _lines(result)]
    summary = f"{len(results)} checks of {endpoint}: " + ", ".join(
        f"{counts[verdict]} {verdict}" for verdict in ("ok", "differs", "skipped")
    )
    return "\n".join([*lines, summary])


def as_json(results: Sequence[Result], endpoint: str) -> str:
    checks = [
        {
            "name": result.check.name,
            "basis": _basis(result),
            "expected": result.check.expected,
            "found": result.found,
            "verdict": result.verdict,
        }
        for result in results
    ]
    return json.dumps({"endpoint": endpoint, "checks": checks}, indent=2, default=str)


def _lines(result: Result) -> list[str]:
    head = f"{result.verdict:7} {_basis(result):10} {result.check.name}"
    if result.verdict == "ok":
        return [head]
    return [head, f"        expected {result.check.expected!r}, found {result.found!r}"]


def _basis(result: Result) -> str:
    return "guess" if result.check.is_guess else "documented"
