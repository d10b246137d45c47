"""What a reader makes of a document: blocks of Markdown, put together to one text that knows its pages and headings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from source_s3.documents.limits import TooMuch

BETWEEN = "\n\n"  # two blocks
LONGEST_HEADING = 200  # characters of one in a section's path; the text keeps all of it


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list, a table or a heading (then `level` is 1 to 6 and `text` has no marks of it)."""

    text: str
    level: int = 0
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of the content, in characters: the page it begins on, and the headings above it, the outermost first."""

    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document says of itself. Times are ISO 8601, as it has them."""

    title: str | None = None
    author: str | None = None
    language: str | None = None
    page_count: int | None = None
    created: str | None = None
    modified: str | None = None


NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content: bytes
    mime_type: str | None


@dataclass(frozen=True, slots=True)
class Parsed:
    """`content` ends with one line end. `sections` cover it in order. `mime_type`: of the kind that it was read as."""

    content: str
    sections: Sequence[Section] = ()
    facts: Facts = NO_FACTS
    mime_type: str | None = None
    attachments: Sequence[Attachment] = ()


def assembled(blocks: Iterable[Block], most: int, facts: Facts = NO_FACTS) -> Parsed:
    """TooMuch: more than `most` characters. Nothing more is asked of `blocks` then."""
    texts: list[str] = []
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    headings: tuple[str, ...] = ()
    place, title = 0, None
    for block in blocks:
        written = written_as(block)
        if not written:
            continue
        if block.level:
            path = [outer for outer in path if outer[0] < block.level] + [(block.level, _one_line(block.text))]
            headings = tuple(text for _, text in path)
            title = title or headings[0]
        if place + len(written) > most:
            raise TooMuch("characters of text", most)
        texts.append(written)
        end = place + len(written) + len(BETWEEN)
        _extend(sections, place, end, block.page, headings)
        place = end
    if texts:
        texts[-1] += "\n"
    content = BETWEEN.join(texts)
    if sections:
        sections[-1] = replace(sections[-1], end=len(content))
    return Parsed(content, sections, replace(facts, title=facts.title or title))


def written_as(block: Block) -> str:
    """As it stands in the text."""
    if block.level:
        text = _one_line(block.text, len(block.text))
        return f"{'#' * min(block.level, 6)} {text}" if text else ""
    return block.text.strip("\n").rstrip()


def paragraphs(texts: Iterable[str], page: int | None = None) -> Iterator[Block]:
    for text in texts:
        yield Block(text, page=page)


def _one_line(text: str, most: int = LONGEST_HEADING) -> str:
    return " ".join(text.split())[:most]


def _extend(sections: list[Section], start: int, end: int, page: int | None, headings: tuple[str, ...]) -> None:
    last = sections[-1] if sections else None
    if last is not None and last.page == page and last.headings == headings:
        start = sections.pop().start
    sections.append(Section(start, end, page, headings))
