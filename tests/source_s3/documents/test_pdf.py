import textwrap

import pytest

from source_s3.documents import Limits
from source_s3.documents.pages.pdf import read as read_file
from tests.contract.document_files import pdf_file, pdf_of_columns, pdf_of_objects, pdf_of_pages
from vector_ingest.errors import DataError

STOCK = [f"The jar {thing} {where}:" for thing in ("of rye", "wheat") for where in "abcdefghi"]


def read(key: str, file: bytes) -> str:
    return read_file(key, file, Limits()).content.strip()


def test_pages_follow_one_another() -> None:
    assert read("a.pdf", pdf_of_pages([["one"], ["two"], ["three"]])) == "one\n\ntwo\n\nthree"


def test_a_page_without_text_leaves_no_gap() -> None:
    assert read("a.pdf", pdf_of_pages([["one"], [], ["three"]])) == "one\n\nthree"


def test_wrapped_lines_run_on() -> None:
    paragraph = "The keeper of the jars writes down what was taken and who took it. " * 4
    assert read("a.pdf", pdf_file([paragraph])) == paragraph.strip()


def test_short_lines_stay_lines() -> None:
    lines = ["Barley 12 g", "Oats 9 g", "Rye 30 g, and this is the line that is as long as the page allows it"]
    assert read("a.pdf", pdf_of_pages([lines])).split("\n") == lines


def test_a_page_of_very_many_lines_keeps_each_in_its_place() -> None:
    lines = [f"{number} jars" for number in range(1, 701)]
    assert read("a.pdf", pdf_of_pages([lines])).split() == " ".join(lines).split()


def test_a_foot_of_several_rows_is_left_out_of_each_page_but_not_what_a_form_is_filled_with() -> None:
    foot = ["{} / 4", "[JARS] - v2", "The Book of Jars", "Copyright 2026 the keeper", "Release: March 1"]
    pages = [
        [f"{number} top", f"{number} second", f"Oats: {number} jars", *(f"{thing} {number}" for thing in STOCK), *foot]
        for number in range(1, 5)
    ]
    found = read(
        "a.pdf", pdf_of_pages([[line.format(number) for line in page] for number, page in enumerate(pages, 1)])
    )
    for number, page in enumerate(found.split("\n\n"), 1):
        assert page.startswith(f"Oats: {number} jars\n{STOCK[0]} {number}")
        assert page.endswith(f" {STOCK[-1]} {number}")


def test_columns_follow_one_another_and_their_lines_run_on() -> None:
    left = "The keeper of the jars writes down what was taken and who took it, on which day, and how much is left."
    right = "Nobody smokes in the barn, and visitors leave their lamps at the door, where they get a red one instead."
    columns = [textwrap.wrap(text, 40) for text in (left, right)]
    assert read("a.pdf", pdf_of_columns(columns)) == f"{left}\n\n{right}"


def test_a_pdf_without_text_is_refused() -> None:
    with pytest.raises(DataError, match=r"^a\.pdf: no text in it"):
        read("a.pdf", pdf_of_pages([[], []]))


def test_an_encrypted_pdf_is_refused_with_the_remedy() -> None:
    lock = f"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'11' * 32}> /U <{'22' * 32}> >>"
    with pytest.raises(DataError, match=r"^a\.pdf: under a password: upload it without one"):
        read("a.pdf", pdf_of_pages([["secret"]], trailer=lock))


def pdf_of_links(content: str, *links: tuple[str, str]) -> bytes:
    """A page in Courier of 10 points, a letter 6 wide, with links: their place (or places) and their address."""
    notes = [f"<< /Subtype /Link {place} /A << /S /URI /URI ({to}) >> >>" for place, to in links]
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
        (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R /Annots ["
            f"{' '.join(notes)}] /Resources << /Font << /F 3 0 R >> >> >>"
        ),
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
    ]
    return pdf_of_objects([each.encode() for each in objects])


def test_a_link_is_that_of_the_words_beneath_it() -> None:
    content = "BT /F 10 Tf 12 TL 100 700 Td (See the rules and http://jars.example/list today.) Tj ET"
    rules = ("/Rect [148 696 178 708]", "https://jars.example/rules (new)".replace("(", r"\(").replace(")", r"\)"))
    bare = ("/Rect [208 696 358 708]", "http://jars.example/list")
    expected = "See the [rules](https://jars.example/rules%20(new%29) and http://jars.example/list today."
    assert read("a.pdf", pdf_of_links(content, rules, bare)) == expected


