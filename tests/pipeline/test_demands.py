"""Which limits a pass reserves on, and up to which cap."""

import datetime as dt
from typing import Any

import attrs
import msgspec
import pytest
from msgspec.structs import replace

from gateway.domain.codes import ApprovalKind, CarryOver, PaymentMethod, ThreePublicCategory
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Detail, Instruction
from gateway.domain.ledger import Demand, Limit, LimitKey, LimitKind
from gateway.domain.limits import in_want_of
from gateway.domain.money import Fen
from gateway.domain.registers import Approval, Contract, Plan, Registers, ThreePublicBudget
from gateway.pipeline.demands import demands_of, lacking_unasked
from gateway.pipeline.identify import identify
from tests.pipeline.fakes import INDICATOR, SUPPLIER, instruction, registers

MARCH = dt.date(2026, 3, 31)
FIRST = Demand(limit=LimitKey(kind=LimitKind.INDICATOR, id=INDICATOR), amount_fen=Fen(30_000))


def demands(order: Instruction, rows: Registers, on: dt.date = MARCH) -> tuple[Demand, ...]:
    assert demands_of(order, identify(order, rows), rows, on)[0].limit == FIRST.limit
    return demands_of(order, identify(order, rows), rows, on)[1:]


def test_an_ordinary_payment_wants_its_indicator_alone() -> None:
    rows = registers()
    assert demands_of(instruction(), identify(instruction(), rows), rows, MARCH) == (FIRST,)


@pytest.mark.parametrize(
    ("on", "cap"),
    [
        (dt.date(2026, 1, 1), 0),
        (dt.date(2026, 2, 1), 500),
        (MARCH, 500),
        (dt.date(2026, 4, 1), 1_200),
        (dt.date(2026, 12, 31), 1_200),
        (dt.date(2027, 1, 2), 1_200),
        (dt.date(2025, 12, 31), 0),
    ],
)
def test_a_planned_payment_is_capped_by_the_months_until_today(on: dt.date, cap: int) -> None:
    rows = registers()
    planned = attrs.evolve(
        rows,
        indicators={
            INDICATOR: msgspec.structs.replace(rows.indicators[INDICATOR], plan_controlled=True)
        },
        plans=tuple(
            Plan(indicator_id=INDICATOR, month=month, amount_fen=Fen(amount))
            for month, amount in ((4, 700), (2, 500))
        ),
    )
    (demand,) = demands(instruction(), planned, on)
    assert (demand.limit.kind, demand.limit.id) == (LimitKind.PLAN, INDICATOR)
    assert demand.cap_fen == cap
    assert demands(instruction(), attrs.evolve(planned, plans=()), on)[0].cap_fen == 0


def test_once_the_year_is_over_december_s_plan_counts_too() -> None:
    rows = _on(plan_controlled=True)
    plan = Plan(indicator_id=INDICATOR, month=12, amount_fen=Fen(900))
    planned = attrs.evolve(rows, plans=(plan,))
    for on, cap in ((dt.date(2026, 11, 30), 0), (dt.date(2027, 1, 2), 900)):
        assert [demand.cap_fen for demand in demands(instruction(), planned, on)] == [cap]


def test_a_plan_of_all_methods_is_no_method_s_own() -> None:
    """Of a payment without a method either: it binds where the indicator is controlled by plan."""
    plan = Plan(indicator_id=INDICATOR, month=1, amount_fen=Fen(900))
    planned = attrs.evolve(registers(), plans=(plan,))
    assert demands(instruction(payment_method=None), planned) == ()


