"""The proofs against real servers: `python pg_test/run.py --pg 18`.

Runs pytest over `cluster/` against servers of ours, as many files at once as there are processors (four at most), then the
Rust client in `client/`, and prints how many tests ran. No test at all is a failure, and so is a run that skipped without saying why.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.paths import ROOT
from tools.run_directory import private_directory, run_directory

HERE = Path(__file__).resolve().parent
# each has a server and its embedder, and more for tests that stop theirs: memory, too, is shared
MOST_AT_ONCE = 4


class Counter:
    """Counts what pytest ran; a skip must give its reason, which is printed."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0
        self.reasons: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed += 1
        elif report.failed:
            self.failed += 1
        elif report.skipped:
            self.skipped += 1
            reason = report.longrepr[2] if isinstance(report.longrepr, (tuple, list)) else str(report.longrepr)
            self.reasons.append(f"{report.nodeid}: {reason}")


def run_client(pg: int) -> int:
    """The Rust client's tests; gives how many passed, or -1."""
    from cluster.support import SHARED_PRELOAD
    from tools.cluster import Cluster

    with Cluster(pg, "client", settings=SHARED_PRELOAD, tcp=True) as cluster:
        environment = {**os.environ, "SCHEMA_MONITOR_TEST_URL": cluster.url("postgres", tcp=True)}
        done = subprocess.run(
            ["cargo", "test", "-p", "client", "--", "--test-threads=1"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )
    if done.returncode:
        print(done.stdout[-6000:], done.stderr[-3000:])
        return -1
    return sum(int(count) for count in re.findall(r"test result: ok\. (\d+) passed", done.stdout))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pg", type=int, default=18, choices=(18, 16), help="major version of the server")
    parser.add_argument("arguments", nargs="*", help="further arguments for pytest")
    options = parser.parse_args()
    os.environ["SCHEMA_MONITOR_PG"] = str(options.pg)
    sys.path.insert(0, str(HERE))
    counter = Counter()
    selection = options.arguments or [str(HERE / "cluster"), str(HERE.parent / "tools")]
    at_once = min(os.cpu_count() or 1, MOST_AT_ONCE)
    words = ["-q", "-p", "no:cacheprovider", "--numprocesses", str(at_once), "--dist", "loadfile", "--durations", "10"]
    words += [] if os.environ.get("CI") else ["-x"]
    # before several processes want to make it
    private_directory(run_directory())
    status = pytest.main([*words, *selection], [counter])
    client = 0 if options.arguments else run_client(options.pg)
    passed, failed = counter.passed + max(client, 0), counter.failed + (client < 0)
    for reason in counter.reasons:
        print(f"skipped: {reason}")
    print(f"PostgreSQL {options.pg}:")
    print(f"{passed} passed, {failed} failed, {counter.skipped} skipped")
    if passed == 0:
        print("no test ran: that is a failure")
        return 1
    return int(status) or int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
