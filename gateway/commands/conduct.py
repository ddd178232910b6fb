"""`conduct`: what the bank did against what it was told (Art. 10(4), 22), for whoever tends it."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import attrs
import orjson
import typer
from rich.table import Column, Table

from adapters.postgres.oversight.conduct import PostgresConduct
from gateway.commands.asking import ask
from gateway.commands.divisions import division_meant
from gateway.commands.terminal import (
    DONE,
    NO,
    USAGE,
    Database,
    Json,
    SettingsIfAny,
    console,
    fail,
    show,
)
from gateway.commands.usage import App
from gateway.domain.conduct import ScoreCard
from gateway.domain.conduct_rules import RULES
from gateway.domain.legal_day import legal_day
from gateway.domain.money import yuan

PERFECT = 100
PER_PAYMENTS = 1000
"""Points count a thousand payments, so that a large bank is not worse for being large."""

conduct_app = App(
    help="What the bank did against what it was told (银行代理行为监控).", no_args_is_help=True
)

Division = Annotated[
    str | None, typer.Option(help="Nine digits; that of the settings if they serve one.")
]
Since = Annotated[
    dt.datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="First legal day; today if absent."),
]
Until = Annotated[
    dt.datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], help="Last legal day; the first if absent."),
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
        console.print(_table(alerts))
    raise typer.Exit(NO if alerts else DONE)


@conduct_app.command("score")
def conduct_score(
    database: Database, settings: SettingsIfAny = None, division: Division = None,
    since: Since = None, until: Until = None, as_json: Json = False,
) -> None:  # fmt: skip
    """The bank's score card of a period (Art. 22(3): 综合考评).

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
    typer.echo(f"放行 passed: {card.passed:,} 笔, {yuan(card.passed_fen)} 元")
    typer.echo(f"入账 booked: {card.booked:,} 笔, {yuan(card.booked_fen)} 元")
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


def _table(alerts: list[dict[str, Any]]) -> Table:
    words = ("依据 article", "事由 reason", "处理 remedy")
    table = Table("规则 policy", *(Column(word, overflow="fold") for word in words))
    for alert in alerts:
        colour = {"red": "red", "orange": "dark_orange", "yellow": "yellow"}.get(alert["light"], "")
        table.add_row(
            f"[{colour}]{alert['policy']}[/]" if colour else alert["policy"],
            alert["article"], alert["reason_zh"], alert["remedy_zh"],
        )  # fmt: skip
    return table
