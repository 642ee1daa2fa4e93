"""The directory a model lives in: Hugging Face's layout and one file of ours, `schema_monitor.json`.

That file says what the extension must never guess: prefixes, pooling, token limit. It is written last and by rename,
so a directory that has it is whole; every writer removes it first.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Mapping

import onnx

#: The name of the file that makes a directory a model.
DESCRIPTION = "schema_monitor.json"
POOLINGS = ("mean", "cls")
PRECISIONS = ("fp32", "int8")


def description(
    name: str, *, prefixes: tuple[str, str] = ("", ""), pooling: str = "mean", max_tokens: int, precision: str = "fp32"
) -> dict[str, Any]:
    """What `schema_monitor.json` holds; `prefixes` are the query's and the passage's, `max_tokens` counts specials."""
    if pooling not in POOLINGS or precision not in PRECISIONS:
        raise ValueError(f"unknown pooling {pooling!r} or precision {precision!r}")
    return {
        "name": name,
        "query_prefix": prefixes[0],
        "passage_prefix": prefixes[1],
        "pooling": pooling,
        "normalize": True,
        "max_tokens": max_tokens,
        "precision": precision,
    }


def pooling_config(dimension: int, pooling: str) -> dict[str, Any]:
    """The `1_Pooling/config.json` of sentence-transformers."""
    return {
        "word_embedding_dimension": dimension,
        "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean",
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    }


def begin(out: Path) -> None:
    """Makes the directory and takes its description away: from here until `finish` it is not a model."""
    out.mkdir(parents=True, exist_ok=True)
    (out / DESCRIPTION).unlink(missing_ok=True)


def finish(out: Path, content: Mapping[str, Any]) -> None:
    """Writes the description, which makes the directory a model."""
    write_json(out / DESCRIPTION, content)


def write_json(path: Path, content: Any, indent: int | None = 2) -> None:
    """JSON by rename, UTF-8, with a newline at the end."""
    _replace(path, (json.dumps(content, ensure_ascii=False, indent=indent) + "\n").encode())


def write_onnx(path: Path, model: onnx.ModelProto) -> None:
    """The model by rename, the same bytes for the same model."""
    _replace(path, model.SerializeToString(deterministic=True))


def copy(source: Path, target: Path) -> None:
    """Copies the bytes of a file, making the target's folder; its mode and times are the target's own."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
