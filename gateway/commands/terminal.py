"""What every command has in common: exit codes, JSON on standard output, words on the other one."""

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from gateway.settings import DATABASE_VARIABLE

DONE, NO, USAGE = 0, 1, 2

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Database = Annotated[
    str, typer.Option("--database", envvar=DATABASE_VARIABLE, help="DSN of the gateway's database.")
]
SettingsFile = Annotated[Path, typer.Option("--settings", help="TOML file; see docs/settings.md.")]

console = Console(stderr=True)


def fail(message: str, code: int = NO) -> typer.Exit:
    console.print(message, markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def show(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
