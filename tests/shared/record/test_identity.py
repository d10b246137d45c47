from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from vector_ingest.document import Stream
from vector_ingest.record.compose import content_hash
from vector_ingest.record.identity import LONGEST, identity_of, key_of

SINGLE = Stream("Users", None, "append_dedup", (("id",),))
DOUBLE = Stream("Users", None, "append_dedup", (("a",), ("b", "c")))


def test_one_key_gives_the_form_that_airbytes_destination_gives() -> None:
    identify = identity_of(SINGLE)
    assert identify({"id": "x_1"}) == "Stream_Users_Key_x_1"
    assert identify({"id": 12}) == "Stream_Users_Key_12"
    assert identify({"id": {"b": [1, None]}}) == 'Stream_Users_Key_{"b":[1,null]}'


def test_a_key_of_two_fields_is_joined_and_looks_into_objects() -> None:
    assert identity_of(DOUBLE)({"a": "x", "b": {"c": 2}}) == "Stream_Users_Key_x_2"


texts = st.text(st.sampled_from("_\\ab"), max_size=6)


@given(texts, texts, texts, texts)
@example("_", "", "", "_")
@example("\\", "_", "\\_", "")
def test_no_two_keys_of_two_fields_give_one_id(a: str, b: str, c: str, d: str) -> None:
    first, second = key_of(DOUBLE, {"a": a, "b": {"c": b}}), key_of(DOUBLE, {"a": c, "b": {"c": d}})
    assert (first == second) == ((a, b) == (c, d))


@given(st.text(min_size=300, max_size=700) | st.text(st.characters(categories=["Cs", "Cc"]), min_size=1))
def test_every_id_can_be_stored_and_is_no_longer_than_an_index_takes(key: str) -> None:
    identity = identity_of(SINGLE)({"id": key})
    assert len(identity.encode()) <= LONGEST
    assert "\0" not in identity
    assert identity == identity_of(SINGLE)({"id": key})


def test_long_keys_that_differ_at_the_end_stay_different() -> None:
    identify = identity_of(SINGLE)
    assert identify({"id": "x" * 600 + "a"}) != identify({"id": "x" * 600 + "b"})


def test_append_with_a_key_tells_records_by_all_they_hold_and_by_generation() -> None:
    def identity(data: dict[str, Any], generation: int, namespace: str | None = None) -> str:
        return identity_of(Stream("s", namespace, "append", (("id",),), {}, generation))(data)

    assert identity({"id": 1, "v": 1}, 1) == identity({"id": 1, "v": 1}, 1)
    assert identity({"id": 1, "v": 1}, 1) != identity({"id": 1, "v": 2}, 1)
    assert identity({"id": 1, "v": 1}, 1) != identity({"id": 1, "v": 1}, 2)
    assert identity({"id": 1, "v": 1}, 1) != identity({"id": 1, "v": 1}, 1, "n")


def test_what_moves_from_the_text_to_the_metadata_changes_the_hash() -> None:
    assert content_hash(b"ab", b"c") != content_hash(b"a", b"bc")


def test_without_a_key_every_record_of_every_run_is_its_own_document() -> None:
    stream = Stream("s", None, "append")
    ids = [identify({"v": 1}) for identify in (identity_of(stream), identity_of(stream)) for _ in range(3)]
    assert len(set(ids)) == 6
