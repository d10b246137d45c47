"""Words to terms by language, and BM25 over them."""

import math
from typing import Any

import numpy as np
import pytest

from destination_s3vectors.emulator.index_view import IndexView
from destination_s3vectors.emulator.text_search import K1, B, TextIndexes, analyzer, build


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        (None, "The Cats' SKU-42, naïve!", ["the", "cats", "sku", "42", "naïve"]),
        (None, "漢字 test", ["漢", "字", "test"]),
        ("en", "running cats", ["run", "cat"]),
        ("fr", "continuellement", ["continuel"]),
        ("es", "libros", ["libr"]),
        ("pt", "livros", ["livr"]),
        ("it", "libri", ["libr"]),
        ("de", "Häuser", ["haus"]),
        ("nl", "boeken", ["boek"]),
        ("zh", "向量数据库 S3", ["向量", "量数", "数据", "据库", "s3"]),
        ("ja", "検索する", ["検索", "索す", "する"]),
        ("ko", "벡터 값", ["벡터", "값"]),
    ],
)
def test_text_becomes_terms_of_its_language(language: str | None, text: str, found: list[str]) -> None:
    assert analyzer(language)(text) == found


def test_scores_are_bm25() -> None:
    index = build([{"t": "cat dog"}, {"t": "cat cat fish bird"}, {"t": "fish"}, None, {"t": 3}], "t", analyzer(None))
    rarity = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    average = 7 / 3
    expected = {
        0: rarity * 1 * (K1 + 1) / (1 + K1 * (1 - B + B * 2 / average)),
        1: rarity * 2 * (K1 + 1) / (2 + K1 * (1 - B + B * 4 / average)),
    }
    assert dict(index.scores("Cat cat")) == pytest.approx(expected)
    assert dict(index.scores("horse")) == {}


def test_the_strings_of_a_list_are_searched() -> None:
    assert set(build([{"t": ["red cat", 4, "dog"]}], "t", analyzer(None)).scores("dog")) == {0}


def test_an_empty_index_has_no_scores() -> None:
    assert dict(build([], "t", analyzer(None)).scores("cat")) == {}


def view(metadata: list[Any], uid: str = "one") -> IndexView:
    vectors = np.ones((len(metadata), 1), np.float32)
    keys = [str(number) for number in range(len(metadata))]
    return IndexView(uid, 1, "cosine", "ENHANCED", frozenset(), {"t": None}, keys, vectors, metadata)


def test_a_text_index_is_built_once_between_two_writes() -> None:
    indexes, first = TextIndexes(), view([{"t": "cat"}])
    assert indexes.of(first, "t") is indexes.of(first, "t")
    assert set(indexes.of(view([{"t": "dog"}]), "t").postings) == {"dog"}
    assert len(indexes) == 1


def test_no_more_text_indexes_are_kept_than_was_said() -> None:
    indexes = TextIndexes(most=2)
    views = [view([{"t": "cat"}], f"index {number}") for number in range(3)]
    built = [indexes.of(each, "t") for each in views]
    assert len(indexes) == 2
    assert indexes.of(views[2], "t") is built[2]
    assert indexes.of(views[0], "t") is not built[0]
