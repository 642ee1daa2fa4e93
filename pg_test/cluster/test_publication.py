"""Logical replication: a publication of all tables cannot leave ours out, and must not suffer from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support import PG, SHARED_PRELOAD, assert_healthy, audit, create_database, one, version, wait_indexed

from tools.cluster import Cluster, wait_until

HISTORY = "SELECT version, recorded_at FROM schema_monitor.versions ORDER BY version"
TABLES = "CREATE TABLE item (id int PRIMARY KEY, name text); CREATE TABLE sale (id int PRIMARY KEY, item int)"


@pytest.fixture(scope="module")
def publisher() -> Iterator[Cluster]:
    with Cluster(PG, "publisher", settings={**SHARED_PRELOAD, "wal_level": "logical"}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def subscriber() -> Iterator[Cluster]:
    with Cluster(PG, "subscriber", settings=SHARED_PRELOAD) as cluster:
        yield cluster


def subscribe(publisher: Cluster, database: str, connection: psycopg.Connection[Any], name: str) -> None:
    url = publisher.url(database, tcp=False)
    connection.execute(f"CREATE SUBSCRIPTION {name} CONNECTION '{url}' PUBLICATION everything")  # type: ignore[arg-type]


def arrives(publisher: psycopg.Connection[Any], subscriber: psycopg.Connection[Any], number: int) -> None:
    publisher.execute("INSERT INTO item VALUES (%s, 'x')", (number,))
    question = "SELECT count(*) FROM item WHERE id = %s"
    wait_until(lambda: one(subscriber, question, number) == (1,), f"row {number} on the subscriber")


@pytest.mark.parametrize("with_us", [True, False], ids=["with us there", "without us there"])
def test_all_tables_published(publisher: Cluster, subscriber: Cluster, with_us: bool) -> None:
    source = create_database(publisher)
    target = create_database(subscriber, extension=with_us)
    name = f"sub_{target}"
    with publisher.connect(source) as there, subscriber.connect(target) as here:
        there.execute(TABLES)
        here.execute(TABLES)
        wait_indexed(there)
        if with_us:
            wait_indexed(here)
        # a subscriber without the extension: the recipe of the README
        there.execute(f"CREATE PUBLICATION everything FOR {'ALL TABLES' if with_us else 'TABLES IN SCHEMA public'}")  # type: ignore[arg-type]
        if not with_us:
            there.execute("CREATE PUBLICATION nobody_s FOR ALL TABLES")
        subscribe(publisher, source, here, name)
        # a table dropped on the publisher while another is copied fails the copy, with us or without
        copied = "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel"
        wait_until(lambda: one(here, copied) == (True,), "the copy of all tables")
        arrives(there, here, 1)
        # whatever we write on the publisher reaches a subscriber that has its own
        for number in range(2, 8):
            there.execute(f"CREATE TABLE only_there_{number} (id int PRIMARY KEY); ALTER TABLE sale ADD c{number} int")  # type: ignore[arg-type]
            here.execute(f"ALTER TABLE sale ADD c{number} int")  # type: ignore[arg-type]
            there.execute(f"UPDATE item SET name = 'y'; DELETE FROM item WHERE id < {number - 1}")  # type: ignore[arg-type]
            here.execute(f"CREATE TABLE only_there_{number} (id int PRIMARY KEY)")  # type: ignore[arg-type]
            there.execute(f"DROP TABLE only_there_{number}")  # type: ignore[arg-type]
            wait_indexed(there)
            arrives(there, here, number)
        assert audit(there) == []
        if with_us:
            known = version(here)
            here.execute("ALTER TABLE item ADD weight int")
            wait_indexed(here)
            assert version(here) > known and audit(here) == []
            found = one(here, "SELECT identity FROM schema_monitor.search('weight of an item', 1)")
            assert found == ("public.item",)
        assert one(here, "SELECT count(*) FROM pg_stat_subscription_stats WHERE apply_error_count + sync_error_count > 0") == (0,)
        here.execute(f"DROP SUBSCRIPTION {name}")  # type: ignore[arg-type]
        if with_us:
            # what the publisher's history left behind is no restored one: ours stays
            recorded = here.execute(HISTORY).fetchall()
            here.execute("CREATE TABLE after_all (id int)")
            wait_indexed(here)
            here.execute("SELECT schema_monitor.check(true)")
            assert here.execute(HISTORY).fetchall()[: len(recorded)] == recorded
            assert one(here, "SELECT count(DISTINCT incarnation) FROM schema_monitor._version") == (2,)
    assert_healthy(publisher, source)
    if with_us:
        assert_healthy(subscriber, target)
