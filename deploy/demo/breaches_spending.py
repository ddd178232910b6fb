"""Misdeeds in spending: cash, projects, procurement, standards and frugality (Art. 13, 15, 19)."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from deploy.demo.breaches import ordinary_purchase
from deploy.demo.clerk import Clerk
from deploy.demo.world import RECEPTIONS_FEN
from gateway.domain.codes import CashReason, Settlement
from gateway.domain.instruction import Instruction, Item
from gateway.domain.money import Fen

SPECIAL_PROJECT = "220000ZX202600000001"
"""A special fund, as the parameters of JL-062 list it."""


def year_end_rush(clerk: Clerk) -> Instruction:
    """Most of a project's money at once, in November or December."""
    body, amount = clerk.body(), clerk.amount(20_000, 90_000)
    drafted = clerk.draft(body, "30227", clerk.company("信息技术"), amount, "系统升级服务费")
    indicator = clerk.world.indicator(body, "30227", series=f"4{clerk.paper('')[-4:]}")
    clerk.world.change_indicator(indicator.id, granted_fen=Fen(amount * 3 // 2), posted_fen=Fen(0))
    return replace(drafted, indicator_id=indicator.id, project_code=indicator.project_code)


def ahead_of_the_year(clerk: Clerk) -> Instruction:
    """Nine tenths of a year's basic expenditure before September."""
    body, amount = clerk.body(), clerk.amount(3_000, 9_000)
    drafted = clerk.draft(
        body, "30201", clerk.company("办公用品"), amount, "购办公文具一批",
        documents=(clerk.invoice(),),
    )  # fmt: skip
    indicator = clerk.world.indicator(body, "30201", series=f"2{clerk.paper('')[-4:]}")
    granted, posted = Fen(amount * 10), Fen(amount * 8)
    clerk.world.change_indicator(indicator.id, granted_fen=granted, posted_fen=posted)
    return replace(drafted, indicator_id=indicator.id, project_code=indicator.project_code)


def beyond_the_plan(clerk: Clerk) -> Instruction:
    """The indicator would suffice, the plan up to this month does not."""
    drafted = ordinary_purchase(clerk)
    body = next(body for body in clerk.world.bodies if body.code == drafted.agency_code)
    indicator = clerk.world.indicator(body, "30201", series="5")
    clerk.world.change_indicator(indicator.id, posted_fen=Fen(0))
    clerk.world.meagre[indicator.id] = 100
    return replace(drafted, indicator_id=indicator.id, project_code=indicator.project_code)


def cash_outside_its_scope(clerk: Clerk) -> Instruction:
    drafted = clerk.draft(
        clerk.body(), "30227", clerk.rng.choice(clerk.world.experts), clerk.amount(200, 900),
        "委托评估费",
    )  # fmt: skip
    return replace(drafted, settlement=Settlement.CASH, cash_reason=CashReason.PERSONAL_LABOUR)


def too_much_petty_cash(clerk: Clerk) -> Instruction:
    drafted = clerk.draft(
        clerk.body(), "30299", clerk.company("便民服务"), clerk.amount(1_100, 3_000), "零星杂支采购"
    )
    return replace(drafted, settlement=Settlement.CASH, cash_reason=CashReason.PETTY)


def bonus_outside_the_payroll(clerk: Clerk) -> Instruction:
    return clerk.draft(
        clerk.body(), "30226", clerk.rng.choice(clerk.world.experts), clerk.amount(1_000, 5_000),
        "发放年终奖金",
    )  # fmt: skip


def dear_lecture(clerk: Clerk) -> Instruction:
    """Four hours of a professor at twice the standard."""
    item = Item(kind="lecture", class_="正高级职称", hours=4, unit_price_fen=Fen(200_000))
    return clerk.draft(
        clerk.body(), "30226", clerk.rng.choice(clerk.world.experts), 800_000, "专题讲座讲课费",
        items=(item,),
    )  # fmt: skip


def large_labour_fee(clerk: Clerk) -> Instruction:
    return clerk.draft(
        clerk.body(), "30226", clerk.rng.choice(clerk.world.experts),
        clerk.amount(12_000, 30_000), "课题评审劳务费",
    )  # fmt: skip


def reward_from_a_project(clerk: Clerk) -> Instruction:
    return clerk.draft(
        clerk.body(), "30227", clerk.company("人力资源"), clerk.amount(3_000, 30_000),
        "发放课题组奖励",
    )  # fmt: skip


def special_fund_without_rules(clerk: Clerk) -> Instruction:
    body = clerk.body()
    drafted = clerk.draft(
        body,
        "30227",
        clerk.company("信息技术"),
        clerk.amount(5_000, 50_000),
        "专项资金绩效评价服务",
    )
    indicator = clerk.world.indicator(body, "30227", series="3")
    clerk.world.change_indicator(indicator.id, project_code=SPECIAL_PROJECT)
    return replace(drafted, indicator_id=indicator.id, project_code=SPECIAL_PROJECT)


def procurement_without_contract(clerk: Clerk) -> Instruction:
    body = clerk.body()
    return clerk.draft(
        body, "31003", clerk.company("机电设备"), clerk.amount(520_000, 900_000),
        "购专用检测设备（政府采购）", payer=body.direct, documents=(clerk.invoice(),),
    )  # fmt: skip


def another_supplier(clerk: Clerk) -> Instruction:
    """The contract is with one company, the money goes to another."""
    body, amount = clerk.body(), clerk.amount(50_000, 300_000)
    contract_no = clerk.contract(body, clerk.world.company("办公设备"), amount)
    return clerk.draft(
        body, "31002", clerk.world.company("办公设备"), amount, "购台式计算机（政府采购）",
        payer=body.direct, contract_no=contract_no, documents=(clerk.invoice(),),
    )  # fmt: skip


def _reception(clerk: Clerk, amount: int, reference: str) -> Instruction:
    item = Item(kind="reception", guests=8, companions=2, reference=reference)
    return clerk.draft(
        clerk.body(), "30217", clerk.company("餐饮管理"), amount, "调研组工作餐费",
        items=(item,), documents=(clerk.invoice(),),
    )  # fmt: skip


def receptions_beyond_budget(clerk: Clerk) -> Instruction:
    return _reception(clerk, RECEPTIONS_FEN + clerk.amount(100, 9_000), clerk.paper("JD"))


def reception_without_its_list(clerk: Clerk) -> Instruction:
    return _reception(clerk, clerk.amount(300, 2_000), "")


def luxury_goods(clerk: Clerk) -> Instruction:
    return replace(ordinary_purchase(clerk), purpose="购鹿茸礼盒")


def _meeting(clerk: Clerk, *, over: bool) -> Instruction:
    amount = clerk.amount(20_000, 58_000)
    return clerk.draft(
        clerk.body(), "30215", clerk.world.company("会展酒店"), amount, "年度工作会议场地费",
        items=(clerk.standard("30215", amount, over=over),), documents=(clerk.invoice(),),
    )  # fmt: skip


def dear_meeting(clerk: Clerk) -> Instruction:
    drafted = _meeting(clerk, over=True)
    clerk.world.vendors.add(drafted.payee.name)
    return drafted


def undesignated_hotel(clerk: Clerk) -> Instruction:
    return _meeting(clerk, over=False)


def round_sum_to_a_supermarket(clerk: Clerk) -> Instruction:
    return clerk.draft(
        clerk.body(), "30201", clerk.company("超市"), clerk.rng.randrange(5, 40) * 10_000,
        "购办公用品一批", documents=(clerk.invoice(),),
    )  # fmt: skip


def large_payment(clerk: Clerk) -> Instruction:
    body, payee = clerk.body(), clerk.company("机电设备")
    amount = clerk.amount(1_000_000, 2_600_000)
    return clerk.draft(
        body, "31003", payee, amount, "购专用检测设备（政府采购）", payer=body.direct,
        contract_no=clerk.contract(body, payee, amount), documents=(clerk.invoice(),),
    )  # fmt: skip


BREACHES: Mapping[str, Callable[[Clerk], Instruction]] = {
    "JL-013": beyond_the_plan,
    "JL-041": cash_outside_its_scope,
    "JL-043": too_much_petty_cash,
    "JL-052": bonus_outside_the_payroll,
    "JL-053": dear_lecture,
    "JL-054": large_labour_fee,
    "JL-061": reward_from_a_project,
    "JL-062": special_fund_without_rules,
    "JL-070": procurement_without_contract,
    "JL-071": another_supplier,
    "JL-080": receptions_beyond_budget,
    "JL-081": reception_without_its_list,
    "JL-082": luxury_goods,
    "JL-083": dear_meeting,
    "JL-084": undesignated_hotel,
    "JL-085": round_sum_to_a_supermarket,
    "JL-091": large_payment,
}
EARLY: Mapping[str, Callable[[Clerk], Instruction]] = {"JL-015": ahead_of_the_year}
"""What can be ahead of the year only while enough of it is left."""
YEAR_END: Mapping[str, Callable[[Clerk], Instruction]] = {"JL-016": year_end_rush}
"""What is suspicious in November and December only."""
