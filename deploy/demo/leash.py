"""Ties a process to the program that started it. Run as a script, by path, standard library only.

`leash.py exec PARENT PROGRAM ARGUMENTS...` asks the kernel to kill this process when PARENT dies,
then becomes PROGRAM. `leash.py watch` reads "process start-time" lines from its standard input,
whose other end only the program holds; when that ends, it kills what is left of each process's
group. The first reaches a process whose watchdog was killed, the second reaches grandchildren.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def become(parent: int, command: list[str]) -> None:
    """Between start and here the parent may have died already: then there is nothing to run."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit("leash: the kernel refused PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        sys.exit("leash: the parent is gone")
    try:
        os.execvp(command[0], command)
    except OSError as refused:
        sys.exit(f"leash: {command[0]}: {refused.strerror}")


def watch() -> None:
    """The terminal's Ctrl-C and an operator's SIGTERM are for the program, not for its watchdog."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    started: dict[int, str] = {}
    for line in sys.stdin:
        pid, start = line.split()
        started[int(pid)] = start
    for pid, start in started.items():
        kill_group(pid, start)


def kill_group(leader: int, start: str) -> None:
    """Kill the group `leader` led; a stranger that inherited the number is left alone."""
    if start_time(leader) in (start, ""):
        try:
            os.killpg(leader, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


def start_time(pid: int) -> str:
    """In clock ticks since boot, as the kernel tells it; empty when there is no such process."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


if __name__ == "__main__":
    if sys.argv[1] == "exec":
        become(int(sys.argv[2]), sys.argv[3:])
    else:
        watch()
