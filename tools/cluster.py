"""A PostgreSQL cluster of our own servers: made, started, crashed and stopped by `make serve`, demo, tests, benches.

    with Cluster(18, "capture", settings={"schema_monitor.enabled": True}) as cluster:
        with cluster.connect("postgres") as connection: ...

Superuser `postgres`; trust on a socket in a directory only we can enter, SCRAM on the optional TCP port. Each
cluster is found, and stopped, by its own data directory.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from tools.paths import DEFAULT_PG, server_program
from tools.run_directory import give_to_server, private_directory, run_directory, socket_directory
from tools.server_user import server_user
from tools.step import LOG_LINES_SHOWN

if TYPE_CHECKING:
    import psycopg

Setting = bool | int | float | str
T = TypeVar("T")

# a crashed server recovers first, and a busy machine is slow
START_STOP_LIMIT_S = 120
# in the server's environment these would change what is tested: RUST_BACKTRACE puts a backtrace into every error's
# DETAIL, and the extension has to set ONNX Runtime's and tokenizers' switches by itself
KEPT_FROM_SERVER = ("RUST_", "PG", "LC_", "LANG", "MAKE", "MFLAGS", "ORT_", "TOKENIZERS_", "SCHEMA_MONITOR_")
DEFAULT_SETTINGS: Mapping[str, Setting] = {
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %b %d ",
    "unix_socket_permissions": "0700",
    "max_connections": 50,
    # a transaction log of a few minutes' work, not of a production server's day
    "max_wal_size": "512MB",
}


class ClusterError(Exception):
    """A server program failed; the message carries its output and the end of the server's log."""


