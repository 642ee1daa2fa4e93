"""The isolation specs of `../specs`, run by PostgreSQL's own isolationtester; SCHEMA_MONITOR_EXPECT=write writes anew."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support import PG, assert_healthy, create_database

from tools.cluster import Cluster
from tools.paths import server_program

SPECS = Path(__file__).parent.parent / "specs"
TESTER = server_program(PG, "psql").parent.parent / "lib" / "postgresql" / "pgxs" / "src" / "test" / "isolation" / "isolationtester"


@pytest.mark.parametrize("name", sorted(path.stem for path in SPECS.glob("*.spec")))
def test_sessions_beside_each_other(cluster: Cluster, name: str) -> None:
    database = create_database(cluster)
    done = subprocess.run(
        [str(TESTER), cluster.url(database, tcp=False)],
        input=(SPECS / f"{name}.spec").read_text(), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = SPECS / "expected" / f"{name}.out"
    if os.environ.get("SCHEMA_MONITOR_EXPECT") == "write":
        expected.write_text(done.stdout)
    assert done.stdout.splitlines() == expected.read_text().splitlines()
    assert_healthy(cluster, database)


def test_every_spec_is_expected_to_say_something() -> None:
    assert len(list(SPECS.glob("*.spec"))) >= 3
    for spec in SPECS.glob("*.spec"):
        assert (SPECS / "expected" / f"{spec.stem}.out").read_text().count("step") >= 5, spec
