"""A deployment of an OpenAI model in Azure."""

from collections.abc import Sequence

from openai import AzureOpenAI as Client

from vector_ingest.embed.answers import answer_seconds
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.keys import key_of
from vector_ingest.embed.openai_api import embed
from vector_ingest.embed.openai_options import AzureOpenAI
from vector_ingest.embed.vectors import Vectors
from vector_ingest.tokens.counts import openai_tokens

# https://learn.microsoft.com/azure/ai-services/openai/how-to/embeddings
LIMITS = Limits(texts=2048, tokens=300_000, tokens_per_text=8191)


class AzureOpenAIEmbedder:
    count_tokens = openai_tokens
    limits = LIMITS

    def __init__(self, option: AzureOpenAI) -> None:
        self.dimensions = option.dimensions
        self.fingerprint = f"azure_openai/{option.api_base.rstrip('/')}/{option.deployment}/{self.dimensions}"
        self._deployment, self._shorten = option.deployment, option.shorten
        self._client = Client(
            api_key=key_of(option.openai_key, option.key_from),
            azure_endpoint=option.api_base,
            azure_deployment=option.deployment,
            api_version=option.api_version,
            max_retries=0,  # pace.py tries again
            timeout=answer_seconds(),
        )
        self._client.organization = self._client.project = None  # else variables of the environment go along

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:  # noqa: ARG002
        """Questions and documents alike: the models know no difference."""
        return embed(self._client, self._deployment, texts, self.dimensions, self.count_tokens, shorten=self._shorten)

    def close(self) -> None:
        self._client.close()
