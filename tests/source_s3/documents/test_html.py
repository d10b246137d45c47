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
