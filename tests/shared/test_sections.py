"""The sections that a record brings along."""

import pytest

from vector_ingest.errors import DataError
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.record.fields import contents_from


def test_a_records_sections_are_those_of_its_content_in_the_text() -> None:
    config = ProcessingConfig.model_validate({"chunk_size": 50, "text_fields": ["title", "content"]})
    data = {"title": "T", "content": "One. Two.", "sections": [{"start": 5, "end": 9, "page": 2, "headings": ["H"]}]}
    content = contents_from(config)(data, "a record")
    (section,) = content.sections
    assert content.text[section.start : section.end] == "Two."
    assert (section.page, section.headings) == (2, ("H",))
    assert "sections" not in content.metadata


def test_a_field_of_another_shape_called_sections_stays_a_field() -> None:
    content = contents_from(ProcessingConfig(chunk_size=50))({"content": "x", "sections": ["a"]}, "a record")
    assert content.text == "content: x\nsections: a\n"
    assert content.metadata["sections"] == ["a"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"start": 5, "end": 99}, "from 5 to 99, expected a range"),
        ({"start": "0", "end": 3}, "expected integers `start` and `end`"),
        ({"start": 0, "end": 3, "headings": [1]}, "`headings` as an array of texts"),
    ],
)
def test_a_wrong_section_is_an_error_that_names_it(section: dict[str, object], message: str) -> None:
    content_of = contents_from(ProcessingConfig(chunk_size=50))
    with pytest.raises(DataError, match=message):
        content_of({"content": "One. Two.", "sections": [section]}, "a record")
