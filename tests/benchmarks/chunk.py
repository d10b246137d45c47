"""Text to chunks in MB per second of processor time, beside the splitter of Airbyte's destinations and another library.

And how many chunks are new after one edit, by the default rule and by that splitter, on the same edits.
"""

import json
import pydoc_data.topics
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.benchmarks import chunk_peer
from tests.benchmarks.connectors import installed
from tests.shared.chunk.edited_texts import Text, long_text, measured, paragraphs_of, stability, versions
from vector_ingest.chunk.splitter import Splitter, splitter_from
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.tokens import gpt2
from vector_ingest.tokens.counts import openai_tokens

LANGCHAIN = "langchain-text-splitters==1.1.3"
TIKTOKEN = "tiktoken==0.14.0"
FASTEST = "semantic-text-splitter==0.33.1"
BUDGETS = (256, 512, 1024)
EDITS = 40  # of each text; `make soak` has a thousand for the default
WORDS = {"separators": ["\n\n", "\n", " ", ""], "keep_separator": False}


def main() -> dict[str, Any]:
    return {"speed": speed(), "stability": {str(budget): stability_at(budget) for budget in BUDGETS}}


def speed() -> dict[str, Any]:
    """Python's own documentation, as text."""
    text = "\n\n".join(pydoc_data.topics.topics.values())
    figures: dict[str, Any] = {}
    for budget in BUDGETS:
        ours = best_of_three(splitter(budget), text)
        options = {"chunk_size": budget, "chunk_overlap": 0, **WORDS}
        peer = len(text) / 1e6 / asked("langchain", options, [text])["seconds"]
        other = len(text) / 1e6 / asked("semantic_text_splitter", options, [text])["seconds"]
        figures[str(budget)] = {
            "mb_per_second": round(ours, 1),
            "langchain_mb_per_second": round(peer, 2),
            "times_langchain": round(ours / peer, 1),
            "semantic_text_splitter_mb_per_second": round(other, 2),
            "times_semantic_text_splitter": round(ours / other, 1),
        }
    return figures


def best_of_three(cut: Splitter, text: str) -> float:
    seconds = []
    for _ in range(3):
        began = time.process_time()
        cut.split(text)
        seconds.append(time.process_time() - began)
    return len(text) / 1e6 / min(seconds)


def stability_at(budget: int) -> dict[str, Any]:
    real = paragraphs_of("\n\n".join(pydoc_data.topics.topics.values()))
    texts: dict[str, Text] = {"synthetic": long_text(1, budget, 1000, openai_tokens), "real": real}
    found: dict[str, Any] = {}
    for name, text in texts.items():
        found[name] = measured(splitter(budget), budget, 1, text, EDITS).figures()
        found[f"{name}_langchain"] = peers_stability(budget, text)
    return found


def peers_stability(budget: int, text: Text) -> dict[str, Any]:
    answer = asked("langchain", {"chunk_size": budget, "chunk_overlap": 0, **WORDS}, list(versions(1, text, EDITS)))
    first, *others = answer["chunks"]
    new = [len(set(chunks).difference(first)) for chunks in others]
    fill = sum(map(gpt2.gpt2_tokens, first)) / len(first) / budget
    return stability(new, len(first), fill).figures()


def splitter(budget: int) -> Splitter:
    return splitter_from(ProcessingConfig(chunk_size=budget), openai_tokens)


def asked(name: str, options: dict[str, Any], texts: list[str]) -> Any:
    """What another splitter does, in an environment of its own."""
    environment = installed(FASTEST) if name == "semantic_text_splitter" else installed(LANGCHAIN, others=(TIKTOKEN,))
    command = [str(environment / "python"), chunk_peer.__file__, str(gpt2.MERGES)]
    question = json.dumps({"splitter": name, "options": options, "texts": texts})
    done = subprocess.run(command, input=question, capture_output=True, text=True, check=True, cwd=Path.home())
    return json.loads(done.stdout)
