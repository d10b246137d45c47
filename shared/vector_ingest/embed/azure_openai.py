"""A deployment of an OpenAI model in Azure."""

from collections.abc import Sequence

from openai import AzureOpenAI as Client

from vector_ingest.embed import Limits, Usage
from vector_ingest.embed.openai_api import TIMEOUT, embed
from vector_ingest.embed.options import AzureOpenAI
from vector_ingest.embed.vectors import Vectors
from vector_ingest.tokens import openai_tokens

# https://learn.microsoft.com/azure/ai-services/openai/how-to/embeddings
LIMITS = Limits(texts=2048, tokens=300_000, tokens_per_text=8191)


class AzureOpenAIEmbedder:
    limits = LIMITS

    def __init__(self, option: AzureOpenAI) -> None:
        self.dimensions = option.dimensions
        self.fingerprint = f"azure_openai/{option.api_base.rstrip('/')}/{option.deployment}/{self.dimensions}"
        self._deployment = option.deployment
        self._client = Client(
            api_key=option.openai_key.get_secret_value(),
            azure_endpoint=option.api_base,
            azure_deployment=option.deployment,
            api_version=option.api_version,
            max_retries=0,  # pace.py tries again
            timeout=TIMEOUT,
        )

    def embed(self, texts: Sequence[str]) -> tuple[Vectors, Usage]:
        return embed(self._client, self._deployment, texts, self.dimensions)

    def close(self) -> None:
        self._client.close()

    def count_tokens(self, text: str) -> int:
        return openai_tokens(text)
