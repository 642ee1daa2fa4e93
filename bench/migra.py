"""migration() and migra beside each other on real histories: which of them leads to the very schema it should.

    python bench/migra.py [--pg 18] [--history NAME]

Walks the migration histories of ../shared/data. At every step that changes something both tools get the schema before and
after it; what each gives is run, forwards on a copy of the one and backwards on a copy of the other, and counts when
structure and access of the copy are those they should be. migra (with --unsafe and privileges) compares two databases and
sees drops and additions where there were renames; it comes from PyPI into a virtual environment of its own under .dev.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psycopg

from tools.cluster import Cluster
from tools.paths import DEV, ROOT
from tools.step import run, take

HISTORIES = ROOT.parent / "shared" / "data" / "migrations"
VENV = DEV / "migra"
PACKAGES = (
    "migra==3.0.1663481299", "schemainspect==3.1.1663587362", "sqlbag==0.1.1617247075", "sqlalchemy==1.4.54",
    "psycopg2-binary==2.9.13", "six==1.17.0", "packaging==26.4", "setuptools==69.5.1",
)  # fmt: skip
# reads pairs of connection strings, line by line, and answers each with a file name that has the statements, or a "-"
SERVE = """
import sys, tempfile
from migra import Migration
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
for line in sys.stdin:
    try:
        engines = [create_engine(url, poolclass=NullPool) for url in line.split()]
        with engines[0].connect() as one, engines[1].connect() as other:
            found = Migration(one, other)
            found.set_safety(False)
            found.add_all_changes(privileges=True)
            with tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False) as file:
                file.write(found.sql)
            print(file.name, flush=True)
    except Exception as error:
        print("-", type(error).__name__, flush=True)
"""
Fingerprints = tuple[str, str]


def set_up() -> None:
    """The virtual environment of migra."""

    def action(log: Path) -> None:
        run([sys.executable, "-m", "venv", VENV], log)
        run([VENV / "bin" / "python", "-m", "pip", "install", "--no-deps", *PACKAGES], log)

    take("migra", "migra", [" ".join(PACKAGES)], [VENV / "bin" / "python"], action)


class Walk:
    """The databases `a` (before a step) and `b` (after it), and copies of them."""

    def __init__(self, cluster: Cluster, migra: subprocess.Popen[str]) -> None:
        self.cluster, self.migra = cluster, migra
        self.right: Counter[str] = Counter()
        self.steps = 0

    def copy(self, source: str, target: str) -> None:
        self.cluster.query(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
        self.cluster.query(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY file_copy")

    def fingerprints(self, database: str) -> Fingerprints:
        tree = "SELECT t -> 'database' ->> 'structure', t -> 'database' ->> 'access' FROM schema_monitor.fingerprint_tree() AS t"
        [(structure, access)] = self.cluster.query(tree, dbname=database)
        return str(structure), str(access)

    def version(self, database: str) -> int:
        [(version,)] = self.cluster.query("SELECT version FROM schema_monitor.check()", dbname=database)
        return int(version)

    def ours(self, start: int, end: int) -> str | None:
        """The statements of migration(); `b` knows both versions."""
        rows = self.cluster.query("SELECT statement FROM schema_monitor.migration(%s, %s)", [start, end], dbname="b")
        return ";\n".join(str(statement) for (statement,) in rows)

    def theirs(self, start: str, end: str) -> str | None:
        """The statements of migra; none where it fails."""
        assert self.migra.stdin and self.migra.stdout
        urls = [self.cluster.url(name, tcp=True) for name in (start, end)]
        print(*urls, file=self.migra.stdin, flush=True)
        name = self.migra.stdout.readline().split()[0]
        return None if name == "-" else Path(name).read_text()

    def leads(self, statements: str | None, start: str, wanted: Fingerprints) -> bool:
        """Whether they make a copy of one database what it should be."""
        if statements is None:
            return False
        self.copy(start, "trial")
        try:
            with self.cluster.connect("trial") as connection:
                connection.execute(f"BEGIN; {statements}\n; COMMIT")  # type: ignore[arg-type]
        except psycopg.Error:
            return False
        return self.fingerprints("trial") == wanted

    def step(self, file: Path) -> None:
        """Makes the step, and asks both tools for the way forwards and back."""
        start = self.version("a")
        self.copy("a", "b")
        self.cluster.psql(file=file, dbname="b")
        end = self.version("b")
        before, after = self.fingerprints("a"), self.fingerprints("b")
        if before != after:
            self.steps += 1
            self.right["ours forwards"] += self.leads(self.ours(start, end), "a", after)
            self.right["ours backwards"] += self.leads(self.ours(end, start), "b", before)
            self.right["migra forwards"] += self.leads(self.theirs("a", "b"), "a", after)
            self.right["migra backwards"] += self.leads(self.theirs("b", "a"), "b", before)
        self.cluster.query("DROP DATABASE a WITH (FORCE)")
        self.cluster.query("ALTER DATABASE b RENAME TO a")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pg", type=int, default=18, choices=(18, 16))
    parser.add_argument("--history", action="append", help="only this one (may be repeated)")
    options = parser.parse_args()
    if not HISTORIES.is_dir():
        print(f"skipped: {HISTORIES.name} is not beside this checkout")
        return 1
    set_up()
    print(f"{'history':<22}{'steps':>6}{'ours →':>9}{'ours ←':>9}{'migra →':>9}{'migra ←':>9}")
    total: Counter[str] = Counter()
    words = [str(VENV / "bin" / "python"), "-W", "ignore", "-c", SERVE]
    with (
        Cluster(options.pg, "migra", preload=False, tcp=True, settings={"fsync": "off"}) as cluster,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as migra,
    ):
        for folder in sorted(HISTORIES.iterdir()):
            if not folder.is_dir() or options.history and folder.name not in options.history:
                continue
            cluster.query("DROP DATABASE IF EXISTS a WITH (FORCE)")
            cluster.query("CREATE DATABASE a")
            cluster.psql("CREATE EXTENSION schema_monitor CASCADE", dbname="a")
            walk = Walk(cluster, migra)
            for file in sorted(folder.glob("*_up.sql")):
                walk.step(file)
            _print(folder.name, walk.steps, walk.right)
            total.update(walk.right)
            total["steps"] += walk.steps
        _print("all", total["steps"], total)
        assert migra.stdin
        migra.stdin.close()
    return 0


def _print(name: str, steps: int, right: Counter[str]) -> None:
    columns = ("ours forwards", "ours backwards", "migra forwards", "migra backwards")
    print(f"{name:<22}{steps:>6}" + "".join(f"{right[column]:>9}" for column in columns), flush=True)


if __name__ == "__main__":
    sys.exit(main())
