"""Keeps one embedded PostgreSQL alive exactly as long as the program that asked for it.

Run as a script, by path, with the standard library only: it must not depend on what the program
has installed, and it stays a small process of one thread. Its standard input is the read end of a
pipe whose other end only the program holds; when the program stops or is killed in any way, the
pipe ends, and PostgreSQL is stopped: politely, then firmly, then at once.
"""

import ctypes
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

FAST_STOP_S = 10.0
QUICK_STOP_S = 5.0
LOOK_S = 0.5
PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """`uid|- log throwaway,throwaway|- program arguments...`; exits as PostgreSQL does."""
    user, log, throwaway, *command = argv
    parent = os.getppid()
    # Whoever wants us to stop (a terminal, an init) gets the same orderly end as a closed pipe.
    asked: list[int] = []
    for wanted in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(wanted, lambda number, _frame: asked.append(number))
    server = _start(command, None if user == "-" else int(user), Path(log))
    unasked = False
    try:
        while not asked and not _orphaned(parent):
            if unasked := server.poll() is not None:
                break
    finally:
        code = _stop(server)
        for path in throwaway.split(os.pathsep) if throwaway != "-" else []:
            if unasked and Path(path, "data").is_dir():
                # Somebody killed it, or it failed: what it held may be all there is to look at.
                with Path(log).open("a", encoding="utf-8") as out:
                    out.write(f"PostgreSQL ended by itself ({code}); its data stay in {path}\n")
            else:
                shutil.rmtree(path, ignore_errors=True)
    return code


def _start(command: list[str], user: int | None, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            # The keeper itself can be killed too: the kernel then ends PostgreSQL. This process
            # has one thread, so running code between fork and exec is safe here.
            preexec_fn=_die_with(os.getpid()),
            user=user,
            group=None if user is None else pwd.getpwuid(user).pw_gid,
            extra_groups=None if user is None else [],
        )


def _die_with(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def arrange() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange


def _orphaned(parent: int) -> bool:
    """Waits up to LOOK_S. The parent's number is the second look: a forked copy of the program
    may still hold the pipe open."""
    readable, _, _ = select.select([0], [], [], LOOK_S)
    if readable:
        return not os.read(0, 4096)
    return os.getppid() != parent


def _stop(server: subprocess.Popen[bytes]) -> int:
    for wanted, patience in ((signal.SIGINT, FAST_STOP_S), (signal.SIGQUIT, QUICK_STOP_S)):
        if server.poll() is not None:
            break
        server.send_signal(wanted)
        try:
            return server.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    server.kill()
    return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
