"""The lines of a page, of a PDF or a picture, with their places."""

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import NamedTuple

BULLETS = frozenset("•●▪◦‣∙·➢\uf0b7\uf0a7\uf06e\uf076\uf0d8\uf0fc")


class Cell(NamedTuple):
    """A part of a line, between which and the next there is more than a word's space."""

    text: str
    left: float
    right: float
    address: str | None = None  # where it leads


class Lines(NamedTuple):
    """In reading order, by columns: so they are made and looked at, all of a page at once. Points; y grows upwards.

    `bold`, `cells` and `linked` are empty where no line has such.
    """

    texts: Sequence[str] = ()
    lefts: Sequence[float] = ()
    rights: Sequence[float] = ()
    bottoms: Sequence[float] = ()
    tops: Sequence[float] = ()
    heights: Sequence[float] = ()
    sizes: Sequence[int] = ()  # heights in quarters of a point: of one type, the same
    bold: Sequence[bool] = ()
    cells: Sequence[Sequence[Cell]] = ()  # two or more, of a line that may be a row of a table
    linked: Sequence[str | None] = ()  # the text with its links, where it has some
    edges: Sequence[float] = ()  # where the columns end in which they stand, once that is known

    def __bool__(self) -> bool:
        return bool(self.texts)

    def only(self, wanted: Iterable[bool]) -> "Lines":
        mask = list(wanted)
        return Lines._make(list(compress(column, mask)) for column in self)

    def part(self, start: int, end: int) -> "Lines":
        return Lines._make(column[start:end] for column in self)
