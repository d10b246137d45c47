"""Any service that speaks OpenAI's embeddings API.

What the servers make of it, where they differ from OpenAI:
Ollama              https://docs.ollama.com/api/openai-compatibility
vLLM                https://docs.vllm.ai/en/latest/models/pooling_models.html
text-embeddings-inference  https://huggingface.github.io/text-embeddings-inference/
LM Studio           https://lmstudio.ai/docs/developer/openai-compat/embeddings
"""

from collections.abc import Sequence

from openai import OpenAI as Client

from vector_ingest.embed.answers import answer_seconds
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.keys import key_of
from vector_ingest.embed.openai_api import embed
from vector_ingest.embed.openai_options import OpenAICompatible
from vector_ingest.embed.prefixes import Prefixes
from vector_ingest.embed.unit import unit_length
from vector_ingest.embed.vectors import Vectors
from vector_ingest.errors import ConfigError, DataError
from vector_ingest.tokens.counts import unknown_tokens

# The smallest limit among the services: text-embeddings-inference refuses more by default.
# https://huggingface.co/docs/text-embeddings-inference/cli_arguments (--max-client-batch-size)
LIMITS = Limits(texts=32, tokens=None, tokens_per_text=None)
# What vLLM says where a model can't shorten its vectors; its errors don't name the parameter.
CANT_SHORTEN = ("matryoshka", "dimensions")


class OpenAICompatibleEmbedder:
    count_tokens = unknown_tokens
    limits = LIMITS

    def __init__(self, option: OpenAICompatible) -> None:
        self.dimensions = option.dimensions
        self._prefixes = Prefixes(option.query_prefix or "", option.document_prefix or "")
        self._normalize, self._shorten = option.normalize, option.shorten
        self.fingerprint = (
            f"openai_compatible/{option.model_name}/{self.dimensions}{self._prefixes.fingerprint}"
            f"{'/unit' if option.normalize else ''}"
        )
        self._model = option.model_name
        self._client = Client(
            api_key=key_of(option.api_key, option.key_from) or "none",  # the client insists; such services ignore it
            base_url=option.base_url,
            max_retries=0,  # pace.py tries again
            timeout=answer_seconds(),
        )
        self._client.organization = self._client.project = None  # those of the environment are OpenAI's

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:
        asked = self._prefixes.put(texts, purpose)
        try:
            # `float` is the API's default: not every service knows base64.
            vectors, usage = embed(
                self._client,
                self._model,
                asked,
                self.dimensions,
                self.count_tokens,
                shorten=self._shorten,
                encoding="float",
            )
        except DataError as error:
            if self._shorten and any(word in error.reason.lower() for word in CANT_SHORTEN):
                raise ConfigError(
                    f"The model {self._model} can't be asked for {self.dimensions} dimensions: set `embedding.shorten` "
                    f"to false, and `embedding.dimensions` to what the model has. {error.reason}"
                ) from error
            raise
        return (unit_length(vectors) if self._normalize else vectors), usage

    def close(self) -> None:
        self._client.close()
