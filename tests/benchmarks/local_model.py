"""The model that the connector carries against the same weights in sentence-transformers, on the same cores."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.connectors import ENVIRONMENT, installed
from vector_ingest.embed.local import LocalEmbedder, model_folder

PEER = "sentence-transformers==6.2.0"
# A build for CPUs where the package index has one under this version, else several GB for CUDA.
TORCH = "torch==2.13.0"
TEXTS, WORDS, ROUNDS = 96, 110, 3
# As its users run it: what it does by default, on the CPU.
RUN = """
import json, sys, time
import numpy as np
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
texts = json.loads(sys.stdin.readline())
np.save(sys.argv[2], model.encode(texts, show_progress_bar=False))
print("ready", flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    model.encode(texts, show_progress_bar=False)
    print(time.perf_counter() - began, flush=True)
"""


def main() -> dict[str, Any]:
    texts = _texts()
    with tempfile.TemporaryDirectory() as name:
        saved = Path(name) / "vectors.npy"
        command = [str(installed(PEER, with_pip=TORCH) / "python"), "-c", RUN, str(model_folder()), str(saved)]
        peer = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, "HF_HUB_OFFLINE": "1"},
        )
        with peer:
            assert peer.stdin
            assert peer.stdout
            _ask(peer, json.dumps(texts))
            theirs_vectors = np.load(saved)
            ours_vectors = LocalEmbedder().embed(texts)[0]
            ours, theirs = [], []
            for _ in range(ROUNDS):  # in turns: the machine may have other work
                began = time.perf_counter()
                LocalEmbedder().embed(texts)
                ours.append(time.perf_counter() - began)
                theirs.append(float(_ask(peer, "again")))
            peer.stdin.close()
    cosines = (ours_vectors * theirs_vectors).sum(axis=1)
    return {
        "texts": TEXTS,
        "tokens_per_text": round(float(np.mean([LocalEmbedder().count_tokens(text) for text in texts]))),
        "ours_texts_per_second": round(TEXTS / min(ours), 1),
        "sentence_transformers_texts_per_second": round(TEXTS / min(theirs), 1),
        "ratio": round(float(np.median(np.array(theirs) / np.array(ours))), 2),
        "least_cosine": float(cosines.min()),
    }


def _ask(peer: "subprocess.Popen[str]", line: str) -> str:
    assert peer.stdin
    assert peer.stdout
    peer.stdin.write(f"{line}\n")
    peer.stdin.flush()
    answer = peer.stdout.readline()
    if not answer:
        raise RuntimeError(f"{PEER} failed: see above")
    return answer.strip()


def _texts() -> list[str]:
    """Of unlike lengths, as chunks are."""
    corpus = (Path(__file__).parents[2] / "demo" / "corpus").rglob("*.md")
    words = " ".join(path.read_text() for path in sorted(corpus)).split()
    generator = np.random.default_rng(6)
    starts = generator.integers(0, len(words) - WORDS, TEXTS)
    lengths = generator.integers(WORDS // 2, WORDS, TEXTS)
    return [" ".join(words[start : start + length]) for start, length in zip(starts, lengths, strict=True)]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(), indent=2) + "\n")