class Cluster:
    """One data directory and the server on it; nothing happens before `create`, `start` or `with`.

    settings: what goes into the configuration; change the dict and `restart` or `reload`. preload: whether
    schema_monitor is in shared_preload_libraries. tcp: also listen on 127.0.0.1, on a free port. environment:
    variables added for the server. keep: `with` leaves the data directory behind even after success.
    """

    def __init__(
        self,
        pg: int = DEFAULT_PG,
        name: str = "serve",
        *,
        settings: Mapping[str, Setting] | None = None,
        preload: bool = True,
        tcp: bool = False,
        environment: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        self.pg, self.name = pg, name
        self.settings: dict[str, Setting] = {**DEFAULT_SETTINGS, **(settings or {})}
        self.preload, self.tcp, self.keep = preload, tcp, keep
        self.environment = dict(environment or {})
        self.directory = run_directory() / (f"pg{pg}" if name == "serve" else f"pg{pg}-{name}")
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.socket_directory = socket_directory(self.directory)

    # --- life

    def create(self, *, fresh: bool = False, options: Sequence[str] = ()) -> Cluster:
        """initdb (UTF8, C locale of libc, `options`), unless the data directory is there; `fresh` begins anew."""
        if fresh:
            self.destroy()
        if (self.data / "PG_VERSION").is_file():
            return self
        shutil.rmtree(self.directory, ignore_errors=True)
        private_directory(self.directory)
        password = self.directory / "password"
        password.touch(0o600)
        password.write_text(secrets.token_urlsafe(24))
        give_to_server(password)
        self.server_run(
            "initdb", "--pgdata", self.data, "--username", "postgres", "--pwfile", password, "--no-sync",
            "--encoding", "UTF8", "--locale", "C", "--locale-provider", "libc",
            "--auth-local", "trust", "--auth-host", "scram-sha-256", *options,
        )  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude_if_exists = 'cluster.conf'\n")
        return self

    def create_standby(self, primary: Cluster) -> Cluster:
        """A hot standby that streams from a running cluster, in the place of what was there."""
        self.destroy()
        private_directory(self.directory)
        self.server_run(
            "pg_basebackup", "--pgdata", self.data, "--write-recovery-conf", "--checkpoint", "fast", "--no-sync",
            "--dbname", primary.url(tcp=False),
        )  # fmt: skip
        return self

    def promote(self) -> None:
        """Ends the recovery of a standby."""
        self._pg_ctl("promote")

    def start(self) -> Cluster:
        """Creates the cluster if need be, writes the settings and starts; returns when it accepts connections."""
        if self.is_running():
            return self
        self.create()
        private_directory(self.socket_directory)
        self._write_settings()
        self._pg_ctl("start", "--log", self.log)
        return self

    def stop(self, mode: str = "fast") -> None:
        """Stops the server if it runs; `mode` is pg_ctl's: smart, fast or immediate."""
        if self.is_running():
            self._pg_ctl("stop", "--mode", mode)

    def restart(self, mode: str = "fast") -> None:
        """Stops and starts, with the settings as they are now."""
        self.stop(mode)
        self.start()

    def crash(self) -> None:
        """Stops without a checkpoint, so that the next start recovers from the transaction log."""
        self.stop("immediate")

    def reload(self) -> None:
        """Writes the settings and has the running server read them."""
        self._write_settings()
        self._pg_ctl("reload")

    def destroy(self) -> None:
        """Stops without care and removes all of the cluster, log included."""
        self.crash()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.socket_directory, ignore_errors=True)

    def __enter__(self) -> Cluster:
        try:
            return self.create(fresh=True).start()
        except BaseException:
            self.crash()
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stops; removes the data directory after success, leaves everything to look at after a failure."""
        self.stop("fast" if kind is None else "immediate")
        if kind is None and not self.keep:
            shutil.rmtree(self.data, ignore_errors=True)

    # --- questions

    def postmaster_pid(self) -> int | None:
        """The postmaster's process id, or None when it does not run."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        try:
            # after a crash of the machine the number may be somebody else's
            return pid if os.readlink(f"/proc/{pid}/cwd") == str(self.data.resolve()) else None
        except OSError:
            return pid

    def is_running(self) -> bool:
        """Whether a postmaster runs on this data directory."""
        return self.postmaster_pid() is not None

    @property
    def port(self) -> int:
        """The port (of the socket's name, and of TCP); chosen at the first start and kept while it is free."""
        return int((self.directory / "port").read_text())

    def url(self, dbname: str = "postgres", *, tcp: bool | None = None) -> str:
        """A connection string for any client; over TCP, with the password, where the cluster listens on it."""
        if self.tcp if tcp is None else tcp:
            password = (self.directory / "password").read_text().strip()
            return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{quote(dbname, safe='')}"
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql://postgres@{host}:{self.port}/{quote(dbname, safe='')}"

    def log_size(self) -> int:
        """A mark for `log_text`: how many bytes of log there are now."""
        return self.log.stat().st_size if self.log.exists() else 0

    def log_text(self, since: int = 0) -> str:
        """The server's log from the mark on."""
        return self.log.read_bytes()[since:].decode(errors="replace") if self.log.exists() else ""

    # --- clients

    def connect(self, dbname: str = "postgres", *, autocommit: bool = True, **options: Any) -> psycopg.Connection[Any]:
        """A psycopg connection over the socket; `options` are psycopg's (user, row_factory, options…)."""
        import psycopg  # only in .dev/venv; the set-up runs outside it

        where = {"host": str(self.socket_directory), "port": self.port, "user": "postgres", "dbname": dbname}
        return psycopg.connect(autocommit=autocommit, **{**where, **options})

    def query(self, sql: str, parameters: Sequence[Any] | None = None, *, dbname: str = "postgres") -> list[Any]:
        """Runs one statement on a connection of its own; its rows, or [] where it has none."""
        with self.connect(dbname) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def psql(
        self,
        sql: str | None = None,
        *,
        file: Path | None = None,
        dbname: str = "postgres",
        arguments: Sequence[str] = (),
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Runs psql on a string or a file, without psqlrc, stopping at the first error.

        `check` raises ClusterError when it fails. Later arguments win, so `-v ON_ERROR_STOP=0` may be among them.
        """
        words: list[str | Path] = [*self.psql_words(dbname), "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
        words += ["-f", file] if file else []
        done = subprocess.run(words, input=sql or "", capture_output=True, text=True, env=_client_environment())
        if check and done.returncode != 0:
            raise ClusterError(f"psql failed with status {done.returncode}\n{done.stderr.strip()}")
        return done

    def psql_words(self, dbname: str = "postgres") -> list[str | Path]:
        """The beginning of a psql command line for this cluster."""
        return [server_program(self.pg, "psql"), "-d", self.url(dbname, tcp=False)]

    # --- server programs

    def _write_settings(self) -> None:
        """cluster.conf: ours first, so that `settings` may override any of it."""
        lines = {
            "listen_addresses": "127.0.0.1" if self.tcp else "",
            "port": self._choose_port(),
            "unix_socket_directories": str(self.socket_directory),
            "shared_preload_libraries": "schema_monitor" if self.preload else "",
            **self.settings,
        }
        text = "".join(f"{name} = {_literal(value)}\n" for name, value in lines.items())
        configuration = self.data / "cluster.conf"
        configuration.write_text(text)
        give_to_server(configuration)

    def _choose_port(self) -> int:
        """The port of last time while nobody else has it; a running server's own is always kept."""
        file = self.directory / "port"
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                if file.exists() and self.is_running():
                    return self.port
                probe.bind(("127.0.0.1", self.port if file.exists() else 0))
            except OSError:
                probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        file.write_text(f"{port}\n")
        return port

    def _pg_ctl(self, action: str, *words: str | Path) -> None:
        # `reload` takes neither, and does not mind
        self.server_run("pg_ctl", action, "--pgdata", self.data, "--wait", "-t", str(START_STOP_LIMIT_S), *words)

    def server_run(self, program: str, *words: str | Path, cwd: Path = Path("/")) -> None:
        """Runs a program of the server as the server's user; ClusterError with its output when it fails."""
        command = [*server_user().prefix, str(server_program(self.pg, program)), *map(str, words)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(KEPT_FROM_SERVER)}
        environment |= {"LC_ALL": "C", **self.environment}
        mark = self.log_size()
        # files, not pipes: a server that outlives pg_ctl would hold a pipe open
        with tempfile.TemporaryFile("w+") as output:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=cwd
            ).returncode
            output.seek(0)
            said = output.read().strip()
        if code != 0:
            tail = "\n".join(self.log_text(mark).splitlines()[-LOG_LINES_SHOWN:])
            raise ClusterError(f"{program} {' '.join(map(str, words[:1]))} failed\n{said}\n{tail}".rstrip())


def wait_until(condition: Callable[[], T], what: str, limit_s: float = 30.0) -> T:
    """Asks until the answer is true and returns it; TimeoutError names `what` did not come."""
    end = time.monotonic() + limit_s
    pause = 0.005
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"waited {limit_s:g} s in vain until {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def all_clusters() -> list[Cluster]:
    """Every cluster of this repository that has a data directory."""
    found = []
    for path in sorted(run_directory().glob("pg*/data")):
        pg, _, name = path.parent.name.removeprefix("pg").partition("-")
        found.append(Cluster(int(pg), name or "serve"))
    return found


def _literal(value: Setting) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    escaped = str(value).replace("'", "''")
    return f"'{escaped}'"


def _client_environment() -> dict[str, str]:
    """Without PGHOST and the like, which would lead a client to another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
