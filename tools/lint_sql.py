"""pgspot over the install script, and over update scripts once there are any: nothing unqualified, nothing ignored."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.paths import ROOT

PGSPOT = Path(sys.executable).with_name("pgspot")
UPDATES = "schema_monitor--*--*.sql"


def install_script() -> str:
    """The files in the order in which src/lib.rs puts them together."""
    names = [
        line.split("../sql/")[1].split('"')[0]
        for line in (ROOT / "src" / "lib.rs").read_text().splitlines()
        if "../sql/" in line
    ]
    files = {path.name for path in (ROOT / "sql").glob("*.sql")} - {path.name for path in (ROOT / "sql").glob(UPDATES)}
    assert set(names) == files, (names, files)
    return "\n".join((ROOT / "sql" / name).read_text() for name in names)


def problems(script: str) -> str:
    """What pgspot says; empty when it has read all of it and found nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        # CREATE EXTENSION puts the schema of pgvector there
        file.write(script.replace("@extschema:vector@", "vector_schema"))
        file.flush()
        done = subprocess.run([PGSPOT, file.name], capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip()
    return "" if done.returncode == 0 and "Errors: 0 Warnings: 0 Unknown: 0" in said else said or f"status {done.returncode}"


def main() -> int:
    """Prints what is wrong; status 1 if anything is."""
    # a lint that cannot fail is none
    assert problems("CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1';"), "pgspot finds nothing any more"
    wrong = problems(install_script())
    for path in sorted((ROOT / "sql").glob(UPDATES)):
        wrong += problems(path.read_text())
    print(wrong, end="\n" if wrong else "")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
