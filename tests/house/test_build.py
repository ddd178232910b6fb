"""What the build promises: one list with hashes, no host names, an image that is not root."""

import json
import os
import re
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

HOUSE = Path(__file__).parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)")
HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


def pins(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes by package. Each entry starts at the margin."""
    entries = re.split(r"\n(?=[a-z0-9])", (HOUSE / lock).read_text("ascii"))
    return {
        pin[1]: (pin[2], frozenset(HASH.findall(entry)))
        for entry in entries
        if (pin := PIN.match(entry))
    }


@pytest.mark.parametrize("lock", ["requirements.lock", "deploy/runtime.lock"])
def test_every_locked_package_is_pinned_by_hash_and_no_host_is_named(lock: str) -> None:
    lines = (HOUSE / lock).read_text("ascii").splitlines()
    for line in lines:
        assert line.startswith(("#", "    --hash=sha256:")) or PIN.match(line), line
    assert len(pins(lock)) > 30
    assert all(hashes for _version, hashes in pins(lock).values())


def test_the_image_gets_what_was_tested() -> None:
    tested = pins("requirements.lock")
    for name, pin in pins("deploy/runtime.lock").items():
        assert tested[name] == pin


@pytest.mark.parametrize("extra", [False, True])
def test_every_dependency_of_the_project_is_in_its_lock(extra: bool) -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["optional-dependencies"]["dev"] if extra else project["dependencies"]
    names = {re.split(r"[^A-Za-z0-9.-]", entry)[0].lower() for entry in wanted}
    assert names <= set(pins("requirements.lock" if extra else "deploy/runtime.lock"))


def dockerfile() -> list[str]:
    """Instructions, continued lines joined, comments left out."""
    lines = (HOUSE / "Dockerfile").read_text("utf-8").splitlines()
    joined = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", "")
    return [line for line in joined.splitlines() if line.strip()]


def stages() -> list[list[str]]:
    found: list[list[str]] = []
    for line in dockerfile():
        if line.startswith("FROM "):
            found.append([])
        if found:
            found[-1].append(line)
    return found


def test_the_image_is_built_apart_from_what_runs() -> None:
    build, run = stages()
    assert build[0].endswith(" AS build")
    assert run[0].startswith("FROM python:${PYTHON}")
    assert not any(line.startswith("RUN ") for line in run)


def test_the_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    users = [line.split()[1] for line in stages()[-1] if line.startswith("USER ")]
    assert len(users) == 1
    assert all(int(number) >= 1000 for number in users[0].split(":"))


def test_the_image_installs_only_by_hash_and_runs_nothing_from_the_network() -> None:
    recipe = "\n".join(dockerfile())
    installs = [line for line in dockerfile() if re.search(r"\bpip\b.*\binstall\b", line)]
    assert len(installs) == 1
    for word in ("--require-hashes", "--only-binary :all:", "--requirement runtime.lock"):
        assert word in installs[0]
    assert not re.search(r"\b(curl|wget|apt-get|ADD|--trusted-host)\b", recipe)


def test_no_secret_and_no_key_can_reach_a_layer() -> None:
    for line in dockerfile():
        assert not re.match(r"(ENV|ARG)\b.*(SECRET|PASS|TOKEN|KEY|DATABASE)", line), line
    ignored = (HOUSE / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored
    copied = [
        line.split()[1] for line in stages()[0] if line.startswith("COPY ") and "--from" not in line
    ]
    assert {f"!{source.rstrip('/')}" for source in copied} == {
        line for line in ignored if line.startswith("!")
    }
    assert {"**/*.pem", "**/*.key"} <= set(ignored)
    assert all((HOUSE / source).exists() for source in copied)


class Alive(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_the_image_says_whether_it_is_alive(tmp_path: Path, host: str) -> None:
    """The image's own check, run: at the port of the settings, whatever proxy is named."""
    check = next(line for line in stages()[-1] if line.startswith("HEALTHCHECK "))
    program, option, code = json.loads(check[check.index("[") :])
    assert (program, option) == ("python", "-c")
    settings = tmp_path / "gateway.toml"
    assert code.count("/etc/treasury-gateway/gateway.toml") == 1
    code = code.replace("/etc/treasury-gateway/gateway.toml", str(settings))
    nowhere = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}

    def told() -> int:
        command = [sys.executable, option, code]
        return subprocess.run(
            command, env=nowhere, stderr=subprocess.DEVNULL, check=False
        ).returncode

    with HTTPServer((host, 0), Alive) as server:
        chosen = f'ops_host = "{host}"\nops_port = {server.server_port}\n'
        settings.write_text(f"[gateway]\n{chosen}", "ascii")
        Thread(target=server.serve_forever, daemon=True).start()
        assert told() == 0
        server.shutdown()
    assert told() == 1


def test_nothing_that_lies_beside_the_settings_can_stand_in_for_a_program() -> None:
    """`python -m` would look in the working directory first, and commands are run in the settings'
    folder."""
    assert any("PYTHONSAFEPATH=1" in line for line in stages()[-1] if line.startswith("ENV "))


def test_the_package_carries_every_file_that_lies_beside_its_code() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))
    carried = set(project["tool"]["setuptools"]["package-data"]["*"])
    rooms = ("gateway", "bureau", "adapters", "policies", "certs", "doors")
    files = [file for room in rooms for file in (HOUSE / room).rglob("*") if file.is_file()]
    assert {f"*{file.suffix}" for file in files if file.suffix not in (".py", ".pyc")} == carried


def test_ci_runs_what_a_developer_runs_and_passes_its_ending_on() -> None:
    script = HOUSE / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").rstrip().endswith("exec python3 run.py test")
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
def test_make_has_an_alias_for_each_command(target: str) -> None:
    recipe = (HOUSE / "Makefile").read_text("utf-8")
    assert re.search(rf"^{target}:\n\t\$\(PYTHON\) run\.py {target}\b", recipe, re.MULTILINE)
