"""Text and metadata of a record, as Airbyte's destinations write them."""

from typing import Any

import pytest

from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError, DataError
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.record.fields import contents_from, document_of
from vector_ingest.template import Slot


def document(data: dict[str, Any], **options: Any) -> tuple[str, dict[str, Any]]:
    return document_of(data, ProcessingConfig.model_validate({"chunk_size": 100, **options}), "stream users, row 1")


def test_one_text_field_is_named_in_the_text_too() -> None:
    assert document({"content": "Hello", "id": 1}, text_fields=["content"])[0] == "content: Hello\n"


def test_without_lists_all_fields_are_text_and_metadata() -> None:
    data = {"id": 1, "name": "Ann", "score": 1.5, "new": True, "gone": None}
    assert document(data) == ("id: 1\nname: Ann\nscore: 1.5\nnew: True\ngone: None\n", data)


def test_objects_and_arrays_are_written_in_lines() -> None:
    data = {"user": {"name": "Ann", "tags": ["x", "y"]}, "rows": [{"a": 1}, {"a": 2}]}
    assert document(data)[0] == "user: \nname: Ann\ntags: x\ny\n\nrows: \na: 1\n\n\na: 2\n\n"


def test_paths_lead_into_objects_and_stars_through_all_entries() -> None:
    data = {"user": {"name": "Ann"}, "friends": [{"name": "Bo"}, {"age": 3}, {"name": "Cy"}], "one": [{"name": "Di"}]}
    assert document(data, text_fields=["user.name", "friends.*.name"], metadata_fields=["one.*.name", "friends.0"]) == (
        "user.name: Ann\nfriends.*.name: Bo\nCy\n",
        {"one.*.name": "Di", "friends.0": {"name": "Bo"}},
    )


def test_a_field_whose_name_has_dots_is_found_by_its_name() -> None:
    assert document({"a.b": "x", "a": {"b": "y"}}, text_fields=["a.b"])[0] == "a.b: x\n"


def test_fields_that_a_record_lacks_are_passed_over() -> None:
    data = {"a": {"b": 1}}
    assert document(data, text_fields=["a.b", "a.b.c", "x", "a.*.z"], metadata_fields=["x"]) == ("a.b: 1\n", {})


def test_a_text_field_that_is_null_is_text() -> None:
    assert document({"a": None}, text_fields=["a"])[0] == "a: None\n"


def test_mappings_rename_in_text_and_metadata_and_also_paths() -> None:
    mappings = [{"from_field": "a.b", "to_field": "title"}, {"from_field": "id", "to_field": "key"}]
    data = {"a": {"b": "T"}, "id": 7}
    found = document(data, text_fields=["a.b"], metadata_fields=["id", "a"], field_name_mappings=mappings)
    assert found == ("title: T\n", {"a": {"b": "T"}, "key": 7})


def test_the_record_itself_is_left_as_it_is() -> None:
    data = {"id": 7}
    document(data, field_name_mappings=[{"from_field": "id", "to_field": "key"}])
    assert data == {"id": 7}


@pytest.mark.parametrize("data", [{}, {"b": 1}])
def test_a_record_without_any_text_field_is_an_error_that_names_the_fields(data: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"stream users, row 1: it has none of the text fields \(a\)") as caught:
        document(data, text_fields=["a"])
    assert caught.value.where == "stream users, row 1"


def test_an_empty_record_has_no_text_even_if_all_fields_are_text() -> None:
    with pytest.raises(DataError, match="any field"):
        document({})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_size": 0}, "chunk_size"),
        ({"chunk_size": 8192}, "chunk_size"),
        ({"chunk_size": 10, "chunk_overlap": 11}, "chunk_overlap is 11"),
        ({"chunk_size": 10, "text_splitter": {"mode": "separator", "separators": ["."]}}, "in double quotes"),
        ({"chunk_size": 10, "text_splitter": {"mode": "code", "language": "cobol"}}, "language"),
        ({"chunk_size": 10, "text_splitter": {"mode": "markdown", "split_level": 7}}, "split_level"),
        ({"chunk_size": 10, "embedded_text": "{title}"}, "expected {chunk} once, found it 0 times"),
        ({"chunk_size": 10, "embedded_text": "{title!r} {chunk}"}, "only names of fields in braces"),
        ({"chunk_size": 10, "embedded_text": "{title {chunk}"}, "embedded_text"),
        (
            {"chunk_size": 10, "compatible_chunks": True, "text_splitter": {"mode": "tokens"}},
            "no text splitter `tokens`",
        ),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(ProcessingConfig, options)


def test_text_without_names_is_the_values_alone() -> None:
    data = {"title": "T", "content": "Hello"}
    assert document(data, text_fields=["content"], omit_field_names=True)[0] == "Hello"
    assert document(data, omit_field_names=True)[0] == "T\nHello"


def test_a_template_has_the_records_values_by_path_and_nothing_where_they_lack() -> None:
    config = ProcessingConfig(chunk_size=10, embedded_text="{user.name} {tags.*} {gone}|{chunk}")
    data = {"user": {"name": "Ann"}, "tags": ["x", "y"], "gone": None, "content": "c"}
    assert contents_from(config)(data, "a record").frame == ("Ann", " ", "x\ny", " ", "", "|", Slot("chunk"))
