"""A model that lies in a folder as ONNX, with its tokenizer. Nothing is downloaded."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from vector_ingest.aws.sign_in import in_cloud
from vector_ingest.embed.batches import in_batches
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.model_tokens import count, encode, tokenizer_from
from vector_ingest.embed.onnx_session import Model
from vector_ingest.embed.onnx_settings import Settings, settings_of
from vector_ingest.embed.options import Local
from vector_ingest.embed.prefixes import Prefixes
from vector_ingest.embed.vectors import Vectors, finite
from vector_ingest.errors import ConfigError

BATCH, GPU_BATCH = 8, 64  # texts


class OnnxEmbedder:
    def __init__(self, option: Local) -> None:
        """ConfigError: there is no such model, or it can't be run here."""
        settings = self._settings = _settings(option)
        self._tokenizer, self._model = tokenizer_from(settings.tokenizer), Model(settings)
        self._prefixes = Prefixes(
            settings.query_prefix if option.query_prefix is None else option.query_prefix,
            settings.document_prefix if option.document_prefix is None else option.document_prefix,
        )
        self.dimensions = self._model.dimensions
        self._batch = GPU_BATCH if self._model.on_gpu else BATCH
        marks = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        reads = settings.reads - marks - self.count_tokens(self._prefixes.document)
        self.limits = Limits(texts=8 * self._batch, tokens=None, tokens_per_text=reads, at_once=2)
        self.fingerprint = f"local/{settings.digest}/{self.dimensions}{self._prefixes.fingerprint}"

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:
        encoded = encode(self._tokenizer, self._prefixes.put(texts, purpose), texts, self._settings.reads)
        vectors = in_batches(encoded, self._model.vectors, self._batch, self.dimensions)
        usage = Usage(tokens=sum(map(len, encoded)), requests=1 if texts else 0)
        return finite(vectors, texts, f"The model {self._settings.model}"), usage  # of half precision, some overflow

    def count_tokens(self, text: str) -> int:
        return count(self._tokenizer, text)

    def close(self) -> None:
        """The model goes with this object."""


def _settings(option: Local) -> Settings:
    if in_cloud():
        raise ConfigError("A model can't be read from a folder in the cloud. Leave `embedding.model_path` out.")
    missing = [name for name in ("onnxruntime", "tokenizers") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"`embedding.model_path` needs packages that are not installed ({', '.join(missing)}): run `pip install "
            f"{' '.join(missing)}`, or use another mode."
        )
    assert option.model_path
    return settings_of(Path(option.model_path))
