"""Writes a BERT or XLM-RoBERTa encoder as an ONNX graph, from numpy weights and nothing else.

No torch: an exporter is two gigabytes of wheels for what is, read from the papers, eleven operations per layer
(Devlin et al. 2018; Conneau et al. 2019). Weights carry the names they have in the published safetensors files,
so a checkpoint goes in as it is read.

Of ONNX Runtime 1.31's fusions, bias-Gelu and scaled MatMul fire on this graph and attention fusion does not; opsets
13 to 20 and decomposed against whole LayerNormalization and Gelu all run at the same speed (measured on MiniLM).
`golden.py` proves the numbers against torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

#: First opset with `Gelu`; ONNX Runtime 1.31 has kernels and fusions for every operation used here at it.
OPSET = 20
#: The oldest file format that carries opset 20, so that older runtimes can read the file as well.
IR_VERSION = 9
#: Added to the scores of padding before the softmax; exp(-10000) is exactly 0 in fp32.
MASKED = -10000.0


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder, named as in a Hugging Face `config.json`."""

    layers: int
    hidden: int
    heads: int
    epsilon: float
    #: None: BERT, positions 0, 1, 2 …; a padding id: XLM-R, positions count from it and padding keeps it.
    xlmr_padding_id: int | None = None
    #: All layers read the weights of layer 0 (one copy in the file).
    tied: bool = False

    @staticmethod
    def of_config(config: Mapping, tied: bool = False) -> "Shape":
        """The shape a `config.json` describes; refuses what the graph below would compute wrongly."""
        if config["hidden_act"] != "gelu":
            raise ValueError(f"unsupported hidden_act {config['hidden_act']!r}, expected 'gelu'")
        if config.get("position_embedding_type", "absolute") != "absolute":
            raise ValueError(f"unsupported position_embedding_type {config['position_embedding_type']!r}")
        kind = config["model_type"]
        if kind not in ("bert", "xlm-roberta"):
            raise ValueError(f"unsupported model_type {kind!r}, expected 'bert' or 'xlm-roberta'")
        return Shape(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
            xlmr_padding_id=config["pad_token_id"] if kind == "xlm-roberta" else None,
            tied=tied,
        )


