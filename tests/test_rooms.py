"""Which way imports go between the packages, and that the pages about the code speak of what is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "vector_ingest": ROOT / "shared/vector_ingest",
    "source_s3": ROOT / "source-s3/source_s3",
    "destination_pgvector": ROOT / "destination-pgvector/destination_pgvector",
    "destination_s3vectors": ROOT / "destination-s3vectors/destination_s3vectors",
}
OURS = {*PACKAGES, "demo", "tests"}
FOLDERS = [ROOT / "docs", *(path.parent for path in PACKAGES.values())]
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in folder.rglob("*.md"))])
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([\w-]+))?\)")


def imported(module: Path) -> Iterator[str]:
    """The packages that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    modules = list(PACKAGES[package].rglob("*.py"))
    assert modules
    for module in modules:
        assert {*imported(module)} & OURS <= {package, "vector_ingest"}, module


def test_the_drawing_of_the_rooms_names_modules_that_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    drawing = text[text.index("What lies where:") : text.index("## The rules")]
    rooms = re.split(r"^([\w-]+/\w+)/$", drawing, flags=re.MULTILINE)[1:]
    assert len(rooms) == 2 * len(PACKAGES)
    for room, lines in zip(rooms[::2], rooms[1::2], strict=True):
        columns = "\n".join(line[28:] for line in lines.partition("\ntests/")[0].splitlines())
        names = re.findall(r"[\w/]+", re.sub(r"\([^)]*\)", "", columns))
        assert len(names) > 10
        missing = [name for name in names if not (ROOT / room / name).with_suffix(".py").exists()]
        assert not [name for name in missing if not (name.endswith("/") and (ROOT / room / name).is_dir())], room


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_pages_and_headings_that_are_there(page: Path) -> None:
    for target, heading in LINK.findall(page.read_text()):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", found.lower()).replace(" ", "-") for found in headings}, heading


def test_each_decision_is_in_the_index() -> None:
    index = ROOT / "docs/decisions/README.md"
    pages = {path.name for path in index.parent.glob("*.md")} - {index.name}
    assert pages == {target for target, _ in LINK.findall(index.read_text()) if "/" not in target}
