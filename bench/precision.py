"""What quantising the default model costs in answers: recall of search() with fp32 and with int8, on real questions.

    python bench/precision.py [--pg 18]

Loads the defog benchmark of ../shared/data (11 databases, questions with their gold tables) once under each precision,
asks every question in its own database, and prints how often all gold tables are among the first five, how often any
of them is, and the mean reciprocal rank of the first one.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tools.cluster import Cluster
from tools.models import make_model
from tools.paths import ROOT

BENCHMARK = ROOT.parent / "shared" / "data" / "benchmarks" / "defog"
PRECISIONS = {"int8": "all-MiniLM-L6-v2", "fp32": "all-MiniLM-L6-v2-fp32"}


def questions() -> list[dict[str, object]]:
    """Each with id, db, question and gold_tables."""
    return [json.loads(line) for line in (BENCHMARK / "questions.jsonl").read_text().splitlines()]


def measure(pg: int, model: Path) -> tuple[float, float, float]:
    """(all gold tables in the first five, any of them, mean reciprocal rank) with one model."""
    with Cluster(pg, "precision", settings={"schema_monitor.model": str(model)}) as cluster:
        hits = whole = 0
        reciprocal = 0.0
        asked = questions()
        for database in sorted({str(question["db"]) for question in asked}):
            name = f"d_{database}"
            cluster.query(f'CREATE DATABASE "{name}"')
            cluster.psql(file=BENCHMARK / "schema" / f"{database}.sql", dbname=name, check=False)
            with cluster.connect(name) as connection:
                connection.execute("CREATE EXTENSION schema_monitor CASCADE")
                connection.execute("SELECT schema_monitor.wait_until_indexed('300 s')")
                for question in (question for question in asked if question["db"] == database):
                    rows = connection.execute(
                        "SELECT object_name FROM schema_monitor.search(%s, 10)", (str(question["question"]),)
                    )
                    found = [str(row[0]).lower() for row in rows]
                    gold = {str(table).split(".")[-1].lower() for table in question["gold_tables"]}  # type: ignore[attr-defined]
                    ranks = [place for place, table in enumerate(found, 1) if table in gold]
                    hits += bool(ranks and ranks[0] <= 5)
                    whole += gold <= set(found[:5])
                    reciprocal += 1 / ranks[0] if ranks else 0
        return whole / len(asked), hits / len(asked), reciprocal / len(asked)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pg", type=int, default=18, choices=(18, 16))
    options = parser.parse_args()
    if not BENCHMARK.is_dir():
        print(f"skipped: {BENCHMARK.name} is not beside this checkout")
        return 1
    print(f"{len(questions())} questions    all gold tables in 5   any gold table in 5   mean reciprocal rank")
    for precision, name in PRECISIONS.items():
        whole, hits, reciprocal = measure(options.pg, make_model(name))
        print(f"{precision:<16}{whole:>19.3f}{hits:>22.3f}{reciprocal:>23.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
