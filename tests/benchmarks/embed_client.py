"""CPU of the client for each embedded chunk: ours, and OpenAI's own client as its users run it.

Texts of 1,650 characters in, one float32 array of 1,536 dimensions out, 600 texts a request, from a server in another
process whose answers are ready. Theirs is `client.embeddings.create(input=texts)` in its defaults, and `np.array` of
what it gives. Ours is the embedder's call; `through_packer` adds all that a sync does around it: tokens counted,
packing, limits kept. They take turns, and the figures are medians.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import openai

from vector_ingest.embed.openai import OpenAIEmbedder
from vector_ingest.embed.openai_options import OpenAI
from vector_ingest.packing.packer import Packer

TEXTS, DIMENSIONS, TURNS = 600, 1536, 9
MODEL = "text-embedding-3-small"
WORDS = ["the", "keeper", "writes", "down", "what", "was", "taken", "by", "whom", "and", "how", "much", "is", "left"]


def main() -> dict[str, Any]:
    chance = random.Random(1)
    texts = [" ".join(chance.choices(WORDS, k=380)) for _ in range(TEXTS)]
    with answering() as url:
        client = openai.OpenAI(api_key="a-key", base_url=f"{url}/v1")
        option = OpenAI.model_validate({"openai_key": "a-key", "base_url": f"{url}/v1", "model_name": MODEL})
        embedder = OpenAIEmbedder(option)
        ways: dict[str, Callable[[], npt.NDArray[np.float32]]] = {
            "openai_client": lambda: stock(client, texts),
            "ours": lambda: embedder.embed(texts)[0],
            "ours_through_packer": lambda: packed(embedder, texts),
        }
        found = {name: way() for name, way in ways.items()}
        if not all(np.array_equal(array, found["ours"]) for array in found.values()):
            raise RuntimeError("the ways give different vectors")
        costs = measured(ways)
        embedder.close()
        client.close()
    return {
        "microseconds_of_cpu_per_text": {name: round(cost, 1) for name, cost in costs.items()},
        "ratio": round(costs["openai_client"] / costs["ours"], 1),
        "ratio_through_packer": round(costs["openai_client"] / costs["ours_through_packer"], 1),
    }


def measured(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            taken[name].append((time.process_time() - begun) / TEXTS * 1e6)
    return {name: statistics.median(each) for name, each in taken.items()}


def stock(client: openai.OpenAI, texts: list[str]) -> npt.NDArray[np.float32]:
    answer = client.embeddings.create(input=texts, model=MODEL)
    return np.array([item.embedding for item in sorted(answer.data, key=lambda item: item.index)], np.float32)


def packed(embedder: OpenAIEmbedder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    with Packer(embedder) as packer:
        given = packer.ask({text[:60].encode(): text for text in texts}).result()
    return np.stack([given.vectors[text[:60].encode()] for text in texts])


@contextmanager
def answering() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.servers.ready_embeddings", str(DIMENSIONS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
