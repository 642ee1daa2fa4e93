"""Fetches a model of the catalogue from the model hub into a model directory.

    python tools/model/fetch.py NAME --out DIR [--int8]

Can be stopped and started again: whole files stay, a partial one is continued. Every file comes from one commit and
is checked against the hub's checksum. `schema_monitor.json` is written last; a directory without it is not a model.
The client's own variables apply (HF_ENDPOINT for a mirror, HF_HUB_OFFLINE, HTTPS_PROXY). No token is sent.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

# Before huggingface_hub is imported: the client reports usage unless told not to.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import hub  # noqa: E402
import layout  # noqa: E402

CATALOGUE = Path(__file__).with_name("catalogue.json")
BY_HAND = (
    "offline? place model.onnx, tokenizer.json and config.json in {out} and write {file} (see tools/model/layout.py)"
)


class Refused(Exception):
    """Something the user has to know, in one line."""


def choose(catalogue: Path, name: str) -> dict[str, Any]:
    """The entry of this name; an unknown name lists the known ones."""
    entries = json.loads(catalogue.read_text(encoding="utf-8"))
    if name not in entries:
        raise Refused(f"unknown model {name!r}; known are {', '.join(sorted(entries))}")
    return entries[name]


def describe(name: str, entry: dict[str, Any], precision: str) -> dict[str, Any]:
    """What `schema_monitor.json` will say."""
    prefixes = (entry["query_prefix"], entry["passage_prefix"])
    tokens, pooling = entry["max_tokens"], entry["pooling"]
    return layout.description(name, prefixes=prefixes, pooling=pooling, max_tokens=tokens, precision=precision)


def find_all(entry: dict[str, Any]) -> dict[str, hub.Remote]:
    """The files to fetch, by their place in the model directory, all of the commit that the first one has."""
    repository = entry["repo"]
    model = next(filter(None, (hub.find(repository, path) for path in entry["model"])), None)
    if model is None:
        raise Refused(f"{repository} has none of {', '.join(entry['model'])}")
    revision = model.commit or "main"
    files = {"model.onnx": model}
    wanted = {f"{model.path}_data": "model.onnx_data"} | {path: path for path in entry["optional_files"]}
    for path, place in wanted.items():
        if (found := hub.find(repository, path, revision)) is not None:
            files[place] = found
    for path in entry["files"]:
        if (found := hub.find(repository, path, revision)) is None:
            raise Refused(f"{repository} has no {path}")
        files[path] = found
    return files


def check(out: Path, entry: dict[str, Any]) -> None:
    """Refuses files that contradict the catalogue: better here than as wrong vectors."""
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    if config["hidden_size"] != entry["dimension"]:
        raise Refused(f"config.json has {config['hidden_size']} dimensions, the catalogue {entry['dimension']}")
    pooling = out / "1_Pooling" / "config.json"
    if pooling.exists():
        modes = json.loads(pooling.read_text(encoding="utf-8"))
        # Newer files name one mode, older ones have a flag for each.
        if not (modes.get(f"pooling_mode_{entry['pooling']}_tokens") or modes.get("pooling_mode") == entry["pooling"]
                or (entry["pooling"] == "cls" and modes.get("pooling_mode_cls_token"))):
            raise Refused(f"1_Pooling/config.json does not pool by {entry['pooling']} as the catalogue says")


def fetch(name: str, entry: dict[str, Any], out: Path, precision: str) -> None:
    """Makes `out` this model. A whole directory of the same description is left alone."""
    content = describe(name, entry, precision)
    present = out / layout.DESCRIPTION
    if present.is_file() and json.loads(present.read_text(encoding="utf-8")) == content:
        print(f"{name} is in {out} already")
        return
    files = find_all(entry)
    layout.begin(out)
    for place in {"model.onnx_data", *entry["optional_files"]} - files.keys():
        (out / place).unlink(missing_ok=True)  # of another model that was here
    scratch = out / ".fetch"
    for place, remote in files.items():
        staged = precision == "int8" and place.startswith("model.onnx")
        hub.download(remote, (scratch if staged else out) / place, scratch)
    check(out, entry)
    if precision == "int8":
        import int8

        int8.quantise(scratch / "model.onnx", out / "model.onnx")
        (out / "model.onnx_data").unlink(missing_ok=True)  # of fp32 before int8
    shutil.rmtree(scratch, ignore_errors=True)
    layout.finish(out, content)
    size = sum(path.stat().st_size for path in out.glob("model.onnx*"))
    print(f"{name} {precision}: {size / 1e6:.1f} MB in {out}")


def main() -> int:
    """The command line: 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(description="Fetch an embedding model.")
    parser.add_argument("name", help="a name of the catalogue, such as e5-small-v2")
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    parser.add_argument("--int8", action="store_true", help="quantise after fetching (a quarter of the size)")
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE, help="another catalogue, same format")
    arguments = parser.parse_args()
    try:
        entry = choose(arguments.catalogue, arguments.name)
        fetch(arguments.name, entry, arguments.out, "int8" if arguments.int8 else "fp32")
    except (Refused, hub.WrongChecksum) as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # the client's transport errors have no common base that stays from release to release
        reason = " ".join(str(error).split()) or "no reason given"
        hint = BY_HAND.format(out=arguments.out, file=layout.DESCRIPTION)
        print(f"fetch: {arguments.name}: {type(error).__name__}: {reason}; {hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
