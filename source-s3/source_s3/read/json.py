"""JSON files: an array of objects, one object, or objects one after another. Each one becomes a line of its text."""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

import pyarrow as pa

from source_s3.read import BadRow, Batch, Reading
from source_s3.read.json_objects import batch_of, objects_of, problem_of, reason_of, schema_of
from source_s3.read.json_split import Cut, split
from source_s3.read.options import JsonFormat
from source_s3.schema import Properties

BLOCK = 1024 * 1024  # bytes read at once
LINE_BREAK = re.compile(rb"[\r\n][ \t\r\n]*")  # with the indentation after it


def schema(file: BinaryIO, options: JsonFormat) -> Properties:
    return schema_of(read(file, options, Reading()), file)


def read(file: BinaryIO, options: JsonFormat, reading: Reading) -> Iterator[Batch]:  # noqa: ARG001
    """`reading.resume` is {"byte", "row", "inside"}: where the next object begins, and whether in an array (1 or 0)."""
    resume = reading.resume or {"byte": 0, "row": 0, "inside": 0}
    byte, row = resume["byte"], resume["row"]
    file.seek(byte)
    if byte == 0:
        byte = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
        file.seek(byte)
    inside = bool(resume["inside"])
    for cut in split(iter(partial(file.read, BLOCK), b""), byte, inside=inside):
        byte, inside = cut.end, cut.inside
        objects, refused = _checked(cut)
        if len(objects) or refused:
            end = {"byte": cut.end, "row": row + len(objects), "inside": int(cut.inside)}
            yield Batch(batch_of(objects), row, end, refused)
            row += len(objects)
    if inside:
        bad = BadRow(
            f"byte {byte}", "expected the ] that ends the array, found the end of the file: is it cut off?", b""
        )
        yield Batch(batch_of([]), row, {"byte": byte, "row": row, "inside": 0}, [bad])


def _checked(cut: Cut) -> tuple[pa.Array | Sequence[bytes], Sequence[BadRow]]:
    refused = {
        place: BadRow(f"byte {place}", "expected a whole JSON object, found something else", text)
        for place, text in cut.others
    }
    lines = b"\n".join([*(text for _, text in cut.values), b""])
    if cut.values and b"\r" not in lines and lines.count(b"\n") == len(cut.values):
        whole = objects_of(lines)
        if whole is not None:
            return whole, list(refused.values())
    objects = []
    for place, text in cut.values:
        problem = problem_of(text)
        if problem is None:  # then line breaks are between the tokens only
            objects.append(LINE_BREAK.sub(b"", text))
        else:
            refused[place] = BadRow(f"byte {place}", reason_of(problem), text)
    return objects, [refused[place] for place in sorted(refused)]
