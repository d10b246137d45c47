"""JSON lines: one object a line. An object over several lines is taken, too, as Airbyte's source-s3 does."""

import logging
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import orjson
import pyarrow as pa

from source_s3.read import BadRow, Batch, Reading
from source_s3.read.json_objects import SAMPLE, SPACE, batch_of, objects_of, problem_of, reason_of, schema_of
from source_s3.read.options import JsonlFormat
from source_s3.schema import Properties

BLOCK = 1024 * 1024  # bytes read at once
LINE = 64 * 1024 * 1024  # bytes: a longer line is no record that any destination takes
OBJECT = 4 * 1024 * 1024  # bytes: the longest object over several lines
SHOWN = 64 * 1024  # bytes handed over of a line that is too long
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
logger = logging.getLogger("airbyte")


def schema(file: BinaryIO, options: JsonlFormat) -> Properties:  # noqa: ARG001  every reader has the same signature
    return schema_of(_batches(file, Reading(), SAMPLE), file)


def read(file: BinaryIO, options: JsonlFormat, reading: Reading) -> Iterator[Batch]:  # noqa: ARG001
    """`reading.resume` is {"byte", "row", "line"}: where the next line begins, and what it is the number of."""
    return _batches(file, reading, BLOCK)


def _batches(file: BinaryIO, reading: Reading, size: int) -> Iterator[Batch]:
    byte, row, line = (resume["byte"], resume["row"], resume["line"]) if (resume := reading.resume) else (0, 0, 0)
    file.seek(byte)
    rest, has_warned = b"", False
    for block in _blocks(file, size):
        text = rest + block.lines if rest else block.lines
        begin = len(BOM_UTF8) if byte == 0 and text.startswith(BOM_UTF8) else 0
        lines = text[begin:] if begin else text
        objects = objects_of(lines)
        found = _Found(objects) if objects is not None else _line_by_line(lines, line, block)
        rest = found.rest
        if found.several_lines and not has_warned:
            logger.warning("%s: has objects over several lines, which take longer", getattr(file, "name", "A file"))
            has_warned = True
        byte += len(text) - len(rest) + block.dropped
        line += len(objects) if objects is not None else text.count(b"\n", 0, len(text) - len(rest))
        refused = list(found.refused)
        if block.dropped:
            line += 1
            refused.append(
                BadRow(f"line {line}", f"expected a line of at most {LINE} bytes, found a longer one", block.shown)
            )
        if len(found.objects) or refused:
            end = {"byte": byte, "row": row + len(found.objects), "line": line}
            yield Batch(batch_of(found.objects), row, end, refused)
            row += len(found.objects)


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole lines. `dropped`: the bytes of a line after them that is too long, which begins with `shown`."""

    lines: bytes
    is_last: bool = False
    dropped: int = 0
    shown: bytes = b""


@dataclass(frozen=True, slots=True)
class _Found:
    """`rest`: the begin of an object that may go on in the next block."""

    objects: pa.Array | Sequence[bytes]
    refused: Sequence[BadRow] = ()
    rest: bytes = b""
    several_lines: bool = False


def _blocks(file: BinaryIO, size: int) -> Iterator[_Block]:
    parts: list[bytes] = []
    held = 0
    while block := file.read(size):
        end = block.rfind(b"\n") + 1
        if end:
            yield _Block(b"".join([*parts, memoryview(block)[:end]]))  # the one copy that is made
            parts, held = [block[end:]], len(block) - end
        else:
            parts.append(block)
            held += len(block)
        if held > LINE:
            shown = b"".join(parts)[:SHOWN]
            dropped, after = _to_line_end(file, size)
            yield _Block(b"", dropped=held + dropped, shown=shown)
            parts, held = [after], len(after)
    last = b"".join(parts)
    yield _Block(last + b"\n" if last else b"", is_last=True)


def _to_line_end(file: BinaryIO, size: int) -> tuple[int, bytes]:
    """How many bytes the line goes on, and what was read after them."""
    count = 0
    while block := file.read(size):
        end = block.find(b"\n") + 1
        if end:
            return count + end, block[end:]
        count += len(block)
    return count, b""


def _line_by_line(text: bytes, line: int, block: _Block) -> _Found:
    """No object goes on behind a line that is too long."""
    at_end = block.is_last or block.dropped > 0
    lines = text.split(b"\n")
    objects: list[bytes] = []
    refused: list[BadRow] = []
    several_lines = False
    index = 0
    while index < len(lines):
        stripped = lines[index].strip(SPACE)
        problem = problem_of(stripped) if stripped else None
        if problem is not None:
            whole, count = _over_lines(lines, index) if _may_go_on(stripped, problem) else (None, 0)
            if whole is not None:
                objects.append(whole)
                several_lines = True
                index += count
                continue
            if count and not at_end:
                return _Found(objects, refused, b"\n".join(lines[index:]), several_lines)
            refused.append(BadRow(f"line {line + index + 1}", reason_of(problem), stripped))
        elif stripped:
            objects.append(stripped)
        index += 1
    return _Found(objects, refused, several_lines=several_lines)


def _may_go_on(text: bytes, problem: orjson.JSONDecodeError | str) -> bool:
    """Whether it is an object up to the end of the text, and only its rest is missing."""
    if isinstance(problem, str) or not text.startswith(b"{"):
        return False
    return 0 < len(problem.doc) <= problem.pos


def _over_lines(lines: Sequence[bytes], index: int) -> tuple[bytes | None, int]:
    """An object over several lines, without its line breaks, and their number. No object: 0 if there can be none,
    else how many lines there are until the lines end.
    """
    size = depth = count = 0
    for count, line in enumerate(islice(lines, index, None), start=1):
        bare = STRING.sub(b"", line)
        depth += bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
        size += len(line) + 1
        if size > OBJECT:
            return None, 0
        if count > 1 and (depth <= 0 or count.bit_count() == 1):  # else it would be parsed as often as it has lines
            text = b"\n".join(lines[index : index + count]).strip(SPACE)
            problem = problem_of(text)
            if problem is None:
                return b"".join(line.strip(SPACE) for line in lines[index : index + count]), count
            if depth <= 0 or not _may_go_on(text, problem):
                return None, 0
    return None, count
