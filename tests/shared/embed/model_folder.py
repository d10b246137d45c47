"""A model's folder as exporters and sentence-transformers write it, made of the weights that the connector carries."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from vector_ingest.embed.local import graph_weights, model_folder

GRAPH = Path(__file__).parents[2] / "files" / "all_minilm_l6_v2_tokens.onnx"
TRANSFORMER = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
POOLING = {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
NORMALIZE = {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}


def write_model(folder: Path) -> Path:
    """all-MiniLM-L6-v2: the mean of its tokens, of length 1, of 256 tokens at most."""
    (folder / "1_Pooling").mkdir(parents=True)
    shutil.copy(GRAPH, folder / "model.onnx")
    arrays = dict(graph_weights())
    with (folder / "model.onnx_data").open("wb") as file:
        for name in sorted(arrays):
            file.write(np.ascontiguousarray(arrays[name], "<f4").tobytes())
    for name in ("tokenizer.json", "config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        shutil.copy(model_folder() / name, folder / name)
    return folder


def variant(model: Path, folder: Path, **files: Any) -> Path:
    """The same model with other settings: `files` are contents by name, `__` in place of `/`; None leaves it out."""
    (folder / "1_Pooling").mkdir(parents=True)
    for path in model.rglob("*"):
        if path.is_file():
            (folder / path.relative_to(model)).hardlink_to(path)
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(json.dumps(content))
    return folder
