"""Real migrations, step by step: the history equals what a full re-read gives, object by object."""

from __future__ import annotations

import pytest
from support import DATA, HISTORIES, audit, create_database, one, version, wait_indexed

from tools.cluster import Cluster


@pytest.mark.parametrize("name", HISTORIES)
def test_history_equals_a_full_reading_after_every_step(data: None, cluster: Cluster, name: str) -> None:
    database = create_database(cluster)
    steps = sorted((DATA / "migrations" / name).glob("*_up.sql"))
    assert len(steps) >= 15
    with cluster.connect(database) as connection:
        wait_indexed(connection)
        for step in steps:
            before = one(connection, "SELECT schema_monitor.fingerprint_tree()")
            known = version(connection)
            cluster.psql(file=step, dbname=database)
            # Not check(), which compares everything: what is proved is that the captured events suffice.
            wait_indexed(connection)
            assert audit(connection) == [], step.name
            after = one(connection, "SELECT schema_monitor.fingerprint_tree()")
            if before == after:
                assert version(connection) == known, f"{step.name} changed nothing and made a version"
            else:
                assert version(connection) > known, f"{step.name} changed the schema and made no version"
            (recorded,) = one(connection, "SELECT fingerprint FROM schema_monitor.versions ORDER BY version DESC LIMIT 1")
            assert (recorded,) == one(connection, "SELECT schema_monitor.fingerprint()")
