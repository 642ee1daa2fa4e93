"""PostgreSQL's contrib modules for our own servers, whose wheel ships none: for tests on schemas that use them.

They come from the npm package that carries whole servers of the same minor versions.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.npm import machine, unpack
from tools.paths import SERVER_FOLDERS, pg_config
from tools.step import take

# major version: the package's version, which begins with the server's own
PACKAGES = {16: "16.14.0-beta.17", 18: "18.4.0-beta.17"}

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
    places = _places(pg)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        native = unpack(f"@embedded-postgres/linux-{machine()}@{PACKAGES[pg]}", scratch, log) / "native"
        for module in MODULES:
            library = native / "lib" / "postgresql" / f"{LIBRARY_NAMES.get(module, module)}.so"
            shutil.copy2(library, places["modules"])
            for file in (native / "share" / "postgresql" / "extension").glob(f"{module}*"):
                shutil.copy2(file, places["share"] / "extension")
        for library in LIBRARIES:
            if not (places["libraries"] / library).exists():
                shutil.copy2(native / "lib" / library, places["libraries"])
