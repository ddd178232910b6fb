"""A crew of named child processes that is never left behind, for the demo, tests and bench.

Each child leads its own session, so a terminal's Ctrl-C reaches only this program, which then stops
the crew in order, last started first. When this program ends in any other way, kill -9 included,
the kernel and a watchdog kill the crew (leash.py).
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from deploy.demo import leash

READY_DEADLINE_S = 120.0
STOP_DEADLINE_S = 15.0
LOOK_S = 0.02
LAST_WORDS_CHARS = 2000

Ready = str | Callable[[], bool]
"""A text the child's log must show after this start, or a question asked until it says yes."""


class ChildFailed(Exception):
    """A child ended or stayed silent when it should have been ready; with its last words."""


@attrs.frozen(kw_only=True)
class _Order:
    """What was asked for, so that it can be asked for again."""

    argv: tuple[str, ...]
    env: Mapping[str, str] | None
    log: Path
    ready: Ready


@attrs.frozen(kw_only=True)
class _Child:
    order: _Order
    process: subprocess.Popen[bytes]
    log_start: int


class Crew:
    """Start children from the main thread only: the kernel ties a child to the *thread*."""

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}
        self._asked: set[str] = set()
        """Those that were told to end since they were started."""
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop_all()

    def start(
        self, name: str, argv: Sequence[str], env: Mapping[str, str] | None, log: Path,
        ready: Ready,
    ) -> int:  # fmt: skip
        """Start and wait until ready; returns the process id. `env` None inherits ours.

        The child's output is appended to `log`. Raises ChildFailed.
        """
        pid = self.launch(name, argv, env, log, ready)
        self.wait_ready(name)
        return pid

    def launch(
        self, name: str, argv: Sequence[str], env: Mapping[str, str] | None, log: Path,
        ready: Ready,
    ) -> int:  # fmt: skip
        """`start` without waiting; `wait_ready` or `await_ready` follow."""
        assert name not in self._children or not self.running(name), f"{name} runs already"
        return self._launch(name, _Order(argv=tuple(argv), env=env, log=log, ready=ready))

    def wait_ready(self, name: str) -> None:
        deadline = time.monotonic() + READY_DEADLINE_S
        while not self._is_ready(name, deadline):
            time.sleep(LOOK_S)

    async def await_ready(self, name: str) -> None:
        """`wait_ready` for an event loop. A callable `ready` should answer at once."""
        deadline = time.monotonic() + READY_DEADLINE_S
        # Another process's log and state are looked at; there is no event to wait for.
        while not self._is_ready(name, deadline):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)

    def pid(self, name: str) -> int:
        return self._children[name].process.pid

    def running(self, name: str) -> bool:
        return not _ended(self._children[name].process)

    def exit_code(self, name: str) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._children[name].process.poll()

    @property
    def fallen(self) -> list[str]:
        """Those that ended though nobody told them to here."""
        return [
            name for name, child in self._children.items()
            if name not in self._asked and _ended(child.process)
        ]  # fmt: skip

    def ending(self, name: str) -> int | None:
        """`exit_code` without reaping, so that what it has started can still be ended with it."""
        return _ending(self._children[name].process)

    def kill(self, name: str) -> None:
        """kill -9, as a crash would; returns when it is gone."""
        self._asked.add(name)
        _end_group(self._children[name].process)

    def stop(self, name: str) -> int:
        """SIGTERM, and kill -9 past the deadline; returns the exit code."""
        self._asked.add(name)
        process = self._children[name].process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + STOP_DEADLINE_S
            while not _ended(process) and time.monotonic() < deadline:
                time.sleep(LOOK_S)
        return _end_group(process)

    def restart(self, name: str) -> int:
        """Stop it if it runs, start it as before, wait until ready; returns the new process id."""
        pid = self.relaunch(name)
        self.wait_ready(name)
        return pid

    def relaunch(self, name: str) -> int:
        """`restart` without waiting."""
        self.stop(name)
        return self._launch(name, self._children[name].order)

    def stop_all(self) -> None:
        """Last started first. Whatever fails, the watchdog has the last word."""
        try:
            for name in reversed(self._children):
                self.stop(name)
        finally:
            watchdog, self._watchdog = self._watchdog, None
            if watchdog is not None:
                watchdog.communicate()

    def last_words(self, name: str) -> str:
        """The end of what the child wrote since it was started."""
        child = self._children[name]
        with child.order.log.open("rb") as log:
            log.seek(child.log_start)
            return log.read().decode("utf-8", "replace")[-LAST_WORDS_CHARS:].strip()

    def _launch(self, name: str, order: _Order) -> int:
        assert threading.current_thread() is threading.main_thread()
        leashed = [sys.executable, "-I", "-S", leash.__file__, "exec", str(os.getpid())]
        order.log.parent.mkdir(parents=True, exist_ok=True)
        with order.log.open("ab") as log:
            start = log.tell()
            process = subprocess.Popen(
                [*leashed, *order.argv],
                env=order.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._asked.discard(name)
        self._children.pop(name, None)  # a restarted child counts as last started
        self._children[name] = _Child(order=order, process=process, log_start=start)
        self._watch(process.pid)
        return process.pid

    def _watch(self, pid: int) -> None:
        if self._watchdog is None:
            self._watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", leash.__file__, "watch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.write(f"{pid} {leash.start_time(pid)}\n".encode())
        self._watchdog.stdin.flush()

    def _is_ready(self, name: str, deadline: float) -> bool:
        child = self._children[name]
        ready = child.order.ready
        # Asked before the child is looked at: a child that says its line and ends was ready.
        if ready() if callable(ready) else ready in self._said(child):
            return True
        if not self.running(name):
            raise ChildFailed(f"{name} ended with {self.stop(name)}: {self.last_words(name)}")
        if time.monotonic() > deadline:
            raise ChildFailed(f"{name} is not ready: {self.last_words(name)}")
        return False

    def _said(self, child: _Child) -> str:
        with child.order.log.open("rb") as log:
            log.seek(child.log_start)
            return log.read().decode("utf-8", "replace")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    return _ending(process) is not None


def _ending(process: subprocess.Popen[bytes]) -> int | None:
    """Looks without reaping: as long as the leader is not reaped, its group's number is ours."""
    if process.returncode is not None:
        return process.returncode
    found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _end_group(process: subprocess.Popen[bytes]) -> int:
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            # Not its own session yet: it is still between fork and exec.
            process.kill()
    return process.wait()
