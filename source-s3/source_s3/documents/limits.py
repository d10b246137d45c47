"""How a document is read, and how much it may take. What is above is its error, never the end of the sync."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` and `memory` (bytes) hold for the process that reads it, the others inside of it.

    `unpacked`: bytes of all that lies in its archive; `ratio`: how many times larger than packed a large one may be.
    `languages`: of the text that is recognized in pictures, as Tesseract calls them; none: in no picture.
    """

    seconds: int = 120
    memory: int = 2048 * 1024 * 1024
    pages: int = 10_000
    characters: int = 10_000_000
    unpacked: int = 1024 * 1024 * 1024
    entries: int = 20_000
    ratio: int = 250
    depth: int = 3  # documents inside of documents
    languages: tuple[str, ...] = ("eng",)


class TooMuch(Exception):  # noqa: N818  it is a finding, told as a DataError with the document's name
    """The document has more of something than it may have."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__(f"more than {most:,} {what}")