class Graph:
    """Nodes and initializers in the order they are asked for, so that the same input gives the same bytes."""

    def __init__(self, weights: Mapping[str, np.ndarray]):
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def add(self, operation: str, inputs: list[str], name: str, **attributes) -> str:
        """Appends one node with one output, both called `name`; returns the name."""
        self.nodes.append(helper.make_node(operation, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value, dtype=np.int64) -> str:
        """An initializer from a Python value. `np.asarray` keeps a scalar a scalar; `ascontiguousarray` would not."""
        return self._store(name, np.asarray(value, dtype=dtype))

    def weight(self, name: str, transpose: bool = False) -> str:
        """An initializer from the weights; `transpose` turns a Linear's [out, in] into the [in, out] of MatMul."""
        if name in self.initializers:
            return name
        value = np.asarray(self.weights[name], dtype=np.float32)
        return self._store(name, value.T if transpose else value)

    def linear(self, value: str, name: str, weight: str) -> str:
        """`value · Wᵀ + b`."""
        product = self.add("MatMul", [value, self.weight(f"{weight}.weight", transpose=True)], f"{name}/product")
        return self.add("Add", [product, self.weight(f"{weight}.bias")], name)

    def norm(self, value: str, name: str, weight: str, epsilon: float) -> str:
        """Layer normalisation over the last axis."""
        inputs = [value, self.weight(f"{weight}.weight"), self.weight(f"{weight}.bias")]
        return self.add("LayerNormalization", inputs, name, axis=-1, epsilon=epsilon)

    def _store(self, name: str, value: np.ndarray) -> str:
        if name not in self.initializers:
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            self.initializers[name] = helper.make_tensor(name, kind, value.shape, value.tobytes(), raw=True)
        return name


def build(weights: Mapping[str, np.ndarray], shape: Shape) -> onnx.ModelProto:
    """The encoder over `weights`: int64 [batch, seq] in, `last_hidden_state` float [batch, seq, hidden] out.

    BERT takes input_ids, attention_mask and token_type_ids; XLM-R only the first two. Raises KeyError for a weight
    that is missing. The result must stay below protobuf's 2 GB.
    """
    graph = Graph(weights)
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if shape.xlmr_padding_id is None else [])
    state = _embeddings(graph, shape)
    mask = _additive_mask(graph)
    for layer in range(shape.layers):
        state = _layer(graph, shape, layer, state, mask)
    graph.nodes[-1].output[0] = "last_hidden_state"
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "seq"]) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "seq", shape.hidden])
    body = helper.make_graph(graph.nodes, "encoder", inputs, [output], list(graph.initializers.values()))
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(body, opset_imports=opset, producer_name="schema_monitor", ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _embeddings(graph: Graph, shape: Shape) -> str:
    """Word, token type and position embeddings, summed in torch's order and normalised."""
    table = "embeddings.{}_embeddings.weight".format
    words = graph.add("Gather", [graph.weight(table("word")), "input_ids"], "embeddings/words")
    if shape.xlmr_padding_id is None:
        types = graph.add("Gather", [graph.weight(table("token_type")), "token_type_ids"], "embeddings/types")
        size = graph.add("Shape", ["input_ids"], "embeddings/length", start=1, end=2)
        zero, axis = graph.constant("zero", [0]), graph.constant("axis_0", [0])
        # A slice, though its length is unknown to the optimiser, which then leaves skip-norm unfused: on a CPU, ONNX
        # Runtime 1.31's fused kernel is the slower one (MiniLM, 60 tokens: 67 texts a CPU-second against 74).
        positions = graph.add("Slice", [graph.weight(table("position")), zero, size, axis], "embeddings/positions")
    else:
        types = graph.weight(table("token_type"))  # [1, hidden]: XLM-R has one type, so it broadcasts
        ids = _xlmr_positions(graph, shape.xlmr_padding_id)
        positions = graph.add("Gather", [graph.weight(table("position")), ids], "embeddings/positions")
    total = graph.add("Add", [words, types], "embeddings/words_types")
    total = graph.add("Add", [total, positions], "embeddings/sum")
    return graph.norm(total, "embeddings/norm", "embeddings.LayerNorm", shape.epsilon)


def _xlmr_positions(graph: Graph, padding_id: int) -> str:
    """fairseq's position ids: real tokens count from padding id + 1, padding keeps the padding id."""
    padding = graph.constant("padding_id", padding_id)
    is_padding = graph.add("Equal", ["input_ids", padding], "positions/is_padding")
    real = graph.add("Not", [is_padding], "positions/is_real")
    real = graph.add("Cast", [real], "positions/real", to=TensorProto.INT64)
    count = graph.add("CumSum", [real, graph.constant("axis_1", 1)], "positions/count")
    count = graph.add("Mul", [count, real], "positions/masked")
    return graph.add("Add", [count, padding], "positions/ids")


def _additive_mask(graph: Graph) -> str:
    """[batch, 1, 1, seq]: 0 for a real token, MASKED for padding."""
    mask = graph.add("Unsqueeze", ["attention_mask", graph.constant("mask_axis_1", [1])], "mask/rows")
    mask = graph.add("Unsqueeze", [mask, graph.constant("mask_axis_2", [2])], "mask/heads")
    mask = graph.add("Cast", [mask], "mask/float", to=TensorProto.FLOAT)
    mask = graph.add("Sub", [graph.constant("one", 1.0, np.float32), mask], "mask/padding")
    return graph.add("Mul", [mask, graph.constant("masked", MASKED, np.float32)], "mask")


def _layer(graph: Graph, shape: Shape, layer: int, state: str, mask: str) -> str:
    """One post-norm transformer layer."""
    prefix = f"layer.{layer}"
    source = f"encoder.layer.{0 if shape.tied else layer}"
    context = _attention(graph, shape, prefix, f"{source}.attention.self", state, mask)
    context = graph.linear(context, f"{prefix}/projection", f"{source}.attention.output.dense")
    total = graph.add("Add", [context, state], f"{prefix}/attention_sum")
    middle = graph.norm(total, f"{prefix}/attention_norm", f"{source}.attention.output.LayerNorm", shape.epsilon)
    wide = graph.linear(middle, f"{prefix}/intermediate", f"{source}.intermediate.dense")
    wide = graph.add("Gelu", [wide], f"{prefix}/gelu", approximate="none")
    narrow = graph.linear(wide, f"{prefix}/output", f"{source}.output.dense")
    total = graph.add("Add", [narrow, middle], f"{prefix}/output_sum")
    return graph.norm(total, f"{prefix}/norm", f"{source}.output.LayerNorm", shape.epsilon)


def _attention(graph: Graph, shape: Shape, prefix: str, source: str, state: str, mask: str) -> str:
    """Scaled dot-product attention of all heads, [batch, seq, hidden] in and out."""
    size = shape.hidden // shape.heads
    split = graph.constant("split_heads", [0, 0, shape.heads, size])
    heads = {}
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        name = f"{prefix}/{part}"
        value = graph.linear(state, name, f"{source}.{part}")
        value = graph.add("Reshape", [value, split], f"{name}/split")
        heads[part] = graph.add("Transpose", [value], f"{name}/heads", perm=order)
    scores = graph.add("MatMul", [heads["query"], heads["key"]], f"{prefix}/scores")
    scale = graph.constant("scale", float(np.sqrt(size)), np.float32)
    scores = graph.add("Div", [scores, scale], f"{prefix}/scaled")
    scores = graph.add("Add", [scores, mask], f"{prefix}/masked")
    weights = graph.add("Softmax", [scores], f"{prefix}/softmax", axis=-1)
    context = graph.add("MatMul", [weights, heads["value"]], f"{prefix}/mix")
    context = graph.add("Transpose", [context], f"{prefix}/context", perm=[0, 2, 1, 3])
    return graph.add("Reshape", [context, graph.constant("merge_heads", [0, 0, shape.hidden])], f"{prefix}/merged")
