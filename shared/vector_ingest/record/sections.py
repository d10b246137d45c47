"""What a record says of its text's parts: the field `sections` beside `content`.

    {"content": "…", "sections": [{"start": 0, "end": 120, "page": 1, "headings": ["Guide", "Setup"]}, …]}

`start` and `end` count characters (Unicode code points) of `content`; `page` may be null, `headings` empty or absent.
The sections are in order and don't overlap; what lies between them belongs to none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vector_ingest.document import Section
from vector_ingest.errors import DataError
from vector_ingest.record.storable import storable

SECTIONS = "sections"
OF_FIELD = "content"
LONGEST_HEADING = 120  # characters
MOST_BYTES = 1024  # of a heading path: it is stored with each chunk


def brings_sections(data: Mapping[str, Any]) -> bool:
    """Whether the field is what it is here: a user's own field of this name has another shape."""
    value = data.get(SECTIONS)
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(data.get(OF_FIELD), str)
        and all(isinstance(entry, dict) and "start" in entry and "end" in entry for entry in value)
    )


def sections_of(data: Mapping[str, Any], offset: int, where: str) -> Sequence[Section]:
    """The sections, moved by `offset`. DataError: one of them can't be."""
    length, end = len(data[OF_FIELD]), 0
    found = []
    for number, entry in enumerate(data[SECTIONS]):
        section = _section(entry, number, where)
        if not end <= section.start <= section.end <= length:
            raise DataError(
                where,
                f"its section {number} is from {section.start} to {section.end}, expected a range that begins at {end} "
                f"or later and ends at {length}, where `{OF_FIELD}` ends. Mend the source, or rename the field",
            )
        end = section.end
        headings = tuple(storable(heading)[0] for heading in section.headings)
        found.append(Section(section.start + offset, section.end + offset, section.page, headings))
    return found


def _section(entry: Mapping[str, Any], number: int, where: str) -> Section:
    start, end, page, headings = entry["start"], entry["end"], entry.get("page"), entry.get("headings") or []
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (start, end))
    paged = page is None or (isinstance(page, int) and not isinstance(page, bool))
    if not whole or not paged or not isinstance(headings, list) or not all(isinstance(each, str) for each in headings):
        raise DataError(
            where,
            f"its section {number} is {str(dict(entry))[:200]}, expected integers `start` and `end`, an integer or no "
            "`page`, and `headings` as an array of texts. Mend the source, or rename the field",
        )
    return Section(start, end, page, shortened(headings))


def shortened(headings: Sequence[str]) -> tuple[str, ...]:
    """A heading path that is not too long to be stored with each chunk: the outermost headings go first."""
    cut = [heading[:LONGEST_HEADING].strip() for heading in headings]
    while sum(len(heading.encode(errors="replace")) + 4 for heading in cut) > MOST_BYTES:
        cut.pop(0)
    return tuple(cut)
