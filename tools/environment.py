"""The set-up steps: virtual environment, servers, ONNX Runtime, cargo-pgrx, and the environment cargo runs in.

Everything comes from the package registries by name and pinned version, into .dev/. Nothing is written elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.paths import (
    CARGO_DENY_VERSION,
    CARGO_FUZZ_VERSION,
    CARGO_PGRX_VERSION,
    CARGO_ROOT,
    MODELS,
    ONNXRUNTIME_APART,
    ONNXRUNTIME_VERSION,
    PGRX_HOME,
    ROOT,
    SERVER_FOLDERS,
    SERVERS,
    VENV,
    VENV_PYTHON,
    onnxruntime_library,
    pg_config,
    site_packages,
)
from tools.step import SetupError, run, take

TOOLS = ROOT / "tools"
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps", "--only-binary", ":all:"]


def set_up_python() -> None:
    """.dev/venv with the pinned packages; `import tools` works in it from anywhere."""
    requirements = TOOLS / "requirements.txt"

    def action(log: Path) -> None:
        shutil.rmtree(VENV, ignore_errors=True)
        try:
            run([sys.executable, "-m", "venv", VENV], log)
        except SetupError as error:
            raise SetupError(f"{error}\nOn Debian and Ubuntu this wants the package python3-venv.") from error
        run([VENV_PYTHON, *PIP, "-r", requirements], log)
        (site_packages() / "schema_monitor_tools.pth").write_text(f"{ROOT}\n")

    identity = f"{sys.version} {sys.base_prefix} {ROOT}"
    take("python", "Python packages", [identity, requirements], [VENV_PYTHON], action)
    _set_up_onnxruntime()


def _set_up_onnxruntime() -> None:
    """The shared library apart, where this Python's wheel is of another version: see `onnxruntime_library`."""
    if sys.version_info >= (3, 11):
        return

    def action(log: Path) -> None:
        shutil.rmtree(ONNXRUNTIME_APART, ignore_errors=True)
        foreign = ["--python-version", "3.11", "--ignore-requires-python", "--no-compile"]
        wheel = f"onnxruntime=={ONNXRUNTIME_VERSION}"
        run([VENV_PYTHON, *PIP, *foreign, "--target", ONNXRUNTIME_APART, wheel], log)

    take("onnxruntime", f"ONNX Runtime {ONNXRUNTIME_VERSION}", [ONNXRUNTIME_VERSION], [onnxruntime_library()], action)


def set_up_servers() -> None:
    """.dev/pg: the servers of the wheel, apart from the virtual environment because we install into them."""
    requirements = TOOLS / "requirements-server.txt"

    def action(log: Path) -> None:
        fresh = SERVERS.with_name("pg.partial")
        shutil.rmtree(fresh, ignore_errors=True)
        run([VENV_PYTHON, *PIP, "--no-compile", "--target", fresh, "-r", requirements], log)
        shutil.rmtree(SERVERS, ignore_errors=True)
        fresh.rename(SERVERS)

    take("servers", "PostgreSQL 16 and 18", [requirements], [pg_config(pg) for pg in SERVER_FOLDERS], action)
    write_pgrx_home(PGRX_HOME, {pg: pg_config(pg) for pg in SERVER_FOLDERS})


def write_pgrx_home(home: Path, servers: Mapping[int, Path]) -> None:
    """The file `cargo pgrx init` would write: which pg_config the bindings of each major version come from.

    Rewritten only when it differs, since cargo rebuilds the bindings when it is newer than they are.
    """
    lines = ["[configs]", *(f'pg{pg} = "{path}"' for pg, path in sorted(servers.items())), ""]
    config = home / "config.toml"
    text = "\n".join(lines)
    if not config.is_file() or config.read_text() != text:
        home.mkdir(parents=True, exist_ok=True)
        config.write_text(text)


def set_up_cargo_pgrx() -> None:
    """cargo-pgrx of pgrx's own version.

    Without default features, which would want OpenSSL's headers only to read the system's certificates.
    """
    _cargo_install("cargo-pgrx", CARGO_PGRX_VERSION, ["--no-default-features"], ["pgrx", "--version"])


def set_up_cargo_deny() -> None:
    """cargo-deny."""
    _cargo_install("cargo-deny", CARGO_DENY_VERSION, [], ["--version"])


def set_up_cargo_fuzz() -> None:
    """cargo-fuzz; the targets themselves want a C++ compiler."""
    _cargo_install("cargo-fuzz", CARGO_FUZZ_VERSION, [], ["--version"])


def _cargo_install(crate: str, version: str, options: list[str], ask: list[str]) -> None:
    program = CARGO_ROOT / "bin" / crate

    def action(log: Path) -> None:
        if program.exists():
            answer = subprocess.run([program, *ask], capture_output=True, text=True).stdout
            if answer.split()[-1:] == [version]:
                return
        words: list[str | Path] = [
            "cargo",
            "install",
            crate,
            "--version",
            version,
            "--locked",
            "--debug",  # runs for seconds, compiles for minutes
            *options,
            "--root",
            CARGO_ROOT,
        ]
        env = {**os.environ, "CARGO_TARGET_DIR": str(CARGO_ROOT / "target"), "CARGO_PROFILE_DEV_DEBUG": "0"}
        run(words, log, env=env, cwd=CARGO_ROOT.parent)
        shutil.rmtree(CARGO_ROOT / "target", ignore_errors=True)

    take(crate, f"{crate} {version}", [version], [program], action)


def cargo_environment(pgrx_home: Path = PGRX_HOME) -> dict[str, str]:
    """The environment of every cargo call, clippy and rustdoc included.

    The same for all of them: bindgen runs anew whenever a variable it reads changes.
    """
    foreign = ("PGRX_", "LLVM_CONFIG_PATH", "MAKEFLAGS", "MFLAGS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env["PATH"] = f"{CARGO_ROOT / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    env["PGRX_HOME"] = str(pgrx_home)
    env["LIBCLANG_PATH"] = str(site_packages() / "clang" / "native")
    env["BINDGEN_EXTRA_CLANG_ARGS"] = f"-I{_compiler_include()}"
    env["ORT_DYLIB_PATH"] = str(onnxruntime_library())
    env["SCHEMA_MONITOR_TEST_MODELS"] = str(MODELS)
    return env


def _compiler_include() -> str:
    """The C compiler's own headers (stddef.h and friends), which the libclang wheel lacks."""
    compiler = os.environ.get("CC", "cc").split()
    try:
        asked = subprocess.run([*compiler, "-print-file-name=include"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"no C compiler answers as {compiler[0]}: install gcc, or name yours in CC") from error
    return asked.stdout.strip()
