"""Which limits the bureau's registers grant: indicators, plans, contracts, approvals, 三公经费."""

from collections.abc import Iterator

from gateway.domain.codes import CarryOver, ThreePublicCategory
from gateway.domain.ledger import Limit, LimitKey, LimitKind
from gateway.domain.registers import Registers, budget_key


def granted_limits(registers: Registers) -> list[Limit]:
    """Every limit of one division as its registers tell it, sorted by key.

    `opening_fen` is the bureau's own count of what was spent; it counts when a limit is first
    seen, and never again, for from then on the ledger counts what it lets pass.
    """
    return sorted(_granted(registers), key=lambda limit: limit.key)


def three_public_limit(agency: str, year: int, category: ThreePublicCategory) -> LimitKey:
    return LimitKey(kind=LimitKind.THREE_PUBLIC, id=budget_key(agency, year, category))


def spelled(key: LimitKey) -> str:
    """For people: an indicator by its id alone, any other limit as `kind id`."""
    return key.id if key.kind is LimitKind.INDICATOR else f"{key.kind} {key.id}"


def _granted(registers: Registers) -> Iterator[Limit]:
    planned = registers.index.planned_fen
    for row in registers.indicators.values():
        # A recoverable carry-over is to be returned: none of it may be spent (Art. 10(3)14).
        is_recoverable = row.carry_over is CarryOver.RECOVERABLE
        frozen = row.granted_fen if is_recoverable else row.frozen_fen
        yield _limit(LimitKind.INDICATOR, row.id, row.granted_fen, row.posted_fen, frozen)
        if row.id in planned:
            yield _limit(LimitKind.PLAN, row.id, planned[row.id][-1], row.posted_fen)
    for contract in registers.contracts.values():
        number = contract.contract_no
        yield _limit(LimitKind.CONTRACT, number, contract.amount_fen, contract.paid_fen)
    for approval in registers.approvals.values():
        number = approval.approval_no
        yield _limit(LimitKind.APPROVAL, number, approval.amount_fen, approval.used_fen)
    for budget in registers.index.three_public.values():
        key = three_public_limit(budget.agency, budget.fiscal_year, budget.category)
        yield _limit(key.kind, key.id, budget.amount_fen, budget.posted_fen)


def _limit(kind: LimitKind, id: str, granted: int, opening: int, frozen: int = 0) -> Limit:
    return Limit(
        key=LimitKey(kind=kind, id=id), granted_fen=granted, frozen_fen=frozen,
        opening_fen=opening, reserved_fen=0, posted_fen=0,
    )  # fmt: skip
