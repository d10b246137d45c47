"""What PDFium tells of the letters of a page. There are very many: each call of it counts."""

import ctypes
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import pypdfium2.raw as pdfium

MOST_PIECES = 64  # of a line that may be a row of a table
MANY = 256  # letters asked for at once
USUAL = 16 * 1024  # letters of a page at most, but for a few
BOX, RECT = 4 * 4, 4 * 8  # bytes: left, top, right and bottom as floats, as doubles

TextPage = Any  # a page's text, as an argument of the functions here


def fast(function: Any) -> Callable[..., int]:
    """A function of PDFium that takes numbers and references as they are.

    A reference made beforehand is taken at once. To check the type of each argument, or to make an address of it, as
    pypdfium2's own functions do, takes longer than the call.
    """
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return ctypes.PYFUNCTYPE(ctypes.c_int)(address)


_box_of = fast(pdfium.FPDFText_GetLooseCharBox)
_weight_of = fast(pdfium.FPDFText_GetFontWeight)
_count_rects = fast(pdfium.FPDFText_CountRects)
_rect_of = fast(pdfium.FPDFText_GetRect)
_count_letters = fast(pdfium.FPDFText_CountChars)
_text_of = fast(pdfium.FPDFText_GetText)
_letter_of = fast(pdfium.FPDFText_GetUnicode)


def _places(buffer: "array[float]", each: int) -> list[Any]:
    """References to every `each` bytes of it."""
    start, length = buffer.buffer_info()
    return [_reference(start + place) for place in range(0, length * buffer.itemsize, each)]


def _reference(address: int) -> Any:
    return ctypes.byref(ctypes.c_char.from_address(address))


# Where answers are put: one page at a time, since PDFium's are, too.
UNITS = array("H", bytes(2 * USUAL))
BOXES, RECTS = array("f", bytes(BOX * MANY)), array("d", bytes(RECT * MOST_PIECES))
BOX_PLACES = _places(BOXES, BOX)
SIDES = [_places(RECTS, 8)[side::4] for side in range(4)]


def text_page(handle: Any) -> TextPage:
    """What `FPDFText_LoadPage` gave: to be held while the functions are called."""
    return ctypes.byref(handle.contents)


def units_of(page: TextPage) -> str:
    """A letter for each of the page's characters: by one call, where that leaves none out."""
    count = _count_letters(page)
    if count <= 0:
        return ""
    buffer = UNITS if count < len(UNITS) else array("H", bytes(2 * count + 2))
    if _text_of(page, 0, count, _reference(buffer.buffer_info()[0])) != count + 1:
        return "".join(chr(_letter_of(page, index)) for index in range(count))
    text = str(memoryview(buffer)[:count], "utf-16-le", "surrogatepass")
    return text if len(text) == count else "".join(map(chr, buffer[:count]))  # where two units are one character


def boxes_of(page: TextPage, indexes: Sequence[int]) -> "array[float]":
    """Of these characters: left, top, right and bottom, one after another."""
    found = array("f")
    for start in range(0, len(indexes), MANY):
        some = indexes[start : start + MANY]
        deque(map(_box_of, repeat(page), some, BOX_PLACES), maxlen=0)
        found += BOXES[: 4 * len(some)]
    return found


def weights_of(page: TextPage, indexes: Iterable[int]) -> list[int]:
    return list(map(_weight_of, repeat(page), indexes))


def count_pieces(page: TextPage, start: int, count: int) -> int:
    """Of the text of these characters: between two is more than letters have between them. A count of -1: of all."""
    return _count_rects(page, start, count)


def ends_of(page: TextPage, pieces: int) -> Iterator[tuple[float, float]]:
    """Left and right end of each piece, of `MOST_PIECES` at most, of the text that was last counted."""
    deque(map(_rect_of, repeat(page), range(pieces), *SIDES), maxlen=0)
    return zip(RECTS[0 : 4 * pieces : 4], RECTS[2 : 4 * pieces : 4], strict=True)
