"""The commands that try policies on what has happened: back-test, replay, shadow."""

import datetime as dt
import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.table import Table

from gateway.commands.divisions import Division, division_meant, divisions_meant, read_whole
from gateway.commands.policy import NewFolder, OldFolder, Policies
from gateway.commands.terminal import (
    DAYS,
    DONE,
    NO,
    USAGE,
    Database,
    Json,
    SettingsIfAny,
    bar,
    console,
    fail,
    of_our_time,
    show,
    show_table,
)
from gateway.commands.usage import App
from gateway.domain.faults import Fault, LedgerUnavailable
from gateway.settings import DATABASE_VARIABLE, SettingsInvalid

shadow_app = App(
    help="A candidate book beside the live one, never enforced (影子运行).", no_args_is_help=True
)

Divisions = Annotated[
    list[str] | None, typer.Option("--division", help="Repeatable; all if absent.")
]
Since = Annotated[
    dt.datetime | None,
    typer.Option(
        formats=DAYS, callback=of_our_time, help="With the database: the first legal day."
    ),
]


def policy_backtest(
    old: OldFolder,
    new: NewFolder,
    facts: Annotated[
        Path | None, typer.Option(help="Stored instructions, JSON lines in time order.")
    ] = None,
    database: Annotated[
        str, typer.Option(envvar=DATABASE_VARIABLE, help="Or: DSN of the gateway's database.")
    ] = "",
    settings: SettingsIfAny = None,
    division: Annotated[
        str | None,
        typer.Option(
            help="With the database: nine digits; that of the settings if they serve one."
        ),
    ] = None,
    since: Since = None,
    keep: Annotated[
        Path | None, typer.Option(help="With the database: keep the facts as a file for --facts.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run both books over stored instructions: what would newly be blocked, held or released."""
    from gateway.policy_books.folders import backtest_folders
    from gateway.policy_books.history import Source, backtest_ledger

    if facts is None and not (database and (division or settings)):
        raise fail("backtest: say --facts, or --database and --division", USAGE)
    where = "" if facts else division_meant(settings, division)
    try:
        with bar() as progress:
            task = progress.add_task("backtest")

            def told(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            if facts is not None:
                report = backtest_folders(old, new, facts, told)
            else:
                source = Source(
                    database=database, division=where, since=since.date() if since else None
                )
                with _own(keep) if keep else nullcontext() as kept:
                    report = backtest_ledger(old, new, source, told, kept)
    except (SettingsInvalid, Fault, LedgerUnavailable, ValueError, OSError) as reason:
        raise fail(f"backtest: {reason}", USAGE) from reason
    if as_json:
        show(report.as_json())
    else:
        typer.echo("\n".join(report.lines()))


def _own(file: Path) -> TextIO:
    """Facts name agencies and payees: a new file is its owner's only. Raises OSError."""
    return open(file, "w", encoding="utf-8", opener=partial(os.open, mode=0o600))


def policy_replay(
    key: Annotated[str, typer.Argument(help="division/year/voucher type/voucher number")],
    database: Database,
    settings: SettingsIfAny = None,
    policies: Policies | None = None,
    books: Annotated[
        Path | None, typer.Option(help="Folder of signed books: the one that decided is found.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide a recorded instruction again, bit for bit. Exit 1 if anything differs."""
    from gateway.policy_books.answering import shelves_of
    from gateway.policy_books.history import replay_recorded, replayed_fields
    from gateway.tending.unknowns import read_key

    shelves = shelves_of(read_whole(settings) if settings else None, policies, books)
    try:
        replayed = replay_recorded(read_key(key), database, shelves.folder, shelves.books)
    except (SettingsInvalid, Fault, LedgerUnavailable, ValueError, OSError) as reason:
        raise fail(f"replay: {reason}", USAGE) from reason
    same = all(each.same for each in replayed)
    if as_json:
        show(replayed_fields(key, replayed))
    else:
        for name, each in zip(("判定 decision", "放行 release"), replayed, strict=False):
            differing = " ".join(each.differing) or "not in a finding"
            size = len(each.now)
            typer.echo(
                f"{key} {name}: 重放一致，逐字节相同 / the same, {size} bytes" if each.same
                else f"{key} {name}: 重放不一致 / differs: {differing}"
            )  # fmt: skip
    raise typer.Exit(DONE if same else NO)


@shadow_app.command("start")
def shadow_start(
    candidate: Annotated[Path, typer.Argument(help="Folder of the candidate's policies.")],
    database: Database,
    by: Annotated[str, typer.Option(help="Who starts it.")],
    settings: SettingsIfAny = None,
    division: Divisions = None,
    since: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=DAYS, callback=of_our_time, help="Also what was sealed since this legal day."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a candidate beside the live book from now on; payments never wait for it."""
    from gateway.policy_books.shadowing import run_fields, start

    if not by.strip() or not by.isprintable():
        raise fail("--by: a name", USAGE)
    meant = divisions_meant(settings, division or ())
    try:
        with console.status("proving the candidate"):
            begin = since.date() if since else None
            started = start(candidate, database, meant, by.strip(), begin)
    except (SettingsInvalid, LedgerUnavailable, ValueError, OSError) as reason:
        raise fail(f"shadow: {reason}") from reason
    if as_json:
        show([run_fields(run) for run in started])
        return
    for run in started:
        typer.echo(
            f"{run.division} 影子运行 {run.run}：候选规则簿 {run.candidate[:12]}，自第"
            f" {run.from_seq + 1} 条记录起 / run {run.run} from record {run.from_seq + 1}"
        )


@shadow_app.command("stop")
def shadow_stop(
    database: Database, settings: SettingsIfAny = None, division: Divisions = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """End it; what was found stays."""
    from gateway.policy_books.shadowing import stop

    meant = divisions_meant(settings, division or ())
    try:
        stopped = stop(database, meant)
    except (SettingsInvalid, LedgerUnavailable, ValueError) as reason:
        raise fail(f"shadow: {reason}") from reason
    if as_json:
        show([{"division": where, "run": run} for where, run in stopped])
    else:
        typer.echo("\n".join(f"{where} 影子运行 {run} 已停止 / stopped" for where, run in stopped))


@shadow_app.command("list")
def shadow_list(
    database: Database,
    settings: SettingsIfAny = None,
    division: Annotated[str | None, typer.Option(help="Nine digits; all if absent.")] = None,
    as_json: Json = False,
) -> None:
    """Every run, those that go on and those that ended."""
    from gateway.policy_books.shadowing import run_fields, runs

    meant = divisions_meant(settings, [division] if division else ())
    try:
        every = runs(database)
        found = [run_fields(run) for run in every if not meant or run.division in meant]
    except (SettingsInvalid, LedgerUnavailable) as reason:
        raise fail(f"shadow: {reason}") from reason
    if as_json:
        show(found)
        return
    table = Table("区划 division", "运行 run", "候选 candidate", "开始 started", "何人 by",
                  "已比对 compared", "停止 stopped", "问题 trouble")  # fmt: skip
    for run in found:
        table.add_row(
            run["division"], str(run["run"]), run["candidate"][:12], run["started_at"][:19],
            run["started_by"], f"{run['compared']:,}", (run["stopped_at"] or "")[:19],
            run["trouble"],
        )  # fmt: skip
    show_table(table, "没有影子运行 no candidate ever ran")


@shadow_app.command("report")
def shadow_report(
    database: Database,
    settings: SettingsIfAny = None,
    division: Division = None,
    run: Annotated[int | None, typer.Option(help="The run's number; the latest if absent.")] = None,
    as_json: Json = False,
) -> None:
    """What the candidate would have decided otherwise: by policy, agency and sum, with samples."""
    from gateway.policy_books.shadowing import report, run_fields

    division = division_meant(settings, division)
    try:
        shadow, told = report(database, division, run)
    except (SettingsInvalid, LedgerUnavailable, ValueError) as reason:
        raise fail(f"shadow: {reason}") from reason
    if as_json:
        show({"run": run_fields(shadow), **told.as_json()})
        return
    state = "已停止 stopped" if shadow.stopped_at else "进行中 going on"
    typer.echo(f"{division} 影子运行 {shadow.run} ({state})，候选 {shadow.candidate[:12]}")
    if shadow.trouble:
        typer.echo(f"! 未能继续 not going on: {shadow.trouble}")
    typer.echo("\n".join(told.lines()))


@shadow_app.command("follow")
def shadow_follow(
    database: Database,
    once: Annotated[bool, typer.Option(help="Until everything sealed so far is read.")] = False,
    tied: Annotated[bool, typer.Option(help="Until standard input ends.", hidden=True)] = False,
    settings: SettingsIfAny = None,
    policies: Policies | None = None,
    books: Annotated[
        Path | None, typer.Option(help="Folder of signed books, to replay a decision.")
    ] = None,
) -> None:
    """Compare what was sealed since. The gateway runs this by itself while a candidate is on."""
    from gateway.policy_books.answering import shelves_of
    from gateway.policy_books.shadowing import follow

    shelves = shelves_of(read_whole(settings) if settings else None, policies, books)
    try:
        follow(database, shelves, until_idle=once, tied=tied)
    except (SettingsInvalid, LedgerUnavailable, ValueError, OSError) as reason:
        raise fail(f"shadow: {reason}") from reason