def test_a_link_over_two_lines_is_one() -> None:
    content = (
        "BT /F 10 Tf 12 TL 100 700 Td (What is left of it: read what the keeper of the) Tj T* (jars writes.) Tj ET"
    )
    corners = "[220 708 382 708 220 696 382 696  100 696 124 696 100 684 124 684]"
    link = (f"/Rect [100 684 382 708] /QuadPoints {corners}", "https://jars.example/")
    expected = "What is left of it: [read what the keeper of the jars](https://jars.example/) writes."
    assert read("a.pdf", pdf_of_links(content, link)) == expected


def test_a_link_in_a_table_stays_in_its_cell() -> None:
    rows = [("Jar", "Where"), ("Oats", "Barn"), ("Rye", "Loft")]
    shown = [
        f"1 0 0 1 {x} {700 - 14 * y} Tm ({row[column]}) Tj"
        for y, row in enumerate(rows)
        for column, x in enumerate((100, 300))
    ]
    link = ("/Rect [300 682 324 696]", "https://jars.example/barn")
    found = read("a.pdf", pdf_of_links(f"BT /F 10 Tf {' '.join(shown)} ET", link))
    assert found.split("\n")[2] == "| Oats | [Barn](https://jars.example/barn) |"


def test_a_link_within_the_document_leads_nowhere_else() -> None:
    file = pdf_of_links("BT /F 10 Tf 100 700 Td (Chapter 2) Tj ET", ("/Rect [100 696 160 708]", ""))
    assert read("a.pdf", file.replace(b"/A << /S /URI /URI () >>", b"/Dest [4 0 R /Fit]   ")) == "Chapter 2"


def one_page(shown: str, font: str = "/BaseFont /Helvetica") -> list[bytes]:
    """The objects of a document with a page. `shown`: what its text operators show, 14 points a line."""
    content = f"BT /F 12 Tf 14 TL 72 720 Td {shown} ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        f"<< /Type /Font /Subtype /Type1 {font} >>",
    ]
    return [each.encode() for each in objects]


@pytest.mark.parametrize(("units", "title"), [("0052D800", "R\ufffd"), ("D83DDE000021", "\U0001f600!"), ("", None)])
def test_a_title_that_was_cut_in_the_middle_of_a_pair_costs_no_text(units: str, title: str | None) -> None:
    objects = [*one_page("(Sown.) Tj"), b"<< /Title <FEFF%b> >>" % units.encode()]
    found = read_file("a.pdf", pdf_of_objects(objects, "/Info 6 0 R"), Limits())
    assert (found.content, found.facts.title) == ("Sown.\n", title)


def test_a_long_title_is_whole() -> None:
    title = "The Book of Jars, " * 40
    objects = [*one_page("(Sown.) Tj"), b"<< /Title (%b) >>" % title.encode()]
    assert read_file("a.pdf", pdf_of_objects(objects, "/Info 6 0 R"), Limits()).facts.title == title


MAPPED = """/CIDInit /ProcSet findresource begin begincmap /CMapType 2 def
1 begincodespacerange <00> <FF> endcodespacerange
3 beginbfchar <41> <D83DDE00> <42> <0000> <43> <FFFE> endbfchar endcmap end"""


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("(A) Tj T* (Asown) Tj", "\U0001f600 \U0001f600sown"),  # two units for a character
        ("(soBwn) Tj T* (B) Tj T* (by) Tj", "sown by"),  # a letter without a character
        ("(soC) Tj T* (wn by hand) Tj", "sown by hand"),  # the hyphen of a word that is divided
    ],
)
def test_what_stands_for_no_letter_costs_none(shown: str, text: str) -> None:
    mapped = f"<< /Length {len(MAPPED)} >>\nstream\n{MAPPED}\nendstream".encode()
    objects = [*one_page(shown, "/BaseFont /Courier /ToUnicode 6 0 R"), mapped]
    assert read("a.pdf", pdf_of_objects(objects)).split() == text.split()
