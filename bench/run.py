"""The benchmarks: `python bench/run.py --pg 18 [--only NAME]`, on servers of their own with the extension installed.

Prints a table (what, measured, target, ok?) and the machine, and writes .dev/bench.json. A measurement that fails is a
row with its error, and the exit status is 1; a target that is missed is marked and is no failure. Files of failed
servers stay behind, to look at their logs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import textwrap
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from bench import machine  # noqa: E402
from bench.measurement import Row  # noqa: E402
from bench.server import Servers  # noqa: E402
from tools.paths import DEFAULT_PG, DEV, SERVER_FOLDERS  # noqa: E402

# in the order of the table; each is a module of its own
MEASUREMENTS = (
    "ddl_capture",
    "fingerprint_full",
    "alter_latency",
    "searchable_latency",
    "embedding_throughput",
    "search_latency",
    "session_memory",
    "embedder_memory",
    "history",
)
RESULT = DEV / "bench.json"
WIDTH = 118


def main() -> int:
    """Runs what was asked for; 1 when something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pg", type=int, default=DEFAULT_PG, choices=sorted(SERVER_FOLDERS), help="major version")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="run this one (may be repeated)")
    given = parser.parse_args()
    start = time.monotonic()
    found: dict[str, Any] = {}
    with Servers(given.pg) as servers:
        for name in given.only or MEASUREMENTS:
            found[name] = _measured(name, servers)
    described = machine.describe(given.pg)
    print(_table(found))
    print(machine.line(described, time.monotonic() - start))
    _write(found, described)
    return int(any("error" in one for one in found.values()))


def _measured(name: str, servers: Servers) -> dict[str, Any]:
    """The rows of one measurement, or its error; and how long it took, in seconds."""
    print(f"== {name}", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        rows: list[Row] = importlib.import_module(f"bench.{name}").measure(servers)
        found: dict[str, Any] = {"rows": rows}
    except Exception as error:  # one that fails must not hide the others
        traceback.print_exc()
        found = {"error": f"{type(error).__name__}: {error}"}
    return {**found, "took_s": round(time.monotonic() - start, 1)}


def _table(found: dict[str, Any]) -> str:
    """What, measured, target, ok?; below each line the figures it is made of."""
    lines = [("what", "measured", "target", "ok?")]
    notes: dict[int, str] = {}
    for name, one in found.items():
        for row in one.get("rows", ()):
            shown = f"{row.figure:.2f} {row.unit}"
            lines.append((row.what, shown, row.target.text(row.unit), "✓" if row.is_met else "✗"))
            notes[len(lines) - 1] = ", ".join(f"{key} {value}" for key, value in row.extra.items() if key != "ratios")
        if "error" in one:
            lines.append((name, "error", "", "✗"))
            notes[len(lines) - 1] = one["error"]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    text = []
    for number, line in enumerate(lines):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        text.extend(textwrap.wrap(notes.get(number, ""), WIDTH, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(text)


def _write(found: dict[str, Any], described: dict[str, str]) -> None:
    """.dev/bench.json: what was measured now, in the place of nothing else."""
    measurements = {
        name: {**one, **({"rows": [row.as_json() for row in one["rows"]]} if "rows" in one else {})}
        for name, one in found.items()
    }
    RESULT.parent.mkdir(exist_ok=True)
    result = {"machine": described, "measurements": measurements}
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
