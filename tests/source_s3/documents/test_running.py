"""What is left out of the pages: running heads and page numbers, and nothing else that is on many of them."""

from collections.abc import Sequence

from source_s3.documents.pages.lines import Lines
from source_s3.documents.pages.running import without_running

PAGES = 6
ROWS = 16


def page(number: int, **changed: Sequence[str]) -> Lines:
    """Rows from the top down, each with text of its own. `changed`: r3=("a", "b") are two lines in the fourth row."""
    rows = [changed.get(f"r{row}", [f"{chr(65 + number)} tells of {chr(97 + row)}"]) for row in range(ROWS)]
    lines = [(text, 700.0 - 40 * row) for row, texts in enumerate(rows) for text in texts]
    texts, bottoms = [text for text, _ in lines], [bottom for _, bottom in lines]
    same = [10.0] * len(lines)
    tops = [bottom + 10 for bottom in bottoms]
    return Lines(texts, same, [300.0] * len(lines), bottoms, tops, same, [40] * len(lines))


def kept(pages: Sequence[Lines]) -> list[list[str]]:
    return [list(lines.texts) for lines in without_running(pages)]


def gone(pages: Sequence[Lines]) -> list[set[str]]:
    return [set(lines.texts) - set(left) for lines, left in zip(pages, kept(pages), strict=True)]


def test_a_head_and_the_numbers_of_pages_go() -> None:
    pages = [page(number, r0=["The Book of Jars"], r15=[f"- {number + 11} -"]) for number in range(PAGES)]
    assert gone(pages) == [{"The Book of Jars", f"- {number + 11} -"} for number in range(PAGES)]


def test_what_is_in_the_middle_of_all_pages_stays() -> None:
    pages = [page(number, r7=["Name of the keeper:"]) for number in range(PAGES)]
    assert gone(pages) == [set()] * PAGES


def test_what_is_twice_in_its_place_on_few_pages_stays() -> None:
    places: list[dict[str, list[str]]] = [{"r0": ["Jars", "Jars"]}] * 2 + [{"r1": ["Jars"]}, {"r14": ["Jars"]}, {}]
    assert gone([page(number, **changed) for number, changed in enumerate(places)]) == [set()] * len(places)


def test_what_stands_elsewhere_on_each_page_stays() -> None:
    pages = [page(number, **{f"r{number % 3}": ["The Book of Jars"]}) for number in range(PAGES)]
    assert gone(pages) == [set()] * PAGES


def test_two_pages_have_numbers_but_no_head() -> None:
    pages = [page(number, r0=["The Book of Jars"], r15=[str(number)]) for number in range(2)]
    assert gone(pages) == [{"0"}, {"1"}]
