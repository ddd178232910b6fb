"""run.py: from nothing to a command, warm the second time, clear when it cannot, never left."""

import ast
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.patience import gone, wait_gone

HOUSE = Path(__file__).parents[2]
LOOK_S = 0.02
PROJECT = {
    "deploy/__init__.py": "",
    "deploy/demo.py": "import sys, word; print(word.SAID, *sys.argv[1:]); sys.exit(7)",
}
WHEEL = {
    "word.py": ["SAID = 'from the locked wheel'"],
    "word-1.0.dist-info/METADATA": ["Metadata-Version: 2.1", "Name: word", "Version: 1.0"],
    "word-1.0.dist-info/WHEEL": [
        "Wheel-Version: 1.0",
        "Root-Is-Purelib: true",
        "Tag: py3-none-any",
    ],
    "word-1.0.dist-info/RECORD": [],
}
NO_NETWORK = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/",
    "PIP_RETRIES": "0",
    "PIP_CONFIG_FILE": os.devnull,
}
OLD_PYTHON = """
import runpy, sys
sys.version_info = (3, 9, 2)
sys.argv = ["run.py", "test"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
JOBS = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("run", sys.argv[1])
run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run)
run.VENV, run.PYTHON = Path(sys.argv[2]), Path(sys.executable)
live, *names = sys.argv[3:]
sys.exit(run.Jobs({name: [name] for name in names}, live=live == "live").finish())
"""
PATIENT = """
import os, signal, sys, time
os.write(1, b"%d\\n" % os.getpid())  # one write: two programs share the pipe
try:
    signal.pause()
except KeyboardInterrupt:
    sys.exit(0)
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A checkout whose lock names one small wheel that lies beside it: no network is needed."""
    shutil.copy(HOUSE / "run.py", tmp_path)
    for name, code in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    wheel = tmp_path / "word-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as content:
        for name, lines in WHEEL.items():
            content.writestr(name, "\n".join((*lines, "")))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements.lock").write_text(f"word @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    return tmp_path


@pytest.mark.parametrize("command", [(), ("demo",), ("test",), ("check",), ("bench",)])
def test_each_command_explains_itself_before_anything_is_installed(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    shutil.copy(HOUSE / "run.py", tmp_path)
    ran = _run(tmp_path, *command, "--help")
    assert ran.returncode == 0
    assert ran.stdout.startswith("usage: run.py")
    assert not (tmp_path / ".venv").exists()


def test_an_old_python_is_told_which_one_is_needed() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", OLD_PYTHON], cwd=HOUSE, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "Python 3.11 or newer is needed" in ran.stderr
    assert "is 3.9" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_it_can_be_read_by_an_old_python_so_that_it_can_say_so() -> None:
    ast.parse((HOUSE / "run.py").read_text("utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize(
    "wrong", [("demo", "--instructions", "0"), ("check", "--", "-x"), ("bank",), ()]
)
def test_wrong_usage_installs_nothing(wrong: tuple[str, ...], fresh: Path) -> None:
    ran = _run(fresh, *wrong)
    assert ran.returncode == 2
    assert not (fresh / ".venv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_from_nothing_to_the_command_and_warm_the_second_time(tool: str, fresh: Path) -> None:
    path = _path_with(tool, fresh)
    first = _run(fresh, "demo", "--once", "--instructions", "3", path=path)
    assert first.stdout == "from the locked wheel --instructions 3 --once\n", first.stderr
    assert first.returncode == 7
    assert "preparing .venv" in first.stderr
    second = _run(fresh, "demo", path=path)
    assert (second.stdout, second.stderr) == ("from the locked wheel\n", "")
    assert second.returncode == 7


@pytest.mark.slow
def test_a_package_that_is_not_the_locked_one_is_refused_and_tried_again(fresh: Path) -> None:
    wheel = next(fresh.glob("*.whl"))
    good = wheel.read_bytes()
    wheel.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    refused = _run(fresh, "demo", path=_path_with("pip", fresh))
    assert refused.returncode == 1
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert "could not be installed" in refused.stderr
    assert "Traceback" not in refused.stderr
    wheel.write_bytes(good)
    assert _run(fresh, "demo", path=_path_with("pip", fresh)).returncode == 7


@pytest.mark.slow
def test_a_lost_network_is_told_without_a_traceback(fresh: Path) -> None:
    (fresh / "requirements.lock").write_text(f"nowhere==1.0 --hash=sha256:{'0' * 64}\n")
    ran = _run(fresh, "demo", path=_path_with("pip", fresh), **NO_NETWORK)
    assert ran.returncode == 1
    assert "is the network there?" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_place_where_nothing_can_be_written_is_told_as_that(fresh: Path) -> None:
    """It advised to install Python's venv module. /proc takes nothing, from root neither."""
    (fresh / ".venv").symlink_to("/proc")
    ran = _run(fresh, "demo", path=_path_with("pip", fresh))
    assert ran.returncode == 1
    assert f"run.py: cannot write {fresh / '.venv'}: " in ran.stderr
    assert "venv module" not in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.slow
def test_a_file_for_the_summary_is_meant_from_where_one_stands(fresh: Path) -> None:
    elsewhere = fresh / "elsewhere"
    elsewhere.mkdir()
    ran = _run(fresh, "demo", "--json", "out.json", cwd=elsewhere)
    assert ran.stdout == f"from the locked wheel --json {elsewhere / 'out.json'}\n"


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_jobs_once_and_is_the_ending(
    ending: signal.Signals, tmp_path: Path
) -> None:
    program, jobs = _jobs(tmp_path)
    program.send_signal(ending)
    program.communicate()
    assert program.returncode == 128 + ending
    assert all(map(gone, jobs))


@pytest.mark.slow
def test_no_job_outlives_a_killed_run(tmp_path: Path) -> None:
    program, jobs = _jobs(tmp_path)
    program.kill()
    program.communicate()
    for job in jobs:
        wait_gone(job)


def test_a_failed_job_shows_its_output_and_its_code(tmp_path: Path) -> None:
    _program(tmp_path, "good", "print('nobody needs this')")
    _program(tmp_path, "bad", "print('line 3: wrong'); exit(5)")
    program = _start_jobs(tmp_path, "quiet", "good", "bad")
    out, err = program.communicate()
    assert program.returncode == 5
    assert out == "line 3: wrong\n"
    assert "good     ok" in err
    assert "bad      FAILED" in err


def _run(
    folder: Path, *arguments: str, path: str | None = None, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "run.py"), *arguments],
        cwd=cwd or folder,
        env={**os.environ, **more, "PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def _path_with(tool: str, folder: Path) -> str:
    """A PATH on which uv is found, or not."""
    uv = shutil.which("uv")
    if tool == "pip":
        places = os.environ["PATH"].split(os.pathsep)
        return os.pathsep.join(p for p in places if not (Path(p) / "uv").exists()) or os.defpath
    if uv is None:
        pytest.skip("uv is not on PATH")
    return os.environ["PATH"]


def _jobs(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    _program(folder, "one", PATIENT)
    _program(folder, "two", PATIENT)
    program = _start_jobs(folder, "live", "one", "two")
    assert program.stdout is not None
    return program, [int(program.stdout.readline()) for _ in range(2)]


def _start_jobs(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", JOBS, str(HOUSE / "run.py"), str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _program(folder: Path, name: str, code: str) -> None:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(code)
