"""Step 4, decide: what a pass reserves on which limits, and what else it is sure to want."""

import datetime as dt
from collections.abc import Iterator

from gateway.domain.codes import PaymentMethod
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Instruction, parts_of
from gateway.domain.ledger import (
    Demand,
    LimitKey,
    LimitKind,
    Short,
)
from gateway.domain.limits import frozen_of, three_public_limit
from gateway.domain.parties import Parties
from gateway.domain.registers import Indicator, Registers, plan_scope
from gateway.pipeline.papers import applies
from gateway.pipeline.standards import THREE_PUBLIC, three_public_remaining


def demands_of(
    instruction: Instruction, parties: Parties, registers: Registers, on: dt.date
) -> tuple[Demand, ...]:
    """What a pass reserves, all of it or nothing: its amount on every limit that it spends."""
    return tuple(_demands(instruction, parties, registers, on))


def lacking_unasked(
    outcome: Outcome, instruction: Instruction, parties: Parties, demands: tuple[Demand, ...]
) -> tuple[Short, ...] | None:
    """What money a payment that does not pass wants all the same, where no limit need be asked;
    None: a hold asks its limits as they stand.

    Of another agency's indicator it is told nothing: nobody learns another's balance by its number.
    """
    indicator = parties.indicator
    if indicator is None or indicator.agency != instruction.agency_code:
        return ()
    return _beyond_grant(indicator, demands) if outcome is Outcome.BLOCK else None


def _beyond_grant(indicator: Indicator, demands: tuple[Demand, ...]) -> tuple[Short, ...]:
    """What it wants beyond all that was ever granted, or is planned to date (Art. 14)."""
    found = []
    for demand in demands:
        if demand.limit.kind is LimitKind.INDICATOR:
            most: int = indicator.granted_fen - frozen_of(indicator)
        elif demand.limit.kind is LimitKind.PLAN and demand.cap_fen is not None:
            most = demand.cap_fen
        else:
            continue
        if demand.amount_fen > most:
            # What was spent, the bureau counts for the indicator, not for each payment method.
            spent = indicator.posted_fen if demand.limit.id == indicator.id else 0
            found.append(Short(demand=demand, available_fen=max(0, most - spent)))
    return tuple(found)


def _demands(
    instruction: Instruction, parties: Parties, registers: Registers, on: dt.date
) -> Iterator[Demand]:
    amount, agency = instruction.amount_fen, instruction.agency_code
    indicator, contract = parties.indicator, parties.contract
    yield Demand(
        limit=LimitKey(kind=LimitKind.INDICATOR, id=instruction.indicator_id), amount_fen=amount
    )
    if indicator:
        for scope in _plans(indicator, instruction.payment_method, registers):
            yield Demand(
                limit=LimitKey(kind=LimitKind.PLAN, id=scope), amount_fen=amount,
                cap_fen=_planned_until(scope, indicator.fiscal_year, registers, on),
            )  # fmt: skip
    if contract and contract.agency == agency:
        yield Demand(
            limit=LimitKey(kind=LimitKind.CONTRACT, id=contract.contract_no), amount_fen=amount
        )
    if parties.approvals:
        yield from _on_approvals(instruction, parties, on)
    category = THREE_PUBLIC.get(instruction.dept_economic_code)
    year = instruction.key.fiscal_year
    if category and three_public_remaining(category, agency, year, registers) is not None:
        yield Demand(limit=three_public_limit(agency, year, category), amount_fen=amount)


def _plans(
    indicator: Indicator, method: PaymentMethod | None, registers: Registers
) -> Iterator[str]:
    """The plans that bind it. 额度 of its payment method (5106, 5108) binds wherever there is one;
    the plan of all methods binds an indicator controlled by plan, and if that has neither, nothing
    is planned."""
    planned = registers.index.planned_fen
    own = plan_scope(indicator.id, method)
    by_method = method is not None and own in planned
    if by_method:
        yield own
    if indicator.plan_controlled and (indicator.id in planned or not by_method):
        yield indicator.id


def _planned_until(scope: str, year: int, registers: Registers, on: dt.date) -> int:
    """用款计划 of the months up to today's; of another year all of it, or nothing yet."""
    planned = registers.index.planned_fen.get(scope)
    if planned is None or on.year < year:
        return 0
    return planned[-1 if on.year > year else on.month - 1]


def _on_approvals(instruction: Instruction, parties: Parties, on: dt.date) -> Iterator[Demand]:
    """Every approval that it names and that applies to it, whether or not a policy asked for it:
    an approval named is an approval used."""
    parts = parts_of(instruction) or (instruction,)
    for approval in parties.approvals:
        for part in parts:
            if applies(approval, part, on):
                yield Demand(
                    limit=LimitKey(kind=LimitKind.APPROVAL, id=approval.approval_no),
                    amount_fen=part.amount_fen,
                )