@pytest.mark.parametrize(
    ("controlled", "methods", "wanted"),
    [
        (False, [PaymentMethod.AUTHORIZED], {f"{INDICATOR}/authorized": 300}),
        (False, [PaymentMethod.DIRECT], {}),
        (True, [PaymentMethod.AUTHORIZED], {f"{INDICATOR}/authorized": 300}),
        (True, [PaymentMethod.DIRECT], {INDICATOR: 0}),
        (True, [None, PaymentMethod.AUTHORIZED],
         {INDICATOR: 300, f"{INDICATOR}/authorized": 300}),
    ],
)  # fmt: skip
def test_the_limit_of_its_payment_method_binds_beside_the_plan_of_all(
    controlled: bool, methods: list[PaymentMethod | None], wanted: dict[str, int]
) -> None:
    rows = registers()
    row = msgspec.structs.replace(rows.indicators[INDICATOR], plan_controlled=controlled)
    plans = tuple(
        Plan(indicator_id=INDICATOR, month=month, amount_fen=Fen(amount), payment_method=method)
        for method in methods for month, amount in ((2, 300), (5, 700))
    )  # fmt: skip
    rows = attrs.evolve(rows, indicators={INDICATOR: row}, plans=plans)
    assert instruction().payment_method is PaymentMethod.AUTHORIZED
    found = {demand.limit.id: demand.cap_fen for demand in demands(instruction(), rows)}
    assert found == wanted


@pytest.mark.parametrize(("agency", "kinds"), [("101001", [LimitKind.CONTRACT]), ("101002", [])])
def test_only_the_agency_s_own_registered_contract_is_spent(
    agency: str, kinds: list[LimitKind]
) -> None:
    contract = Contract(
        contract_no="HT-1", agency=agency, supplier="s", account=SUPPLIER,
        amount_fen=Fen(10**6), paid_fen=Fen(0), filing_no=None,
    )  # fmt: skip
    rows = attrs.evolve(registers(), contracts={"HT-1": contract})
    found = demands(instruction(contract_no="HT-1"), rows)
    assert [demand.limit.kind for demand in found] == kinds
    assert demands(instruction(contract_no="HT-2"), rows) == ()


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("30212", "abroad"), ("30217", "reception"), ("30231", "vehicles"),
        ("30913", "vehicles"), ("31013", "vehicles"), ("30201", None),
    ],
)  # fmt: skip
def test_a_three_public_payment_spends_the_year_s_budget_where_there_is_one(
    code: str, category: str | None
) -> None:
    budgets = tuple(
        ThreePublicBudget(
            agency="101001", fiscal_year=2026, category=each, amount_fen=Fen(1), posted_fen=Fen(0)
        )
        for each in ThreePublicCategory
    )
    rows = attrs.evolve(registers(), three_public_budgets=budgets)
    found = demands(instruction(dept_economic_code=code), rows)
    assert [d.limit.id for d in found] == ([f"101001/2026/{category}"] if category else [])
    assert demands(instruction(dept_economic_code=code), registers()) == ()


def approval(number: str, payee: str | None) -> Approval:
    return Approval(
        approval_no=number, kind=ApprovalKind.CASH_FINANCE, agency="101001", payee_account=payee,
        dept_economic_code=None, amount_fen=Fen(10**6), used_fen=Fen(0),
        valid_from=dt.date(2026, 1, 1), valid_to=MARCH, document="d",
    )  # fmt: skip


def test_approvals_that_are_named_and_apply_are_spent_by_what_they_cover() -> None:
    rows = attrs.evolve(
        registers(), approvals={"A": approval("A", None), "B": approval("B", "ACCOUNT2")}
    )
    assert demands(instruction(), rows) == ()
    named = instruction(approvals=("A", "B", "C"))
    assert [(d.limit.id, d.amount_fen) for d in demands(named, rows)] == [("A", 30_000)]
    assert demands(named, rows, MARCH + dt.timedelta(days=1)) == ()
    details = tuple(
        Detail(
            id=str(n), amount_fen=Fen(n * 10_000),
            payee=replace(named.payee, account=f"ACCOUNT{n}"),
        )
        for n in (1, 2)
    )  # fmt: skip
    found = demands(replace(named, details=details), rows)
    assert [(d.limit.id, d.amount_fen) for d in found] == [
        ("A", 10_000), ("A", 20_000), ("B", 20_000),
    ]  # fmt: skip


