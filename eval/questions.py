"""The question sets: schemas, comments, and questions with the tables and columns that answer them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tools.paths import ROOT

BENCHMARKS = ROOT.parent / "shared" / "data" / "benchmarks"


@dataclass(frozen=True)
class Question:
    """A question, the schema it is asked of, and its gold: lower-case names, columns as table.column."""

    text: str
    schema: str
    tables: frozenset[str]
    columns: frozenset[str]
    sql: str


class Benchmark:
    """One folder of question sets."""

    def __init__(self, name: str) -> None:
        self.name, self.folder = name, BENCHMARKS / name

    def schemas(self) -> list[Path]:
        """The SQL of each source database, which makes a schema of its name."""
        return sorted((self.folder / "schema").glob("*.sql"))

    def comments(self) -> list[Path]:
        """COMMENT ON statements from the sources' own descriptions; none in some sets."""
        return sorted((self.folder / "comments").glob("*.sql"))

    def questions(self, file: str = "questions.jsonl") -> list[Question]:
        """The questions of one wording; those without gold are the ones that the schema cannot answer."""
        path = self.folder / file
        lines = path.read_text().splitlines() if path.is_file() else []
        return [_question(json.loads(line)) for line in lines]


def _question(record: dict[str, object]) -> Question:
    def names(key: str) -> frozenset[str]:
        return frozenset(str(name).lower() for name in record.get(key) or ())  # type: ignore[attr-defined]

    # some sets qualify their tables; a schema holds one database
    tables = frozenset(name.rsplit(".", 1)[-1] for name in names("gold_tables"))
    columns = frozenset(".".join(name.rsplit(".", 2)[-2:]) for name in names("gold_columns"))
    return Question(str(record["question"]), str(record["db"]), tables, columns, str(record.get("gold_sql") or ""))


def schemas_made(file: Path) -> list[str]:
    """The schemas that a file makes; public where it makes none."""
    return re.findall(r'^CREATE SCHEMA (?:IF NOT EXISTS )?"?([^";\s]+)', file.read_text(), re.MULTILINE) or ["public"]
