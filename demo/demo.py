"""The guided tour behind `make demo`: the sample database on a server of its own, questions, then live changes.

Every figure is measured here and now. A change that is not seen is a failure (status 1); a question whose expected
table is not among the first three is only said, for search is a ranking and not a promise.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402
from psycopg.rows import namedtuple_row  # noqa: E402

from tools.cluster import Cluster, ClusterError  # noqa: E402
from tools.paths import DEFAULT_PG, SERVER_FOLDERS  # noqa: E402
from tools.step import SetupError  # noqa: E402

DATABASE = "larkspur"
WIDTH = 92
LIMIT_S = 30
TOP = 3
DEEPEST = 50
CHANGES_SHOWN = 5
LOG_LINES_SHOWN = 20
# on a terminal progress is one line, written over and over
REWRITE = "\r\033[K" if sys.stdout.isatty() else ""
STATUS = "SELECT * FROM schema_monitor.status()"
SEARCH = "SELECT * FROM schema_monitor.search(%s, %s, %s)"
# what has a vector: relations (without column_name) and columns
EMBEDDED = """SELECT o.identity, e.object_name, e.column_name
    FROM schema_monitor.schema_embeddings AS e JOIN schema_monitor.objects AS o USING (object_id)"""
Connection = psycopg.Connection[Any]


def tour(cluster: Cluster) -> bool:
    """All of it; whether every change was seen and took effect."""
    cluster.query(f"CREATE DATABASE {DATABASE}")
    cluster.psql(file=ROOT / "demo/sample.sql", dbname=DATABASE)
    options = {"row_factory": namedtuple_row, "options": f"-c statement_timeout={LIMIT_S}s"}
    with cluster.connect(DATABASE, **options) as connection, cluster.connect(DATABASE, **options) as listener:
        show_index(connection)
        questions, changes = (json.loads((ROOT / f"demo/{one}.json").read_text()) for one in ("questions", "changes"))
        heading(f"{len(questions)} questions, asked without knowing a name")
        found = [ask(connection, one["question"], one["expect"], shown=TOP) for one in questions]
        print(f"  {sum(found)} of {len(found)} expected tables are among the first {TOP}.")
        heading(f"{len(changes)} changes, live")
        listener.execute("LISTEN schema_changed; LISTEN schema_indexed")
        return all([change(connection, listener, one) for one in changes])


def show_index(connection: Connection) -> None:
    """What runs here, then CREATE EXTENSION and progress until everything is searchable."""
    versions = "SELECT current_setting('server_version'), default_version FROM pg_available_extensions"
    server, pgvector = rows(connection, f"{versions} WHERE name = 'vector'")[0]
    print(f"\nPostgreSQL {server} with pgvector {pgvector}; sample database of a made-up shop (demo/sample.sql)")
    heading("CREATE EXTENSION schema_monitor CASCADE")
    start, shown = time.perf_counter(), 0.0
    connection.execute("CREATE EXTENSION schema_monitor CASCADE")
    print(f"  back after {milliseconds(start):.0f} ms; the rest happens in the background")
    while not rows(connection, "SELECT schema_monitor.wait_until_indexed('100 ms')")[0][0]:
        if milliseconds(start) > LIMIT_S * 1000:
            raise TimeoutError(f"not indexed within {LIMIT_S} s")
        shown = show_progress(rows(connection, STATUS)[0], shown)
    taken, status = milliseconds(start), rows(connection, STATUS)[0]
    kinds = "SELECT replace(kind, '_', ' '), count(*) FROM schema_monitor.schema_embeddings GROUP BY kind"
    counts = rows(connection, f"{kinds} ORDER BY kind <> 'table', kind")
    indexed = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts)
    print(f"{REWRITE}  {indexed}: indexed within {taken:.0f} ms of the command")
    print(f"  model {status.model} ({status.dimensions} dimensions)", end=", ")
    print(f"version {status.version}, fingerprint {status.fingerprint[:16]}…")


def show_progress(status: Any, shown: float) -> float:
    """One line rewritten on a terminal; elsewhere a line for each further quarter. Returns the share shown last."""
    total = status.embedded + status.pending
    share = status.embedded / total if total else 0.0
    if not REWRITE and share < shown + 0.25:
        return shown
    print(f"{REWRITE}  {status.embedded:>4} of {total} passages embedded", end="" if REWRITE else "\n", flush=True)
    return share


def ask(connection: Connection, question: str, expect: str, *, shown: int) -> bool:
    """Prints the question and its best answers; whether the expected one is among the first TOP."""
    start = time.perf_counter()
    hits = rows(connection, SEARCH, question, TOP, None)
    taken = f"{milliseconds(start):.1f} ms"
    print(f"  {f'“{question}”':<{WIDTH - len(taken) - 3}} {taken}")
    deeper = rows(connection, SEARCH, question, DEEPEST, None)
    # a name may be that of a relation, or of the column it is found by
    named = (hit.rank for hit in deeper if expect in (hit.identity, f"{hit.identity}.{hit.column_name}"))
    place = next(named, DEEPEST + 1)
    for hit in hits[:shown]:
        mark = "  ← expected" if hit.rank == place else ""
        print(f"    {hit.rank}  {hit.identity:<30}  {hit.column_name or '(the table)':<24}  {hit.score:5.2f}{mark}")
    if place > shown:
        print(f"    expected {expect}: {f'number {place}' if place <= DEEPEST else f'not among the first {DEEPEST}'}")
    print()
    return place <= TOP


def change(connection: Connection, listener: Connection, entry: dict[str, Any]) -> bool:
    """Makes one change and shows its version, its changes and a fresh answer; whether it took effect."""
    print(entry["title"])
    for statement in entry["sql"].rstrip(";").split("; "):
        print(textwrap.fill(f"{statement};", WIDTH, initial_indent="    ", subsequent_indent="        "))
    known = rows(connection, "SELECT max(version) FROM schema_monitor.versions")[0][0]
    before = set(rows(connection, EMBEDDED))
    # no parameters: the simple protocol, so several statements are one transaction
    connection.execute(entry["sql"])
    version, recorded, searchable = listen(listener, known)
    print(f"  version {version}: recorded {recorded:.1f} ms, searchable {searchable:.1f} ms after COMMIT")
    changed = show_changes(connection, version)
    if entry["question"]:
        ask(connection, entry["question"], entry["expect"], shown=2)
        return changed
    return show_gone(connection, before - set(rows(connection, EMBEDDED))) and changed


def listen(listener: Connection, known: int) -> tuple[int, float, float]:
    """The next version, and the milliseconds until it was recorded and searchable, from the return of COMMIT."""
    start = time.perf_counter()
    version, recorded = 0, 0.0
    for notice in listener.notifies(timeout=LIMIT_S):
        told = json.loads(notice.payload)["version"]
        if notice.channel == "schema_changed" and told > known and not version:
            version, recorded = told, milliseconds(start)
        elif notice.channel == "schema_indexed" and version and told >= version:
            return version, recorded, milliseconds(start)
    missed = f"version {version} was recorded but not searchable" if version else "the change was not seen"
    raise TimeoutError(f"{missed} within {LIMIT_S} s")


def show_changes(connection: Connection, version: int) -> bool:
    """The first lines of what a version changed; whether there are any."""
    found = rows(connection, "SELECT * FROM schema_monitor.changes WHERE version = %s ORDER BY ordinal", version)
    for row in found[:CHANGES_SHOWN]:
        # a name that was before is text; definitions are objects
        words = [row.part or "", f"(was {row.before})" if isinstance(row.before, str) else ""]
        print(f"    {row.change:<18}  {row.identity:<32}  {' '.join(words).strip():<24}  {row.impact}")
    if len(found) > CHANGES_SHOWN:
        print(f"    … and {len(found) - CHANGES_SHOWN} more")
    if not found:
        print("    WRONG: it has no changes")
    return bool(found)


def show_gone(connection: Connection, lost: set[Any]) -> bool:
    """Shows that what was dropped has no vector and is found no more, even by its own name."""
    if not lost:
        print("  WRONG: no vector is gone\n")
        return False
    # a dropped relation stands for its columns
    gone = min(lost, key=lambda one: one.column_name or "")
    word, kinds = (gone.column_name, ["column"]) if gone.column_name else (gone.object_name, None)
    hits = rows(connection, SEARCH, word, DEEPEST, kinds)
    still = [hit for hit in hits if hit.identity == gone.identity and gone.column_name in (None, hit.column_name)]
    outcome = f"WRONG: still number {still[0].rank}" if still else f"not among the first {DEEPEST} answers any more"
    print(f"  vectors gone: {len(lost)}; asked for “{word}”: {outcome}\n")
    return not still


def rows(connection: Connection, sql: str, *parameters: Any) -> list[Any]:
    """The rows of a query, with attributes for its columns."""
    return connection.execute(sql, parameters).fetchall()


def heading(text: str) -> None:
    """A title in a rule as wide as the page."""
    print(f"\n── {text} {'─' * (WIDTH - len(text) - 4)}\n")


def milliseconds(start: float) -> float:
    """Since that reading of perf_counter."""
    return (time.perf_counter() - start) * 1000


def report_failure(cluster: Cluster, error: Exception) -> None:
    """What failed, how things stand, and the end of the server's log."""
    said = cluster.psql(f"SET statement_timeout = '5s'; {STATUS};", dbname=DATABASE, arguments=["-xt"], check=False)
    print(f"\nfailed: {error}\n\n{STATUS}\n{said.stdout}{said.stderr}\nend of {cluster.log}:")
    print(*cluster.log_text().splitlines()[-LOG_LINES_SHOWN:], sep="\n")


def main() -> int:
    """Runs the tour on a fresh cluster, which is stopped whatever happens."""
    parser = argparse.ArgumentParser(description="the guided tour of schema_monitor")
    parser.add_argument("--pg", type=int, choices=sorted(SERVER_FOLDERS), default=DEFAULT_PG)
    pg = parser.parse_args().pg
    # arrows and dashes must not fail on an old terminal
    sys.stdout.reconfigure(line_buffering=True, errors="replace")  # type: ignore[union-attr]
    try:
        with Cluster(pg, "demo") as cluster:
            try:
                fine = tour(cluster)
            except (TimeoutError, psycopg.Error, ClusterError) as error:
                report_failure(cluster, error)
                return 1
    except (ClusterError, SetupError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        return 130
    print("Every change was seen." if fine else "NOT every change took effect: see WRONG above.", "Now yours:")
    print("  make serve                          a server that stays; prints its connection string")
    print("  make psql ARGS='-f demo/sample.sql' the same sample in it; then make psql to ask and to change")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
