"""dbmate, a migration tool in one binary, from its npm package: for the tests of migration tools."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tools.npm import machine, unpack
from tools.paths import DEV
from tools.step import take

VERSION = "2.36.0"
DBMATE = DEV / "dbmate"


def set_up_dbmate() -> Path:
    """The program, fetched once."""

    def action(log: Path) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = unpack(f"@dbmate/linux-{machine()}@{VERSION}", Path(name), log)
            shutil.copy2(folder / "bin" / "dbmate", DBMATE)

    take("dbmate", f"dbmate {VERSION}", [VERSION], [DBMATE], action)
    return DBMATE
