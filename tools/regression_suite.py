"""PostgreSQL's own regression suite in a database with the extension: the same answers as without, but for a few lists.

    make regress PG_CONFIG=/opt/pg17/bin/pg_config SOURCE=/src/postgresql-17/src/test/regress

SOURCE is that directory of the server's own source, built (`make -C src/test/regress`); the extension and pgvector must
be installed in the server. The suite runs twice, each time in a cluster of its own under .dev/run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.run_directory import give_to_server, private_directory, run_directory
from tools.server_user import server_user
from tools.step import SetupError

PORT = 6170
# what these print of all that is in the database: operators and functions, access methods, locks, event triggers
APPROVED = {
    "opr_sanity": "lists pgvector's operators and our SECURITY DEFINER functions",
    "psql": "lists pgvector's access methods",
    "amutils": "lists pgvector's access methods",
    "alter_table": "lists the locks of a DDL: the one on ddl_event is among them",
    "event_trigger": "lists our event triggers",
    "create_index": "index-only plans want all-visible pages, which VACUUM leaves out while any snapshot is open: a comparison's",
}


def run(words: list[str | Path], log: Path, check: bool = True) -> int:
    """As the server's user; SetupError with the end of its output when it fails."""
    with log.open("a") as output:
        command = [*server_user().prefix, *map(str, words)]
        code = subprocess.run(command, stdout=output, stderr=output, cwd=log.parent, env={"LC_ALL": "C"}).returncode
    if check and code != 0:
        raise SetupError(f"{words[0]} failed with status {code}\n{log.read_text()[-2000:]}")
    return code


def suite(binaries: Path, source: Path, regress: Path, with_us: bool) -> set[str]:
    """Runs it; gives the tests whose output was another than expected."""
    place = run_directory() / f"regress-{'with' if with_us else 'without'}"
    shutil.rmtree(place, ignore_errors=True)
    private_directory(place)
    give_to_server(place)
    data, log = place / "data", place / "log"
    log.touch()
    give_to_server(log)
    run([binaries / "initdb", "-D", data, "-U", "postgres", "--no-locale", "-E", "UTF8", "--no-sync"], log)
    settings = f"-p {PORT} -k {place} -c listen_addresses= -c fsync=off -c max_prepared_transactions=2"
    options: list[str | Path] = []
    if with_us:
        settings += " -c shared_preload_libraries=schema_monitor"
        options = ["--load-extension=vector", "--load-extension=schema_monitor"]
    run([binaries / "pg_ctl", "-D", data, "-l", place / "server.log", "-o", settings, "-w", "start"], log)
    try:
        where: list[str | Path] = [f"--host={place}", f"--port={PORT}", "--user=postgres", "--max-concurrent-tests=20"]
        paths: list[str | Path] = [f"--inputdir={source}", f"--bindir={binaries}", f"--dlpath={source}", f"--outputdir={place}"]
        told = place / "result"
        told.touch()
        give_to_server(told)
        run([regress, *paths, *where, f"--schedule={source / 'parallel_schedule'}", *options], told, check=False)
        text = told.read_text()
        if not re.search(r"^ok ", text, re.MULTILINE):
            raise SetupError(f"no test ran\n{text[-2000:]}")
        if with_us:
            audit = place / "audit"
            audit.touch()
            give_to_server(audit)
            question = "SELECT schema_monitor.wait_until_indexed('300 s'), (SELECT count(*) FROM schema_monitor._audit())"
            run([binaries / "psql", "-h", place, "-p", str(PORT), "-U", "postgres", "-d", "regression", "-Atc", question], audit)
            if audit.read_text().strip() != "t|0":
                raise SetupError(f"the history is not the catalog: {audit.read_text().strip()}")
        return set(re.findall(r"^not ok \d+\s+[-+] (\S+)", text, re.MULTILINE))
    finally:
        run([binaries / "pg_ctl", "-D", data, "-m", "fast", "stop"], log, check=False)


def regress(pg_config: str, source: str) -> None:
    """Runs the suite without and with the extension and compares."""
    if not pg_config or not source:
        raise SetupError("make regress wants PG_CONFIG and SOURCE")
    asked = subprocess.run([pg_config, "--bindir", "--pgxs"], capture_output=True, text=True, check=True).stdout.split("\n")
    binaries, program = Path(asked[0]), Path(asked[1]).parents[1] / "test" / "regress" / "pg_regress"
    without = suite(binaries, Path(source), program, False)
    ours = suite(binaries, Path(source), program, True)
    print(f"other than expected without the extension: {', '.join(sorted(without)) or 'none'}")
    for name in sorted(ours - without):
        print(f"other with the extension: {name} ({APPROVED.get(name, 'NOT APPROVED')})")
    if wrong := ours - without - APPROVED.keys():
        raise SetupError(f"see {run_directory() / 'regress-with' / 'regression.diffs'}: {', '.join(sorted(wrong))}")
    print("PostgreSQL's regression suite: the same as without the extension, but for the approved lists")


if __name__ == "__main__":
    sys.exit("say make regress")
