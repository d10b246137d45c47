"""The text that is embedded for a chunk: a template over the record's fields, around the chunk.

`{title}\\n{chunk}`: a name in braces is a field of the record (a dot leads into an object), `{chunk}` the chunk's text,
`{headings}` the headings that it stands under, `{page}` its page. What a record lacks is empty. `{{` is a brace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

CHUNK, HEADINGS, PAGE = "chunk", "headings", "page"
BETWEEN_HEADINGS = " > "


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a template, for the field of this name."""

    name: str


Parts = tuple[str | Slot, ...]


def parse(template: str) -> Parts:
    """ValueError says what is wrong with it."""
    parts: list[str | Slot] = []
    for text, name, format_spec, conversion in Formatter().parse(template):
        if text:
            parts.append(text)
        if name is not None:
            if not name or format_spec or conversion:
                raise ValueError("expected only names of fields in braces, such as {title}; write {{ for a brace")
            parts.append(Slot(name))
    chunks = parts.count(Slot(CHUNK))
    if chunks != 1:
        raise ValueError(f"expected {{chunk}} once, found it {chunks} times")
    return tuple(parts)


def filled(parts: Parts, written: Mapping[str, str]) -> Parts:
    """With the record's values in place of its fields. `written`: those of `names(parts)` as text."""
    of_chunk = (CHUNK, HEADINGS, PAGE)
    return tuple(
        part if isinstance(part, str) or part.name in of_chunk else written.get(part.name, "") for part in parts
    )


def names(parts: Parts) -> Sequence[str]:
    """The record's fields that a template names."""
    return [part.name for part in parts if isinstance(part, Slot) and part.name not in (CHUNK, HEADINGS, PAGE)]


def around(parts: Parts, page: int | None, headings: Sequence[str]) -> tuple[str, str]:
    """What is embedded before a chunk and after it."""
    values = {HEADINGS: BETWEEN_HEADINGS.join(headings), PAGE: "" if page is None else str(page)}
    before, after = "", ""
    found = False
    for part in parts:
        if isinstance(part, str):
            text = part
        elif part.name == CHUNK:
            found = True
            continue
        else:
            text = values[part.name]
        before, after = (before, after + text) if found else (before + text, after)
    return before, after
