"""Misdeeds about elements, accounts, budgets and transfers: one kind of mistake per policy."""

import datetime as dt
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from deploy.demo.body import Body
from deploy.demo.clerk import Clerk
from deploy.demo.numbers import account_number
from gateway.domain.codes import (
    AccountClass,
    AccountStatus,
    CarryOver,
    CashReason,
    Exemption,
    Settlement,
)
from gateway.domain.instruction import Instruction
from gateway.domain.money import Fen

NEARLY_SPENT_LEFT_FEN = 8_000


def ordinary_purchase(clerk: Clerk, body: Body | None = None) -> Instruction:
    """What would have passed but for the one thing that a breach then changes."""
    return clerk.draft(
        body or clerk.body(), "30201", clerk.company("办公用品"), clerk.amount(300, 9000),
        "购办公文具一批", documents=(clerk.invoice(),),
    )  # fmt: skip


def blank_purpose(clerk: Clerk) -> Instruction:
    return replace(ordinary_purchase(clerk), purpose="")


def unfit_payer(clerk: Clerk) -> Instruction:
    """An account that is not filed, suspended or of the wrong class, or an agency under Art. 21."""
    world = clerk.world
    body = clerk.body()
    kind = clerk.rng.randrange(4)
    if kind == 0:
        return ordinary_purchase(clerk, world.suspended)
    payer = replace(body.zero, account=account_number(clerk.rng, "0799"))
    if kind == 1:
        payer = world.filed_account(
            body.agency, AccountClass.ZERO_BALANCE, status=AccountStatus.SUSPENDED
        )
    elif kind == 2:
        payer = world.filed_account(body.agency, AccountClass.REVENUE_COLLECTION)
    return replace(ordinary_purchase(clerk, body), payer=payer)


def no_budget(clerk: Clerk) -> Instruction:
    """An indicator that does not exist, may not be executed, or is last year's."""
    drafted = ordinary_purchase(clerk)
    body = _body_of(clerk, drafted)
    kind = clerk.rng.randrange(3)
    if kind == 0:
        return replace(drafted, indicator_id=drafted.indicator_id[:-1] + "X")
    indicator = clerk.world.indicator(body, "30201", series="9" if kind == 1 else "6")
    if kind == 1:
        clerk.world.change_indicator(indicator.id, executable=False)
    else:
        clerk.world.change_indicator(indicator.id, fiscal_year=indicator.fiscal_year - 1)
    return replace(drafted, indicator_id=indicator.id, project_code=indicator.project_code)


def beyond_budget(clerk: Clerk) -> Instruction:
    """More than an indicator that is nearly spent has left."""
    drafted = ordinary_purchase(clerk)
    indicator = clerk.world.indicator(_body_of(clerk, drafted), "30201", series="8")
    granted = Fen(indicator.posted_fen + NEARLY_SPENT_LEFT_FEN)
    clerk.world.change_indicator(indicator.id, granted_fen=granted)
    return replace(drafted, indicator_id=indicator.id, project_code=indicator.project_code)


def another_item(clerk: Clerk) -> Instruction:
    drafted = ordinary_purchase(clerk)
    return replace(drafted, dept_economic_code="30299", gov_economic_code="50299")


def recoverable_money(clerk: Clerk) -> Instruction:
    drafted = ordinary_purchase(clerk)
    indicator = clerk.world.indicator(_body_of(clerk, drafted), "30201", series="7")
    clerk.world.change_indicator(indicator.id, carry_over=CarryOver.RECOVERABLE)
    return replace(drafted, indicator_id=indicator.id, project_code=indicator.project_code)


def to_own_account(clerk: Clerk) -> Instruction:
    """Into the agency's own basic account; half of them claim an exception without its papers."""
    body = clerk.body()
    claim = clerk.rng.choice((None, Exemption.SERVICE_PURCHASE))
    return clerk.draft(
        body, "30227", clerk.world.filed_payee(body.basic), clerk.amount(5_000, 90_000),
        "拨付单位周转经费", exemption=claim,
    )  # fmt: skip


def to_other_agency(clerk: Clerk) -> Instruction:
    """Into another agency's real-fund account, now and then a subordinate's."""
    world = clerk.world
    body, other = clerk.rng.sample(world.bodies, k=2)
    if clerk.rng.random() < 0.4:
        body = next(top for top in world.tops if top.code == other.agency.parent)
    return clerk.draft(
        body, "30227", world.filed_payee(other.basic), clerk.amount(5_000, 90_000), "拨付协作经费"
    )


def to_superior(clerk: Clerk) -> Instruction:
    body = clerk.body()
    top = next(top for top in clerk.world.tops if top.code == body.agency.parent)
    return clerk.draft(
        body,
        "30227",
        clerk.world.filed_payee(top.basic),
        clerk.amount(5_000, 90_000),
        "上缴统筹经费",
    )


def cash_for_card_items(clerk: Clerk) -> Instruction:
    drafted = clerk.draft(
        clerk.body(), "30201", clerk.company("办公用品"), clerk.amount(100, 900), "购办公文具一批"
    )
    return replace(drafted, settlement=Settlement.CASH, cash_reason=CashReason.PETTY)


def much_cash_to_one(clerk: Clerk) -> Instruction:
    drafted = clerk.draft(
        clerk.body(), "30226", clerk.rng.choice(clerk.world.experts), clerk.amount(1_001, 5_000),
        "专家评审劳务费",
    )  # fmt: skip
    return replace(drafted, settlement=Settlement.CASH, cash_reason=CashReason.PERSONAL_LABOUR)


def unfiled_person(clerk: Clerk) -> Instruction:
    stranger = clerk.world.person("外单位", "专家", filed=False)
    return clerk.draft(clerk.body(), "30226", stranger, clerk.amount(500, 4_000), "专题讲座讲课费")


def stale_voucher(clerk: Clerk) -> Instruction:
    """Too old, or of a day yet to come."""
    days = clerk.rng.choice((12, 15, 21, 40, -3))
    return replace(ordinary_purchase(clerk), voucher_date=clerk.world.on - dt.timedelta(days=days))


def _body_of(clerk: Clerk, drafted: Instruction) -> Body:
    return next(body for body in clerk.world.bodies if body.code == drafted.agency_code)


BREACHES: Mapping[str, Callable[[Clerk], Instruction]] = {
    "JL-004": blank_purpose,
    "JL-007": unfit_payer,
    "JL-010": no_budget,
    "JL-011": beyond_budget,
    "JL-012": another_item,
    "JL-014": recoverable_money,
    "JL-020": to_own_account,
    "JL-021": to_other_agency,
    "JL-022": to_superior,
    "JL-040": cash_for_card_items,
    "JL-042": much_cash_to_one,
    "JL-050": unfiled_person,
    "JL-093": stale_voucher,
}
HELD = frozenset({"JL-050"})
"""These hold; the others block."""