def _on(**changes: Any) -> Registers:
    rows = registers()
    return attrs.evolve(
        rows, indicators={INDICATOR: replace(rows.indicators[INDICATOR], **changes)}
    )


def _beyond(rows: Registers) -> list[tuple[LimitKind, int]]:
    order = instruction()
    parties = identify(order, rows)
    found = lacking_unasked(Outcome.BLOCK, order, parties, demands_of(order, parties, rows, MARCH))
    assert found is not None
    return [(short.demand.limit.kind, short.available_fen) for short in found]


@pytest.mark.parametrize(
    ("rows", "beyond"),
    [
        (_on(granted_fen=Fen(30_000), posted_fen=Fen(29_000)), []),  # the ledger knows what is left
        (_on(granted_fen=Fen(29_999), posted_fen=Fen(9_000)), [(LimitKind.INDICATOR, 20_999)]),
        (_on(granted_fen=Fen(29_999), posted_fen=Fen(40_000)), [(LimitKind.INDICATOR, 0)]),
        (_on(granted_fen=Fen(59_999), frozen_fen=Fen(30_000)), [(LimitKind.INDICATOR, 29_999)]),
        (_on(granted_fen=Fen(60_000), frozen_fen=Fen(30_000)), []),
        (_on(carry_over=CarryOver.RECOVERABLE), [(LimitKind.INDICATOR, 0)]),
        (_on(granted_fen=Fen(1), agency="101002"), []),  # another's balance is nobody's business
        (attrs.evolve(registers(), indicators={}), []),
        (attrs.evolve(_on(plan_controlled=True, posted_fen=Fen(9_000)), plans=(
            Plan(indicator_id=INDICATOR, month=3, amount_fen=Fen(29_999)),
            Plan(indicator_id=INDICATOR, month=4, amount_fen=Fen(900_000)),
        )), [(LimitKind.PLAN, 20_999)]),
        (attrs.evolve(_on(posted_fen=Fen(9_000)), plans=(
            Plan(indicator_id=INDICATOR, month=3, amount_fen=Fen(29_999),
                 payment_method=PaymentMethod.AUTHORIZED),
        )), [(LimitKind.PLAN, 29_999)]),
    ],
)  # fmt: skip
def test_what_exceeds_all_that_was_granted_or_planned_to_date_is_sure_without_the_ledger(
    rows: Registers, beyond: list[tuple[LimitKind, int]]
) -> None:
    assert _beyond(rows) == beyond


@pytest.mark.parametrize(
    ("amounts", "cap", "left"),
    [
        ((300,), None, []),
        ((301,), None, [300]),
        ((100, 200), None, []),
        ((100, 201), None, [300]),  # each fits, both do not
        ((200,), 800, []),
        ((201,), 800, [200]),
        ((300,), 2_000, []),
    ],
)
def test_what_a_limit_as_it_stands_cannot_give(
    amounts: tuple[int, ...], cap: int | None, left: list[int]
) -> None:
    """Opening, reserved and posted are spoken for, under the plan as under the grant."""
    key = LimitKey(kind=LimitKind.PLAN, id="P")
    limit = Limit(key=key, granted_fen=1_000, frozen_fen=100, opening_fen=100, reserved_fen=200,
                  posted_fen=300)  # fmt: skip
    demands = [Demand(limit=key, amount_fen=Fen(amount), cap_fen=cap) for amount in amounts]
    assert [short.available_fen for short in in_want_of(demands, {key: limit})] == left
    assert [short.available_fen for short in in_want_of(demands[:1], {})] == [0]


def test_what_a_contract_has_left_only_the_ledger_knows() -> None:
    order = instruction()
    contract = LimitKey(kind=LimitKind.CONTRACT, id="HT-1")
    more = (FIRST, Demand(limit=contract, amount_fen=Fen(10**9)))
    found = lacking_unasked(Outcome.BLOCK, order, identify(order, registers()), more)
    assert found == ()
