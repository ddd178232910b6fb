"""`conduct`: what the bank did against what it was told (Art. 10(4), 22), for whoever tends it."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import attrs
import orjson
import typer
from rich.table import Column, Table
from rich.text import Text

from adapters.postgres.oversight.backlog import COUNTED_MAX, PostgresBacklog
from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.commands.asking import ask
from gateway.commands.divisions import Division, division_meant, divisions_meant
from gateway.commands.terminal import (
    DAYS,
    DONE,
    NO,
    USAGE,
    Database,
    Json,
    SettingsIfAny,
    console,
    fail,
    of_our_time,
    say_if_cut,
    show,
    show_table,
)
from gateway.commands.usage import App
from gateway.domain.conduct import PaidUnbooked, ScoreCard
from gateway.domain.conduct_rules import RULES
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.legal_day import SHANGHAI, legal_day
from gateway.domain.money import yuan
from policies.book.names import article_zh

PERFECT = 100
PER_PAYMENTS = 1000
"""Points count a thousand payments, so that a large bank is not worse for being large."""

conduct_app = App(
    help="What the bank did against what it was told (银行代理行为监控).", no_args_is_help=True
)

Since = Annotated[
    dt.datetime | None,
    typer.Option(
        "--from", formats=DAYS, callback=of_our_time, help="First legal day; today if absent."
    ),
]
Until = Annotated[
    dt.datetime | None,
    typer.Option(
        "--to", formats=DAYS, callback=of_our_time, help="Last legal day; the first if absent."
    ),
]
_Result = TypeVar("_Result")


@conduct_app.command("alerts")
def conduct_alerts(
    database: Database, settings: SettingsIfAny = None, division: Division = None,
    since: Since = None, until: Until = None, as_json: Json = False,
) -> None:  # fmt: skip
    """List the alerts of some days (JL-100 to JL-106). Exit 1 if there are any."""
    first, last = _days(since, until)
    division = division_meant(settings, division)
    _known(database, division)
    bodies = _ask(database, lambda store: store.alerts(division, first, last))
    alerts = [orjson.loads(body) for body in bodies]
    if as_json:
        show(alerts)
    elif not alerts:
        typer.echo(f"没有预警 no alerts: {division}, {first} – {last}")
    else:
        for alert in alerts:
            _tell(alert)
    raise typer.Exit(NO if alerts else DONE)


@conduct_app.command("unbooked")
def conduct_unbooked(
    database: Database, settings: SettingsIfAny = None, as_json: Json = False
) -> None:
    """List what was settled as paid, whose day is over, and of which the bank's books show no debit
    (已报付款、账上未见划款), of a month. Exit 1 if there is any.

    With --settings only those of the divisions that these serve.
    """
    divisions = divisions_meant(settings, ())
    try:
        found = asyncio.run(_unbooked(database, divisions))
    except LedgerUnavailable as lost:
        raise fail(f"conduct: {lost}") from lost
    say_if_cut(len(found), COUNTED_MAX)
    if as_json:
        show([{**attrs.asdict(each, recurse=False), "key": str(each.key)} for each in found])
        raise typer.Exit(NO if found else DONE)
    table = Table(
        Column("支付指令 instruction", no_wrap=True),
        "单位 agency",
        Column("金额 amount", no_wrap=True, justify="right"),
        Column("报付 settled", no_wrap=True),
        "依据 by",
        Column("预警 JL-104", no_wrap=True),
    )
    for each in found:
        settled = each.settled_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(
            str(each.key), each.agency_code, yuan(each.amount_fen), settled, each.evidence,
            each.raised_on.isoformat(),
        )  # fmt: skip
    show_table(table, "没有 none: the books show a debit of all that was settled as paid")
    raise typer.Exit(NO if found else DONE)


async def _unbooked(database: str, divisions: Sequence[str]) -> list[PaidUnbooked]:
    backlog = PostgresBacklog(database)
    try:
        return await backlog.paid_unbooked(COUNTED_MAX, divisions)
    finally:
        await backlog.close()


@conduct_app.command("score")
def conduct_score(
    database: Database, settings: SettingsIfAny = None, division: Division = None,
    since: Since = None, until: Until = None, as_json: Json = False,
) -> None:  # fmt: skip
    """The bank's score card of a period (综合考评, Article 22(3)).

    100 less points for each alert, a thousand payments; the points are ours (docs/conduct.md).
    """
    first, last = _days(since, until)
    division = division_meant(settings, division)
    _known(database, division)
    card = _ask(database, lambda store: store.score(division, first, last))
    if as_json:
        show({**attrs.asdict(card), "score": score_of(card)})
        return
    typer.echo(f"{division}  {first} – {last}")
    passed, booked = yuan(card.passed_fen), yuan(card.booked_fen)
    typer.echo(f"放行（含挂起后放行） passed or released: {card.passed:,} 笔, {passed} 元")
    typer.echo(f"支出流水（一笔支付可有多条） debits booked: {card.booked:,} 条, {booked} 元")
    for policy, count in card.alerts.items():
        rule = RULES[policy]
        typer.echo(f"{policy} {rule.title_zh} {rule.title_en}: {count} (−{rule.weight})")
    typer.echo(f"得分 score: {score_of(card):.1f} / {PERFECT}")


def score_of(card: ScoreCard) -> float:
    """PERFECT less the weights of all alerts, a thousand payments; never below nothing."""
    points = sum(RULES[policy].weight * count for policy, count in card.alerts.items())
    return max(0.0, PERFECT - points * PER_PAYMENTS / max(PER_PAYMENTS, card.passed))


def _days(since: dt.datetime | None, until: dt.datetime | None) -> tuple[dt.date, dt.date]:
    first = since.date() if since else legal_day(dt.datetime.now(dt.UTC))
    last = until.date() if until else first
    if last < first:
        raise fail(f"conduct: --to {last} is before --from {first}", USAGE)
    return first, last


def _known(dsn: str, division: str) -> None:
    """No alert of a division that nobody knows is no good news."""
    if not _ask(dsn, lambda store: store.knows(division)):
        raise fail(
            f"conduct: nothing of division {division} is on record here (没有该区划的记录)", USAGE
        )


def _ask(dsn: str, question: Callable[[PostgresConduct], Awaitable[_Result]]) -> _Result:
    return ask(lambda: PostgresConduct(dsn), question, "conduct")


def _tell(alert: dict[str, Any]) -> None:
    """As `submit` tells a refusal: in columns a reason stood four characters a line."""
    colour = {"red": "red", "orange": "dark_orange", "yellow": "yellow"}.get(alert["light"], "")
    # As text: the bank's own words are quoted in a reason, and may look like markup.
    said = Text(alert["policy"], style=colour)
    said.append(f"（{article_zh(alert['article'])}）{alert['reason_zh']}", style="default")
    console.print(said, soft_wrap=True)
    console.print(Text(f"  处理办法 remedy: {alert['remedy_zh']}"), soft_wrap=True)
