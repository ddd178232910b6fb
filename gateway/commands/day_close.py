"""`day-close`: a legal day's counts and sums put on record (日终汇总)."""

import datetime as dt
from typing import Annotated

import typer

from gateway.commands.terminal import (
    DAYS,
    DONE,
    USAGE,
    Database,
    Json,
    SettingsFile,
    console,
    fail,
    of_our_time,
    show,
)
from gateway.domain.faults import LedgerUnavailable
from gateway.settings import SettingsInvalid

GAP = 3


def day_close(
    settings: SettingsFile,
    database: Database,
    division: Annotated[str, typer.Option(help="Nine digits.")],
    on: Annotated[
        dt.datetime,
        typer.Option(formats=DAYS, callback=of_our_time, help="Legal day that ended."),
    ],
    as_json: Json = False,
) -> None:
    """Put a day's count and sum per agency and payer account on record (日终汇总); safe to repeat.

    A day that is closed already is counted anew and compared. Exit 0 whole, 3 if the log lacks what
    the ledger holds or the two differ, 2 usage.
    """
    from gateway.tending.day_close import TooEarly, close

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
