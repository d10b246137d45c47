"""How much of a limit of tokens a minute is used, and how much refused: OpenAI's real client, by the real clock.

The service on loopback has minutes of ten seconds. A text is as many of its tokens as a thousandth of the limit.
"""

import time
from typing import Any

from tests.servers.embedding.limits import Limits
from tests.servers.embedding_server import KEY, EmbeddingServer
from vector_ingest.embed.openai import OpenAIEmbedder
from vector_ingest.embed.openai_options import OpenAI
from vector_ingest.packing.packer import Packer
from vector_ingest.packing.rate import Rate

MINUTE = 10.0  # seconds
SIZES = (60_000, 2_000_000, 60_000_000)
TEXTS = 3_000  # three minutes of each limit


class Weighed(OpenAIEmbedder):
    """All texts have `tokens`, by both counts."""

    tokens: int

    def count_tokens(self, text: str) -> int:  # type: ignore[override]  # noqa: ARG002
        return self.tokens


def main() -> dict[str, Any]:
    return {f"{size:,}_tokens_a_minute": _held(size) for size in SIZES}


def _held(size: int) -> dict[str, float]:
    weight = size // 1000
    limits = Limits(size, minute=MINUTE, begin=0.05)
    server = EmbeddingServer(limits=limits, count=lambda _: weight)
    server.start()
    option = OpenAI.model_validate({"openai_key": KEY, "base_url": f"{server.url}/v1", "dimensions": 8})
    embedder = Weighed(option)
    embedder.tokens = weight
    try:
        with Packer(embedder, Rate(minute=MINUTE, now=time.monotonic())) as packer:
            texts = {f"{number}".encode(): f"text {number}" for number in range(TEXTS)}
            found = packer.ask(texts).result().vectors
            used, seconds = limits.used_after(share=0.2)
            first = limits.accepted[0][0]
            late = sum(at > first + MINUTE / 10 for at in limits.refused_at)
            requests = packer.tally.requests
    finally:
        embedder.close()
        server.stop()
    if found.keys() != texts.keys():
        raise RuntimeError(f"{len(texts) - len(found)} texts were lost")
    return {
        "used": round(used / (size * seconds / MINUTE), 3),
        "requests": requests,
        "refused": limits.refused,
        "refused_in_the_steady_state": late,
    }
