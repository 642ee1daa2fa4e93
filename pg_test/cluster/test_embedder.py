"""The embedder: what crashes it does not do so twice, it keeps to its memory, and says which file of a model is broken."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import PG, SHARED_PRELOAD, assert_healthy, create_database, one, wait_indexed

from tools.cluster import Cluster, wait_until
from tools.models import make_model
from tools.run_directory import give_to_server

# about 500 tokens, which take the large model the better part of a second
LONG = " ".join(f"clause {number} of the agreement" for number in range(120))
SHORT = "what customers owe"


@pytest.fixture(scope="module")
def large() -> Path:
    return make_model("random-e5-large")


@pytest.fixture
def server(large: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server of its own, one thread of which runs a large model."""
    settings = {
        **SHARED_PRELOAD, "schema_monitor.model": str(large), "schema_monitor.embedder_threads": 1, "restart_after_crash": True,
    }  # fmt: skip
    with Cluster(PG, f"embedder-{request.node.originalname.removeprefix('test_')[:20]}", settings=settings) as server:
        yield server


def status(connection: psycopg.Connection[Any], column: str) -> Any:
    return one(connection, f"SELECT {column} FROM schema_monitor.status()")[0]


def embedder(connection: psycopg.Connection[Any]) -> int:
    """Its process, once it answers."""
    wait_until(lambda: status(connection, "embedder").startswith("ready"), "the model", 60)
    return int(one(connection, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'schema_monitor embedder'")[0])


def kill_in_flight(server: Cluster, database: str, how: signal.Signals) -> None:
    """Ends the embedder while the passage that is pending goes through the model; returns when the server is back."""
    mark = server.log_size()
    with server.connect(database) as connection:
        pid = embedder(connection)
        at_work = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'schema_monitor monitor' AND query = 'embedding' AND state = 'active'"
        wait_until(lambda: connection.execute(at_work).fetchone() and runs_something(server), "the passage in the model")
        os.kill(pid, how)
    wait_until(lambda: "all server processes terminated" in server.log_text(mark), "the crash")
    wait_until(lambda: answers(server, database), "the server's return")


def runs_something(server: Cluster) -> bool:
    """Whether the embedder has noted a text that it is about to run: the fourth word of its file."""
    noted = (server.data / "pg_stat_tmp" / "schema_monitor.quarantine").read_bytes()
    return struct.unpack_from("<Q", noted, 24) != (0,)


def answers(server: Cluster, database: str) -> bool:
    try:
        return server.query("SELECT 1", dbname=database) == [(1,)]
    except psycopg.Error:
        return False


def assert_others_go_on(connection: psycopg.Connection[Any]) -> None:
    connection.execute(f"CREATE TABLE other (id int); COMMENT ON TABLE other IS '{SHORT}'")  # type: ignore[arg-type]
    wait_indexed(connection)
    found = "SELECT vector_score IS NOT NULL FROM schema_monitor.search('what customers owe', 5) WHERE object_name = 'other'"
    assert one(connection, found) == (True,)


def with_tables(server: Cluster) -> str:
    database = create_database(server)
    with server.connect(database) as connection:
        connection.execute("CREATE TABLE contract (id int); CREATE TABLE weather (rain int)")
        wait_indexed(connection)
    return database


def test_a_passage_that_crashes_the_model_is_left_out(server: Cluster) -> None:
    database = with_tables(server)
    with server.connect(database) as connection:
        embedder(connection)
        connection.execute(f"COMMENT ON TABLE contract IS '{LONG}'")  # type: ignore[arg-type]
    kill_in_flight(server, database, signal.SIGSEGV)
    with server.connect(database) as connection:
        wait_indexed(connection)
        assert (status(connection, "quarantined"), status(connection, "pending")) == (1, 0)
        assert_others_go_on(connection)
        # not by force either: what did it once would do it again
        connection.execute("SELECT schema_monitor.check(true)")
        wait_indexed(connection)
        assert status(connection, "quarantined") == 1
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="crashed the embedder"):
            (passage,) = one(connection, "SELECT passage FROM schema_monitor._passage WHERE passage LIKE '%%agreement%%'")
            connection.execute("SELECT schema_monitor.embed_passage(%s)", (passage,))
        # found by its words meanwhile
        found = "SELECT lexical_score > 0 FROM schema_monitor.search('clause of the agreement', 5) WHERE object_name = 'contract'"
        assert one(connection, found) == (True,)
        connection.execute("COMMENT ON TABLE contract IS 'an agreement'")
        wait_indexed(connection)
        assert status(connection, "quarantined") == 0
    log = server.log_text()
    assert log.count("was terminated by signal") == 1 and "are left out from now on" in log


def test_a_kill_is_held_against_a_passage_at_the_third_time(server: Cluster) -> None:
    database = with_tables(server)
    with server.connect(database) as connection:
        embedder(connection)
        connection.execute(f"COMMENT ON TABLE contract IS '{LONG}'")  # type: ignore[arg-type]
    for _ in range(2):
        kill_in_flight(server, database, signal.SIGKILL)
    with server.connect(database) as connection:
        wait_indexed(connection)
        assert status(connection, "quarantined") == 0
        connection.execute(f"COMMENT ON TABLE contract IS 'More: {LONG}'")  # type: ignore[arg-type]
    for _ in range(3):
        kill_in_flight(server, database, signal.SIGKILL)
    with server.connect(database) as connection:
        wait_indexed(connection)
        assert status(connection, "quarantined") == 1
        assert_others_go_on(connection)


def test_a_passage_that_takes_too_long_is_left_out_at_the_third_time(server: Cluster) -> None:
    database = with_tables(server)
    with server.connect(database) as connection:
        embedder(connection)
        connection.execute("SET schema_monitor.embedder_timeout = '60s'")
        took = {}
        for text in (SHORT, LONG):
            start = time.monotonic()
            connection.execute("SELECT schema_monitor.embed_passage(%s)", (text,))
            took[text] = time.monotonic() - start
    # between what a short text takes and a long one
    limit = (took[SHORT] * took[LONG]) ** 0.5
    assert took[LONG] > 4 * took[SHORT], took
    server.settings["schema_monitor.embedder_run_timeout"] = f"{max(int(limit * 1000), 1)}ms"
    server.restart()
    with server.connect(database) as connection:
        embedder(connection)
        connection.execute(f"COMMENT ON TABLE contract IS '{LONG}'")  # type: ignore[arg-type]
        wait_indexed(connection)
        assert status(connection, "quarantined") == 1
        reasons = connection.execute("SELECT reason FROM schema_monitor._quarantine").fetchall()
        assert reasons == [("it took too long three times",)]
        assert_others_go_on(connection)
    assert_healthy(server, database)


def test_a_model_that_does_not_fit_is_refused(large: Path) -> None:
    settings = {**SHARED_PRELOAD, "schema_monitor.model": str(large), "restart_after_crash": False}
    weights = (large / "model.onnx").stat().st_size >> 20
    for limit in (weights - 10, weights + 40):  # refused by its size; by the system, while it is being loaded
        settings["schema_monitor.embedder_memory_limit"] = f"{limit}MB"
        with Cluster(PG, "memory", settings=settings) as server:
            database = create_database(server)
            with server.connect(database) as connection:
                connection.execute("CREATE TABLE contract (id int)")
                wait_until(lambda: status(connection, "embedder").startswith("no model"), "the refusal", 60)  # noqa: B023
                assert "model.onnx" in status(connection, "embedder")
                connection.execute("SELECT schema_monitor.check()")
                found = "SELECT object_name FROM schema_monitor.search('contract', 1)"
                assert one(connection, found) == ("contract",)
            assert "was terminated by signal" not in server.log_text()


def broken(directory: Path, kind: str) -> str:
    """Breaks a model; gives the file that must be named."""
    file = {"tokens": "tokenizer.json", "prefixes": "schema_monitor.json", "no config": "config.json"}.get(kind, "model.onnx")
    path = directory / file
    content = path.read_bytes()
    if kind == "corrupt":
        path.write_bytes(os.urandom(len(content)))
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "flipped":
        # in the middle of the graph's structure, not of a weight
        path.write_bytes(content[:200] + bytes(byte ^ 0xFF for byte in content[200:260]) + content[260:])
    elif kind == "input name":
        path.write_bytes(content.replace(b"input_ids", b"input_idz"))
    elif kind == "dimension":
        config = directory / "config.json"
        config.write_text(config.read_text().replace('"hidden_size": 32', '"hidden_size": 48'))
    elif kind == "prefixes":
        path.write_text("{}")
    else:
        path.write_bytes(content[: len(content) // 3])
    return file


KINDS = ["corrupt", "truncated", "flipped", "input name", "dimension", "tokens", "prefixes", "no config"]


def test_broken_model_files_are_refused_by_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each beside a model that works, which goes on answering."""
    whole = make_model("random-bert")
    with Cluster(PG, "broken", settings={**SHARED_PRELOAD, "schema_monitor.model": str(whole)}) as server:
        place = server.directory / "models"
        database = create_database(server)
        with server.connect(database) as connection:
            connection.execute("CREATE TABLE contract (id int)")
            wait_indexed(connection)
            for kind in KINDS:
                copy = place / kind.replace(" ", "_")
                shutil.copytree(whole, copy)
                file = broken(copy, kind)
                for path in (place, copy, *copy.rglob("*")):
                    give_to_server(path)
                connection.execute(f"ALTER SYSTEM SET schema_monitor.model = '{copy}'")  # type: ignore[arg-type]
                connection.execute("SELECT pg_reload_conf()")
                named = f"{copy}/{file}"
                wait_until(lambda: named in status(connection, "embedder"), f"the refusal of {kind}", 20)  # noqa: B023
                assert one(connection, "SELECT object_name FROM schema_monitor.search('contract', 1)") == ("contract",)
                connection.execute("ALTER SYSTEM RESET schema_monitor.model")
                connection.execute("SELECT pg_reload_conf()")
                embedder(connection)
        assert_healthy(server, database)
