"""What every ledger promises of several limits and of caps: all of them or nothing."""

import asyncio
import datetime as dt

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.codes import ApprovalKind, ThreePublicCategory
from gateway.domain.ledger import Admission, Admitted, Demand, LimitKey, LimitKind, Short
from gateway.domain.money import Fen
from gateway.domain.registers import Approval, Contract, Plan, Registers, ThreePublicBudget
from tests.adapters.postgres.conftest import Storage
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    admission,
    line,
    registers,
    settlement,
)

INDICATOR = line()
PLAN = LimitKey(kind=LimitKind.PLAN, id="IND-1")
CONTRACT = LimitKey(kind=LimitKind.CONTRACT, id="HT-1")
APPROVAL = LimitKey(kind=LimitKind.APPROVAL, id="PF-1")
THREE_PUBLIC = LimitKey(kind=LimitKind.THREE_PUBLIC, id="101001/2026/reception")
ALL = (INDICATOR, PLAN, CONTRACT, APPROVAL, THREE_PUBLIC)


def rich(version: int = 1) -> Registers:
    """A thousand on every limit, of which the bureau has counted as many hundreds as here."""
    day = dt.date(2026, 1, 1)
    return attrs.evolve(
        registers(version, {"IND-1": 1_000}, posted=100),
        plans=(
            Plan(indicator_id="IND-1", month=3, amount_fen=Fen(600)),
            Plan(indicator_id="IND-1", month=1, amount_fen=Fen(400)),
        ),
        contracts={
            "HT-1": Contract(
                contract_no="HT-1", agency="101001", supplier="s", account="a",
                amount_fen=Fen(1_000), paid_fen=Fen(300), filing_no=None,
            )
        },
        approvals={
            "PF-1": Approval(
                approval_no="PF-1", kind=ApprovalKind.CASH_FINANCE, agency="101001",
                payee_account=None, dept_economic_code=None, amount_fen=Fen(1_000),
                used_fen=Fen(400), valid_from=day, valid_to=day, document="d",
            )
        },
        three_public_budgets=(
            ThreePublicBudget(
                agency="101001", fiscal_year=2026, category=ThreePublicCategory.RECEPTION,
                amount_fen=Fen(1_000), posted_fen=Fen(500),
            ),
        ),
    )  # fmt: skip


def wants(number: int, amount: int, *limits: LimitKey, cap: int | None = None) -> Admission:
    demands = tuple(Demand(limit=key, amount_fen=Fen(amount), cap_fen=cap) for key in limits)
    return replace(admission(number, amount), demands=demands)


async def left(storage: Storage) -> list[int]:
    unknown = LimitKey(kind=CONTRACT.kind, id=PLAN.id)
    limits = await storage.ledger.limits(DIVISION, [unknown, *ALL, *ALL])
    assert await storage.ledger.limits("220100000", ALL) == {}
    return [limits[key].available_fen for key in ALL if key in limits]


async def test_registers_grant_plans_contracts_approvals_and_budgets(storage: Storage) -> None:
    await storage.registers.load(b"", rich())
    assert await left(storage) == [900, 900, 700, 600, 500]
    await storage.registers.load(b"", attrs.evolve(rich(2), plans=rich().plans[:1]))
    assert await left(storage) == [900, 500, 700, 600, 500]
    loaded = await storage.registers.load(
        b"", attrs.evolve(rich(3), plans=(), contracts={}, approvals={})
    )
    assert loaded.withdrawn == ("approval PF-1", "contract HT-1", "plan IND-1")
    assert {limit.key for limit in loaded.overdrawn} == {PLAN, CONTRACT, APPROVAL}


async def test_all_limits_of_an_instruction_are_reserved_or_none(storage: Storage) -> None:
    await storage.registers.load(b"", rich())
    short = await storage.ledger.admit(wants(1, 501, *ALL))
    assert isinstance(short, Short)
    assert (short.demand.limit, short.available_fen) == (THREE_PUBLIC, 500)
    assert await left(storage) == [900, 900, 700, 600, 500]
    assert await storage.ledger.admit(wants(1, 500, *ALL)) == Admitted()
    assert await left(storage) == [400, 400, 200, 100, 0]
    await storage.ledger.settle(settlement(1, BankOutcome.REJECTED))
    assert await left(storage) == [900, 900, 700, 600, 500]


async def test_the_first_limit_that_does_not_suffice_is_told(storage: Storage) -> None:
    await storage.registers.load(b"", rich())
    for amount, first in ((901, INDICATOR), (701, CONTRACT), (601, APPROVAL), (501, THREE_PUBLIC)):
        short = await storage.ledger.admit(wants(1, amount, *ALL))
        assert isinstance(short, Short) and short.demand.limit == first


