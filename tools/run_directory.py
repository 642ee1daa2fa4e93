"""Where a cluster's files are: private directories, short enough for a socket, owned by the server's user."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tools.paths import ROOT, RUN, short_hash
from tools.server_user import server_user
from tools.step import SetupError

# sun_path holds 107 bytes; the server appends /.s.PGSQL.65535.lock
SOCKET_DIRECTORY_LIMIT = 107 - len("/.s.PGSQL.65535.lock")


def run_directory() -> Path:
    """The parent of all clusters: .dev/run, or a place of the server's user in the temporary directory."""
    return RUN if server_user().owner is None else _temporary("run")


def socket_directory(directory: Path) -> Path:
    """The cluster's socket directory: inside its directory, or a short one where the path is too long for a socket."""
    inside = directory / "socket"
    if len(os.fsencode(inside)) <= SOCKET_DIRECTORY_LIMIT:
        return inside
    return _temporary(short_hash(str(directory)))


def _temporary(name: str) -> Path:
    base = tempfile.gettempdir()
    base = base if len(os.fsencode(base)) < SOCKET_DIRECTORY_LIMIT // 2 else "/tmp"
    return Path(base) / f"schema_monitor-{os.geteuid()}-{short_hash(str(ROOT))}-{name}"


def private_directory(directory: Path) -> None:
    """Makes a directory that only the server's user (and root) can enter; refuses one somebody else made."""
    user = server_user()
    owner = os.geteuid() if user.owner is None else user.owner
    if directory.is_relative_to(RUN):
        RUN.mkdir(parents=True, exist_ok=True)
    elif directory.parent.parent == _temporary("run").parent:
        private_directory(directory.parent)
    if not directory.exists():
        directory.mkdir(mode=0o700)
        give_to_server(directory)
    if directory.is_symlink() or directory.stat().st_uid != owner:
        raise SetupError(f"{directory} belongs to somebody else")
    directory.chmod(0o700)


def give_to_server(path: Path) -> None:
    """Makes the server's user the owner, where that is not ourselves."""
    owner = server_user().owner
    if owner is not None:
        os.chown(path, owner, -1)
