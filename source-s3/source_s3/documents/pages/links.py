"""Links of a PDF: it knows their addresses and where they stand, not of which words they are."""

import ctypes
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from source_s3.documents.pages.letters import fast

MOST = 10_000  # of a page
LONGEST = 4096  # bytes of an address
# Where answers are put: one page at a time, since PDFium's are, too.
PLACE, LINK = ctypes.c_int(0), pdfium.FPDF_LINK()
ANSWER = ctypes.byref(PLACE), ctypes.byref(LINK)

_next_link = fast(pdfium.FPDFLink_Enumerate)


class Link(NamedTuple):
    """A box in points that leads to an address. One over several lines has a box for each."""

    left: float
    bottom: float
    right: float
    top: float
    address: str


def links_of(document: pypdfium2.PdfDocument, page: "pdfium.FPDF_PAGE") -> list[Link]:
    """Those that lead out of the document."""
    found: list[Link] = []
    PLACE.value = 0
    while len(found) < MOST and _next_link(ctypes.byref(page.contents), *ANSWER):
        if address := _address(document, LINK):
            found += (Link(*box, address) for box in _boxes(LINK))
    return found


def _address(document: pypdfium2.PdfDocument, link: "pdfium.FPDF_LINK") -> str | None:
    action = pdfium.FPDFLink_GetAction(link)
    if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
        return None
    size = pdfium.FPDFAction_GetURIPath(document, action, None, 0)
    if not 1 < size <= LONGEST:
        return None
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAction_GetURIPath(document, action, buffer, size)
    return buffer.value.decode("utf-8", "replace")


def _boxes(link: "pdfium.FPDF_LINK") -> Iterator[tuple[float, float, float, float]]:
    corners = pdfium.FS_QUADPOINTSF()
    count = pdfium.FPDFLink_CountQuadPoints(link)
    for number in range(min(count, MOST)):
        if pdfium.FPDFLink_GetQuadPoints(link, number, corners):
            across = (corners.x1, corners.x2, corners.x3, corners.x4)
            upwards = (corners.y1, corners.y2, corners.y3, corners.y4)
            yield min(across), min(upwards), max(across), max(upwards)
    box = pdfium.FS_RECTF()
    if count <= 0 and pdfium.FPDFLink_GetAnnotRect(link, box):
        yield box.left, min(box.bottom, box.top), box.right, max(box.bottom, box.top)


def spans_of(links: Sequence[Link], boxes: Sequence[float]) -> Iterator[tuple[int, int, str]]:
    """The letters of a line that are links: from, to (without it), address. `boxes`: of all its letters.

    A letter belongs to the link in which its middle lies.
    """
    middles = [(left + right) / 2 for left, right in zip(boxes[0::4], boxes[2::4], strict=True)]
    end = 0
    for link in sorted(links):
        inside = [number for number, middle in enumerate(middles) if link.left <= middle <= link.right]
        if inside and inside[0] >= end:
            end = inside[-1] + 1
            yield inside[0], end, link.address
