"""What the files of a model's folder say: how to pool, whether to normalise, how much it reads, what goes before.

They are those that sentence-transformers writes: https://sbert.net/docs/sentence_transformer/usage/custom_models.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from vector_ingest.embed.pooling import POOLINGS
from vector_ingest.errors import ConfigError

MODELS = ("model.onnx", "onnx/model.onnx")
USUAL_LENGTH = 512  # tokens, where no file says it
LONGEST = 1_000_000  # some tokenizers say 10^30 for "no limit"
OLD_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """`reads`: tokens of a text, marks included. `digest`: of all files that change vectors."""

    model: Path
    tokenizer: Path
    pooling: str
    normalize: bool
    reads: int
    padding: int  # the token of it
    query_prefix: str
    document_prefix: str
    digest: str


def settings_of(folder: Path) -> Settings:
    """ConfigError: it is no folder of a model, or of one that needs more than is done here."""
    model = next((folder / name for name in MODELS if (folder / name).is_file()), None)
    tokenizer = folder / "tokenizer.json"
    if model is None or not tokenizer.is_file():
        missing = "tokenizer.json" if model else " or ".join(MODELS)
        raise ConfigError(f"Expected a model in the folder {folder} (`embedding.model_path`), found no {missing}.")
    pooling, normalize = _modules(folder)
    prompts = _read(folder / "config_sentence_transformers.json").get("prompts") or {}
    document = prompts.get("document") or prompts.get("passage") or ""
    return Settings(
        model=model,
        tokenizer=tokenizer,
        pooling=pooling,
        normalize=normalize,
        reads=_reads(folder),
        padding=int(_read(folder / "config.json").get("pad_token_id") or 0),
        query_prefix=prompts.get("query") or "",
        document_prefix=document,
        digest=_digest(model, tokenizer, f"{pooling}/{normalize}"),
    )


def _modules(folder: Path) -> tuple[str, bool]:
    """The pooling, and whether a module normalises. Without `modules.json`: the mean, as sentence-transformers does."""
    pooling, normalize = "mean", False
    for module in _objects(folder / "modules.json"):
        match str(module.get("type", "")).rsplit(".", 1)[-1]:
            case "Transformer":
                continue
            case "Pooling":
                pooling = _pooling(folder / str(module.get("path", "")) / "config.json")
            case "Normalize":
                normalize = True
            case other:
                raise ConfigError(
                    f"The model in {folder} has a module {other}, which is not computed here (expected Transformer, "
                    "Pooling and Normalize). Serve it with text-embeddings-inference, and use `openai_compatible`."
                )
    return pooling, normalize


def _pooling(path: Path) -> str:
    config = _read(path)
    mode = config.get("pooling_mode")
    chosen = [mode] if isinstance(mode, str) else mode or [name for key, name in OLD_POOLING.items() if config.get(key)]
    if len(chosen) != 1 or chosen[0] not in POOLINGS:
        raise ConfigError(
            f"Expected one of the poolings {', '.join(POOLINGS)} in {path}, found "
            f"{', '.join(map(str, chosen)) or 'none'}."
        )
    return str(chosen[0])


def _reads(folder: Path) -> int:
    found = [
        _read(folder / "sentence_bert_config.json").get("max_seq_length"),
        _read(folder / "tokenizer_config.json").get("model_max_length"),
        _read(folder / "config.json").get("max_position_embeddings"),
    ]
    return int(next((number for number in found if number and number <= LONGEST), USUAL_LENGTH))


def _read(path: Path) -> Mapping[str, Any]:
    """An empty object where there is no such file. ConfigError: no JSON object."""
    found = _json(path, {})
    if not isinstance(found, dict):
        raise ConfigError(f"Expected a JSON object in {path}, found {type(found).__name__}. Copy the file anew.")
    return found


def _objects(path: Path) -> Sequence[Mapping[str, Any]]:
    """None where there is no such file. ConfigError: no list of JSON objects."""
    found = _json(path, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ConfigError(f"Expected a list of JSON objects in {path}, found something else. Copy the file anew.")
    return found


def _json(path: Path, absent: Any) -> Any:
    if not path.is_file():
        return absent
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"Expected JSON in {path}, found another text ({error}). Copy the file anew.") from error


def _digest(model: Path, tokenizer: Path, rest: str) -> str:
    """The weights may lie beside the graph: `model.onnx_data`, `model.onnx.data`."""
    digest = blake2b(rest.encode(), digest_size=8)
    for path in [*sorted(model.parent.glob(f"{model.name}*")), tokenizer]:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()
