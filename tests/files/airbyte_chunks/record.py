"""Record what LangChain's splitter, set up as in Airbyte's destinations, makes of awkward texts: cases.json here.

python -m venv /tmp/langchain && /tmp/langchain/bin/pip install langchain-text-splitters==1.1.3 tiktoken==0.14.0
PYTHONPATH=. /tmp/langchain/bin/python tests/files/airbyte_chunks/record.py
"""

import json
from pathlib import Path
from typing import Any

from tests.benchmarks.chunk_peer import langchain

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
MERGES = ROOT / "shared" / "vector_ingest" / "gpt2_vocabulary" / "merges.txt.gz"
CORPUS = ROOT / "demo" / "corpus"
WORDS = ["\n\n", "\n", " ", ""]

TEXTS = {
    "handbook": "content: " + min(CORPUS.rglob("*.md")).read_text()[:2500],
    "minutes": max(CORPUS.rglob("*.md")).read_text()[:2500].replace("\n", "\r\n"),
    "blank lines": "One.\n\n\n\nTwo two two.\n\n\n\n\n\nThree three, three three.\n \n\n  Four.\n\n" * 6,
    "spaces": "a  b   c \t d\n" * 30 + " " * 300 + "end",
    "no spaces": "x" * 400 + "\n" + "0123456789" * 8,
    "chinese": "天地玄黄、宇宙洪荒。日月盈昃、辰宿列张。寒来暑往、秋收冬藏。\n" * 8,
    "thai": "ภาษาไทยเป็นภาษาที่ไม่มีช่องว่างระหว่างคำ" * 6,
    "hindi": "हिन्दी में शब्दों के बीच अन्तर होता है। क्षेत्रीय भाषाएँ भी ऐसी ही हैं।\n" * 6,
    "emoji": "Family 👩‍👩‍👧‍👦 and flags 🇩🇪🇫🇷 and thumbs 👍🏽! " * 8 + "👩‍👩‍👧‍👦🇩🇪" * 10,
    "accents": "Cafe\u0301 na\u0308ive \u0301lone. " * 25,
    "markdown": "".join(f"{'#' * (1 + n % 4)} Title {n}\n\nText of it {n}. More of it.\n\n" for n in range(20)),
    "python": (ROOT / "shared" / "vector_ingest" / "fields.py").read_text()[:2500],
    "html": "<html><body>" + "".join(f"<h2>Part {n}</h2><p>Some text <span>here</span>.</p>" for n in range(25)),
    "go": "package a\n\n" + "".join(f"func f{n}() int {{\n\tif x {{\n\t\treturn {n}\n\t}}\n}}\n\n" for n in range(20)),
}
HEADERS = [f"(?:^|\n){'#' * level} " for level in range(1, 7)]


def peers(splitter: dict[str, Any] | None) -> dict[str, Any]:
    """As `_get_text_splitter` of airbyte_cdk/destinations/vector_db_based/document_processor.py."""
    match splitter:
        case None:
            return {"separators": WORDS, "keep_separator": False}
        case {"mode": "separator"}:
            separators = [json.loads(each) for each in splitter.get("separators", map(json.dumps, WORDS))]
            return {"separators": separators, "keep_separator": splitter.get("keep_separator", False)}
        case {"mode": "markdown", "split_level": level}:
            return {"separators": HEADERS[:level], "is_separator_regex": True, "keep_separator": True}
        case _:
            return {"language": splitter["language"]}


SETTINGS: list[tuple[dict[str, Any] | None, int, int]] = [
    (None, 40, 0),
    (None, 90, 25),
    ({"mode": "separator", "keep_separator": True}, 30, 10),
    ({"mode": "separator", "separators": ['". "', '"。"', '"\\n"']}, 40, 0),
    ({"mode": "separator", "separators": ['"e"', '""'], "keep_separator": False}, 25, 5),
    ({"mode": "markdown", "split_level": 2}, 60, 0),
    ({"mode": "markdown", "split_level": 6}, 30, 10),
    ({"mode": "code", "language": "python"}, 50, 0),
    ({"mode": "code", "language": "html"}, 50, 15),
    ({"mode": "code", "language": "go"}, 30, 0),
    ({"mode": "code", "language": "markdown"}, 40, 0),
]


def main() -> None:
    cases = []
    for splitter, size, overlap in SETTINGS:
        options = {"chunk_size": size, "chunk_overlap": overlap, **peers(splitter)}
        split = langchain(options, MERGES)
        expected = {name: split(text) for name, text in TEXTS.items()}
        cases.append({"splitter": splitter, "size": size, "overlap": overlap, "expected": expected})
    content = json.dumps({"texts": TEXTS, "cases": cases}, ensure_ascii=False, indent=0)
    (HERE / "cases.json").write_text(content + "\n")


if __name__ == "__main__":
    main()