async def test_a_cap_counts_what_was_spent_before_what_is_reserved_and_what_is_posted(
    storage: Storage,
) -> None:
    await storage.registers.load(b"", rich())
    short = await storage.ledger.admit(wants(1, 301, INDICATOR, PLAN, cap=400))
    assert isinstance(short, Short)
    assert (short.demand.limit, short.available_fen) == (INDICATOR, 300)
    assert await storage.ledger.admit(wants(1, 100, PLAN, cap=400)) == Admitted()
    assert await storage.ledger.admit(wants(2, 100, PLAN, cap=400)) == Admitted()
    await storage.ledger.settle(settlement(1))
    short = await storage.ledger.admit(wants(3, 101, PLAN, cap=400))
    assert isinstance(short, Short) and short.available_fen == 100
    assert await storage.ledger.admit(wants(3, 101, PLAN, cap=1_000)) == Admitted()


async def test_what_is_frozen_or_spent_before_is_never_available(storage: Storage) -> None:
    """Neither to one alone nor to one that comes together with a settlement."""
    await storage.registers.load(b"", registers(1, {"IND-1": 1_000}, posted=100, frozen=200))
    too_much, fits = wants(1, 701, INDICATOR), wants(1, 700, INDICATOR)
    assert await storage.ledger.admit(too_much) == Short(
        demand=too_much.demands[0], available_fen=700
    )
    assert await storage.ledger.admit(fits) == Admitted()
    again = wants(2, 701, INDICATOR)
    assert await asyncio.gather(
        storage.ledger.settle(settlement(1, BankOutcome.REJECTED)), storage.ledger.admit(again)
    ) == [True, Short(demand=again.demands[0], available_fen=700)]


@pytest.mark.parametrize("bank", [BankOutcome.ACCEPTED, BankOutcome.REJECTED])
async def test_a_settlement_beside_it_lifts_no_cap(storage: Storage, bank: BankOutcome) -> None:
    """They come together, and all is new: what is voided is free of the cap, what is posted not."""
    await storage.registers.load(b"", rich())
    for number in (1, 2):
        assert await storage.ledger.admit(wants(number, 100, PLAN, cap=400)) == Admitted()
    left = 100 if bank is BankOutcome.ACCEPTED else 200
    answers = await asyncio.gather(
        storage.ledger.settle(settlement(1, bank)),
        storage.ledger.admit(wants(3, left + 1, PLAN, cap=400)),
    )
    assert answers[0] is True
    assert isinstance(answers[1], Short) and answers[1].available_fen == left
    assert await asyncio.gather(
        storage.ledger.settle(settlement(2)),
        storage.ledger.admit(wants(3, left, PLAN, cap=400)),
    ) == [True, Admitted()]


async def test_a_cap_never_gives_more_than_the_grant(storage: Storage) -> None:
    await storage.registers.load(b"", rich())
    short = await storage.ledger.admit(wants(1, 901, PLAN, cap=99_999))
    assert isinstance(short, Short) and short.available_fen == 900
    short = await storage.ledger.admit(wants(1, 1, PLAN, cap=0))
    assert isinstance(short, Short) and short.available_fen == -100


async def test_those_who_arrive_together_are_each_held_to_their_own_cap(storage: Storage) -> None:
    """Midnight at the end of a month: one of them still belongs to the old month."""
    await storage.registers.load(b"", rich())
    answers = await asyncio.gather(
        storage.ledger.admit(wants(1, 200, PLAN, cap=1_000)),
        storage.ledger.admit(wants(2, 200, PLAN, cap=400)),
        storage.ledger.admit(wants(3, 200, PLAN, cap=1_000)),
        storage.ledger.admit(wants(4, 200, PLAN, cap=400)),
        storage.ledger.admit(wants(5, 100, INDICATOR, PLAN, cap=1_000)),
    )
    assert [type(each) for each in answers] == [Admitted, Short, Admitted, Short, Admitted]
    assert answers[1] == Short(demand=wants(2, 200, PLAN, cap=400).demands[0], available_fen=100)
    assert (await left(storage))[:2] == [800, 400]


@pytest.mark.parametrize("cap", [None, 800])
async def test_a_hundred_at_once_at_two_gateways_spend_a_capped_limit_exactly(
    storage: Storage, cap: int | None
) -> None:
    await storage.registers.load(b"", rich())
    rooms = (storage.ledger, storage.second)
    answers = await asyncio.gather(
        *(rooms[n % 2].admit(wants(n, 30, INDICATOR, PLAN, cap=cap)) for n in range(100))
    )
    passed = sum(isinstance(answer, Admitted) for answer in answers)
    assert passed == ((cap or 1_000) - 100) // 30
    assert (await left(storage))[:2] == [900 - passed * 30] * 2
