"""`holds`: what this gateway holds, why, and what would release each."""

import asyncio
import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from gateway.commands.divisions import divisions_meant
from gateway.commands.terminal import (
    USAGE,
    Database,
    Json,
    SettingsFile,
    fail,
    say_if_cut,
    show,
    show_table,
)
from gateway.commands.usage import App
from gateway.configured.machine import instance_name
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.holds import Hold
from gateway.domain.legal_day import SHANGHAI
from gateway.domain.money import yuan
from gateway.settings import SettingsInvalid, read_settings
from gateway.tending.unknowns import Refused, read_key
from gateway.web.holds import hold_fields

LISTED_MAX = 1000
"""Of each division."""
SOUGHT_MAX = 100_000
"""Among so many of its division one is looked for."""

holds_app = App(help="What is held, and why (挂起的支付).", no_args_is_help=True)


@holds_app.command("list")
def holds_list(
    settings: SettingsFile,
    database: Database,
    division: Annotated[str | None, typer.Option(help="Nine digits; all if absent.")] = None,
    as_json: Json = False,
) -> None:
    """List open holds, oldest first, with their findings and what would release them."""
    meant = divisions_meant(settings, [division] if division else [])
    rows = _rows(settings, database, meant, LISTED_MAX)
    of_each = Counter(row["instruction"].partition("/")[0] for row in rows)
    say_if_cut(max(of_each.values(), default=0), LISTED_MAX)
    if as_json:
        show(rows)
        return
    table = Table(
        Column("支付指令 instruction", no_wrap=True, min_width=40), "单位 agency",
        Column("金额 amount", no_wrap=True, justify="right"),
        Column("至 expires", no_wrap=True), "规则 policies",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["instruction"], row["agency"], yuan(row["amount_fen"]), _moment(row["expires_at"]),
            " ".join(dict.fromkeys(finding["policy"] for finding in row["findings"])),
        )  # fmt: skip
    show_table(table, "没有挂起 nothing is held")


@holds_app.command("show")
def holds_show(
    key: Annotated[str, typer.Argument(help="division/year/voucher type/voucher number")],
    settings: SettingsFile,
    database: Database,
    as_json: Json = False,
) -> None:
    """Show one open hold: each finding, its article, and what would release it."""
    try:
        division = read_key(key).division
    except Refused as refused:
        raise fail(f"holds: {refused}") from refused
    found = [
        row for row in _rows(settings, database, [division], SOUGHT_MAX)
        if row["instruction"] == key
    ]  # fmt: skip
    if not found:
        raise fail(f"{key}: 没有挂起；去向见 is not held; what became of it: `where {key}`")
    if as_json:
        show(found[0])
        return
    row = found[0]
    typer.echo(f"{key}  {row['agency']}  {yuan(row['amount_fen'])}")
    typer.echo(f"  至 expires {_moment(row['expires_at'])}")
    for finding in row["findings"]:
        where = f"（明细 detail {finding['detail']}）" if finding["detail"] else ""
        typer.echo(f"  {finding['policy']} {finding['title_zh']}{where} [{finding['article']}]")
        typer.echo(f"    {finding['reason_zh']}")
        typer.echo(f"    → {finding['would_release_zh']}")


def _rows(settings: Path, database: str, divisions: list[str], most: int) -> list[dict[str, Any]]:
    try:
        chosen = read_settings(settings)
        holds = asyncio.run(_read(database, divisions, most))
    except SettingsInvalid as invalid:
        raise fail(f"holds: {invalid}", USAGE) from invalid
    except LedgerUnavailable as lost:
        raise fail(f"holds: {lost}") from lost
    life = dt.timedelta(seconds=chosen.holds.expire_s)
    return [hold_fields(hold, life) for hold in holds]


async def _read(database: str, divisions: list[str], most: int) -> list[Hold]:
    from adapters.postgres.ledger.holds import PostgresHolds

    holds = PostgresHolds(database, instance=instance_name())
    now = dt.datetime.now(dt.UTC)
    try:
        return [
            hold for division in divisions for hold in await holds.open_holds(division, now, most)
        ]
    finally:
        await holds.close()


def _moment(microseconds: int) -> str:
    return dt.datetime.fromtimestamp(microseconds / 1_000_000, SHANGHAI).strftime("%Y-%m-%d %H:%M")
