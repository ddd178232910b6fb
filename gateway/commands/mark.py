"""`mark`: what this host remembers of the logs, beside what the database holds (日志印记)."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Annotated

import attrs
import typer

from gateway.commands.terminal import DONE, NO, USAGE, Json, SettingsFile, fail, show
from gateway.commands.usage import App
from gateway.domain.faults import LedgerUnavailable
from gateway.examining.finding import State
from gateway.settings import Secrets, Settings, SettingsInvalid, read_secrets, read_settings

marks_app = App(
    help="What this host remembers of the logs outside the database (日志印记).",
    no_args_is_help=True,
)


class Refused(ValueError):
    """The mark stays as it is; the message says why."""


@marks_app.command("show")
def marks_show(settings: SettingsFile, as_json: Json = False) -> None:
    """Compare mark and database, division by division. Exit 1 if a division would be shut."""
    from gateway.examining.mark import compare

    try:
        found = asyncio.run(compare(*_read(settings)))
    except (LedgerUnavailable, OSError, ValueError) as reason:
        raise fail(f"mark: {reason}") from reason
    if as_json:
        show([attrs.asdict(each) for each in found])
    else:
        typer.echo("\n".join(f"{each.division}  {each.state}  {each.words}" for each in found))
    raise typer.Exit(NO if any(each.state is State.BAD for each in found) else DONE)


@marks_app.command("set")
def marks_set(
    settings: SettingsFile,
    division: Annotated[str, typer.Option(help="Nine digits.")],
    told: Annotated[
        int, typer.Option(min=0, help="How many records the bureau holds, as its people said.")
    ],
    by: Annotated[str, typer.Option(help="Who answers for it.")],
    reason: Annotated[str, typer.Option(help="Who was asked, and what was settled by hand.")],
    lower: Annotated[
        bool,
        typer.Option("--lower", help="Although this host has seen more, or lost payments."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say that this database is the newest copy there is; stop its gateways first.

    Refused where a gateway of this host still runs, and where it holds less than the bureau. With
    --lower what is missing is given up: only once bank and bureau have settled what was paid
    (runbooks/backup-and-restore). Exit 1 refused.
    """
    from gateway.tending.unknowns import NAME_CHARS, REASON_CHARS, check_words

    try:
        check_words(("--by", by, NAME_CHARS), ("--reason", reason, REASON_CHARS))
        size = asyncio.run(set_mark(*_read(settings), division, told, (by, reason), lower=lower))
    except (LedgerUnavailable, OSError, ValueError) as refused:
        raise fail(f"mark: {refused}") from refused
    if as_json:
        show({"division": division, "size": size})
    else:
        typer.echo(f"{division}: this database, with {size} records, is the newest; {by} says so")


async def set_mark(
    settings: Settings, secrets: Secrets, division: str, told: int, who: tuple[str, str], *,
    lower: bool,
) -> int:  # fmt: skip
    """How many records the mark now says. `who`: by whom, and why.

    Raises Refused, OSError, ValueError, LedgerUnavailable.
    """
    from adapters.folder.mark import Act
    from adapters.postgres.log.recordlog import PostgresRecordLog
    from gateway.configured.mark import mark_file
    from gateway.domain.log import Marked
    from gateway.examining.mark import compare

    compared = await compare(settings, secrets)
    found = next((each for each in compared if each.division == division), None)
    file = mark_file(settings)
    if found is None or file is None:
        raise Refused(f"division {division} is not one of gateway.divisions")
    if told > found.held:
        raise Refused(f"the bureau holds {told} records, this database {found.held}: it is older")
    if found.state is State.BAD and not lower:
        raise Refused(f"{found.words}; --lower gives up what is missing")
    records = PostgresRecordLog(secrets.database)
    try:
        newest = await records.newest_checkpoint(division, 0)
    finally:
        await records.close()
    if newest is None and found.marked:
        raise Refused(f"this host has seen {found.marked} records; nothing is sealed here")
    size, checkpoint = newest or (0, "")
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    act = Act(at=at, by=who[0], reason=who[1], origin=found.origin, size=size)
    file.set_by_hand(found.origin, Marked(checkpoint=checkpoint), act)
    return size


def _read(settings: Path) -> tuple[Settings, Secrets]:
    try:
        return read_settings(settings), read_secrets()
    except SettingsInvalid as invalid:
        raise fail(f"settings: {invalid}", USAGE) from invalid
