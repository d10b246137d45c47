"""Documents of Docling that have all that they may have, that are not as its documentation says, and too large ones."""

from typing import Any

import pytest

from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import Facts
from source_s3.documents.remote.docling_document import parsed_of
from tests.servers.docling_service import cell, document, group, item, table


def content(*body: dict[str, Any]) -> str:
    return parsed_of(document(*body), Limits()).content


def text(words: str, label: str = "text", **more: Any) -> dict[str, Any]:
    return item("texts", label, words, None, **more)


LINK = text("the barn", hyperlink="https://barn.example/")
PIECES = group("inline", text("See"), LINK, text(", or"), text("count()", "code"), text("."))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (text("Jars", "section_header", level=2), "## Jars\n"),
        (text("Jars", "section_header", level=99), "###### Jars\n"),
        (text("Jars", "section_header", level="deep"), "# Jars\n"),
        (text("a = b", "formula"), "$$a = b$$\n"),
        (text("", "formula") | {"orig": "a b"}, "a b\n"),
        (text("x = 1", "code", code_language="Python"), "```python\nx = 1\n```\n"),
        (text("ripe", "checkbox_selected"), "[x] ripe\n"),
        (text("ripe", "checkbox_unselected"), "[ ] ripe\n"),
        (text("rye", "of tomorrow"), "rye\n"),
        (text("rye", "page_footer"), ""),
        (text("rye", content_layer="furniture"), ""),
        (text("rye", content_layer="invisible"), ""),
        (text("say rye", content_layer="notes"), "say rye\n"),
        (LINK, "[the barn](https://barn.example/)\n"),
        (PIECES, "See [the barn](https://barn.example/), or `count()`.\n"),
        (text("", children=[PIECES]), "See [the barn](https://barn.example/), or `count()`.\n"),
        (group("comment_section", text("Check this.")), ""),
        (group("sheet", text("rye"), name="Barn"), "# Barn\n\nrye\n"),
        (group("chapter", group("section", text("rye")), text("oats")), "rye\n\noats\n"),
        ({**text("rye"), "label": ["text"]}, "rye\n"),
        ({"kind": "texts"}, ""),
        ({"kind": "texts", "text": 5, "label": {"is": "title"}, "prov": "none"}, ""),
    ],
)
def test_each_kind_of_item_has_its_markdown(found: dict[str, Any], expected: str) -> None:
    assert content(found) == expected


def test_below_a_title_headings_are_a_level_deeper() -> None:
    heads = [text("Jars", "section_header", level=1), text("Rye", "section_header", level=2)]
    assert content(*heads) == "# Jars\n\n## Rye\n"
    assert content(text("Stores", "title"), *heads) == "# Stores\n\n## Jars\n\n### Rye\n"
    hidden = text("Stores", "title", content_layer="furniture")  # as that of an HTML page's head
    found = parsed_of(document(hidden, *heads), Limits())
    assert (found.content, found.facts.title) == ("# Jars\n\n## Rye\n", "Stores")


def test_what_stands_below_a_heading_or_a_text_is_told_after_it() -> None:
    heading = text("Jars", "section_header", level=1, children=[text("rye", children=[text("oats")])])
    assert content(heading) == "# Jars\n\nrye\n\noats\n"


def point(words: str, *children: dict[str, Any], page: int | None = None, **more: Any) -> dict[str, Any]:
    return item("texts", "list_item", words, page, children=list(children), **more)


def test_lists_have_their_numbers_and_their_depth() -> None:
    inner = group("list", point("a", enumerated=True, marker=""), point("b", enumerated=True, marker=""))
    outer = group(
        "list", point("rye", inner, marker="◦"), point("", PIECES), point("oats", enumerated=True, marker="7)")
    )
    pieces = "- See [the barn](https://barn.example/), or `count()`."
    assert content(outer, group("list", point("beans"))) == f"- rye\n  1. a\n  2. b\n{pieces}\n7) oats\n\n- beans\n"


def test_a_list_is_one_block_on_each_page() -> None:
    items = group("list", point("a", page=1), point("b", page=1), point("c", page=2))
    found = parsed_of(document(items, pages=2), Limits())
    assert found.content == "- a\n- b\n\n- c\n"
    assert [section.page for section in found.sections] == [1, 2]


def test_a_cell_that_spans_others_is_told_once() -> None:
    wide = cell("what is left", 0, 0, width=2)
    assert content(table([[wide, wide], [cell("rye", 1, 0), cell("7", 1, 1)]])) == (
        "| what is left |  |\n| --- | --- |\n| rye | 7 |\n"
    )


@pytest.mark.parametrize("data", [None, {}, {"grid": None}, {"grid": [None, 7]}, {"grid": [[None]]}])
def test_a_table_without_cells_is_none(data: Any) -> None:
    assert content({**table([[cell("rye", 0, 0)]]), "data": data}, text("oats")) == "oats\n"


def test_of_a_picture_its_caption_and_description_are_told_and_not_the_words_in_it() -> None:
    caption, note = text("The barn", "caption"), text("Seen from the road", "footnote")
    picture = item("pictures", "picture", children=[caption, text("DOOR")], captions=[caption], footnotes=[note])
    described = {**picture, "meta": {"description": {"text": "A red barn."}}}
    assert content(described) == "The barn\n\nA red barn.\n\nSeen from the road\n"
    older = {**picture, "annotations": [{"kind": "description", "text": "A barn."}, {"kind": "classification"}]}
    assert content(older) == "The barn\n\nA barn.\n\nSeen from the road\n"


def test_a_group_has_the_page_of_what_is_in_it() -> None:
    pieces = group("inline", item("texts", "text", "on", 3), item("texts", "text", "page three", 3))
    found = parsed_of(document(pieces, pages=3), Limits())
    assert [(section.page, found.content) for section in found.sections] == [(3, "on page three\n")]


def test_names_that_lead_nowhere_or_in_circles_cost_no_text() -> None:
    odd = document(text("rye", children=[text("oats")]))
    odd["texts"][1]["children"] = [{"$ref": "#/texts/0"}, {"$ref": "#/texts/9"}, {"$ref": 7}, {}, None]
    odd["body"]["children"] += [{"$ref": "#/body"}, {"$ref": "#/texts/1"}]
    assert parsed_of(odd, Limits()).content == "rye\n\noats\n"


@pytest.mark.parametrize("odd", [{}, {"body": None}, {"body": [], "texts": {}}, {"pages": [], "texts": [None]}])
def test_what_is_no_document_has_no_text(odd: dict[str, Any]) -> None:
    found = parsed_of(odd, Limits())
    assert (found.content, found.facts) == ("", Facts())


def test_the_depth_of_a_list_does_not_fill_the_text() -> None:
    deep = point("rye")
    for _ in range(120):
        deep = group("list", point("", deep) if deep["kind"] == "groups" else deep)
    assert len(content(deep)) < 200


def test_more_pages_or_characters_than_the_limits_allow_are_too_much() -> None:
    with pytest.raises(TooMuch, match="11 pages"):
        parsed_of(document(text("rye"), pages=12), Limits(pages=11))
    with pytest.raises(TooMuch, match="5 characters"):
        parsed_of(document(text("rye and oats")), Limits(characters=5))
