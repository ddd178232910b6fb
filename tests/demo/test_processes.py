"""The crew of child processes: ready when it says so, restarted as before, never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo import processes
from deploy.demo.processes import ChildFailed, Crew
from tests.patience import wait_gone

SLEEPER = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
PARENT_OF_ONE = f"""
import subprocess, sys
print('child', subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).pid, flush=True)
{SLEEPER}
"""
PROGRAM = f"""
import sys
from pathlib import Path
from deploy.demo import processes
processes.STOP_DEADLINE_S = 0.2
with processes.Crew() as crew:
    for name, code in (('plain', {SLEEPER!r}), ('stubborn', {STUBBORN!r}),
                       ('family', {PARENT_OF_ONE!r})):
        log = Path(sys.argv[1]) / name
        print(crew.start(name, [sys.executable, '-c', code], None, log, 'ready'), flush=True)
    print(crew._watchdog.pid, flush=True)
    print('up', flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def crew() -> Iterator[Crew]:
    with Crew() as made:
        yield made


def test_a_child_is_ready_when_its_log_says_so(crew: Crew, tmp_path: Path) -> None:
    pid = crew.start("sleeper", _python(SLEEPER), None, tmp_path / "log", "ready")
    assert crew.pid("sleeper") == pid
    assert crew.running("sleeper")
    assert crew.last_words("sleeper") == "ready"


async def test_a_child_is_ready_when_the_question_is_answered(crew: Crew, tmp_path: Path) -> None:
    here = tmp_path / "here"
    writes = f"open({str(here)!r}, 'w').close(); {SLEEPER}"
    crew.launch("sleeper", _python(writes), None, tmp_path / "log", here.exists)
    await crew.await_ready("sleeper")
    assert crew.running("sleeper")


def test_a_child_that_ends_early_is_quoted(crew: Crew, tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"settings ended with 3: port is taken"):
        crew.start(
            "settings", _python("print('port is taken'); exit(3)"), None, tmp_path / "log", "ready"
        )


def test_a_program_that_does_not_exist_is_named(crew: Crew, tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"no-such-program: No such file"):
        crew.start("typo", ["no-such-program"], None, tmp_path / "log", "ready")


def test_a_child_gets_the_environment_it_was_given(crew: Crew, tmp_path: Path) -> None:
    show = "import os; print('WORD', os.environ['WORD'], flush=True)"
    crew.start("word", _python(show), {"WORD": "given"}, tmp_path / "log", "WORD given")


def test_a_killed_child_starts_again_as_before(crew: Crew, tmp_path: Path) -> None:
    first = crew.start("sleeper", _python(SLEEPER), None, tmp_path / "log", "ready")
    crew.kill("sleeper")
    assert crew.exit_code("sleeper") == -signal.SIGKILL
    second = crew.restart("sleeper")
    assert second != first
    assert crew.running("sleeper")


def test_readiness_is_not_read_from_the_log_of_an_earlier_start(crew: Crew, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("ready\n")
    with pytest.raises(ChildFailed, match="mute ended with 0"):
        crew.start("mute", _python("pass"), None, tmp_path / "log", "ready")


def test_the_last_started_stops_first(crew: Crew, tmp_path: Path) -> None:
    order = tmp_path / "order"
    says = f"""
import signal, sys
def stop(*_):
    with open({str(order)!r}, 'a') as file:
        file.write(sys.argv[1])
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print('ready', flush=True)
while True:
    signal.pause()
"""
    for name in "abc":
        crew.start(name, [*_python(says), name], None, tmp_path / name, "ready")
    crew.stop_all()
    assert order.read_text() == "cba"


def test_a_child_that_ignores_sigterm_is_killed(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_DEADLINE_S", 0.1)
    crew.start("stubborn", _python(STUBBORN), None, tmp_path / "log", "ready")
    assert crew.stop("stubborn") == -signal.SIGKILL


def test_what_a_child_started_goes_with_it(crew: Crew, tmp_path: Path) -> None:
    crew.start("family", _python(PARENT_OF_ONE), None, tmp_path / "log", "child")
    child = int(crew.last_words("family").split()[1])
    crew.kill("family")
    wait_gone(child)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_program(ending: signal.Signals, tmp_path: Path) -> None:
    program, pids = _program(tmp_path)
    program.send_signal(ending)
    program.communicate()
    for pid in pids:
        wait_gone(pid)


@pytest.mark.slow
def test_no_child_outlives_the_program_when_the_watchdog_was_killed_too(tmp_path: Path) -> None:
    program, pids = _program(tmp_path)
    *crew, _grandchild, watchdog = pids
    os.kill(watchdog, signal.SIGKILL)
    program.kill()
    program.communicate()
    try:
        for pid in crew:
            wait_gone(pid)
    finally:
        os.kill(_grandchild, signal.SIGKILL)


def _program(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """The three children, the grandchild and the watchdog."""
    program = subprocess.Popen(
        [*_python(PROGRAM), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(processes.__file__).parents[2],
        text=True,
    )
    assert program.stdout is not None
    pids = []
    for line in program.stdout:
        if line == "up\n":
            break
        pids.append(int(line))
    *crew, watchdog = pids
    grandchild = int((folder / "family").read_text().split()[1])
    assert len(crew) == 3
    return program, [*crew, grandchild, watchdog]


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]
