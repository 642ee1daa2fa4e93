"""What search() costs beyond the model, in a database of 10,000 embedded objects.

Measured: wall time of one search(), the first statement of a fresh connection, minus the model's own time for the
same question, in ms; medians over QUESTIONS asked ROUNDS times, by a superuser and by a role that owns nothing and
may SELECT from every table. The model's own time is embed_query() in a fresh connection, in turns with the searches,
so what a fresh session pays for that call is taken off with it; `beyond_warm_model_ms` takes off only what
embed_query() costs a session that has called it before. The time to connect is in none of them.
"""

from __future__ import annotations

import time
from statistics import median, quantiles

from bench.measurement import Row, Target, Unmeasured
from bench.server import FILLED_PASSAGES, READER, Servers
from bench.words import QUESTIONS
from tools.cluster import Cluster

ROUNDS = 5
TARGET = Target(10)
SEARCH = "SELECT identity, vector_score FROM schema_monitor.search(%s)"
EMBED = "SELECT schema_monitor.embed_query(%s)"
WHO = {"superuser": "postgres", "reader": READER}


def measure(servers: Servers) -> list[Row]:
    """Two rows: superuser and ordinary role."""
    cluster, database = servers.embedding, servers.filled()
    searches: dict[str, list[float]] = {who: [] for who in WHO}
    model, warm = [], []
    with cluster.connect(database) as session:
        for _ in range(ROUNDS):
            for question in QUESTIONS:
                for who, role in WHO.items():
                    searches[who].append(_fresh(cluster, database, role, SEARCH, question, rows=10))
                model.append(_fresh(cluster, database, READER, EMBED, question, rows=1))
                session.execute(EMBED, [question])
                start = time.perf_counter()
                session.execute(EMBED, [question])
                warm.append(time.perf_counter() - start)
    return [_row(who, samples, model, warm) for who, samples in searches.items()]


def _fresh(cluster: Cluster, database: str, role: str, sql: str, question: str, *, rows: int) -> float:
    """Seconds of the first statement of a new connection."""
    with cluster.connect(database, user=role) as connection:
        start = time.perf_counter()
        found = connection.execute(sql, [question]).fetchall()  # type: ignore[arg-type]
        seconds = time.perf_counter() - start
    if len(found) != rows:
        raise Unmeasured(f"{role} asked {question!r} and got {len(found)} rows, not {rows}")
    # without a vector, search answers by words, which is faster
    if sql == SEARCH and all(score is None for _, score in found):
        raise Unmeasured("search() answered without the model")
    return seconds


def _row(who: str, searches: list[float], model: list[float], warm: list[float]) -> Row:
    beyond = 1_000 * (median(searches) - median(model))
    extra = {
        "search_ms": round(1_000 * median(searches), 1),
        "search_p90_ms": round(1_000 * quantiles(searches, n=10)[-1], 1),
        "embed_query_ms": round(1_000 * median(model), 1),
        "beyond_warm_model_ms": round(1_000 * (median(searches) - median(warm)), 1),
    }
    return Row(f"search() beyond the model, {FILLED_PASSAGES:,} objects, {who}", beyond, "ms", TARGET, extra)
