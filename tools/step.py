"""A step of the set-up: done once for given inputs, one line when it does something, its noise in a log file.

A step's stamp holds the hash of its inputs, so a second run only hashes. One lock file serialises the steps of
several runs; a run that finds nothing to do never takes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tools.paths import DEV, LOG, ROOT, STAMPS

LOG_LINES_SHOWN = 30
# who holds the lock already, when a step's action takes further steps
_lock_depth = 0


class SetupError(Exception):
    """Something the person at the keyboard has to know; shown without a traceback."""


def take(
    name: str,
    label: str,
    inputs: Iterable[str | Path],
    outputs: Iterable[Path],
    action: Callable[[Path], None],
) -> bool:
    """Does the step unless its stamp matches and its outputs exist; returns whether it did.

    `inputs` are strings, and files or folders by content. `action` gets the log file for the noise of what it runs.
    """
    outputs = list(outputs)
    digest = digest_of(inputs)
    stamp = STAMPS / name

    def done() -> bool:
        return stamp.is_file() and stamp.read_text() == digest and all(path.exists() for path in outputs)

    if done():
        return False
    with _lock():
        if done():
            return False
        LOG.mkdir(parents=True, exist_ok=True)
        log = LOG / f"{name}.log"
        log.write_text("")
        stamp.unlink(missing_ok=True)
        _say(f"{label} … ")
        start = time.monotonic()
        try:
            action(log)
        except BaseException:
            _say("failed\n")
            raise
        missing = [str(path) for path in outputs if not path.exists()]
        if missing:
            raise SetupError(f"{label}: finished without making {', '.join(missing)}; see {log}")
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest)
        _say(f"{time.monotonic() - start:.1f} s\n")
    return True


def run(words: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
    """Runs a command with its output appended to the log; on failure raises with the log's last lines."""
    command = [str(word) for word in words]
    with log.open("a") as sink:
        sink.write(f"$ {' '.join(command)}\n")
        sink.flush()
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, env=env, cwd=cwd
            ).returncode
        except FileNotFoundError as error:
            raise SetupError(f"{command[0]} is not installed") from error
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
        raise SetupError(f"{tail}\n{Path(command[0]).name} failed with status {code}; all of it: {log}")


def digest_of(inputs: Iterable[str | Path]) -> str:
    """SHA-256 over strings and over the names and contents of files; a missing file counts as missing."""
    digest = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            digest.update(f"text {item}\0".encode())
            continue
        for path in _files(item):
            digest.update(f"file {path.relative_to(item.parent)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    """The file itself, or the files below a folder in a stable order, compiled Python left out."""
    if path.is_file():
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in ("__pycache__", "target", ".git")]
        found += [Path(folder) / name for name in names]
    return sorted(found)


def _say(text: str) -> None:
    """Progress goes to standard error: standard output is for answers (`make env`, the connection string)."""
    print(text, end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Holds .dev/lock; says so when it has to wait for another run."""
    global _lock_depth
    if _lock_depth:
        yield
        return
    DEV.mkdir(exist_ok=True)
    with (DEV / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("waiting for another set-up to finish\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _lock_depth += 1
        try:
            yield
        finally:
            _lock_depth -= 1
