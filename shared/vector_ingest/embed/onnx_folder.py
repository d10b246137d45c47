"""A model that lies in a folder as ONNX, with its tokenizer. Nothing is downloaded."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vector_ingest.aws.sign_in import in_cloud
from vector_ingest.embed.batches import in_batches
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.onnx_session import Model
from vector_ingest.embed.onnx_settings import Settings, settings_of
from vector_ingest.embed.options import Local
from vector_ingest.embed.prefixes import Prefixes
from vector_ingest.embed.vectors import Vectors, excerpt
from vector_ingest.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH, GPU_BATCH = 8, 64  # texts


class OnnxEmbedder:
    def __init__(self, option: Local) -> None:
        """ConfigError: there is no such model, or it can't be run here."""
        settings = self._settings = _settings(option)
        self._tokenizer, self._model = _tokenizer(settings), Model(settings)
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
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(self._prefixes.put(texts, purpose))]
        for text, ids in zip(texts, encoded, strict=True):
            if len(ids) > self._settings.reads:
                raise DataError(
                    excerpt(text),
                    f"it has {len(ids)} tokens, marks and prefix included, of which the model reads "
                    f"{self._settings.reads}: cut it into smaller chunks",
                )
        vectors = in_batches(encoded, self._model.vectors, self._batch, self.dimensions)
        return vectors, Usage(tokens=sum(map(len, encoded)), requests=1 if texts else 0)

    def count_tokens(self, text: str) -> int:
        """Without the marks. A sixteenth of the characters is the least: some tokenizers make one token of any word
        that is too long for them."""
        (encoding,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        return max(len(encoding), len(text) // 16)


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


def _tokenizer(settings: Settings) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(settings.tokenizer))
    tokenizer.no_truncation()  # else the file decides, silently
    tokenizer.no_padding()
    return tokenizer
