"""On what the figures were measured: processor, cores, server, commit. No name of the machine and no path of it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from tools.paths import ROOT, server_program


def describe(pg: int) -> dict[str, str]:
    """Processor model, cores this process may use, PostgreSQL's version, commit (with `+` where files differ)."""
    return {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "postgresql": _output(str(server_program(pg, "postgres")), "--version").removeprefix("postgres (PostgreSQL) "),
        "commit": _commit(),
    }


def line(machine: dict[str, str], seconds: float) -> str:
    """The line below the table."""
    where = "{cpu}, {cores} cores, PostgreSQL {postgresql}, commit {commit}".format(**machine)
    return f"{where}; took {seconds:.0f} s"


def _cpu_model() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = text.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _commit() -> str:
    commit = _output("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    differs = _output("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return (commit or "unknown") + ("+" if differs else "")


def _output(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
