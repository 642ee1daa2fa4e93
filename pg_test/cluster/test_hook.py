"""schema-monitor.sh: a schema under version control, in a real git repository."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from support import PG, create_database

from tools.cluster import Cluster
from tools.paths import ROOT, server_program

SCRIPT = ROOT / "tools" / "schema-monitor.sh"


class Repository:
    """A git repository with a database of its own."""

    def __init__(self, path: Path, cluster: Cluster, database: str) -> None:
        self.path, self.cluster, self.database = path, cluster, database
        programs = str(server_program(PG, "psql").parent)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PG"))}
        self.environment = {
            **kept, "PATH": f"{programs}:{os.environ['PATH']}", "DATABASE_URL": cluster.url(database, tcp=False),
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null",
        }  # fmt: skip
        self.run("git", "init", "-q")
        (path / "migrations").mkdir()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False)

    def script(self, word: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(SCRIPT), word)

    def write(self, name: str, sql: str) -> None:
        (self.path / "migrations" / name).write_text(sql)

    def migrate(self, name: str) -> None:
        self.cluster.psql(file=self.path / "migrations" / name, dbname=self.database)

    def commit(self) -> subprocess.CompletedProcess[str]:
        self.run("git", "add", "-A")
        return self.run("git", "commit", "-q", "-m", "a change")


@pytest.fixture
def repository(tmp_path: Path, cluster: Cluster) -> Repository:
    return Repository(tmp_path, cluster, create_database(cluster))


def test_a_commit_without_its_schema_is_refused(repository: Repository) -> None:
    installed = repository.script("install")
    assert installed.returncode == 0, installed.stderr
    assert "is there already" in repository.script("install").stderr

    repository.write("1.sql", "CREATE TABLE item (id int PRIMARY KEY, label text);")
    refused = repository.commit()
    assert refused.returncode == 1 and "record" in refused.stderr, refused
    repository.migrate("1.sql")
    assert repository.script("record").returncode == 0
    assert repository.commit().returncode == 0

    # a migration that was run and whose schema was not recorded; then one that was recorded and not run
    repository.write("2.sql", "ALTER TABLE item ADD price numeric;")
    repository.migrate("2.sql")
    refused = repository.commit()
    assert refused.returncode == 1 and "not the schema it leads to" in refused.stderr, refused
    assert repository.script("record").returncode == 0
    assert repository.commit().returncode == 0
    schema = json.loads((repository.path / "schema.json").read_text())
    (item,) = [one for one in schema if one["name"] == "item"]
    assert [part["name"] for part in item["parts"] if part["kind"] == "column"] == ["id", "label", "price"]

    # a migration that changes no structure, and a commit that has nothing to do with it
    repository.write("3.sql", "UPDATE item SET price = 0;")
    repository.migrate("3.sql")
    assert repository.commit().returncode == 0
    (repository.path / "README").write_text("x")
    assert repository.commit().returncode == 0


def test_ci_finds_drift_and_edits_by_hand(repository: Repository) -> None:
    missing = repository.script("check")
    assert missing.returncode == 1 and "missing" in missing.stderr
    assert repository.script("record").returncode == 0
    assert repository.script("check").returncode == 0
    with repository.cluster.connect(repository.database) as connection:
        connection.execute("CREATE TABLE unplanned (a int)")
        drifted = repository.script("check")
        assert drifted.returncode == 1 and "without one" in drifted.stderr, drifted
        connection.execute("DROP TABLE unplanned")
    assert repository.script("check").returncode == 0
    file = repository.path / "schema.json"
    file.write_text(file.read_text() + "\n")
    edited = repository.script("check")
    assert edited.returncode == 1 and "by hand" in edited.stderr


def test_two_databases_with_one_schema_give_one_file(repository: Repository, cluster: Cluster) -> None:
    other = create_database(cluster)
    first, second = "CREATE TABLE a (x int, y text)", "CREATE TABLE b (x int)"
    for database, order in ((repository.database, (first, second)), (other, (second, first))):
        with cluster.connect(database) as connection:
            for sql in order:
                connection.execute(sql)  # type: ignore[arg-type]
    texts = []
    for database in (repository.database, other):
        repository.environment["DATABASE_URL"] = cluster.url(database, tcp=False)
        assert repository.script("record").returncode == 0
        texts.append((repository.path / "schema.json").read_text() + (repository.path / "schema.json.sha256").read_text())
    assert texts[0] == texts[1]


def test_a_server_that_cannot_be_reached_is_a_failure(repository: Repository) -> None:
    assert repository.script("record").returncode == 0
    repository.environment["DATABASE_URL"] = "host=/nonexistent dbname=x"
    failed = repository.script("check")
    assert failed.returncode != 0 and "nonexistent" in failed.stderr
    assert repository.run(str(SCRIPT)).returncode == 2
