"""`export`: evidence to hand over, a day of the log or the proof that it only grew (导出证据)."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.divisions import Division, division_meant
from gateway.commands.terminal import (
    DAYS,
    USAGE,
    Database,
    Json,
    SettingsFile,
    SettingsIfAny,
    bar,
    fail,
    of_our_time,
    show,
)
from gateway.commands.usage import App
from gateway.domain.faults import LedgerUnavailable
from gateway.settings import SettingsInvalid

export_app = App(help="Evidence to hand over (导出证据).", no_args_is_help=True)


@export_app.command("day")
def export_day_command(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    settings: SettingsFile,
    database: Database,
    division: Annotated[str, typer.Option(help="Nine digits.")],
    on: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=DAYS, callback=of_our_time, help="Legal day; the whole log if absent."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a day of a division's log as a folder that `verify day` accepts.

    The record key that the settings name signs the list of files. Exit 1 if it cannot be done.
    """
    from gateway.tending.export import export_day, signer_of

    try:
        signer = signer_of(settings)
    except (SettingsInvalid, OSError, ValueError) as reason:
        raise fail(f"export: {reason}", USAGE) from reason
    try:
        with bar() as progress:
            task = progress.add_task("export")
            done = export_day(
                database, division, on.date() if on else None, folder,
                lambda read, total: progress.update(task, completed=read, total=total),
                signer,
            )  # fmt: skip
    except (LedgerUnavailable, OSError, ValueError) as reason:
        raise fail(f"export: {reason}") from reason
    if as_json:
        show({"folder": str(folder), "start": done.start, "end": done.end, "records": done.count})
    else:
        typer.echo(f"{done.count} records, {done.start} to {done.end - 1}, in {folder}")


@export_app.command("consistency")
def export_consistency_command(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet.")],
    database: Database,
    since: Annotated[Path, typer.Option(help="The checkpoint that the auditor kept.")],
    settings: SettingsIfAny = None,
    division: Division = None,
    as_json: Json = False,
) -> None:
    """Write the proof that the log only grew since a checkpoint, for `verify consistency`."""
    from gateway.tending.export import export_growth

    try:
        size = export_growth(database, division_meant(settings, division), since, file)
    except (LedgerUnavailable, OSError, ValueError) as reason:
        raise fail(f"export: {reason}") from reason
    show({"file": str(file), "size": size}) if as_json else typer.echo(f"up to {size}, in {file}")
