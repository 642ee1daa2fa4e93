"""What /proc says of a server process: processor time in seconds, memory in bytes. Linux only, like /proc."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SAMPLING_S = 0.02
# the beginning of a mapping in smaps: addresses, then rwxp or rwxs
MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ ...(?P<sharing>[ps]) ")
PRIVATE = ("Private_Clean", "Private_Dirty", "Swap")


def cpu_seconds_of(stat: str) -> float:
    """utime + stime of the process, all its threads included, from the text of /proc/PID/stat; resolution 10 ms."""
    # the name of the program, in parentheses, may hold anything
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def cpu_seconds(pid: int) -> float:
    """Processor time the process has used so far."""
    return cpu_seconds_of(Path(f"/proc/{pid}/stat").read_text())


def private_bytes(pid: int) -> int:
    """Memory only this process has: its private mappings' pages that no other process shares, and what was swapped.

    Pages of the shared buffers are left out although the kernel calls them private while one process alone has
    looked at them: /proc/PID/smaps_rollup cannot tell them apart, so the mappings are added up one by one.
    """
    total, counts = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        mapping = MAPPING.match(line)
        if mapping:
            counts = mapping["sharing"] == "p"
        elif counts and line.startswith(PRIVATE) and not line.startswith("SwapPss"):
            total += _kilobytes(line)
    return total


def resident_bytes(pid: int) -> int:
    """Resident memory, shared pages included."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(_kilobytes(line) for line in text.splitlines() if line.startswith("Rss:"))


def peak_resident_bytes(pid: int) -> int:
    """The most resident memory the process ever had."""
    text = Path(f"/proc/{pid}/status").read_text()
    return next(_kilobytes(line) for line in text.splitlines() if line.startswith("VmHWM:"))


def _kilobytes(line: str) -> int:
    return int(line.split()[1]) * 1024


class Watched:
    """Processor time of processes that come and go: `seconds` since the watch began."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self._first = {pid: cpu_seconds(pid) for pid in pids()}
        self._last = dict(self._first)

    def look(self) -> None:
        """Takes a sample; what a process uses between its last sample and its end is lost."""
        for pid in self._pids():
            try:
                self._last[pid] = cpu_seconds(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue

    @property
    def seconds(self) -> float:
        """Processor time of all of them since the watch began."""
        return sum(last - self._first.get(pid, 0.0) for pid, last in self._last.items())


@contextmanager
def watching(pids: Callable[[], list[int]]) -> Iterator[Watched]:
    """Samples the processes `pids` names, from a thread of its own, until the block ends."""
    watched, over = Watched(pids), threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLING_S):
            watched.look()

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        over.set()
        thread.join()
        watched.look()
