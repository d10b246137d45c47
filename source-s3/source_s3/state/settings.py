"""The settings that a stream's state was made with, in a short readable form, and what of them is another now.

Other settings of reading make the fingerprints of all objects others, so that all are read again; a narrower selection
makes objects fall out as if they were gone; another catalog leaves what was read as it is. Each is said once.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from source_s3.plan import StreamPlan, without_effect
from source_s3.read.options import CsvFormat

LONGEST = 120  # characters of one setting's value; a longer one is cut and told by its digest
NAMED = 5_000  # characters of all columns: of more, only their digest is kept
FEW = 10  # columns that are named in a message

Settings = Mapping[str, Any]


def settings_of(plan: StreamPlan) -> Settings:
    """What the state keeps. `reading` is what `StreamPlan.reading` is made of."""
    return {"reading": _short(_reading(plan)), "selection": _short(_selection(plan)), "columns": _columns(plan)}


def changed(before: Settings, after: Settings, group: str) -> str:
    """The settings of a group that differ, with both values; empty if none does."""
    old, new = (_group(settings, group) for settings in (before, after))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"`{name}` was {old.get(name, 'not set')} and is {new.get(name, 'not set')}" for name in names)


def changed_columns(before: Settings, after: Settings) -> str:
    """What the catalog asks for now and did not, or no longer; empty if that is the same, or not known."""
    old, new = before.get("columns"), after.get("columns")
    if not old or not new or old == new:
        return ""
    if not isinstance(old, list) or not isinstance(new, list):
        return "other columns"
    added, lost = ([name for name in one if name not in other] for one, other in ((new, old), (old, new)))
    return "; ".join(f"{what}: {_some(names)}" for what, names in (("new", added), ("no longer", lost)) if names)


def _group(settings: Settings, group: str) -> Mapping[str, str]:
    found = settings.get(group)
    return found if isinstance(found, Mapping) else {}


def _reading(plan: StreamPlan) -> Iterator[tuple[str, Any]]:
    yield "format.filetype", plan.format.filetype
    excluded = {**without_effect(plan.format), "filetype": True}
    options = plan.format.model_dump(mode="json", exclude_defaults=True, exclude=excluded)
    yield from ((f"format.{name}", value) for name, value in options.items())
    yield "version of the parser", plan.parser
    yield "input_schema", dict(sorted(plan.types.items()))
    yield "schemaless", plan.schemaless
    yield "sync_deletions", plan.rows_are_numbered
    yield "validation_policy", plan.validation if plan.changes_rows else None
    yield "hive_partitions", plan.hive
    yield "delivery_method", plan.transfer.model_dump(mode="json") if plan.transfer else None


def _selection(plan: StreamPlan) -> Iterator[tuple[str, Any]]:
    chosen = plan.selection
    yield "globs", list(chosen.globs)
    yield "exclude_globs", list(chosen.excluded)
    yield "legacy_prefix", chosen.prefix
    yield "start_date", chosen.start.isoformat() if chosen.start else None
    yield "min_file_size", chosen.smallest
    yield "max_file_size", chosen.largest
    yield "manifest", chosen.manifest


def _columns(plan: StreamPlan) -> list[str] | str:
    """As far as they change records: text of CSV files is cast to the catalog's types, other formats have their own."""
    if plan.schemaless or not (plan.projects or plan.validates):
        return []
    typed = isinstance(plan.format, CsvFormat)
    found = sorted(f"{name} ({'/'.join(sorted(kinds))})" if typed else name for name, kinds in plan.columns.items())
    return found if len(text := json.dumps(found)) <= NAMED else _digest(text)


def _short(settings: Iterator[tuple[str, Any]]) -> dict[str, str]:
    """Without those that are not set."""
    shown = ((name, json.dumps(value, ensure_ascii=False)) for name, value in settings if value or value == 0)
    return {
        name: text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({_digest(text)})"
        for name, text in shown
        if text != "false"
    }


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _some(names: list[str]) -> str:
    more = len(names) - FEW
    return ", ".join(names[:FEW]) + (f" and {more} more" if more > 0 else "")
