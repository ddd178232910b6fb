"""The commands of whoever tends the gateway: `doctor`, `unknowns`, `export`."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import attrs
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Column, Table

from gateway.commands import deciding
from gateway.commands.finding import Finding, State, worst
from gateway.commands.served import division_meant, divisions_meant
from gateway.commands.terminal import (
    DONE,
    NO,
    USAGE,
    Database,
    Json,
    SettingsFile,
    SettingsIfAny,
    console,
    fail,
    show,
    show_table,
)
from gateway.commands.usage import App
from gateway.domain.bank import BankOutcome
from gateway.domain.faults import LedgerUnavailable
from gateway.settings import SettingsInvalid

unknowns_app = App(
    help="Payments whose outcome at the bank is unknown or contradicted (待查支付).",
    no_args_is_help=True,
)
unknowns_app.command("propose")(deciding.propose)
unknowns_app.command("approve")(deciding.approve)
export_app = App(help="Evidence to hand over (导出证据).", no_args_is_help=True)

GAP = 3

_MARKS = {State.GOOD: ("green", "✓"), State.WARN: ("yellow", "!"), State.BAD: ("red", "✗")}


def doctor(settings: SettingsFile, as_json: Json = False) -> None:
    """One page on how the gateway and all it rests on stand. Exit 1 if anything is red."""
    found = _examine(settings, quiet=as_json)
    if as_json:
        show({"state": worst(found), "findings": [attrs.asdict(finding) for finding in found]})
    raise typer.Exit(NO if worst(found) is State.BAD else DONE)


def look_over(settings: Path) -> None:
    """`serve --check`: the same examination, in a sentence for each thing that is wrong, or will be
    on a bad day."""
    found = _examine(settings, quiet=True)
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


@unknowns_app.command("list")
def unknowns_list(
    database: Database,
    settings: SettingsIfAny = None,
    ended: Annotated[
        bool, typer.Option("--ended", help="Instead contradictions that ended within 31 days.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List payments that passed and whose outcome is not known, operator's tasks first; among them
    those that the bank's books or its word contradict (≠): as what it counts, and the other word.

    With --settings only those of the divisions that these serve.
    """
    from gateway.commands.unknowns import as_row, list_unknowns

    try:
        payments = list_unknowns(database, divisions_meant(settings, ()), ended=ended)
    except LedgerUnavailable as lost:
        raise fail(f"unknowns: {lost}") from lost
    rows = [as_row(payment, dt.datetime.now(dt.UTC)) for payment in payments]
    if as_json:
        show(rows)
        return
    table = Table(
        Column("支付指令 instruction", no_wrap=True, overflow="ignore", min_width=40),
        Column("金额 amount", no_wrap=True, justify="right", min_width=18),
        "时长 age (s)",
        "查询 enquiries",
        "人工 task",
    )
    for row in rows:
        task = "●" if row["operator_task"] else ""
        if row["contradicted"]:
            task = f"{row['held']} ≠ {row['said']}"
        if row["ended_at"]:
            task += f" → {row['ended_as']} {row['ended_at'][:19]}Z"
        table.add_row(
            row["instruction"], row["amount"], str(row["age_s"]), str(row["enquiries"]), task
        )
    show_table(table, "没有已查实的 none ended" if ended else "没有待查支付 no unknowns")


@unknowns_app.command("resolve")
def unknowns_resolve(
    key: Annotated[str, typer.Argument(help="division/year/voucher type/voucher number")],
    settings: SettingsFile,
    database: Database,
    outcome: Annotated[deciding.Found, typer.Option(help="What became of it at the bank.")],
    reason: Annotated[str, typer.Option(help="What the bank said or showed, and where.")],
    by: Annotated[str, typer.Option(help="Who answers for this decision.")],
    reference: Annotated[str | None, typer.Option(help="The bank's serial number.")] = None,
    as_json: Json = False,
) -> None:
    """Settle one payment on an operator's word; recorded, told to the bureau, never undone.

    accepted posts the reservation; rejected and not_taken give it back. One that the bank's books
    or its word contradict ends so as well, as the books have it. Nothing is sent. Refused
    where the settings name `unknowns.officers`: then one proposes and another approves.
    """
    from gateway.commands.unknowns import Decision, Refused, resolve

    decision = Decision(outcome=BankOutcome(outcome), reason=reason, by=by, reference=reference)
    try:
        resolve(key, decision, settings, database)
    except SettingsInvalid as invalid:
        raise fail(f"unknowns: {invalid}", USAGE) from invalid
    except (Refused, LedgerUnavailable) as refused:
        raise fail(f"unknowns: {refused}") from refused
    if as_json:
        show({"instruction": key, "bank": outcome, "evidence": "operator"})
    else:
        typer.echo(f"{key}: settled as {outcome}; the record names {by}")


@export_app.command("day")
def export_day_command(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    settings: SettingsFile,
    database: Database,
    division: Annotated[str, typer.Option(help="Nine digits.")],
    on: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Legal day; the whole log if absent."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a day of a division's log as a folder that `verify day` accepts.

    The record key that the settings name signs the list of files. Exit 1 not possible, 2 usage.
    """
    from gateway.commands.export import export_day, signer_of

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        signer = signer_of(settings)
    except (SettingsInvalid, OSError, ValueError) as reason:
        raise fail(f"export: {reason}", USAGE) from reason
    try:
        with Progress(*columns, console=console, transient=True) as progress:
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
    division: Annotated[
        str | None, typer.Option(help="Nine digits; that of the settings if they serve one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the proof that the log only grew since a checkpoint, for `verify consistency`."""
    from gateway.commands.export import export_growth

    try:
        size = export_growth(database, division_meant(settings, division), since, file)
    except (LedgerUnavailable, OSError, ValueError) as reason:
        raise fail(f"export: {reason}") from reason
    show({"file": str(file), "size": size}) if as_json else typer.echo(f"up to {size}, in {file}")


def day_close(
    settings: SettingsFile,
    database: Database,
    division: Annotated[str, typer.Option(help="Nine digits.")],
    on: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="Legal day that ended.")],
    as_json: Json = False,
) -> None:
    """Put a day's count and sum per agency and payer account on record (日终汇总); safe to repeat.

    A day that is closed already is counted anew and compared. Exit 0 whole, 3 if the log lacks what
    the ledger holds or the two differ, 2 usage.
    """
    from gateway.commands.day_close import TooEarly, close

    try:
        with console.status(f"closing {on:%Y-%m-%d}"):
            closed = close(division, on.date(), settings, database)
    except (SettingsInvalid, TooEarly, ValueError) as reason:
        raise fail(f"day-close: {reason}", USAGE) from reason
    except LedgerUnavailable as lost:
        raise fail(f"day-close: {lost}") from lost
    if as_json:
        show(closed.as_json())
    else:
        typer.echo("\n".join(closed.in_words()))
    raise typer.Exit(DONE if closed.whole else GAP)


def _examine(settings: Path, *, quiet: bool) -> list[Finding]:
    from gateway.commands.examine import examine_file

    def told(finding: Finding) -> None:
        colour, mark = _MARKS[finding.state]
        if not quiet:
            console.print(f"[{colour}]{mark}[/] {finding.part:<28}", end="")
            console.print(finding.detail, markup=False, highlight=False, soft_wrap=True)

    try:
        return examine_file(settings, told)
    except SettingsInvalid as invalid:
        raise fail(f"settings: {invalid}", USAGE) from invalid
