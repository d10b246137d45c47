import pytest

from source_s3.documents import Limits
from source_s3.documents.web.html import read as read_page
from vector_ingest.errors import DataError


def read(key: str, page: bytes) -> str:
    return read_page(key, page, Limits()).content


def test_headings_lists_and_tables_become_markdown() -> None:
    page = b"<h1>One</h1><ul><li>a<li>b</ul><table><tr><th>x<th>y<tr><td>1<td>2</table><h2>Two</h2><p>z"
    assert read("a.html", page) == "# One\n\n- a\n- b\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\n## Two\n\nz\n"


def test_scripts_styles_and_metadata_are_left_out() -> None:
    page = b"<head><meta name=description content=gone><style>p {}</style></head><script>gone()</script><p>kept"
    assert read("a.html", page) == "kept\n"


def test_the_title_is_the_heading_where_the_body_has_none() -> None:
    assert read("a.html", b"<title>Snow &amp;\n ice</title><p>text") == "# Snow & ice\n\ntext\n"
    assert read("a.html", b"<title>Site</title><h1>Page</h1><p>text") == "# Page\n\ntext\n"


def test_a_rule_makes_no_heading_of_the_text_above() -> None:
    assert "##" not in read("a.html", b"<ol><li>one<li>two</ol><hr><p>three")


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_the_declared_encoding_is_used(encoding: str) -> None:
    page = f'<meta http-equiv="Content-Type" content="text/html; charset={encoding}"><p>déjà vu'
    assert read("a.html", page.encode(encoding)) == "déjà vu\n"


def test_an_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"^a\.html: its <meta> names the encoding 'klingon'"):
        read("a.html", b"<meta charset=klingon><p>x")


HUGE = 10_500_000  # bytes: of more than ten million the parser lets go, unless it is told not to


@pytest.mark.parametrize(
    "between",
    [
        b"<img src='data:image/png;base64," + b"A" * HUGE + b"'>",
        b"<script>" + b"x=1;" * (HUGE // 4) + b"</script>",
        b"<!--" + b" " * HUGE + b"-->",
        b"<div>" * 300 + b"</div>" * 300,
        b"<font size=1>" * 300,
    ],
    ids=["picture", "script", "comment", "deep", "never closed"],
)
def test_nothing_behind_a_huge_or_a_deep_part_is_lost(between: bytes) -> None:
    assert read("a.html", b"<p>first</p>" + between + b"<p>last</p>") == "first\n\nlast\n"


def test_what_is_nested_too_deep_to_be_read_is_told() -> None:
    with pytest.raises(RecursionError):
        read("a.html", b"<p>first</p>" + b"<div>" * 3000 + b"<p>last</p>")


def test_all_text_of_an_item_counts_whatever_stands_before_it() -> None:
    page = b"<ul><li><p>one</p><b>two</b> three <div>four</div><a href=#x>five</a></li></ul>"
    assert read("a.html", page) == "- one\n  two three\n  four\n  five\n"
    assert read("a.html", b"<ul><li>one<ul><li>in</ul>after<li>two</ul>") == "- one\n  after\n  - in\n- two\n"
    stray = b"<ol>first <li>one</li> between <nav>no</nav> <b>bold</b><li>two</li> last <ul>in<li>three</li></ul></ol>"
    assert read("a.html", stray) == "- first\n1. one\n- between\n2. bold\n3. two\n- last\n  - in\n  - three\n"


def test_the_caption_of_a_table_of_one_column_and_cells_outside_of_rows_count() -> None:
    assert read("a.html", b"<table><caption>Names</caption><tr><td>A<tr><td>B</table>") == "Names\n\nA\n\nB\n"
    assert read("a.html", b"<table><td>A<td>B</table>") == "A\n\nB\n"


@pytest.mark.parametrize("start", ["--5", "9" * 5000, "x", ""])
def test_a_list_that_begins_with_no_number_begins_with_one(start: str) -> None:
    assert read("a.html", f"<ol start='{start}'><li>x</ol>".encode()) == "1. x\n"


def test_a_cell_that_spans_no_column_spans_one() -> None:
    page = b"<table><tr><td colspan=00>A<td>B<tr><td>C<td>D</table>"
    assert read("a.html", page) == "| A | B |\n| --- | --- |\n| C | D |\n"
