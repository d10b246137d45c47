"""OpenAI."""

from collections.abc import Sequence

from openai import OpenAI as Client

from vector_ingest.embed.answers import answer_seconds
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.keys import key_of
from vector_ingest.embed.openai_api import embed
from vector_ingest.embed.openai_options import OpenAI
from vector_ingest.embed.vectors import Vectors
from vector_ingest.errors import ConfigError
from vector_ingest.tokens.counts import openai_tokens

# https://platform.openai.com/docs/api-reference/embeddings/create: texts and tokens of a request, tokens of a text
LIMITS = Limits(texts=2048, tokens=300_000, tokens_per_text=8191)
# https://platform.openai.com/docs/guides/embeddings
MODELS = {"text-embedding-ada-002": 1536, "text-embedding-3-small": 1536, "text-embedding-3-large": 3072}


class OpenAIEmbedder:
    count_tokens = openai_tokens
    limits = LIMITS

    def __init__(self, option: OpenAI) -> None:
        self.dimensions = _dimensions(option)
        self.fingerprint = f"openai/{option.model_name}/{self.dimensions}"
        self._model = option.model_name
        self._shorten = option.dimensions is not None
        self._client = Client(
            api_key=key_of(option.openai_key, option.key_from),
            base_url=option.base_url or "https://api.openai.com/v1",  # said, so that no environment variable decides
            max_retries=0,  # pace.py tries again
            timeout=answer_seconds(),
        )
        # Set here, where None means none: as arguments, variables of the environment would stand in for them.
        self._client.organization, self._client.project = option.organization, option.project

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:  # noqa: ARG002
        """Questions and documents alike: the models know no difference."""
        return embed(self._client, self._model, texts, self.dimensions, self.count_tokens, shorten=self._shorten)

    def close(self) -> None:
        self._client.close()


def _dimensions(option: OpenAI) -> int:
    dimensions = option.dimensions or MODELS.get(option.model_name)
    if dimensions is None:
        known = ", ".join(MODELS)
        raise ConfigError(
            f"The dimensions of the model {option.model_name} are not known here (known: {known}): "
            "set `embedding.dimensions`"
        )
    return dimensions
