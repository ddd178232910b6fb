"""The machine under the figures: what it is, how busy, and what CPU time each process has taken."""

import gc
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from doors.memory import GC_THRESHOLD

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def description() -> dict[str, Any]:
    """What somebody needs to know who compares figures of two machines."""
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * PAGE_BYTES // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


@contextmanager
def tended() -> Iterator[None]:
    """The collector as the gateway sets it, not going over and over what the bench has prepared."""
    threshold = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        gc.unfreeze()


def load_average() -> float:
    return round(os.getloadavg()[0], 2)


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes, with that of their children that have ended."""
    return sum(sum(_times(pid)) for pid in pids) / TICKS_PER_S


def cpu_nanoseconds(pid: int) -> int:
    """Time on a core of one process, finer than clock ticks; 0 for one that is gone."""
    try:
        return int(Path("/proc", str(pid), "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def descendants(root: int) -> list[int]:
    """`root` and every process below it now."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def title(pid: int) -> str:
    """The process's command line, which PostgreSQL's processes set to what they do."""
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def resident_mib(pid: int) -> float:
    """Resident set of one process (`VmRSS`), in MiB."""
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise ValueError(f"process {pid} has no memory")


def _times(pid: int) -> list[int]:
    """utime, stime, cutime, cstime in clock ticks; nothing for a process that is gone."""
    fields = _stat(pid)
    return [int(field) for field in fields[11:15]] if fields else []


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, from the third on."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
