"""The headings of a Markdown text: under which of them each of its parts stands."""

import re
from collections.abc import Sequence

from vector_ingest.document import Section
from vector_ingest.record.sections import shortened

# A heading begins a line; at the text's beginning the name of its field may stand before it (`content: # Title`).
_HEADING = re.compile(r"(?:^|\A[^\n:#]+: )(#{1,6})[ \t]+(\S[^\n]*)|^(```|~~~)", re.MULTILINE)
_CLOSING = re.compile(r"[ \t]+#+[ \t]*$|[ \t\r]+$")


def markdown_sections(text: str) -> Sequence[Section]:
    """A section from each heading to the next one; its path begins with the outermost heading. None in code blocks."""
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    start, fence = 0, ""
    for match in _HEADING.finditer(text):
        marks, title, fenced = match.groups()
        if fenced:
            fence = "" if fence == fenced else fence or fenced
        elif not fence:
            sections.append(Section(start, match.start(), None, _path(path)))
            start = match.start()
            path = [outer for outer in path if outer[0] < len(marks)] + [(len(marks), _CLOSING.sub("", title))]
    sections.append(Section(start, len(text), None, _path(path)))
    return sections


def _path(path: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    return shortened([title for _, title in path])
