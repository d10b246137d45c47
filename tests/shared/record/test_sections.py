"""Sections that a record brings: where they are in the document's text, and what is wrong with some."""

from typing import Any

import pytest

from vector_ingest.errors import DataError
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.record.fields import contents_from

PIECES = [{"start": 0, "end": 3}, {"start": 4, "end": 7, "page": 2, "headings": ["Two"]}]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"omit_field_names": True},
        {"text_fields": ["content"]},
        {"text_fields": ["content", "title"], "omit_field_names": True},
        {"text_fields": ["title", "content"], "field_name_mappings": [{"from_field": "content", "to_field": "body"}]},
    ],
)
def test_they_are_moved_to_where_the_content_stands_in_the_text(options: dict[str, Any]) -> None:
    config = ProcessingConfig.model_validate({"chunk_size": 10, **options})
    data = {"title": "é\nlong", "rows": [{"a": 1}], "content": "One Two", "sections": PIECES}
    content = contents_from(config)(data, "a record")
    assert [content.text[section.start : section.end] for section in content.sections] == ["One", "Two"]
    assert [(section.page, section.headings) for section in content.sections] == [(None, ()), (2, ("Two",))]
    assert "sections" not in content.metadata


def test_they_are_none_where_the_content_is_no_part_of_the_text() -> None:
    config = ProcessingConfig(chunk_size=10, text_fields=["title"])
    assert not contents_from(config)({"title": "T", "content": "One Two", "sections": PIECES}, "a record").sections


def test_a_field_of_another_shape_called_sections_stays_a_field() -> None:
    content = contents_from(ProcessingConfig(chunk_size=50))({"content": "x", "sections": ["a"]}, "a record")
    assert content.text == "content: x\nsections: a\n"
    assert content.metadata["sections"] == ["a"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"start": 2, "end": 7}, "section 1 is from 2 to 7, expected a range that begins at 3 or later and ends at 7"),
        ({"start": 6, "end": 5}, "section 1 is from 6 to 5"),
        ({"start": 4, "end": 8}, "section 1 is from 4 to 8"),
        ({"start": 4, "end": True}, "expected integers `start` and `end`"),
        ({"start": 4, "end": 7, "page": "2"}, "an integer or no `page`"),
        ({"start": 4, "end": 7, "headings": [1]}, "`headings` as an array of texts"),
    ],
)
def test_one_that_can_not_be_is_an_error_that_names_it(second: dict[str, Any], message: str) -> None:
    data = {"content": "One Two", "sections": [PIECES[0], second]}
    with pytest.raises(DataError, match=f"a record: .*{message}"):
        contents_from(ProcessingConfig(chunk_size=10))(data, "a record")
