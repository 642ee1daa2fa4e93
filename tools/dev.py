"""The command line behind the Makefile: `python3 -m tools.dev COMMAND`. Runs on any Python 3.10+, without packages."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

if sys.version_info < (3, 10):
    sys.exit("schema_monitor's tools want Python 3.10 or newer: say make PYTHON=python3.12 …")

from tools import build, check
from tools.cluster import Cluster, ClusterError, all_clusters
from tools.contrib import set_up_contrib
from tools.environment import cargo_environment, set_up_cargo_pgrx, set_up_python, set_up_servers
from tools.fuzz import fuzz
from tools.models import make_model
from tools.paths import CARGO_ROOT, DEFAULT_MODEL, DEFAULT_PG, SERVER_FOLDERS, SERVERS, VENV
from tools.regression_suite import regress
from tools.step import SetupError

SERVED_DATABASE = "postgres"
# what `env` prints: all that cargo_environment sets
CARGO_VARIABLES = (
    "PGRX_HOME",
    "LIBCLANG_PATH",
    "BINDGEN_EXTRA_CLANG_ARGS",
    "ORT_DYLIB_PATH",
    "SCHEMA_MONITOR_TEST_MODELS",
)


def set_up() -> None:
    """All tools and the default model, nothing of our own built."""
    set_up_python()
    set_up_servers()
    set_up_cargo_pgrx()
    make_model(DEFAULT_MODEL)


def serve(pg: int) -> None:
    """Builds, starts (or restarts, where the library is newer) and prints how to reach it."""
    changed = build.build_for_ours(pg)
    cluster = Cluster(pg, tcp=True)
    if changed and cluster.is_running():
        cluster.stop()
    cluster.start()
    cluster.psql(
        "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS schema_monitor CASCADE;",
        dbname=SERVED_DATABASE,
    )
    print(f"PostgreSQL {pg} runs on {cluster.data}, log in {cluster.log}")
    print(f"talk to it: make psql PG={pg}    stop it: make stop PG={pg}")
    print(cluster.url(SERVED_DATABASE))


def stop(pg: int | None) -> None:
    """Stops the served clusters that run, or only the one of that major version."""
    served = [] if not SERVERS.exists() else [one for one in all_clusters() if one.name == "serve"]
    running = [one for one in served if one.is_running() and pg in (None, one.pg)]
    for cluster in running:
        cluster.stop()
        print(f"stopped PostgreSQL {cluster.pg}")
    if not running:
        print("nothing runs")


def psql(pg: int, arguments: list[str]) -> None:
    """Becomes psql on the served cluster."""
    cluster = Cluster(pg) if SERVERS.exists() else None
    if cluster is None or not cluster.is_running():
        raise SetupError(f"PostgreSQL {pg} does not run: make serve PG={pg}")
    words = [str(word) for word in cluster.psql_words(SERVED_DATABASE)]
    os.execv(words[0], [*words, *arguments])


def print_environment() -> None:
    """Shell lines that make `cargo clippy`, `cargo pgrx` … work by hand as they do here."""
    set_up_python()
    set_up_servers()
    set_up_cargo_pgrx()
    env = cargo_environment()
    for name in CARGO_VARIABLES:
        print(f"export {name}={shlex.quote(env[name])}")
    print(f'export PATH={shlex.quote(str(CARGO_ROOT / "bin"))}:{shlex.quote(str(VENV / "bin"))}:"$PATH"')


def script(pg: int | None, program: str, arguments: list[str]) -> None:
    """Builds and runs the demo or the benchmarks."""
    build.build_for_ours(pg or DEFAULT_PG)
    check.run_script(program, [*(["--pg", str(pg)] if pg else []), *arguments])


def evaluate(pg: int | None, arguments: list[str]) -> None:
    """Builds and runs `eval/run.py`; one of the schemas that it loads wants contrib modules."""
    set_up_python()
    set_up_servers()
    set_up_contrib()
    script(pg, "eval/run.py", arguments)


def main() -> int:
    """Runs one command; a failure we foresaw is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.dev", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("setup", "lint", "deny", "env"):
        commands.add_parser(name)
    for name in ("build", "test", "test-long", "fuzz", "demo", "bench", "eval", "serve", "stop", "psql"):
        command = commands.add_parser(name)
        command.add_argument("--pg", type=int, choices=sorted(SERVER_FOLDERS))
        command.add_argument("arguments", nargs="*")
    command = commands.add_parser("model")
    command.add_argument("name")
    command.add_argument("arguments", nargs="*", help="further words for the converter")
    commands.add_parser("install").add_argument("--pg-config", required=True)
    command = commands.add_parser("regress")
    command.add_argument("--pg-config", required=True)
    command.add_argument("--source", required=True)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    pg = getattr(given, "pg", None)
    actions = {
        "setup": set_up,
        "build": lambda: [build.build_for_ours(one) for one in ([pg] if pg else SERVER_FOLDERS)],
        "install": lambda: build.install(given.pg_config),
        "regress": lambda: regress(given.pg_config, given.source),
        "model": lambda: print(make_model(given.name, given.arguments)),
        "serve": lambda: serve(pg or DEFAULT_PG),
        "stop": lambda: stop(pg),
        "psql": lambda: psql(pg or DEFAULT_PG, given.arguments),
        "test": lambda: check.test(pg),
        "test-long": lambda: check.test_long(pg),
        "fuzz": lambda: fuzz(given.arguments),
        "demo": lambda: script(pg, "demo/demo.py", given.arguments),
        "bench": lambda: script(pg, "bench/run.py", given.arguments),
        "eval": lambda: evaluate(pg, given.arguments),
        "lint": check.lint,
        "deny": check.deny,
        "env": print_environment,
    }
    try:
        actions[given.command]()
    except (SetupError, ClusterError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
