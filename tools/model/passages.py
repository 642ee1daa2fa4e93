"""Passages as schemas give them, for measuring a model: tables with their columns, and single columns."""

from __future__ import annotations

import re
from pathlib import Path

_TABLE = re.compile(r'CREATE TABLE "[^"]+"\."([^"]+)" \((.*?)\n\);', re.DOTALL)
_COLUMN = re.compile(r'^  "([^"]+)" (\w+)', re.MULTILINE)


def read_passages(folder: Path, count: int) -> list[str]:
    """`count` passages spread evenly over the tables of the folder's *.sql files, every other one a single column.

    Raises ValueError where the folder holds no `CREATE TABLE "schema"."name" (` with one column a line.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        for table, body in _TABLE.findall(path.read_text(encoding="utf-8")):
            columns = _COLUMN.findall(body)
            if not columns:
                continue
            listed = ", ".join(f"{name} {kind}" for name, kind in columns)
            found.append(f"table {table}: {listed}")
            name, kind = columns[len(found) % len(columns)]
            found.append(f"column {table}.{name} {kind}")
    if not found:
        raise ValueError(f"no tables in {folder}")
    step = max(1, len(found) // count) | 1  # odd: tables and columns alternate
    return found[::step][:count]
