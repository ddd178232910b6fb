"""`recount`: every balance of a gateway's database made anew from what is signed (重算)."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gateway.commands.divisions import divisions_meant, read_whole
from gateway.commands.policy import Policies
from gateway.commands.terminal import (
    DONE,
    NO,
    USAGE,
    Database,
    Json,
    SettingsFile,
    bar,
    fail,
    show,
    show_table,
)
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.money import Fen, yuan
from gateway.settings import SettingsInvalid

GAP = 3


def recount(
    settings: SettingsFile,
    database: Database,
    division: Annotated[
        list[str] | None, typer.Option("--division", help="Repeatable; all that are served.")
    ] = None,
    policies: Policies | None = None,
    books: Annotated[
        Path | None, typer.Option(help="Folder of signed books; that of the settings if absent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make every limit, window and open payment anew from the sealed log; say what differs (重算).

    Reads one snapshot and changes nothing; gateways may go on serving. Exit 1 if a value is stored
    otherwise than it comes to, 3 if none is and something could not be made anew.
    """
    from gateway.policy_books.answering import shelves_of
    from gateway.tending.recount import recount as run

    meant = divisions_meant(settings, division or ())
    read = read_whole(settings)
    try:
        with bar() as progress:
            tasks = {each: progress.add_task(each, total=None) for each in meant}
            found = run(
                read, database, meant, shelves_of(read, policies, books),
                lambda where, done, total: progress.update(
                    tasks[where], completed=done, total=total
                ),
            )  # fmt: skip
    except (SettingsInvalid, OSError, ValueError) as reason:
        raise fail(f"recount: {reason}", USAGE) from reason
    except LedgerUnavailable as lost:
        raise fail(f"recount: {lost}") from lost
    same = all(each.same for each in found)
    if as_json:
        show({"divisions": [each.as_json() for each in found], "same": same})
    else:
        table = Table("区划 division", "行 row", "对象 subject", "列 column", "所存 stored",
                      "重算 recounted")  # fmt: skip
        for each in found:
            for one in each.differences:
                table.add_row(
                    one.division, one.what, one.subject, one.column, _shown(one.column, one.stored),
                    _shown(one.column, one.recounted),
                )  # fmt: skip
        if table.row_count:
            show_table(table, "")
        typer.echo("\n".join(words for each in found for words in _in_words(each)))
    if not same:
        raise typer.Exit(NO)
    raise typer.Exit(GAP if any(each.unknown for each in found) else DONE)


def _shown(column: str, value: str | int | None) -> str:
    if value is None:
        return "无 none"
    if isinstance(value, int) and "fen" in column:
        return f"{value} ({yuan(Fen(value))} 元)"
    return str(value)


def _in_words(found: object) -> list[str]:
    from gateway.tending.recount import Recounted

    assert isinstance(found, Recounted)
    number = len(found.differences) + found.left_off
    words = "一致 nothing differs" if found.same else f"{number} 处不一致 differences"
    lines = [
        f"{found.division} {words}；记录 records {found.records}（财政副署 cosigned"
        f" {found.cosigned}，待编号 without a number {found.waiting}），支付 payments"
        f" {found.payments}，额度 limits {found.lines}"
    ]
    lines += [
        f"{found.division} 未能重算 not made anew: {count}, {why}"
        for why, count in sorted(found.unknown.items())
    ]
    return lines
