"""By how much a session grows that searches.

Measured: private memory of the backend (bench/process.py says what counts) after 50 searches, minus that before the
first one, in MB of 1,000,000 bytes; the session has run ordinary catalog queries before. In a database of 10,000
embedded objects, as superuser and as an ordinary role; the median of SESSIONS of each, the larger counts.
"""

from __future__ import annotations

from statistics import median

from bench.measurement import Row, Target, rounded
from bench.process import private_bytes
from bench.server import Connection, READER, Servers
from bench.words import QUESTIONS

SEARCHES = 50
SESSIONS = 3
MB = 1e6
TARGET = Target(8)
# what psql's \d and \dt and any client's first minute ask
CATALOG_QUERIES = (
    """SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner), obj_description(c.oid, 'pg_class')
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname = 'sales' ORDER BY 1, 2""",
    """SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = (SELECT min(oid) FROM pg_class WHERE relkind = 'r' AND oid > 16384) AND a.attnum > 0""",
    "SELECT table_schema, count(*) FROM information_schema.columns GROUP BY 1",
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint LIMIT 50",
    "SELECT name, setting FROM pg_settings WHERE source <> 'default'",
)


def measure(servers: Servers) -> list[Row]:
    """One row: the growth."""
    cluster, database = servers.embedding, servers.filled()
    growth: dict[str, list[float]] = {}
    first: list[float] = []
    for who, role in (("superuser", "postgres"), ("reader", READER)):
        growth[who] = []
        for _ in range(SESSIONS):
            with cluster.connect(database, user=role) as session:
                after_one, after_all = _growth(session)
                first.append(after_one)
                growth[who].append(after_all)
    extra = {f"{who}_mb": rounded(samples) for who, samples in growth.items()}
    worst = max(median(samples) for samples in growth.values())
    what = f"growth of a session by {SEARCHES} searches, private memory"
    return [Row(what, worst, "MB", TARGET, {**extra, "after_first_search_mb": round(median(first), 2)})]


def _growth(session: Connection) -> tuple[float, float]:
    """MB after the first search and after all of them."""
    pid = session.info.backend_pid
    for query in CATALOG_QUERIES:
        session.execute(query)  # type: ignore[arg-type]
    before = private_bytes(pid)
    _search(session, QUESTIONS[0])
    after_one = private_bytes(pid)
    for number in range(1, SEARCHES):
        _search(session, QUESTIONS[number % len(QUESTIONS)])
    return (after_one - before) / MB, (private_bytes(pid) - before) / MB


def _search(session: Connection, question: str) -> None:
    session.execute("SELECT * FROM schema_monitor.search(%s)", [question]).fetchall()
