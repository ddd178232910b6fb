"""The command line as an operator runs it, beside a stage of real programs."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import attrs

from deploy.demo.stage import Stage


@attrs.frozen(kw_only=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        return self.out + self.err


def run(stage: Stage, *arguments: object, more: Mapping[str, str] | None = None) -> Ran:
    """`treasury-gateway ...` as an operator runs it, in a process of its own."""
    environment = (
        stage.environment(stage.gateway_environment) | {"COLUMNS": "300"} | dict(more or {})
    )
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        env=environment,
        text=True,
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr)


def exporting(stage: Stage) -> tuple[object, ...]:
    """What every `export day` says: whose key signs the list of files, and of which division."""
    settings = stage.folder / f"{stage.gateway_names[0]}.toml"
    return ("--settings", settings, "--division", stage.plot.division)


def recounted(stage: Stage) -> list[str]:
    """What differs, and what could not be made anew, in the words of `recount`."""
    settings = stage.folder / f"{stage.gateway_names[0]}.toml"
    ran = run(stage, "recount", "--settings", settings, "--json")
    assert ran.out, ran.err
    found = [str(row) for each in ran.json["divisions"] for row in each["differences"]]
    found += [str(each["not_recounted"]) for each in ran.json["divisions"] if each["not_recounted"]]
    assert ran.code == (1 if not ran.json["same"] else 3 if found else 0)
    return found
