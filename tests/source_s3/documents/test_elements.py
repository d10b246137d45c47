"""Elements of an Unstructured API that are not as its documentation has them, and too many of them."""

from typing import Any

import pytest

from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import Facts
from source_s3.documents.remote.elements import parsed_of


def content(*elements: dict[str, Any]) -> str:
    return parsed_of("a.pdf", elements, Limits()).content


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"type": "Title", "text": "Rye"}, "# Rye\n"),
        ({"type": "Title", "text": "Rye", "metadata": {"category_depth": None}}, "# Rye\n"),
        ({"type": "Title", "text": "Rye", "metadata": {"category_depth": 9}}, "###### Rye\n"),
        ({"type": "Title", "text": None}, ""),
        ({"type": "ListItem", "text": "rye", "metadata": {"category_depth": "2"}}, "- rye\n"),
        ({"type": "ListItem", "text": ""}, ""),
        ({"type": "Table", "text": "rye 7"}, "rye 7\n"),
        ({"type": "Table", "text": "rye 7", "metadata": {"text_as_html": ""}}, "rye 7\n"),
        ({"type": "Table", "text": "rye 7", "metadata": {"text_as_html": "<table></table>"}}, "rye 7\n"),
        ({"type": "Formula", "text": "a = b"}, "```\na = b\n```\n"),
        ({"type": "of tomorrow", "text": "rye"}, "rye\n"),
        ({"text": "rye", "metadata": "none"}, "rye\n"),
        ({}, ""),
        ({"type": ["Title"], "text": "rye"}, "rye\n"),
        ({"type": {"is": "Title"}, "text": "rye"}, "rye\n"),
        ({"text": "rye", "metadata": {"languages": 5, "page_number": True}}, "rye\n"),
        ({"text": "rye", "metadata": {"languages": [None, {}], "page_number": -1}}, "rye\n"),
    ],
)
def test_what_is_odd_about_an_element_costs_no_text(element: dict[str, Any], expected: str) -> None:
    assert content(element) == expected


def test_facts_that_are_none_are_left_out() -> None:
    odd = [{"text": "rye", "metadata": {"languages": "eng", "page_number": True}}]
    assert parsed_of("a.pdf", odd, Limits()).facts == Facts()
    known = [*odd, {"text": "oats", "metadata": {"languages": [None, "deu"], "page_number": 2}}]
    assert parsed_of("a.pdf", known, Limits()).facts == Facts(language="deu", page_count=2)


def test_the_depth_of_an_item_does_not_fill_the_memory() -> None:
    deep = {"type": "ListItem", "text": "b", "metadata": {"category_depth": 10**9}}
    assert len(content({"type": "ListItem", "text": "a"}, deep)) < 200


def test_more_pages_or_characters_than_the_limits_allow_are_too_much() -> None:
    page = {"type": "NarrativeText", "text": "rye and oats", "metadata": {"page_number": 12}}
    with pytest.raises(TooMuch, match="11 pages"):
        parsed_of("a.pdf", [page], Limits(pages=11))
    with pytest.raises(TooMuch, match="5 characters"):
        parsed_of("a.pdf", [page], Limits(characters=5))
