"""Writes a model directory with random weights: the shapes of e5 without its download.

    python tools/model/random_model.py --out DIR --shape bert|xlmr|e5-large [--seed N] [--pooling cls] [--tie-layers]

For tests (`bert`, `xlmr`: small, every file of a real model) and for memory and load times (`e5-large`: exactly the
sizes of e5-large-v2; with --tie-layers its 24 layers share one copy of the weights, 180 MB in place of 1.3 GB). Vectors
mean nothing but differ clearly from text to text. The same arguments give the same bytes on every machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

import bert_onnx
import layout
import vocabulary

PREFIXES = ("query: ", "passage: ")
TINY = {"layers": 2, "hidden": 32, "heads": 4, "intermediate": 64, "max_tokens": 64}
SHAPES: dict[str, dict[str, Any]] = {
    "bert": TINY,
    "xlmr": TINY,
    "e5-large": {"layers": 24, "hidden": 1024, "heads": 16, "intermediate": 4096, "max_tokens": 512},
}
#: BERT's English vocabulary, which e5-*-v2 keep.
E5_VOCABULARY = 30522


class Source:
    """Random tensors: uniform, from the legacy generator, whose stream is frozen; without libm no last bit differs."""

    def __init__(self, seed: int):
        self.state = np.random.RandomState(seed)

    def around(self, mean: float, deviation: float, *shape: int) -> np.ndarray:
        """A float32 tensor of this mean and standard deviation."""
        half = deviation * 3**0.5
        return (mean + half * (2 * self.state.random_sample(shape) - 1)).astype(np.float32)

    def linear(self, weights: dict[str, np.ndarray], name: str, gain: float, inputs: int, outputs: int) -> None:
        """A Linear that maps unit variance to variance gain²."""
        weights[f"{name}.weight"] = self.around(0, gain / inputs**0.5, outputs, inputs)
        weights[f"{name}.bias"] = self.around(0, 0.1, outputs)

    def norm(self, weights: dict[str, np.ndarray], name: str, size: int) -> None:
        """A LayerNorm that is not the identity, so that leaving it out would show."""
        weights[f"{name}.weight"] = self.around(1, 0.1, size)
        weights[f"{name}.bias"] = self.around(0, 0.1, size)


def random_weights(config: dict[str, Any], seed: int, tied: bool) -> dict[str, np.ndarray]:
    """All tensors of an encoder under their published names; `tied` gives those of layer 0 only."""
    source, hidden = Source(seed), config["hidden_size"]
    weights: dict[str, np.ndarray] = {}
    for table, rows, deviation in (
        ("word", config["vocab_size"], 1.0),
        ("position", config["max_position_embeddings"], 0.3),
        ("token_type", config["type_vocab_size"], 0.3),
    ):
        weights[f"embeddings.{table}_embeddings.weight"] = source.around(0, deviation, rows, hidden)
    source.norm(weights, "embeddings.LayerNorm", hidden)
    for layer in range(1 if tied else config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        for part, gain in (("query", 1.5), ("key", 1.5), ("value", 1.0)):  # above 1: attention that chooses
            source.linear(weights, f"{name}.attention.self.{part}", gain, hidden, hidden)
        source.linear(weights, f"{name}.attention.output.dense", 1.0, hidden, hidden)
        source.norm(weights, f"{name}.attention.output.LayerNorm", hidden)
        source.linear(weights, f"{name}.intermediate.dense", 1.0, hidden, config["intermediate_size"])
        source.linear(weights, f"{name}.output.dense", 1.0, config["intermediate_size"], hidden)
        source.norm(weights, f"{name}.output.LayerNorm", hidden)
    return weights


def make_config(arguments: argparse.Namespace, size: int) -> dict[str, Any]:
    """The `config.json` for these arguments and a vocabulary of `size` ids."""
    xlmr = arguments.shape == "xlmr"
    sizes = {key: getattr(arguments, key) or value for key, value in SHAPES[arguments.shape].items()}
    if sizes["hidden"] % sizes["heads"]:
        raise SystemExit(f"random_model: hidden {sizes['hidden']} is no multiple of heads {sizes['heads']}")
    return {
        "architectures": ["XLMRobertaModel" if xlmr else "BertModel"],
        "model_type": "xlm-roberta" if xlmr else "bert",
        "hidden_act": "gelu",
        "hidden_size": sizes["hidden"],
        "intermediate_size": sizes["intermediate"],
        "layer_norm_eps": 1e-5 if xlmr else 1e-12,
        "max_position_embeddings": sizes["max_tokens"] + (2 if xlmr else 0),
        "num_attention_heads": sizes["heads"],
        "num_hidden_layers": sizes["layers"],
        "pad_token_id": 1 if xlmr else 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 1 if xlmr else 2,
        "vocab_size": size,
    }


def write(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """Writes the directory and returns the weights, which `golden.py` gives to torch."""
    large = arguments.shape == "e5-large"
    xlmr = arguments.shape == "xlmr"
    tokenizer = vocabulary.unigram() if xlmr else vocabulary.wordpiece(E5_VOCABULARY if large else None)
    config = make_config(arguments, vocabulary.length(tokenizer))
    max_tokens = config["max_position_embeddings"] - (2 if xlmr else 0)
    if arguments.tokenizer_limit:
        vocabulary.limit(tokenizer, arguments.tokenizer_limit)
    weights = random_weights(config, arguments.seed, arguments.tie_layers)
    shape = bert_onnx.Shape.of_config(config, tied=arguments.tie_layers)
    out = arguments.out
    layout.begin(out)
    layout.write_onnx(out / "model.onnx", bert_onnx.build(weights, shape))
    layout.write_json(out / "tokenizer.json", tokenizer, indent=None if large else 1)
    layout.write_json(out / "config.json", config)
    layout.write_json(out / "1_Pooling" / "config.json", layout.pooling_config(shape.hidden, arguments.pooling))
    name = f"random-{arguments.shape}" + ("-cls" if arguments.pooling == "cls" else "")
    content = layout.description(name, prefixes=PREFIXES, pooling=arguments.pooling, max_tokens=max_tokens)
    layout.finish(out, content)
    return weights


def parser() -> argparse.ArgumentParser:
    """The command line; sizes left out are those of the shape."""
    result = argparse.ArgumentParser(description="Write a model directory with random weights.")
    result.add_argument("--out", type=Path, required=True, help="directory to write")
    result.add_argument("--shape", choices=SHAPES, required=True)
    for size in TINY:
        result.add_argument(f"--{size.replace('_', '-')}", type=int, help=f"{size} in place of the shape's")
    result.add_argument("--seed", type=int, default=1)
    result.add_argument("--pooling", choices=layout.POOLINGS, default="mean")
    result.add_argument("--tie-layers", action="store_true", help="all layers share the weights of the first")
    result.add_argument("--tokenizer-limit", type=int, help="tokenizer.json truncates and pads to this by itself")
    return result


def main() -> int:
    """Writes the model and says how large it is."""
    arguments = parser().parse_args()
    write(arguments)
    size = (arguments.out / "model.onnx").stat().st_size
    print(f"random {arguments.shape}: {size / 1e6:.1f} MB in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
