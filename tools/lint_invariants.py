"""The invariants of ARCHITECTURE.md that a search can check; `python -m tools.lint_invariants`.

Each rule is a function from a tree to complaints. Before the repository is judged, every rule has to find the
violations planted in a small tree of its own.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.paths import ROOT

# a line PostgreSQL's calling convention forces to be unsafe; the marker stands on it or on the line before
ENTRY_POINT = "// entry point"
# files that are entry points as a whole: path below the root, and why
ENTRY_POINT_FILES: dict[str, str] = {}
# files that are tables, for which length is no defect: path below the root
TABLES: frozenset[str] = frozenset()
LONG, TOO_LONG = 400, 800
# what people write as programs: in these folders, with these endings (SQL elsewhere is test data or recorded output)
SIZED = (
    (("src", "crates", "tools", "pg_test", "bench", "demo"), (".rs", ".py")),
    (("sql",), (".sql",)),
)

# strings and line comments do not run
INERT = re.compile(r'"(?:\\.|[^"\\])*"|//.*')
DANGEROUS = re.compile(r"\b(unsafe|pg_sys)\b")


def unsafe_outside_its_room(root: Path) -> Iterator[str]:
    """`unsafe` and `pg_sys` only in src/pg/ and at entry points; never in crates/."""
    for path in _files(root, ("src", "crates"), (".rs",)):
        name = path.relative_to(root).as_posix()
        if name.startswith("src/pg/") or name in ENTRY_POINT_FILES:
            continue
        before = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = DANGEROUS.search(INERT.sub("", line))
            if found and not (name.startswith("src/") and (ENTRY_POINT in line or ENTRY_POINT in before)):
                yield f"{name}:{number}: {found[1]} outside src/pg/ and not at an entry point"
            before = line


def pgrx_in_crates(root: Path) -> Iterator[str]:
    """`pgrx` is not named in crates/, be it in code, comments or manifests."""
    for path in _files(root, ("crates",), (".rs", ".toml")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "pgrx" in line:
                yield f"{path.relative_to(root).as_posix()}:{number}: pgrx named in crates/"


def too_long(root: Path) -> Iterator[str]:
    """No source file over 800 lines, tables excepted."""
    for name, lines in _lengths(root):
        if lines > TOO_LONG and name not in TABLES:
            yield f"{name}: {lines} lines, at most {TOO_LONG}"


RULES: tuple[Callable[[Path], Iterator[str]], ...] = (unsafe_outside_its_room, pgrx_in_crates, too_long)


def self_test() -> None:
    """Plants one violation of each kind, and their lawful neighbours, and demands exactly the violations."""
    planted = {
        "src/api/search.rs": "fn f() {\n    unsafe { g() }\n}\n",
        "src/capture/mod.rs": "// entry point\nfn f(fcinfo: pg_sys::FunctionCallInfo) {}\nfn g(x: pg_sys::Oid) {}\n",
        "src/lib.rs": "// unsafe in words\n#![deny(unsafe_op_in_unsafe_fn)]\nunsafe fn init() {} // entry point\n",
        "src/error.rs": 'const HINT: &str = "unsafe";\n',
        "src/pg/latch.rs": "unsafe { pg_sys::SetLatch(latch) }\n",
        "crates/embed/src/lib.rs": "unsafe {} // entry point\n",
        "crates/embed/Cargo.toml": '[dependencies]\npgrx = "1"\n',
        "sql/long.sql": "SELECT 1;\n" * (TOO_LONG + 1),
        "pg_test/expected/long.sql": "SELECT 1;\n" * (TOO_LONG + 1),
    }
    expected = ["src/api/search.rs:2", "src/capture/mod.rs:3", "crates/embed/src/lib.rs:1", "crates/embed/Cargo.toml:2"]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for file, text in planted.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text)
        found = [complaint.split(": ")[0] for rule in RULES for complaint in rule(root)]
    if sorted(found) != sorted([*expected, "sql/long.sql"]):
        sys.exit(f"lint_invariants: the self-test found {sorted(found)}")


def main() -> int:
    """Prints what is wrong and what is merely long; 1 when something is wrong."""
    self_test()
    complaints = [complaint for rule in RULES for complaint in rule(ROOT)]
    for name, lines in _lengths(ROOT):
        if LONG < lines <= TOO_LONG:
            print(f"long: {name}: {lines} lines")
    print("\n".join(complaints) or f"invariants hold: {len(RULES)} rules")
    return 1 if complaints else 0


def _lengths(root: Path) -> Iterator[tuple[str, int]]:
    for folders, suffixes in SIZED:
        for path in _files(root, folders, suffixes):
            yield path.relative_to(root).as_posix(), len(path.read_bytes().splitlines())


def _files(root: Path, folders: tuple[str, ...], suffixes: tuple[str, ...]) -> list[Path]:
    found = (path for folder in folders for path in (root / folder).rglob("*") if path.suffix in suffixes)
    return sorted(path for path in found if path.is_file() and "target" not in path.relative_to(root).parts)


if __name__ == "__main__":
    sys.exit(main())
