"""`doctor`, and what `serve --check` says: all that the gateway rests on, examined."""

from pathlib import Path

import attrs
import typer

from gateway.commands.terminal import DONE, NO, USAGE, Json, SettingsFile, console, fail, show
from gateway.examining.finding import Finding, State, worst
from gateway.settings import SettingsInvalid

_MARKS = {State.GOOD: ("green", "✓"), State.WARN: ("yellow", "!"), State.BAD: ("red", "✗")}


def doctor(settings: SettingsFile, as_json: Json = False) -> None:
    """One page on how the gateway and all it rests on stand. Exit 1 if anything is red."""
    found = _examine(settings, quiet=as_json)
    if as_json:
        _show(found)
    raise typer.Exit(NO if worst(found) is State.BAD else DONE)


def look_over(settings: Path, *, as_json: bool) -> None:
    """`serve --check`: the same examination, in a sentence for each thing that is wrong, or will be
    on a bad day."""
    found = _examine(settings, quiet=True)
    if as_json:
        _show(found)
        raise typer.Exit(NO if worst(found) is State.BAD else DONE)
    wrong = [each for each in found if each.state is State.BAD]
    for finding in wrong:
        console.print(f"{finding.part}: {finding.detail}", markup=False, soft_wrap=True)
    for finding in found:
        if finding.state is State.WARN:
            words = f"warning: {finding.part}: {finding.detail}"
            console.print(words, markup=False, soft_wrap=True)
    if not wrong:
        typer.echo("settings, keys, certificates, policies, database and peers are fit")
    raise typer.Exit(NO if wrong else DONE)


def _show(found: list[Finding]) -> None:
    show({"state": worst(found), "findings": [attrs.asdict(finding) for finding in found]})


def _examine(settings: Path, *, quiet: bool) -> list[Finding]:
    from gateway.examining.examine import examine_file

    def told(finding: Finding) -> None:
        colour, mark = _MARKS[finding.state]
        if not quiet:
            console.print(f"[{colour}]{mark}[/] {finding.part:<28}", end="")
            console.print(finding.detail, markup=False, highlight=False, soft_wrap=True)

    try:
        return examine_file(settings, told)
    except SettingsInvalid as invalid:
        raise fail(f"settings: {invalid}", USAGE) from invalid
