"""Any service that speaks OpenAI's embeddings API."""

from collections.abc import Sequence

from openai import OpenAI as Client

from vector_ingest.embed import Limits, Usage
from vector_ingest.embed.openai_api import TIMEOUT, embed
from vector_ingest.embed.options import OpenAICompatible
from vector_ingest.embed.vectors import Vectors
from vector_ingest.tokens import unknown_tokens

# The smallest limit among the services: text-embeddings-inference refuses more by default.
# https://huggingface.co/docs/text-embeddings-inference/cli_arguments (--max-client-batch-size)
LIMITS = Limits(texts=32, tokens=None, tokens_per_text=None)


class OpenAICompatibleEmbedder:
    limits = LIMITS

    def __init__(self, option: OpenAICompatible) -> None:
        self.dimensions = option.dimensions
        self.fingerprint = f"openai_compatible/{option.model_name}/{self.dimensions}"
        self._model = option.model_name
        self._client = Client(
            api_key=option.api_key.get_secret_value() or "none",  # the client insists on one; such services ignore it
            base_url=option.base_url,
            max_retries=0,  # pace.py tries again
            timeout=TIMEOUT,
        )

    def embed(self, texts: Sequence[str]) -> tuple[Vectors, Usage]:
        # `float` is the API's default: not every service knows base64.
        return embed(self._client, self._model, texts, self.dimensions, encoding="float")

    def close(self) -> None:
        self._client.close()

    def count_tokens(self, text: str) -> int:
        return unknown_tokens(text)
