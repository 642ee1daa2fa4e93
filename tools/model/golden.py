"""Golden vectors: what torch says the models of the tests give, and how far ONNX Runtime and int8 are from it.

    python tools/model/golden.py [--out crates/embed/tests/golden] [--schemas DIR] [--check]

Needs torch, transformers and tokenizers, 6 GB of wheels, so it runs when a model or a case changes and its numbers are
committed. With --check nothing is written and the committed files are compared instead. The reference is made of other
people's code wherever possible: transformers' BertModel and XLMRobertaModel in fp32, the tokenizers library, and
pooling and normalisation as sentence-transformers defines them. Only the weights are shared with the graph writer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Mapping

import int8  # first: it sets the environment that onnxruntime reads when it is imported

import numpy as np
import onnxruntime
import tokenizers
import torch
import transformers
from safetensors.numpy import load_file

import convert
import random_model
from passages import read_passages

ROOT = Path(__file__).resolve().parents[2]
#: Largest difference allowed between torch and ONNX Runtime, over the components of normalised vectors.
AGREEMENT = 1e-6
#: Smallest cosine allowed between int8 and fp32.
INT8_COSINE = 0.98
LONG = (
    "orders keep one row per purchase: customer_id references customers.id, total_amount numeric(10,2), status text; "
)
#: (kind, text). LONG times 40 is above every token limit.
CASES = [
    ("query", "orders"),
    ("query", "Which customers have never paid an invoice?"),
    ("passage", "table order_items: order_items.unit_price numeric(10,2), order_items.quantity integer"),
    ("passage", LONG * 40),
    ("passage", LONG),
    ("passage", "Straße, naïve café, Ångström, РЕГИСТР, ﬁnance"),
    ("query", "订单的价格表 in 日本 🛒🚚 שלום"),
    ("query", ""),
    ("query", "?!... (\"a\" -> 'b') && $1 :: text[]; -- {x} % _"),
    ("passage", "  leading,\ttabs\nand  double  blanks  "),
]
#: Sixteen times as many numbers a vector: the cases that add nothing are left out.
MINILM_CASES = [CASES[number] for number in (0, 1, 2, 3, 5, 6, 7, 8)]
RANDOM_MODELS = {
    "bert": ["--shape", "bert", "--seed", "1"],
    "bert_cls": ["--shape", "bert", "--seed", "2", "--pooling", "cls", "--tokenizer-limit", "24"],
    "xlmr": ["--shape", "xlmr", "--seed", "3"],
}


def torch_model(folder: Path, weights: Mapping[str, np.ndarray]) -> torch.nn.Module:
    """transformers' model of the directory's config over `weights`; every tensor must find its place."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = transformers.XLMRobertaModel if config["model_type"] == "xlm-roberta" else transformers.BertModel
    settings = kind.config_class(**config)
    settings._attn_implementation = "eager"  # the plain formula, no fused kernel
    model = kind(settings, add_pooling_layer=False).eval().float()
    tensors = {name: torch.tensor(value) for name, value in weights.items() if not name.startswith("pooler.")}
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    if any("position_ids" not in name and "token_type_ids" not in name for name in [*missing, *unexpected]):
        raise SystemExit(f"golden: weights do not fit: missing {missing}, unexpected {unexpected}")
    return model


class Model:
    """A model directory as the extension reads it: tokenizer, description, and one of two engines."""

    def __init__(self, folder: Path):
        self.description = json.loads((folder / "schema_monitor.json").read_text(encoding="utf-8"))
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.description["max_tokens"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]

    def ids(self, kind: str, text: str) -> list[int]:
        """The ids of a prefixed text, special tokens included, cut to the limit."""
        return self.tokenizer.encode(self.description[f"{kind}_prefix"] + text).ids

    def pool(self, states: np.ndarray) -> np.ndarray:
        """One text's [seq, hidden] without padding to a vector of length 1, in float64."""
        states = states.astype(np.float64)
        vector = states[0] if self.description["pooling"] == "cls" else states.mean(axis=0)
        return vector / max(np.linalg.norm(vector), 1e-12)

    def by_torch(self, reference: torch.nn.Module, ids: list[int]) -> np.ndarray:
        """The vector torch gives."""
        with torch.no_grad():
            tensor = torch.tensor([ids])
            states = reference(input_ids=tensor, attention_mask=torch.ones_like(tensor)).last_hidden_state
        return self.pool(states[0].numpy())

    def by_onnx(self, ids: list[int], padding: int = 0, padding_id: int = 0) -> np.ndarray:
        """The vector ONNX Runtime gives, with `padding` masked tokens behind the text."""
        row = np.array([ids + [padding_id] * padding], dtype=np.int64)
        mask = np.array([[1] * len(ids) + [0] * padding], dtype=np.int64)
        feeds = {"input_ids": row, "attention_mask": mask, "token_type_ids": np.zeros_like(row)}
        states = self.session.run(["last_hidden_state"], {name: feeds[name] for name in self.inputs})[0]
        return self.pool(states[0, : len(ids)])


