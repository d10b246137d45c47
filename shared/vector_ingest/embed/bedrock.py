"""Models of Amazon Titan and Cohere in Amazon Bedrock, called with InvokeModel.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from botocore.config import Config

from vector_ingest.aws.clients import service_client
from vector_ingest.aws.sign_in import session
from vector_ingest.embed.answers import answer_seconds, cohere_rows, number_at, parsed_object
from vector_ingest.embed.bedrock_errors import bedrock_errors
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.options import Bedrock
from vector_ingest.embed.unit import unit_length
from vector_ingest.embed.vectors import Vectors, checked
from vector_ingest.errors import ConfigError
from vector_ingest.tokens.counts import unknown_tokens


@dataclass(frozen=True, slots=True)
class Model:
    """`sizes`: the dimensions that it can be asked for, its own first; one alone is not asked for.

    `characters`: of a text, what a token has at most of them, so that a text of `limits.tokens_per_text` fits.
    """

    limits: Limits
    sizes: tuple[int, ...]
    characters: int
    truncate: str | None = None  # Cohere's word for "lose the end"; Titan has none and refuses


MODELS = {
    "amazon.titan-embed-text-v2": Model(Limits(1, None, 8192), (1024, 512, 256), 50_000),
    "cohere.embed-english-v3": Model(Limits(96, None, 512), (1024,), 2048, "END"),
    "cohere.embed-multilingual-v3": Model(Limits(96, None, 512), (1024,), 2048, "END"),
    "cohere.embed-v4": Model(Limits(96, 128_000, 128_000), (1536, 1024, 512, 256), 512_000, "RIGHT"),
}


class BedrockEmbedder:
    def __init__(self, option: Bedrock) -> None:
        name, self._model = _model(option)
        self.dimensions = option.dimensions or self._model.sizes[0]
        self.limits = self._model.limits
        self.fingerprint = f"bedrock/{name}/{self.dimensions}{'' if option.normalize else '/raw'}"
        self._id, self._titan, self._normalize = option.model_name, name.startswith("amazon."), option.normalize
        self._client = service_client(
            session(option.credentials, option.region_name),
            "bedrock-runtime",
            option.region_name,
            option.endpoint,
            _patience(self.limits.at_once),
        )

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:
        """Titan makes a request of each text, and does not tell questions from documents."""
        if not texts:
            return checked([], [], self.dimensions, self._id), Usage(tokens=0, requests=0)
        if not self._titan:
            return self._by_cohere(texts, purpose)
        answers = [self._by_titan(text) for text in texts]
        tokens = sum(usage.tokens for _, usage in answers)
        return np.concatenate([vectors for vectors, _ in answers]), Usage(tokens, requests=len(texts))

    def close(self) -> None:
        self._client.close()

    def count_tokens(self, text: str) -> int:
        """More where the text has more characters than the model takes for so many tokens."""
        tokens, most = self._model.limits.tokens_per_text, self._model.characters
        assert tokens
        return max(unknown_tokens(text), -(-len(text) * tokens // most))

    def _by_titan(self, text: str) -> tuple[Vectors, Usage]:
        body = {"inputText": text, "dimensions": self.dimensions, "normalize": self._normalize}
        answer = self._invoke(body, [text])
        found = answer.get("embedding")
        vectors = checked([] if found is None else [found], [text], self.dimensions, self._name)
        return vectors, Usage(number_at(answer, "inputTextTokenCount") or self.count_tokens(text), requests=1)

    def _by_cohere(self, texts: Sequence[str], purpose: Purpose) -> tuple[Vectors, Usage]:
        body: dict[str, Any] = {
            "texts": list(texts),
            "input_type": f"search_{purpose}",
            "embedding_types": ["float"],
            # A text above the limit by Cohere's count, though not by ours, loses its last words, not the whole sync.
            "truncate": self._model.truncate,
        }
        if len(self._model.sizes) > 1:
            body["output_dimension"] = self.dimensions
        vectors = checked(cohere_rows(self._invoke(body, texts)), texts, self.dimensions, self._name)
        usage = Usage(sum(map(self.count_tokens, texts)), requests=1)  # the answer does not say what was billed
        return (unit_length(vectors) if self._normalize else vectors), usage

    @property
    def _name(self) -> str:
        return f"Amazon Bedrock (model {self._id})"

    def _invoke(self, body: Mapping[str, Any], texts: Sequence[str]) -> Mapping[str, Any]:
        with bedrock_errors(self._name, texts):
            answer = self._client.invoke_model(
                modelId=self._id, body=orjson.dumps(body), contentType="application/json", accept="application/json"
            )
            content = answer["body"].read()
        return parsed_object(content, self._name)


def _patience(connections: int) -> Config:
    return Config(
        signature_version="v4",  # said, so that no bearer token of the environment takes the place of the sign-in
        connect_timeout=10,
        read_timeout=answer_seconds(),
        retries={"mode": "standard", "total_max_attempts": 1},  # pace.py tries again
        max_pool_connections=connections,
    )


def _model(option: Bedrock) -> tuple[str, Model]:
    """By the model's ID, in which a profile puts its geography first (`eu.`) and an ARN much more."""
    found = [name for name in MODELS if name in option.model_name]
    if not found:
        known = ", ".join(MODELS)
        raise ConfigError(f"Bedrock's model {option.model_name} is not known here: set model_name to one of {known}")
    (name,) = found
    model = MODELS[name]
    if option.dimensions and option.dimensions not in model.sizes:
        sizes = ", ".join(map(str, model.sizes))
        raise ConfigError(
            f"Bedrock's model {option.model_name} can't be asked for {option.dimensions} dimensions: set "
            f"`embedding.dimensions` to one of {sizes}, or leave it out"
        )
    return name, model
