"""Building the extension and putting it into a server: ours under .dev/pg, or yours with `make install`.

`cargo pgrx package` builds into a folder under .dev/package that mirrors the server's directories; installing is
copying that folder. So a build needs no rights on the server's directories, and `sudo make install` after a build
only copies.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.environment import cargo_environment, set_up_cargo_pgrx, set_up_python, set_up_servers, write_pgrx_home
from tools.models import make_model
from tools.paths import (
    DEFAULT_MODEL,
    DEV,
    PACKAGES,
    PGRX_HOME,
    ROOT,
    SERVER_FOLDERS,
    SUPPORTED_PG,
    onnxruntime_library,
    pg_config,
    short_hash,
)
from tools.step import SetupError, digest_of, run, take

# what the library is made from: tests, documents and tools may change without a build
SOURCES = [
    ROOT / name for name in ("Cargo.toml", "Cargo.lock", ".cargo", "schema_monitor.control", "src", "sql", "crates")
]


@dataclass(frozen=True)
class Server:
    """A PostgreSQL installation to build for, as its pg_config describes it."""

    pg_config: Path
    major: int
    pkglibdir: Path
    sharedir: Path
    includedir_server: Path

    @property
    def ours(self) -> bool:
        """Whether it is one of the servers under .dev/pg."""
        return any(self.pg_config == pg_config(pg) for pg in SERVER_FOLDERS)

    @property
    def directories(self) -> list[Path]:
        """The directories an installation writes into."""
        return [self.pkglibdir, self.sharedir / "extension", self.sharedir / "schema_monitor"]


def describe(program: Path) -> Server:
    """Asks a pg_config; refuses versions we do not build for and servers without headers."""
    words = ["--version", "--pkglibdir", "--sharedir", "--includedir-server"]
    try:
        asked = subprocess.run([program, *words], capture_output=True, text=True, check=True)
        version, pkglibdir, sharedir, include = asked.stdout.splitlines()
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{program} does not answer like a pg_config: {error}") from error
    found = re.match(r"PostgreSQL (\d+)", version)
    major = int(found[1]) if found else 0
    if major not in SUPPORTED_PG:
        wanted = ", ".join(map(str, SUPPORTED_PG))
        raise SetupError(f"{version} is not supported: schema_monitor is for PostgreSQL {wanted}")
    if not Path(include, "postgres.h").is_file():
        raise SetupError(
            f"the server's headers are missing: no postgres.h in {include}.\n"
            f"On Debian and Ubuntu install the package postgresql-server-dev-{major}."
        )
    return Server(program, major, Path(pkglibdir), Path(sharedir), Path(include))


def build_for_ours(pg: int) -> bool:
    """Sets up what is needed, builds, and installs into our own server; returns whether anything was installed."""
    set_up_python()
    set_up_servers()
    set_up_cargo_pgrx()
    make_model(DEFAULT_MODEL)
    server = describe(pg_config(pg))
    package = _build(server)
    inputs = [package, onnxruntime_library(), make_model(DEFAULT_MODEL)]
    outputs = [*server.directories, server.pkglibdir / "libonnxruntime.so.1"]
    return take(f"install-pg{pg}", f"installing for PostgreSQL {pg}", inputs, outputs, lambda _: _copy(server, package))


def install(program: str) -> None:
    """`make install`: builds for the server of that pg_config and copies into its directories."""
    path = shutil.which(program) if program else None
    if path is None:
        raise SetupError(f"no pg_config at {program!r}: say make install PG_CONFIG=/path/to/pg_config")
    server = describe(Path(path).resolve())
    refusal = _not_writable(server)
    if refusal:
        print(f"{refusal} is not writable for you: building first, sudo will be needed to copy the files")
    set_up_python()
    set_up_servers()
    set_up_cargo_pgrx()
    make_model(DEFAULT_MODEL)
    package = _build(server)
    if refusal:
        # sudo may know another python3, which would set everything up anew
        raise SetupError(
            f"built, but {refusal} is not writable for you. Copy the files with\n"
            f"    sudo make install PG_CONFIG={server.pg_config} PYTHON={sys.executable}"
        )
    _copy(server, package)
    print(
        f"installed for PostgreSQL {server.major} into {server.pkglibdir} and {server.sharedir}\n"
        "now set shared_preload_libraries = 'schema_monitor' in postgresql.conf and restart the server, then\n"
        "    CREATE EXTENSION schema_monitor CASCADE;"
    )


def _build(server: Server) -> Path:
    """`cargo pgrx package`, unless nothing it reads has changed; returns the folder to copy from.

    A foreign server gets bindings from its own headers, hence its own pgrx home, and a target folder of its own,
    as cargo does not notice that the home is another.
    """
    name = f"pg{server.major}" if server.ours else f"pg{server.major}-{short_hash(str(server.pg_config))}"
    package, home = PACKAGES / name, PGRX_HOME
    if not server.ours:
        home = DEV / f"pgrx-{name}"
        write_pgrx_home(home, {server.major: server.pg_config})
    env = cargo_environment(home)
    if not server.ours:
        env["CARGO_TARGET_DIR"] = str(ROOT / "target" / name)

    def action(log: Path) -> None:
        shutil.rmtree(package, ignore_errors=True)
        words: list[str | Path] = ["cargo", "pgrx", "package", "--package", "schema_monitor"]
        words += ["--pg-config", server.pg_config, "--no-default-features", "--features", f"pg{server.major}"]
        words += ["--out-dir", package]
        run(words, log, env=env)

    identity = digest_of([str(server), env["LIBCLANG_PATH"], env["BINDGEN_EXTRA_CLANG_ARGS"]])
    take(f"build-{name}", f"extension for PostgreSQL {server.major}", [identity, *SOURCES], [package], action)
    return package


def _copy(server: Server, package: Path) -> None:
    """Copies library, SQL and control file, ONNX Runtime and the default model into the server's directories."""
    for path in sorted(package.rglob("*")):
        if path.is_file():
            _replace(path, Path("/") / path.relative_to(package))
    _replace(onnxruntime_library(), server.pkglibdir / "libonnxruntime.so.1")
    model = make_model(DEFAULT_MODEL)
    for path in sorted(model.rglob("*")):
        if path.is_file():
            _replace(path, server.sharedir / "schema_monitor" / "models" / DEFAULT_MODEL / path.relative_to(model))


def _replace(source: Path, target: Path) -> None:
    """Puts a copy in place by renaming: a running server keeps the library it has mapped."""
    for folder in [folder for folder in reversed(target.parents) if not folder.exists()]:
        folder.mkdir()
        folder.chmod(0o755)
    fresh = target.with_name(f".{target.name}.partial")
    shutil.copyfile(source, fresh)
    fresh.chmod(0o755 if ".so" in target.name else 0o644)
    os.replace(fresh, target)


def _not_writable(server: Server) -> Path | None:
    """The first directory an installation could not write into."""
    for directory in server.directories:
        nearest = next(path for path in (directory, *directory.parents) if path.exists())
        if not os.access(nearest, os.W_OK | os.X_OK):
            return nearest
    return None
