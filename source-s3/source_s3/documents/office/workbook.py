"""Workbooks of Excel and OpenDocument: each sheet a page, its name as a heading, its cells as Markdown tables."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from source_s3.documents import markup
from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.office.docx import office_facts
from source_s3.documents.office.odf import odf_facts, require_open
from source_s3.documents.parsed import Block, Facts, Parsed, assembled
from source_s3.documents.parts import opened
from vector_ingest.errors import DataError


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """Formulas are what they last gave. Hidden sheets count. DataError: no workbook that can be read."""
    facts = _facts(key, content, limits) if content.startswith(b"PK") else Facts()
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    except (CalamineError, ValueError, OSError, KeyError, IndexError) as error:
        raise _broken(key, error) from error
    names = book.sheet_names
    facts = replace(facts, page_count=len(names))
    with book:
        found = assembled(_blocks(key, book, names, limits), limits.characters, facts)
        return replace(found, facts=facts)  # the first sheet's name is no title


def _facts(key: str, content: bytes, limits: Limits) -> Facts:
    with opened(key, content, limits) as parts:
        for name in parts.names():  # calamine passes over a part whose checksum is wrong
            if name.endswith(".xml") and "sheet" not in name.rpartition("/")[2]:
                parts.bytes_of(name)
        if "meta.xml" in parts:
            require_open(key, parts)
            return odf_facts(parts)
        return office_facts(parts)


def _blocks(key: str, book: Any, names: Sequence[str], limits: Limits) -> Iterator[Block]:
    for page, name in enumerate(names, 1):
        if page > limits.pages:
            raise TooMuch("sheets", limits.pages)
        try:
            rows = iter(book.get_sheet_by_name(name).iter_rows())
        except (CalamineError, ValueError, OSError, KeyError, IndexError) as error:
            raise _broken(key, error) from error
        heading: Block | None = Block(name, 1, page)
        for text in _tables(rows, limits):
            if heading is not None:
                yield heading
                heading = None
            yield Block(text, page=page)


def _tables(rows: Iterator[list[Any]], limits: Limits) -> Iterator[str]:
    """Rows between empty ones. The last are given even where there are too many characters: then it is told."""
    group: list[list[str]] = []
    size = 0
    for row in rows:
        cells = [_written(value) for value in row]
        size += sum(map(len, cells)) + 3 * len(cells)
        if any(cells):
            group.append(cells)
        elif group:
            yield markup.table(group)
            group = []
        if size > 16 * limits.characters:  # most of it may be empty cells
            raise TooMuch("characters of text", limits.characters)
    if group:
        yield markup.table(group)


def _written(value: Any) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case _:
            return str(value)


def _broken(key: str, error: BaseException) -> DataError:
    return DataError(
        key, f"corrupt or truncated, or under a password ({error}): open it, save it anew, and upload it again"
    )
