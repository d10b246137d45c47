"""Text recognition (OCR) by Tesseract, with the extra `ocr`: the lines of a picture with their places, as of a PDF."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.pages.lines import Cell, Lines
from source_s3.documents.pages.tables import GAP, cells_of, runs_of
from vector_ingest.errors import DataError

NOT_INSTALLED = (
    "which needs text recognition (OCR), not installed (pip install 'airbyte-source-s3-vector[ocr]'). Or exclude it"
)
NOT_ASKED = "and text recognition (OCR) is part of local processing with the strategy `auto` alone. Or exclude it"
MOST_PIXELS = 100_000_000
LEAST_SURE = 30  # percent: of less, a word is a part of a picture
NO_WORDS = {"", "|"}  # but the rules of tables
BULLET = "•"
LIKE_BULLETS, BULLETS_APART = set("•●▪¢«»©®+*"), set("eoO")
NEAR, NEAR_LARGER = 0.1, 0.14  # of a line's height: less may be due to its letters
POINTS = 72  # of an inch


class Picture(NamedTuple):
    """Grey: a byte for each pixel, `stride` bytes for each row of them. `resolution`: pixels for each inch."""

    pixels: bytes
    width: int
    height: int
    stride: int
    resolution: int


Recognizer = Callable[[Picture], Lines]


def is_installed() -> bool:
    return find_spec("tesserocr") is not None


def data_folder() -> Path:
    """Of Tesseract's languages."""
    return Path(os.environ.get("TESSDATA_PREFIX") or Path(sys.prefix) / "share" / "tessdata")


def lacking(languages: Sequence[str]) -> str | None:
    """What is wrong with them, and its remedy."""
    for language in languages:
        if not (data_folder() / f"{language}.traineddata").is_file():
            there = f"Tesseract's data for the language {language!r} are not in {data_folder()}"
            return f"{there}: put them there, or change `languages` of the format's `processing`"
    return None


@contextmanager
def recognizer(key: str, limits: Limits) -> Iterator[Recognizer]:
    """DataError: the extra, or a language's data, is not installed."""
    if not is_installed():
        raise DataError(key, f"an image, {NOT_INSTALLED}")
    import tesserocr

    if reason := lacking(limits.languages):
        raise DataError(key, reason)
    languages = "+".join(limits.languages)
    with tesserocr.PyTessBaseAPI(path=str(data_folder()), lang=languages, psm=tesserocr.PSM.AUTO) as tesseract:
        yield lambda picture: _lines(tesseract, picture)


def _lines(tesseract: Any, picture: Picture) -> Lines:
    from tesserocr import RIL, iterate_level

    if picture.width * picture.height > MOST_PIXELS:
        raise TooMuch("pixels", MOST_PIXELS)
    tesseract.SetImageBytes(picture.pixels, picture.width, picture.height, 1, picture.stride)
    tesseract.SetSourceResolution(picture.resolution)
    tesseract.Recognize()
    found = tesseract.GetIterator()
    if found is None:
        return Lines()
    rows: list[_Row] = []
    for word in iterate_level(found, RIL.WORD):
        text = "" if word.Empty(RIL.WORD) else word.GetUTF8Text(RIL.WORD).strip()
        if text in NO_WORDS or word.Confidence(RIL.WORD) < LEAST_SURE:
            continue
        if not rows or rows[-1].box != word.BoundingBox(RIL.TEXTLINE):
            rows.append(_Row(word.BoundingBox(RIL.TEXTLINE), float(word.RowAttributes()["row_height"]), []))
        left, _, right, _ = word.BoundingBox(RIL.WORD)
        rows[-1].words.append(Cell(text, left, right))
    return _as_lines(rows, picture)


class _Row(NamedTuple):
    """In pixels, from the upper left corner."""

    box: tuple[int, int, int, int]
    height: float
    words: list[Cell]


def _as_lines(rows: Sequence[_Row], picture: Picture) -> Lines:
    """In points, y upwards."""
    scale = POINTS / picture.resolution
    heights = [scale * row.height for row in rows]
    middles = [scale * (picture.height - (row.box[1] + row.box[3]) / 2) for row in rows]
    words = [_with_bullet(row) for row in rows]
    cells = [_cells(row, scale) if each is row.words else () for row, each in zip(rows, words, strict=True)]
    return Lines(
        texts=[" ".join(word.text for word in each) for each in words],
        lefts=[scale * row.box[0] for row in rows],
        rights=[scale * row.box[2] for row in rows],
        bottoms=[middle - height / 2 for middle, height in zip(middles, heights, strict=True)],
        tops=[middle + height / 2 for middle, height in zip(middles, heights, strict=True)],
        heights=heights,
        sizes=[round(4 * height) for height in heights],
        cells=cells if any(cells) else (),
    )


def _with_bullet(row: _Row) -> list[Cell]:
    """What Tesseract takes bullets for, at the begin of a line, is one again."""
    first, *others = row.words
    if not others:
        return row.words
    space = others[0].left - first.right
    if first.text in LIKE_BULLETS or (first.text in BULLETS_APART and space > GAP * row.height):
        return [first._replace(text=BULLET), *others]
    return row.words


def _cells(row: _Row, scale: float) -> Sequence[Cell]:
    """The parts of a line between which there is more than a word's space; nothing: it has no such parts."""
    runs = runs_of(((word.left, word.right) for word in row.words), row.height)
    if len(runs) < 2:
        return ()
    texts = [" ".join(word.text for word in row.words if left <= word.left <= right) for left, right in runs]
    return cells_of(texts, [(left * scale, right * scale) for left, right in runs])


def evened(pages: Sequence[Lines]) -> list[Lines]:
    """With one size for all lines whose measured sizes are near each other: first that of most letters."""
    letters: Counter[int] = Counter()
    for lines in pages:
        for size, text in zip(lines.sizes, lines.texts, strict=True):
            letters[size] += len(text)
    body = max(letters, key=lambda size: sum(letters[size + other] for other in (-1, 0, 1)), default=0)
    sizes, top = {size: body for size in letters if abs(size - body) <= NEAR * body}, 0
    for size in sorted(letters.keys() - sizes.keys(), reverse=True):
        top = top if 0 < top * (1 - NEAR_LARGER) <= size else size
        sizes[size] = top if size > body else size
    return [lines._replace(sizes=[sizes[size] for size in lines.sizes]) for lines in pages]
