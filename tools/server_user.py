"""As whom the server runs. PostgreSQL refuses to be root; everybody else runs it as themselves.

For root there are two ways. In a user namespace where root is called nobody the server still owns root's files, so
nothing else changes: the usual case. Where namespaces are forbidden (many containers) the server really becomes
nobody, with its files in the temporary directory.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

from tools.paths import DEFAULT_PG, server_program
from tools.step import SetupError

NOBODY = 65534
NAMESPACE = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "env", "USER=nobody")
DROP = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
# nobody may not look into root's home: keep the one right to pass closed directories, for access(2) too, which
# initdb asks and which otherwise forgets rights of users other than root
PASS_CLOSED_DIRECTORIES = (
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
)


@dataclass(frozen=True)
class ServerUser:
    """Words to put before a server program, and whose the run directory must be (None: whoever we are)."""

    prefix: tuple[str, ...] = ()
    owner: int | None = None


@cache
def server_user() -> ServerUser:
    """How to run a server here; tried out once per process."""
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise SetupError(f"user id {os.geteuid()} has no entry in /etc/passwd, which PostgreSQL wants") from None
        return ServerUser()
    # looks for its neighbour postgres and ends, without writing anything
    program = (str(server_program(DEFAULT_PG, "initdb")), "--show", "--pgdata", "/nonexistent")
    if _works((*NAMESPACE, *program)):
        return ServerUser(NAMESPACE)
    for prefix in ((*DROP, "env", "USER=nobody"), (*DROP, *PASS_CLOSED_DIRECTORIES, "env", "USER=nobody")):
        if _works((*prefix, *program)):
            return ServerUser(prefix, NOBODY)
    raise SetupError(
        "PostgreSQL does not run as root, and neither unshare -U nor setpriv --reuid works here: "
        "run this as an ordinary user"
    )


def _works(words: tuple[str, ...]) -> bool:
    return bool(shutil.which(words[0])) and subprocess.run(words, capture_output=True).returncode == 0
