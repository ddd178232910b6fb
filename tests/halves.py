"""Tests collected once and run by two processes, which take file after file from one pipe.

For `run.py check`: what two workers of pytest-xdist cost besides, a second collection and a report
of each test sent from one process to another, is a sixth of its time. Each process has a PostgreSQL
of its own; what the second has to say is shown when it has ended.
"""

import ctypes
import itertools
import os
import signal
import tempfile
from typing import IO

import pytest

TURN_BYTES = 2
FILES_MAX = 30_000
"""Their numbers fit into a pipe that nobody reads yet."""
PR_SET_PDEATHSIG = 1
SECOND: pytest.StashKey[bool] = pytest.StashKey()
"""Set in the configuration of the second process, which the first started and waits for."""


class Halves:
    """The plugin behind `--halves`."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.testsfailed or session.config.option.collectonly:
            return None  # pytest itself tells it
        files = [list(each) for _, each in itertools.groupby(session.items, lambda i: i.path)]
        turns = _turns(len(files))
        told = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        session.config.add_cleanup(told.close)  # in either process, after its last word
        first, second = os.getpid(), os.fork()
        if not second:
            _be_second(session.config, first, told)
            _run(session, files, turns)
            return True
        try:
            _run(session, files, turns)
        except BaseException:
            os.kill(second, signal.SIGINT)
            raise
        finally:
            code = os.waitstatus_to_exitcode(os.waitpid(second, 0)[1])
            told.seek(0)
            _reporter(session.config).write(f"\nThe second process, which ended with {code}:\n")
            _reporter(session.config).write(told.read())
        session.testsfailed += code != pytest.ExitCode.OK
        return True


def _turns(number: int) -> int:
    """A pipe's end from which each number below `number` is read once, by whoever comes first."""
    assert number <= FILES_MAX
    turns, given = os.pipe()
    os.write(given, b"".join(each.to_bytes(TURN_BYTES, "big") for each in range(number)))
    os.close(given)
    return turns


def _run(session: pytest.Session, files: list[list[pytest.Item]], turns: int) -> None:
    """As pytest does it, file after file; the next is taken first, for fixtures that go on."""
    following = _next(files, turns)
    while file := following:
        following = _next(files, turns)
        for item, after in itertools.pairwise([*file, following[0] if following else None]):
            assert item is not None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)


def _next(files: list[list[pytest.Item]], turns: int) -> list[pytest.Item]:
    turn = os.read(turns, TURN_BYTES)
    return files[int.from_bytes(turn, "big")] if turn else []


def _be_second(config: pytest.Config, first: int, told: IO[str]) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != first:
        os._exit(1)
    config.stash[SECOND] = True
    _reporter(config)._tw._file = told


def _reporter(config: pytest.Config) -> pytest.TerminalReporter:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    return reporter
