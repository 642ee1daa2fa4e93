"""How well questions find what answers them: `python eval/run.py [--set NAME] [--limit N]`, on a server of its own.

Each question set is loaded into one database, a schema for each source database. Every question is asked twice: of its
own schema alone and of all of them together; where a set has them, also in other words and with comments. Tables:
recall@k is the mean share of a question's gold tables among the first k, MRR the mean reciprocal rank of the first right
one, all@5 the share of questions with all of them among the first five. Columns: recall@10 of search() for columns, and
of the nearest passages. The baselines rank the same tables with the same model. Prints a table and a one-line summary,
and writes .dev/eval.json.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from eval import functions  # noqa: E402
from eval.analytics import OTHER_SCHEMAS, OTHER_SET, measure_questions  # noqa: E402
from eval.latency import measure_latency  # noqa: E402
from eval.questions import BENCHMARKS, Benchmark, Question, schemas_made  # noqa: E402
from eval.ranking import BASELINES, Table, words  # noqa: E402
from eval.targets import print_targets  # noqa: E402
from eval.terms import measure_terms  # noqa: E402
from tools.cluster import Cluster  # noqa: E402
from tools.paths import DEFAULT_PG, DEV, SERVER_FOLDERS  # noqa: E402

SETS = ("spider_train", "bird", "defog", "cordis")
SEED = 20_261_126
LIMIT_S = 1_800
UNLIKELY = 0.2  # score below which context() says that nothing seems to answer the question
LARGE = 10  # tables from which on a schema is worth searching
RESULT = DEV / "eval.json"
SEARCH = "SELECT schema_name, object_name, score FROM schema_monitor.search(%s, 10, NULL, %s)"
COLUMNS = "SELECT object_name, column_name FROM schema_monitor.search(%s, 10, ARRAY['column'], %s)"
NEAREST_COLUMNS = """
    SELECT d.name, p.column_name
    FROM schema_monitor.schema_embeddings AS e
    JOIN schema_monitor._passage AS p USING (object_id, column_number)
    JOIN schema_monitor._document AS d USING (object_id)
    WHERE e.column_number <> 0 AND e.schema_name = ANY (%s)
    ORDER BY - (e.embedding <#> %s::vector) DESC -- all of them are compared, the index is for no such order
    LIMIT 10"""
Connection = psycopg.Connection[Any]


@dataclass
class Scores:
    """The figures of one system on one way of asking."""

    system: str
    questions: int
    recall_1: float
    recall_5: float
    recall_10: float
    mrr: float
    all_5: float
    columns_10: float | None = None
    median_ms: float | None = None


@dataclass
class Tally:
    """What is counted on the way there."""

    rows: list[tuple[float, float, float, float, float]] = field(default_factory=list)
    columns: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, ranked: list[str], gold: frozenset[str]) -> None:
        found = [len(gold & set(ranked[:k])) / len(gold) for k in (1, 5, 10)]
        first = next((1 / rank for rank, name in enumerate(ranked[:10], 1) if name in gold), 0.0)
        self.rows.append((found[0], found[1], found[2], first, float(found[1] == 1)))

    def add_columns(self, ranked: list[tuple[str, str]], gold: frozenset[str]) -> None:
        found = {f"{table}.{column}".lower() for table, column in ranked}
        self.columns.append(len(found & gold) / len(gold))

    def scores(self, system: str) -> Scores:
        figures = [round(mean(row[at] for row in self.rows), 3) for at in range(5)]
        columns = round(mean(self.columns), 3) if self.columns else None
        milliseconds = round(1_000 * median(self.seconds), 1) if self.seconds else None
        return Scores(system, len(self.rows), *figures, columns, milliseconds)


class Loaded:
    """A question set in a database, indexed."""

    def __init__(self, cluster: Cluster, benchmark: Benchmark) -> None:
        self.cluster, self.benchmark, self.database = cluster, benchmark, f"eval_{benchmark.name}"
        self.places: dict[str, list[str]] = {}
        cluster.query(f"CREATE DATABASE {self.database}")
        for file in benchmark.schemas():
            cluster.psql(file=file, dbname=self.database, check=False)
            self.places[file.stem] = schemas_made(file)
        cluster.psql("CREATE EXTENSION schema_monitor CASCADE", dbname=self.database)
        self.wait()

    def wait(self) -> None:
        """Until everything is embedded."""
        [(done,)] = self.cluster.query(
            "SELECT schema_monitor.wait_until_indexed(make_interval(secs => %s))", [LIMIT_S], dbname=self.database
        )
        if not done:
            raise RuntimeError(f"{self.database} was not indexed within {LIMIT_S} s")

    def comment(self) -> None:
        """Adds the sources' own comments."""
        for file in self.benchmark.comments():
            self.cluster.psql(file=file, dbname=self.database, check=False)
        self.wait()

    def run_together(self) -> None:
        """Renames tables and columns: their words written together, in lower case."""
        rename = """
            SELECT format('ALTER TABLE %%I.%%I RENAME COLUMN %%I TO %%I', n.nspname, c.relname, a.attname, lower(replace(a.attname, '_', '')))
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relkind = 'r' AND n.nspname = ANY (%(schemas)s) AND a.attname <> lower(replace(a.attname, '_', ''))
            UNION ALL
            SELECT format('ALTER TABLE %%I.%%I RENAME TO %%I', n.nspname, c.relname, lower(replace(c.relname, '_', '')))
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname = ANY (%(schemas)s) AND c.relname <> lower(replace(c.relname, '_', ''))"""
        schemas = [schema for schemas in self.places.values() for schema in schemas]
        with self.cluster.connect(self.database) as connection:
            for (statement,) in connection.execute(rename, {"schemas": schemas}).fetchall():
                with suppress(psycopg.errors.DuplicateColumn, psycopg.errors.DuplicateTable):
                    connection.execute(statement)
        self.wait()

    def tables(self, connection: Connection) -> list[Table]:
        """The catalog as baselines see it, with their vectors."""
        rows = connection.execute(
            """SELECT n.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''),
                   array_agg(ARRAY[a.attname::text, coalesce(col_description(c.oid, a.attnum), '')] ORDER BY a.attnum)
               FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
               JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               WHERE c.relkind IN ('r', 'v', 'm', 'p') AND n.nspname = ANY (%s)
               GROUP BY c.oid, n.nspname, c.relname ORDER BY 1, 2""",
            ([schema for schemas in self.places.values() for schema in schemas],),
        ).fetchall()
        tables = [Table(schema, name, comment, [tuple(column) for column in columns]) for schema, name, comment, columns in rows]
        for table in tables:
            table.index()
            table.vector = _vector(connection, "embed_passage", table.passage)
        return tables


def _vector(connection: Connection, function: str, text: str) -> Any:
    row = connection.execute(f"SELECT schema_monitor.{function}(%s)::real[]", (text,)).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return np.asarray(row[0], dtype=np.float32)


def measure(loaded: Loaded, questions: list[Question], *, own: bool) -> list[Scores]:
    """search() and the baselines, asked of each question's own schema or of all together."""
    tallies = {system: Tally() for system in ("search()", *BASELINES)}
    with loaded.cluster.connect(loaded.database) as connection:
        tables = loaded.tables(connection)
        by_schema = {place: [one for one in tables if one.schema in loaded.places[place]] for place in loaded.places}
        for question in questions:
            places = loaded.places[question.schema]
            gold = frozenset(f"{name}@{question.schema}" for name in question.tables)

            def key(schema: str, name: str, question: Question = question, places: list[str] = places) -> str:
                return f"{name.lower()}@{question.schema if schema in places else schema}"

            start = time.perf_counter()
            rows = connection.execute(SEARCH, (question.text, places if own else None)).fetchall()
            ours = tallies["search()"]
            ours.seconds.append(time.perf_counter() - start)
            vector = _vector(connection, "embed_query", question.text)
            ours.add([key(schema, name) for schema, name, _ in rows], gold)
            if own and question.columns:
                ours.add_columns(connection.execute(COLUMNS, (question.text, places)).fetchall(), question.columns)
                nearest = connection.execute(NEAREST_COLUMNS, (places, str(vector.tolist()))).fetchall()
                tallies["dense"].add_columns(nearest, question.columns)
            among = by_schema[question.schema] if own else tables
            for system, score in BASELINES.items():
                scores = score(among, words(question.text), vector)
                order = sorted(range(len(among)), key=lambda at: -scores[at])[:10]
                tallies[system].add([key(among[at].schema, among[at].name) for at in order], gold)
    return [tally.scores(system) for system, tally in tallies.items()]


def separation(loaded: Loaded, benchmark: Benchmark) -> dict[str, float]:
    """How the top score tells questions that the schema can answer from those it cannot; nothing for a set without such."""
    cannot = benchmark.questions("unanswerable.jsonl")
    if not cannot:
        return {}
    with loaded.cluster.connect(loaded.database) as connection:

        def best(questions: Iterable[Question]) -> list[float]:
            rows = (connection.execute(SEARCH, (one.text, loaded.places[one.schema])).fetchone() for one in questions)
            return [row[2] if row else 0.0 for row in rows]

        can, lacks = best(benchmark.questions()), best(cannot)
    wins = sum((one > other) + 0.5 * (one == other) for one in can for other in lacks)
    return {
        "area under ROC of what cannot be answered": wins / (len(can) * len(lacks)),
        f"best score below {UNLIKELY}, {len(can)} questions that can be answered": mean(score < UNLIKELY for score in can),
        f"best score below {UNLIKELY}, {len(lacks)} questions that cannot": mean(score < UNLIKELY for score in lacks),
    }


def main() -> int:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pg", type=int, default=DEFAULT_PG, choices=sorted(SERVER_FOLDERS), help="major version")
    parser.add_argument("--set", action="append", choices=SETS, help="only this one (may be repeated)")
    parser.add_argument("--limit", type=int, help="so many questions of each kind, drawn by a fixed seed")
    given = parser.parse_args()
    if not BENCHMARKS.is_dir():
        print("skipped: the question sets are not beside this checkout")
        return 1
    start, found = time.monotonic(), {}
    with Cluster(given.pg, "eval", settings={"fsync": "off"}) as cluster:
        for name in given.set or SETS:
            found.update(_measure_set(cluster, Benchmark(name), given.limit))
        if not given.set:
            measured = {**measure_terms(cluster), **measure_questions(cluster), **measure_questions(cluster, OTHER_SET, OTHER_SCHEMAS)}
            found.update({what: round(value, 3) for what, value in measured.items()})
    if not given.set:
        found.update({what: round(value, 1) for what, value in measure_latency(given.pg).items()})
    _print(found)
    print_targets(found)
    RESULT.write_text(json.dumps({way: one if isinstance(one, float) else [asdict(row) for row in one] for way, one in found.items()}, indent=2) + "\n")
    print(f"{_summary(found)}; took {time.monotonic() - start:.0f} s")
    return 0


def _measure_set(cluster: Cluster, benchmark: Benchmark, limit: int | None) -> dict[str, Any]:
    """All ways of asking one set."""
    found: dict[str, Any] = {}
    loaded = Loaded(cluster, benchmark)

    def drawn(questions: list[Question]) -> list[Question]:
        return random.Random(SEED).sample(questions, limit) if limit and limit < len(questions) else questions

    def take(way: str, questions: list[Question], *, own: bool) -> None:
        if questions:
            print(f"== {benchmark.name}, {way}: {len(questions)} questions", file=sys.stderr, flush=True)
            rows = {row.system: row for row in measure(loaded, questions, own=own)}
            found[f"{benchmark.name}, {way}"] = list(rows.values())
            ours, nearest = rows["search()"].columns_10, rows["dense"].columns_10
            if ours is not None and nearest is not None:
                found[f"{benchmark.name}, {way}: columns ahead of dense"] = ours - nearest

    asked = benchmark.questions()
    sizes = {file.stem: file.read_text().count("CREATE TABLE") for file in benchmark.schemas()}
    if benchmark.name == "spider_train":
        take(f"own, {LARGE} tables or more", drawn([one for one in asked if sizes[one.schema] >= LARGE]), own=True)
        take("pooled", drawn(asked), own=False)
        take("pooled, in other words", drawn(benchmark.questions("questions_syn.jsonl")), own=False)
    else:
        take("own", drawn(asked), own=True)
        take("pooled", drawn(asked), own=False)
        if benchmark.comments():
            loaded.comment()
            take("own, with comments", drawn(asked), own=True)
            take("pooled, with comments", drawn(asked), own=False)
    with loaded.cluster.connect(loaded.database) as connection:
        print(f"== {benchmark.name}: joins, checks, contexts", file=sys.stderr, flush=True)
        measured = {}
        if benchmark.name == "spider_train":
            measured.update(functions.measure_joins(connection, loaded.places, asked))
            measured.update(functions.measure_context(connection, loaded.places, drawn(asked)))
        if benchmark.name in ("spider_train", "bird"):
            measured.update(functions.measure_guesses(connection))
        measured.update(functions.measure_checks(connection, loaded.places, drawn(asked), SEED))
        found.update({f"{benchmark.name}, {what}": round(float(value), 3) for what, value in measured.items()})
    if benchmark.name == "spider_train":
        loaded.run_together()
        together = [replace(one, tables=frozenset(name.replace("_", "") for name in one.tables)) for one in asked]
        take("pooled, names run together", drawn(together), own=False)
    found.update({f"{benchmark.name}, {what}": round(float(value), 3) for what, value in separation(loaded, benchmark).items()})
    return found


def _print(found: dict[str, Any]) -> None:
    print(f"{'system':<14}{'R@1':>8}{'R@5':>8}{'R@10':>8}{'MRR':>8}{'all@5':>8}{'col@10':>8}{'ms':>8}")
    for way, rows in found.items():
        if isinstance(rows, float):
            print(f"{way}: {rows:.3f}")
            continue
        print(f"{way} ({rows[0].questions} questions)")
        for row in rows:
            figures = [row.recall_1, row.recall_5, row.recall_10, row.mrr, row.all_5, row.columns_10]
            shown = "".join(" " * 8 if figure is None else f"{figure:>8.3f}" for figure in figures)
            print(f"  {row.system:<12}{shown}{'' if row.median_ms is None else f'{row.median_ms:>8.1f}'}")


def _summary(found: dict[str, Any]) -> str:
    """One line for people: search() in each way of asking."""
    told = [f"{way} R@5 {rows[0].recall_5:.3f} MRR {rows[0].mrr:.3f}" for way, rows in found.items() if not isinstance(rows, float)]
    return "search(): " + "; ".join(told)


if __name__ == "__main__":
    sys.exit(main())
