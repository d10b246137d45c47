"""A graph loaded into onnxruntime, on the GPU where there is one for it."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from vector_ingest.embed.batches import Ids, padded
from vector_ingest.embed.onnx_settings import Settings
from vector_ingest.embed.pooling import POOLINGS
from vector_ingest.embed.unit import unit_length
from vector_ingest.embed.vectors import Vectors
from vector_ingest.errors import ConfigError

GPU = "CUDAExecutionProvider"  # of the package onnxruntime-gpu, which takes the place of onnxruntime
INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
TOKENS, POOLED = ("last_hidden_state", "token_embeddings"), "sentence_embedding"  # as exporters name the outputs


class Model:
    def __init__(self, settings: Settings) -> None:
        """ConfigError: it can't be loaded, or is no model of text."""
        self._settings, self._session = settings, _load(settings)
        self._inputs = self._session.get_inputs()
        unknown = {node.name for node in self._inputs} - INPUTS
        if unknown:
            raise ConfigError(
                f"The model {settings.model} asks for the inputs {', '.join(sorted(unknown))}, which are not known "
                f"here (known: {', '.join(sorted(INPUTS))}). Export it for feature extraction."
            )
        self._output = _output(self._session, settings)
        self.on_gpu = GPU in self._session.get_providers()
        self.dimensions: int = self._outcome([[settings.padding]])[0].shape[-1]

    def vectors(self, batch: Sequence[Ids]) -> Vectors:
        found, mask = self._outcome(batch)
        pooled = POOLINGS[self._settings.pooling](found, mask) if found.ndim == 3 else found
        return unit_length(pooled) if self._settings.normalize else pooled

    def _outcome(self, batch: Sequence[Ids]) -> tuple[Any, Any]:
        ids, mask = padded(batch, self._settings.padding)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feed = {
            node.name: given[node.name].astype(np.int32 if node.type == "tensor(int32)" else np.int64)
            for node in self._inputs
        }
        (found,) = self._session.run([self._output], feed)
        return np.asarray(found, np.float32), mask


def session_options() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the database works on this machine too
    return options


def _load(settings: Settings) -> Any:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    here = onnxruntime.get_available_providers()
    providers = [name for name in (GPU, "CPUExecutionProvider") if name in here]
    try:
        return onnxruntime.InferenceSession(str(settings.model), session_options(), providers=providers)
    except (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NoSuchFile,
        errors.NotImplemented,
        errors.RuntimeException,
    ) as error:
        raise ConfigError(f"The model {settings.model} can't be loaded: {str(error)[:500]}.") from error


def _output(session: Any, settings: Settings) -> str:
    """Its tokens' vectors, to be pooled as the folder says; else what the graph has pooled itself."""
    ranks = {node.name: len(node.shape) for node in session.get_outputs()}
    for name in (*TOKENS, *(name for name, rank in ranks.items() if rank == 3)):
        if ranks.get(name) == 3:
            return str(name)
    if ranks.get(POOLED) == 2:
        return POOLED
    raise ConfigError(
        f"The model {settings.model} has the outputs {', '.join(ranks)}; expected {' or '.join((*TOKENS, POOLED))}. "
        "Export it for feature extraction."
    )
