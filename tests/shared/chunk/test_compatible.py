"""With `compatible_chunks`, the chunks are those of LangChain's splitter as Airbyte's destinations set it up."""

import gzip
import hashlib
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import regex

from vector_ingest.chunk.splitter import Splitter, splitter_from
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.tokens.counts import openai_tokens
from vector_ingest.tokens.gpt2 import MERGES, gpt2_tokens

RECORDED = json.loads((Path(__file__).parents[2] / "files" / "airbyte_chunks" / "cases.json").read_text())
CUT_INSIDE = {"thai", "hindi", "emoji", "accents"}  # texts of clusters, in which the peer cuts where no space is
LONGEST_CLUSTER = 7
CASES = [(case, name) for case in RECORDED["cases"] for name in RECORDED["texts"]]


def splitter(case: dict[str, Any], most: int | None = None) -> Splitter:
    config = {"chunk_size": case["size"], "chunk_overlap": case["overlap"], "text_splitter": case["splitter"]}
    return splitter_from(
        ProcessingConfig.model_validate({**config, "compatible_chunks": True}), openai_tokens, most_tokens=most
    )


@pytest.mark.parametrize(
    ("case", "name"), CASES, ids=[f"{case['splitter']}-{case['size']}-{name}" for case, name in CASES]
)
def test_the_chunks_are_the_peers(case: dict[str, Any], name: str) -> None:
    """But for white space at the ends of those that the peer could not cut, and its cuts inside of a grapheme."""
    text = RECORDED["texts"][name]
    expected = [piece.strip() for piece in case["expected"][name] if piece.strip()]
    chunks = splitter(case).split(text)
    found = [chunk.text for chunk in chunks]
    edges = {match.start() for match in regex.finditer(r"\X", text)} | {len(text)}
    if name not in CUT_INSIDE or found == expected:
        assert found == expected
        return
    assert all(chunk.start in edges and chunk.end in edges for chunk in chunks)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours) - len(theirs) in range(-LONGEST_CLUSTER, LONGEST_CLUSTER + 1)


def test_a_chunk_that_the_model_cannot_read_is_cut_further() -> None:
    case = {"splitter": {"mode": "markdown", "split_level": 1}, "size": 100, "overlap": 0}
    text = "# One\n\n" + "word and word. " * 400
    assert len(splitter(case).split(text)) == 1
    cut = splitter(case, most=80).split(text)
    assert len(cut) > 10
    assert all(openai_tokens(chunk.text) <= 80 for chunk in cut)


def test_tokens_are_counted_as_gpt2_counts_them() -> None:
    """The second is in OpenAI's cookbook: examples/How_to_count_tokens_with_tiktoken.ipynb (r50k_base)."""
    assert [gpt2_tokens(text) for text in ("hello world", "antidisestablishmentarianism", "")] == [2, 5, 0]
    assert gpt2_tokens("<|endoftext|>") == 7


def test_the_merges_are_those_that_their_tool_writes() -> None:
    tool = runpy.run_path(str(Path(__file__).parents[3] / "shared" / "tools" / "build_gpt2_merges.py"))
    assert tool["OUTPUT"] == MERGES
    assert hashlib.sha256(gzip.decompress(MERGES.read_bytes())).hexdigest() == tool["SHA256"]
