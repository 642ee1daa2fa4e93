"""`make lint` and `make test`: every check in its order, each announced, the first failure ends the run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.build import build_for_ours
from tools.contrib import set_up_contrib
from tools.dbmate import set_up_dbmate
from tools.environment import cargo_environment, set_up_cargo_deny, set_up_cargo_pgrx, set_up_python, set_up_servers
from tools.models import make_test_models
from tools.paths import DEFAULT_PG, ROOT, SERVER_FOLDERS, VENV_PYTHON
from tools.step import SetupError

# everything that needs no server; the root package is the extension, which cannot run outside one
CRATES = ("schema", "embed", "retrieve", "intent")
EXTENSION = ["--workspace", "--no-default-features", "--features", f"pg{DEFAULT_PG}"]
PYTHON_FOLDERS = ("tools", "pg_test", "bench", "eval", "demo")


def lint() -> None:
    """Formatting, clippy, rustdoc, licences and sources, Python, invariants."""
    start = time.monotonic()
    set_up_python()
    set_up_servers()
    env = cargo_environment()
    announce("format", ["cargo", "fmt", "--all", "--check"], env)
    compile_python()
    announce("install script", [VENV_PYTHON, "-m", "tools.lint_sql"], os.environ)
    announce("invariants", [sys.executable, "-m", "tools.lint_invariants"], os.environ)
    announce("clippy", ["cargo", "clippy", *EXTENSION, "--all-targets", "--", "-D", "warnings"], env)
    documentation = ["cargo", "doc", *EXTENSION, "--no-deps"]
    announce("rustdoc", documentation, {**env, "RUSTDOCFLAGS": "-D warnings"})
    deny()
    print(f"lint passed in {time.monotonic() - start:.0f} s")


def deny() -> None:
    """Licences, bans and sources of the dependencies, by deny.toml. Needs no network; advisories would."""
    set_up_cargo_deny()
    announce("cargo deny", ["cargo", "deny", "check", "bans", "licenses", "sources"], cargo_environment())


def test(pg: int | None) -> None:
    """The crates' tests, then the extension's on each server (or the one named)."""
    start = time.monotonic()
    majors = [pg] if pg else sorted(SERVER_FOLDERS, reverse=True)
    set_up_python()
    set_up_servers()
    set_up_contrib()
    set_up_dbmate()
    set_up_cargo_pgrx()
    make_test_models()
    packages = [word for crate in CRATES for word in ("-p", crate)]
    announce("crates", ["cargo", "test", *packages], cargo_environment())
    # both before the first test: some ask for the other server, and a compiler beside tests makes them slow
    for major in majors:
        build_for_ours(major)
    for major in majors:
        run_script("pg_test/run.py", ["--pg", str(major)])
    where = " and ".join(f"PostgreSQL {major}" for major in majors)
    print(f"all tests passed: crates, {where}, in {time.monotonic() - start:.0f} s")


def test_long(pg: int | None) -> None:
    """All tests, those that are shortened otherwise in full: hours."""
    os.environ["SCHEMA_MONITOR_LONG"] = "1"
    test(pg)


def run_script(script: str, arguments: Sequence[str]) -> None:
    """Runs one of our Python programs in the virtual environment, with the models' and ONNX Runtime's places."""
    if not (ROOT / script).is_file():
        raise SetupError(f"{script} is missing")
    env = cargo_environment()
    announce(" ".join([script, *arguments]), [VENV_PYTHON, ROOT / script, *arguments], env)


def compile_python() -> None:
    """Every Python file compiles."""
    files = [path for folder in PYTHON_FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    for path in files:
        try:
            compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except SyntaxError as error:
            raise SetupError(f"{path.relative_to(ROOT)}:{error.lineno}: {error.msg}") from error
    print(f"== python: {len(files)} files compile", flush=True)


def announce(what: str, words: Sequence[str | Path], env: Mapping[str, str]) -> None:
    """Prints a heading and runs the command with its output shown; SetupError when it fails."""
    print(f"== {what}", flush=True)
    try:
        code = subprocess.run([str(word) for word in words], env=dict(env), cwd=ROOT).returncode
    except FileNotFoundError as error:
        raise SetupError(f"{words[0]} is not installed") from error
    if code != 0:
        raise SetupError(f"{what} failed with status {code}")
