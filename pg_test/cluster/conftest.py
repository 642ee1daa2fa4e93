"""One preloaded server for each process of the run, and a database of its own for each test that asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support import DATA, PG, SHARED_PRELOAD, assert_healthy, create_database

from tools.cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A preloaded server."""
    name = "-".join(["test", *filter(None, [os.environ.get("PYTEST_XDIST_WORKER")])])
    with Cluster(PG, name, settings=SHARED_PRELOAD) as cluster:
        yield cluster
        log = cluster.log_text()
        assert "PANIC" not in log and "was terminated by signal" not in log, log[-4000:]


@pytest.fixture
def database(cluster: Cluster) -> str:
    """A database with the extension."""
    return create_database(cluster)


@pytest.fixture
def guarded(cluster: Cluster, database: str) -> Iterator[str]:
    """A database with the extension in which all must be well afterwards."""
    yield database
    assert_healthy(cluster, database)


@pytest.fixture
def connection(cluster: Cluster, database: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to that database."""
    with cluster.connect(database) as connection:
        yield connection


@pytest.fixture
def reader(cluster: Cluster, database: str) -> Iterator[str]:
    """A role without any right."""
    role = f"reader_{database}"
    with cluster.connect("postgres") as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
    yield role
    with cluster.connect(database) as connection:
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
def data() -> None:
    """Skips where the real schemas are not there."""
    if not DATA.is_dir():
        pytest.skip("the real schemas are not beside this checkout")
