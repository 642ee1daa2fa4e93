"""What a vector costs: texts per second of processor time, beside Python's onnxruntime with the same model file.

Texts: 200 passages the extension makes of demo/sample.sql, those of all relations (long) and columns evenly drawn
(short). Ours: utime + stime of the embedder's process, everything in it included, while (a) a session calls
embed_passage for one text after the other, (b) the monitor embeds the same passages again. Theirs: bench/baseline.py
(all but tokenizing), with the best of BATCH_SIZES on input sorted by length. One thread each, in turns; the median of
the ratios. The vectors must agree.
"""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy

from bench.baseline import Baseline
from bench.measurement import Row, Target, Unmeasured, median_ratio, rounded
from bench.process import cpu_seconds
from bench.server import Connection, Servers, embedder, model_directory, wait_until_indexed
from tools.cluster import Cluster

TEXTS = 200
ROUNDS = 7
BATCH_SIZES = (1, 4, 8, 16, 32)
# int8 scales its activations by the whole input, so runs of other shapes differ a little; another text differs a lot
LEAST_COSINE = 0.99
TARGET = Target(1.0, aim=1.5, at_least=True)
PASSAGES = "SELECT object_id, column_number, passage FROM schema_monitor._passage ORDER BY column_number, object_id"
# what embed_passage calls, with a result psycopg knows
EMBED = "SELECT schema_monitor._embed(%s, false)"
AGAIN = """UPDATE schema_monitor.schema_embeddings AS e SET model = ''
    FROM unnest(%s::bigint[], %s::smallint[]) AS p(object_id, column_number)
    WHERE (e.object_id, e.column_number) = (p.object_id, p.column_number)"""

Passage = tuple[int, int, str]


def measure(servers: Servers) -> list[Row]:
    """Two rows: through embed_passage(), and through re-embedding."""
    cluster, database = servers.embedding, servers.sample()
    pid = embedder(cluster)
    passages = _passages(cluster, database)
    baseline = Baseline(model_directory(cluster), [text for *_, text in passages])
    called, again = [], []
    theirs: dict[int, list[float]] = {size: [] for size in BATCH_SIZES}
    with cluster.connect(database) as session:
        for _ in range(ROUNDS):
            called.append(_by_function(session, pid, passages)[0])
            for size in BATCH_SIZES:
                theirs[size].append(baseline.run(size)[0])
            again.append(_by_embedding_again(cluster, session, pid, database, passages))
        cosine = _least_cosine(_by_function(session, pid, passages)[1], baseline.run(1)[1])
    if cosine < LEAST_COSINE:
        raise Unmeasured(f"the vectors of the two are not the same: cosine {cosine:.4f}")
    best = min(BATCH_SIZES, key=lambda size: median(theirs[size]))
    extra = {
        "their_batch": best,
        "theirs_texts_per_cpu_s": {size: round(TEXTS / median(seconds)) for size, seconds in theirs.items()},
        "cosine": round(cosine, 4),
    }
    return [
        _row("embed_passage()", called, theirs[best], extra),
        _row("re-embedding", again, theirs[best], extra),
    ]


def _row(way: str, ours: list[float], theirs: list[float], extra: dict[str, Any]) -> Row:
    what = f"texts per CPU-second, {way} / Python onnxruntime"
    mine = {"ours_texts_per_cpu_s": round(TEXTS / median(ours))}
    ratios = {"ratios": rounded([a / b for a, b in zip(theirs, ours, strict=True)])}
    return Row(what, median_ratio(theirs, ours), "×", TARGET, {**mine, **extra, **ratios})


def _passages(cluster: Cluster, database: str) -> list[Passage]:
    """All relations' passages and as many columns', evenly drawn."""
    found: list[Passage] = cluster.query(PASSAGES, dbname=database)
    relations = [one for one in found if one[1] == 0][:TEXTS]
    columns = [one for one in found if one[1] != 0]
    wanted = TEXTS - len(relations)
    chosen = relations + [columns[at * len(columns) // wanted] for at in range(wanted)]
    if len(set(chosen)) != TEXTS:
        raise Unmeasured(f"demo/sample.sql has {len(found)} passages, too few for {TEXTS}")
    return chosen


def _by_function(session: Connection, pid: int, passages: list[Passage]) -> tuple[float, Any]:
    """The embedder's processor time for one call after the other, and the vectors."""
    before = cpu_seconds(pid)
    vectors = [session.execute(EMBED, [text]).fetchone() for *_, text in passages]
    return cpu_seconds(pid) - before, numpy.array([vector for (vector,) in vectors], dtype=numpy.float32)


def _by_embedding_again(
    cluster: Cluster, session: Connection, pid: int, database: str, passages: list[Passage]
) -> float:
    """The embedder's processor time while the monitor embeds the passages, their vectors having been declared stale."""
    ids, columns, _ = zip(*passages, strict=True)
    before = cpu_seconds(pid)
    session.execute(AGAIN, [list(ids), list(columns)])
    session.execute("SELECT schema_monitor.check()")
    wait_until_indexed(cluster, database)
    seconds = cpu_seconds(pid) - before
    count = "SELECT count(*) FROM schema_monitor.schema_embeddings WHERE model = ''"
    [(stale,)] = cluster.query(count, dbname=database)
    if stale:
        raise Unmeasured(f"{stale} passages were not embedded again")
    return seconds


def _least_cosine(ours: Any, theirs: Any) -> float:
    return float((ours * theirs).sum(axis=1).min())