def make_cases(model: Model, reference: torch.nn.Module, cases: list[tuple[str, str]]) -> tuple[list[dict], float]:
    """The cases with torch's vectors, and the largest difference of ONNX Runtime's, alone or padded."""
    padding_id = reference.config.pad_token_id
    result, worst = [], 0.0
    for kind, text in cases:
        ids = model.ids(kind, text)
        expected = model.by_torch(reference, ids)
        room = model.description["max_tokens"] - len(ids)
        for padding in (0, min(room, 7)):
            worst = max(worst, float(np.abs(model.by_onnx(ids, padding, padding_id) - expected).max()))
        vector = [float(f"{value:.8g}") for value in expected]
        result.append({"kind": kind, "text": text, "tokens": len(ids), "vector": vector})
    return result, worst


def closest_pair(cases: list[dict]) -> float:
    """The largest cosine between two different texts: near 1 the model could not tell a wrong vector."""
    vectors = np.array([case["vector"] for case in cases])
    return float((vectors @ vectors.T - 2 * np.eye(len(vectors))).max())


def int8_cosine(whole: Path, small: Path, texts: list[str]) -> tuple[float, float]:
    """Smallest and mean cosine of int8 to fp32 over passages, each run by itself."""
    one, other = Model(whole), Model(small)
    cosines = [one.by_onnx(one.ids("passage", text)) @ other.by_onnx(other.ids("passage", text)) for text in texts]
    return float(min(cosines)), float(np.mean(cosines))


def dump(golden: dict[str, Any]) -> str:
    """JSON with one case a line, so that a change of one vector is one changed line."""
    head = {key: value for key, value in golden.items() if key != "cases"}
    lines = ",\n".join("    " + json.dumps(case, ensure_ascii=False) for case in golden["cases"])
    return json.dumps(head, indent=2)[:-2] + f',\n  "cases": [\n{lines}\n  ]\n}}\n'


def settle(path: Path, golden: dict[str, Any], check: bool) -> float:
    """Writes the file, or with `check` gives the largest difference from the committed one."""
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(golden), encoding="utf-8")
        return 0.0
    old = json.loads(path.read_text(encoding="utf-8"))["cases"]
    texts = [[(case["kind"], case["text"], case["tokens"]) for case in cases] for cases in (old, golden["cases"])]
    if texts[0] != texts[1]:
        raise SystemExit(f"golden: {path.name} has other cases")
    pairs = zip(old, golden["cases"])
    return max(float(np.abs(np.subtract(a["vector"], b["vector"])).max()) for a, b in pairs)


def main() -> int:
    """Makes all models, writes their vectors and prints the figures; 1 when one is out of bounds."""
    parser = argparse.ArgumentParser(description="Write or check the golden vectors.")
    parser.add_argument("--out", type=Path, default=ROOT / "crates" / "embed" / "tests" / "golden")
    parser.add_argument("--schemas", type=Path, help="folder of *.sql files to take int8's passages from")
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    arguments = parser.parse_args()
    made_by = f"tools/model/golden.py with torch {torch.__version__}, transformers {transformers.__version__}"
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        minilm = Path(scratch) / "minilm"
        for name in [*RANDOM_MODELS, "minilm"]:
            folder = Path(scratch) / name
            if name == "minilm":
                convert.convert(folder, "fp32")
                weights, cases = load_file(convert.package_folder() / "model.safetensors"), MINILM_CASES
            else:
                given = random_model.parser().parse_args([*RANDOM_MODELS[name], "--out", str(folder)])
                weights, cases = random_model.write(given), CASES
            model = Model(folder)
            made, worst = make_cases(model, torch_model(folder, weights), cases)
            extra = {"random_model_args": RANDOM_MODELS[name]} if name in RANDOM_MODELS else {}
            golden = {"model": model.description["name"], "made_by": made_by, **extra, "cases": made}
            moved = settle(arguments.out / f"{name}.json", golden, arguments.check)
            good &= worst <= AGREEMENT and moved <= AGREEMENT
            tokens = [case["tokens"] for case in made]
            print(f"{name}: {len(made)} cases, {min(tokens)} to {max(tokens)} tokens", end=", ")
            print(f"torch to onnx {worst:.2e}", end=", ")
            print(f"closest two texts {closest_pair(made):.3f}" + (f", moved {moved:.1e}" if arguments.check else ""))
        if arguments.schemas is None:
            print("int8: not measured, --schemas was not given")
            return 0 if good else 1
        small = Path(scratch) / "int8"
        convert.convert(small, "int8")
        texts = read_passages(arguments.schemas, 200)
        lowest, mean = int8_cosine(minilm, small, texts)
        print(f"int8: cosine to fp32 over {len(texts)} passages: minimum {lowest:.4f}, mean {mean:.4f}")
        return 0 if good and lowest >= INT8_COSINE else 1


if __name__ == "__main__":
    sys.exit(main())
