"""Whether JSON objects conform to the configured catalog, line by line: the rules are those of `conform`.

A line that conforms stays as it is. In others what does not fit is moved as it stands, so that no number loses a digit.
"""

import json
from collections.abc import Mapping, Sequence

import orjson
import pyarrow as pa

from source_s3.records.conform import TAKERS, either, extra_column, with_changes, wrong_type
from source_s3.render.changes import change_entry
from source_s3.render.json_text import TEXT
from source_s3.schema import ADDITIONAL, Declared
from vector_ingest.errors import DataError

TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
Taken = Mapping[str, frozenset[type]]
NONE: frozenset[type] = frozenset()
DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # int() refuses more than 4,300 digits


def misfits_of_objects(objects: pa.Array, declared: Declared) -> list[Sequence[str]]:
    """For each object, the names that do not fit."""
    taken: Taken = {name: _taken(kinds) for name, kinds in declared.items()}
    return [_misfits(line, taken) for line in objects.cast(pa.large_binary()).to_pylist()]


def _taken(kinds: frozenset[str]) -> frozenset[type]:
    fitting = {made for made, kind in TYPES.items() if not kinds or TAKERS[kind] & kinds}
    return frozenset({*fitting, type(None)})


def _misfits(line: bytes, taken: Taken) -> Sequence[str]:
    misfits = [name for name, value in orjson.loads(line).items() if type(value) not in taken.get(name, NONE)]
    if misfits:  # orjson makes floats of integers beyond 64 bits
        values = dict(_members(line))
        misfits = [name for name in misfits if not _fits_exactly(values[name], taken.get(name, NONE))]
    return misfits


def _fits_exactly(text: str, taken: frozenset[type]) -> bool:
    return int in taken and text.lstrip("-").isdecimal()


def misfit_in(line: bytes, name: str, declared: Declared) -> str:
    """What is wrong with that member: column, expected, found."""
    if name not in declared:
        return extra_column(name)
    return wrong_type(name, either(declared[name]), dict(_members(line))[name])


def evolved_objects(rows: pa.RecordBatch, declared: Declared, misfits: Sequence[Sequence[str]]) -> pa.RecordBatch:
    """What does not fit moves into the object ADDITIONAL. A value of a known column leaves null, and a change entry."""
    if not any(misfits):
        return rows
    lines = rows.column(0).cast(pa.large_binary()).to_pylist()
    made = [_evolved(line, declared, bad) if bad else line for line, bad in zip(lines, misfits, strict=True)]
    objects = pa.array(made, pa.large_binary()).cast(TEXT)
    changes = pa.array(
        ["".join(change_entry(name) for name in bad if name in declared) for bad in misfits],
        TEXT,
    )
    return with_changes(pa.RecordBatch.from_arrays([objects], schema=rows.schema), changes)


def _evolved(line: bytes, declared: Declared, misfits: Sequence[str]) -> bytes:
    """Of two members with one name the last one counts, as for all who read JSON."""
    members = dict(_members(line))
    moved = {name: value for name, value in members.items() if name in misfits}
    kept = {name: "null" if name in moved else value for name, value in members.items() if name in declared}
    return _object({**kept, ADDITIONAL: _object(moved)}).encode()


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{value}" for name, value in members.items()) + "}"


def _members(line: bytes) -> list[tuple[str, str]]:
    """Names and values of a JSON object, the values as they stand. DataError: nested too deep for Python's parser."""
    text = line.decode().strip()
    members: list[tuple[str, str]] = []
    place = _after_blanks(text, 1)
    try:
        while text[place] != "}":
            name, place = DECODER.raw_decode(text, place)
            begin = _after_blanks(text, _after_blanks(text, place) + 1)  # the colon
            _, end = DECODER.raw_decode(text, begin)
            members.append((name, text[begin:end]))
            place = _after_blanks(text, end)
            if text[place] == ",":
                place = _after_blanks(text, place + 1)
    except RecursionError as error:
        raise DataError("a line", "expected JSON of at most some 900 levels, found deeper nesting") from error
    return members


def _after_blanks(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place
