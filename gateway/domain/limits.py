"""Which limits the bureau's registers grant: indicators, plans, contracts, approvals, 三公经费; and
what a limit cannot give."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gateway.domain.codes import CarryOver, PaymentMethod, Register, ThreePublicCategory
from gateway.domain.ledger import Demand, Limit, LimitKey, LimitKind, Short
from gateway.domain.money import Fen
from gateway.domain.registers import (
    Approval,
    Contract,
    Indicator,
    Plan,
    Registers,
    ThreePublicBudget,
    budget_key,
    plan_scope,
)


def granted_limits(registers: Registers) -> list[Limit]:
    """Every limit of one division as its registers tell it, sorted by key."""
    return limits_of(
        {
            Register.INDICATORS: registers.indicators.values(),
            Register.PLANS: registers.plans,
            Register.CONTRACTS: registers.contracts.values(),
            Register.APPROVALS: registers.approvals.values(),
            Register.THREE_PUBLIC_BUDGETS: registers.three_public_budgets,
        }
    )


def limits_of(rows: Mapping[Register, Iterable[Any]]) -> list[Limit]:
    """The limits that these rows grant, sorted by key.

    `opening_fen` is the bureau's own count of what was spent; it counts when a limit is first
    seen, and never again, for from then on the ledger counts what it lets pass.
    """
    return sorted(_granted(rows), key=lambda limit: limit.key)


def in_want_of(demands: Sequence[Demand], limits: Mapping[LimitKey, Limit]) -> list[Short]:
    """What these limits, as they stand, could not give (Art. 14)."""
    wanted = {demand.limit: 0 for demand in demands}
    found = []
    for demand in demands:
        limit = limits.get(demand.limit)
        left = limit.available_fen if limit else 0
        if limit and demand.cap_fen is not None:
            spoken_fen = limit.opening_fen + limit.reserved_fen + limit.posted_fen
            left = min(left, demand.cap_fen - spoken_fen)
        wanted[demand.limit] += demand.amount_fen
        if wanted[demand.limit] > left:
            found.append(Short(demand=demand, available_fen=left))
    return found


def three_public_limit(agency: str, year: int, category: ThreePublicCategory) -> LimitKey:
    return LimitKey(kind=LimitKind.THREE_PUBLIC, id=budget_key(agency, year, category))


def spelled(key: LimitKey) -> str:
    """For people: an indicator by its id alone, any other limit as `kind id`."""
    return key.id if key.kind is LimitKind.INDICATOR else f"{key.kind} {key.id}"


def frozen_of(indicator: Indicator) -> Fen:
    """A recoverable carry-over is to be returned: none of it may be spent (Art. 10(3)14)."""
    is_recoverable = indicator.carry_over is CarryOver.RECOVERABLE
    return indicator.granted_fen if is_recoverable else indicator.frozen_fen


def _granted(rows: Mapping[Register, Iterable[Any]]) -> Iterator[Limit]:
    planned: dict[str, int] = defaultdict(int)
    plans: Iterable[Plan] = rows[Register.PLANS]
    for plan in plans:
        planned[plan.scope] += plan.amount_fen
    indicators: Iterable[Indicator] = rows[Register.INDICATORS]
    for row in indicators:
        frozen = frozen_of(row)
        yield _limit(LimitKind.INDICATOR, row.id, row.granted_fen, row.posted_fen, frozen)
        if row.id in planned:
            yield _limit(LimitKind.PLAN, row.id, planned[row.id], row.posted_fen)
        for method in PaymentMethod:
            # What was spent before, the bureau counts for the indicator, not for each method.
            if (scope := plan_scope(row.id, method)) in planned:
                yield _limit(LimitKind.PLAN, scope, planned[scope], 0)
    contracts: Iterable[Contract] = rows[Register.CONTRACTS]
    for contract in contracts:
        number = contract.contract_no
        yield _limit(LimitKind.CONTRACT, number, contract.amount_fen, contract.paid_fen)
    approvals: Iterable[Approval] = rows[Register.APPROVALS]
    for approval in approvals:
        number = approval.approval_no
        yield _limit(LimitKind.APPROVAL, number, approval.amount_fen, approval.used_fen)
    budgets: Iterable[ThreePublicBudget] = rows[Register.THREE_PUBLIC_BUDGETS]
    for budget in budgets:
        key = three_public_limit(budget.agency, budget.fiscal_year, budget.category)
        yield _limit(key.kind, key.id, budget.amount_fen, budget.posted_fen)


def _limit(kind: LimitKind, id: str, granted: int, opening: int, frozen: int = 0) -> Limit:
    return Limit(
        key=LimitKey(kind=kind, id=id), granted_fen=granted, frozen_fen=frozen,
        opening_fen=opening, reserved_fen=0, posted_fen=0,
    )  # fmt: skip
