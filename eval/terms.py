"""map_term() on the committed business terms: the sample database of the demo, and adventureworks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import mean
from typing import Any

import psycopg

from tools.cluster import Cluster
from tools.paths import ROOT

SET = ROOT / "eval" / "sets" / "terms.jsonl"
SCHEMAS = {
    "sample": [ROOT / "demo" / "sample.sql"],
    "adventureworks": sorted((ROOT.parent / "shared" / "data" / "schemas" / "adventureworks").glob("*.sql")),
}
LIMIT_S = 600


def loaded(cluster: Cluster, name: str, files: list[Path]) -> psycopg.Connection[Any]:
    """A database with the schema, indexed."""
    cluster.query(f"CREATE DATABASE {name}")
    for file in files:
        # A schema made for data that is not there may have statements that fail; what follows them still counts.
        done = cluster.psql(file=file, dbname=name, arguments=["-v", "ON_ERROR_STOP=0"], check=False)
        if missing := re.search(r'extension ".*" is not available', done.stderr):
            raise RuntimeError(f"{file.name} cannot be loaded: {missing.group()}")
    cluster.psql("CREATE EXTENSION IF NOT EXISTS schema_monitor CASCADE", dbname=name)
    connection = cluster.connect(name)
    done = connection.execute("SELECT schema_monitor.wait_until_indexed(make_interval(secs => %s))", (LIMIT_S,)).fetchone()
    if done != (True,):
        raise RuntimeError(f"{name} was not indexed within {LIMIT_S} s")
    return connection


def measure_terms(cluster: Cluster) -> dict[str, float]:
    """Share of the terms whose mapping comes first, and among the first three."""
    cases = [json.loads(line) for line in SET.read_text().splitlines()]
    first, three = [], []
    for name, files in SCHEMAS.items():
        with loaded(cluster, f"terms_{name}", files) as connection:
            for case in (case for case in cases if case["db"] == name):
                rows = connection.execute("SELECT mapping FROM schema_monitor.map_term(%s, NULL, 3)", (case["term"],)).fetchall()
                found = [mapping.lower().replace('"', "") for (mapping,) in rows]
                first.append(bool(found) and found[0] in case["mappings"])
                three.append(any(mapping in case["mappings"] for mapping in found))
    return {f"map_term(): right first ({len(first)} terms)": mean(first), "map_term(): right among three": mean(three)}
