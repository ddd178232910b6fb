"""What the line does when the ledger says that a decision rests on what is not true any more."""

import asyncio
import datetime as dt
from typing import Any

import attrs
import msgspec
import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.codes import ApprovalKind, ThreePublicCategory
from gateway.domain.decision import Action, Finding, Outcome, restored
from gateway.domain.facts import Facts
from gateway.domain.faults import FaultCode, LedgerUnavailable, Unready
from gateway.domain.instruction import Detail, Instruction
from gateway.domain.ledger import Admission, LimitKey, LimitKind, Moved
from gateway.domain.money import Fen
from gateway.domain.registers import Approval, Contract, Plan, Registers, ThreePublicBudget
from gateway.domain.windows import WindowKey, WindowShare
from gateway.pipeline.again import decide_again
from gateway.pipeline.line import ROUNDS_MAX, Line
from tests.memory.registers import MemoryRegisters
from tests.pipeline.fakes import (
    CASH,
    DIVISION,
    INDICATOR,
    SUPPLIER,
    BookOf,
    OneShelf,
    finding,
    instruction,
    received,
    registers,
)
from tests.pipeline.test_line import DiaryLedger, Street

CASH_KEY = WindowKey(window=CASH, key="101001")
JANUARY = dt.date(2026, 1, 1)
DECEMBER = dt.date(2026, 12, 31)


async def street_of(order: Instruction, *, cash_max: int | None = None) -> Street:
    street = Street(order)
    street.book.cash_max = cash_max
    return await street.open()


async def beside(street: Street, order: Instruction) -> Line:
    """The line of another gateway on the same ledger and bank."""
    other = await street_of(order, cash_max=street.book.cash_max)
    rooms = attrs.evolve(other.line._rooms, ledger=street.ledger, bank=street.bank)
    return Line(rooms)


def shares_of(street: Street) -> list[WindowShare]:
    return [share for _, share in street.state.windows.get((DIVISION, CASH_KEY), [])]


async def test_the_second_half_of_a_split_payment_is_judged_again_with_the_first() -> None:
    street = await street_of(instruction("1", 3_000), cash_max=5_000)
    other = await beside(street, instruction("2", 3_000))
    first, second = await asyncio.gather(
        street.line.carry(received(b"1")), other.carry(received(b"2"))
    )
    assert sorted(street.diary) == [
        "admit held Admitted", "admit passed Admitted", "admit passed Moved", "settle accepted",
        "submit 1",
    ]  # fmt: skip
    assert (first.decision.outcome, second.decision.outcome) == (Outcome.PASS, Outcome.HOLD)
    assert [f.policy for f in second.decision.findings] == ["JL-044"]
    assert shares_of(street) == [WindowShare(key=CASH_KEY, day=dt.date(2026, 3, 2), value=3_000)]


async def test_six_at_once_of_which_five_fit_pass_five() -> None:
    street = await street_of(instruction("0", 1_000), cash_max=5_000)
    lines = [street.line, *[await beside(street, instruction(str(n), 1_000)) for n in range(1, 6)]]
    answers = await asyncio.gather(
        *(line.carry(received(str(n).encode())) for n, line in enumerate(lines))
    )
    outcomes = sorted(answer.decision.outcome for answer in answers)
    assert outcomes == [Outcome.HOLD, *[Outcome.PASS] * 5]
    assert len(street.bank.submitted) == 5


async def test_what_the_bank_refuses_leaves_the_window_free_for_the_next() -> None:
    street = await street_of(instruction("1", 3_000), cash_max=5_000)
    street.bank.outcome = street.bank.outcome.REJECTED
    await street.line.carry(received(b"1"))
    assert shares_of(street) == []


class RestlessLedger(DiaryLedger):
    """Its windows have moved each time that anybody asks."""

    async def admit(self, admission: Admission) -> Any:
        self._diary.append("admit")
        return Moved(values={CASH_KEY: len(self._diary)})


async def test_what_moves_all_the_time_is_refused_for_now_and_nothing_is_forwarded() -> None:
    street = await street_of(instruction(), cash_max=10**9)
    restless = RestlessLedger(street.state, street.diary)
    line = Line(attrs.evolve(street.line._rooms, ledger=restless))
    with pytest.raises(Unready) as caught:
        await line.carry(received())
    assert caught.value.code is FaultCode.OVERLOADED
    assert street.diary == ["admit"] * ROUNDS_MAX


def with_limits(left: int) -> Registers:
    """So much is left of the plan, the contract, the approval and the budget for receptions."""
    rows = registers()
    controlled = msgspec.structs.replace(rows.indicators[INDICATOR], plan_controlled=True)
    return attrs.evolve(
        rows,
        indicators={INDICATOR: controlled},
        plans=(
            Plan(indicator_id=INDICATOR, month=3, amount_fen=Fen(left)),
            Plan(indicator_id=INDICATOR, month=4, amount_fen=Fen(10**9)),
        ),
        contracts={
            "HT-1": Contract(
                contract_no="HT-1", agency="101001", supplier="长春示例科技有限公司",
                account=SUPPLIER, amount_fen=Fen(left), paid_fen=Fen(0), filing_no=None,
            )
        },
        approvals={
            "PF-1": Approval(
                approval_no="PF-1", kind=ApprovalKind.OTHER_TRANSFER, agency="101001",
                payee_account=None, dept_economic_code=None, amount_fen=Fen(left),
                used_fen=Fen(0), valid_from=JANUARY, valid_to=DECEMBER, document="d",
            )
        },
        three_public_budgets=(
            ThreePublicBudget(
                agency="101001", fiscal_year=2026, category=ThreePublicCategory.RECEPTION,
                amount_fen=Fen(left), posted_fen=Fen(0),
            ),
        ),
    )  # fmt: skip


async def limited(order: Instruction, rows: Registers, book: BookOf | None = None) -> Street:
    street = Street(order)
    await street.open()
    await MemoryRegisters(street.state).load(b"", attrs.evolve(rows, version=2))
    shelf = OneShelf(rows)
    street.line = Line(attrs.evolve(street.line._rooms, shelf=shelf, book=book or street.book))
    return street


ORDERS = {
    LimitKind.PLAN: instruction(),
    LimitKind.CONTRACT: instruction(contract_no="HT-1"),
    LimitKind.THREE_PUBLIC: instruction(dept_economic_code="30217"),
}


def only(kind: LimitKind, left: int) -> Registers:
    """Only this limit is tight."""
    wide, tight = with_limits(10**8), with_limits(left)
    field = {
        LimitKind.PLAN: "plans", LimitKind.CONTRACT: "contracts",
        LimitKind.APPROVAL: "approvals", LimitKind.THREE_PUBLIC: "three_public_budgets",
    }[kind]  # fmt: skip
    return attrs.evolve(wide, **{field: getattr(tight, field)})


@pytest.mark.parametrize("kind", list(ORDERS))
async def test_a_shortage_that_no_policy_refuses_is_held_by_the_line_and_names_the_limit(
    kind: LimitKind,
) -> None:
    street = await limited(ORDERS[kind], only(kind, 29_999))
    answer = await street.line.carry(received())
    assert street.diary == ["admit passed Short", "admit held Admitted"]
    (said,) = answer.decision.findings
    assert (said.policy, said.action) == ("LIMIT", Action.HOLD)
    assert "299.99" in said.reason_zh and "300.00" in said.reason_zh
    assert all(limit.reserved_fen == 0 for limit in street.state.limits.values())


@pytest.mark.parametrize("kind", list(ORDERS))
async def test_what_just_suffices_passes_and_spends_the_limit(kind: LimitKind) -> None:
    street = await limited(ORDERS[kind], only(kind, 30_000))
    assert (await street.line.carry(received())).decision.outcome is Outcome.PASS
    spent = [limit for limit in street.state.limits.values() if limit.key.kind is kind]
    assert [limit.posted_fen for limit in spent] == [30_000]


async def test_an_approval_named_is_used_up_by_what_it_covers() -> None:
    street = await limited(instruction(approvals=("PF-1",)), only(LimitKind.APPROVAL, 50_000))
    assert (await street.line.carry(received(b"1"))).decision.outcome is Outcome.PASS
    second = await limited(instruction("2", approvals=("PF-1",)), only(LimitKind.APPROVAL, 50_000))
    line = Line(attrs.evolve(second.line._rooms, ledger=street.ledger))
    answer = await line.carry(received(b"2"))
    assert [f.policy for f in answer.decision.findings] == ["LIMIT"]
    assert "PF-1" in answer.decision.findings[0].reason_zh


@attrs.define
class BookOfApprovals(BookOf):
    """Blocks on a used-up approval and says which one it was told of."""

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        if facts.approval_available is None:
            return ()
        said = finding("JL-033", Action.BLOCK)
        return (attrs.evolve(said, reason_zh=f"{facts.approval_short}"),)


async def test_the_approval_that_is_used_up_comes_before_the_policies_by_its_number() -> None:
    enough_once = only(LimitKind.APPROVAL, 50_000)
    first = await limited(instruction(approvals=("PF-1",)), enough_once)
    await first.line.carry(received(b"1"))
    order = instruction("2", approvals=("PF-1",))
    second = await limited(order, enough_once, BookOfApprovals())
    line = Line(attrs.evolve(second.line._rooms, ledger=first.ledger))
    answer = await line.carry(received(b"2"))
    assert [said.reason_zh for said in answer.decision.findings] == ["PF-1"]


@attrs.define
class BookOfShortages(BookOf):
    """Blocks on whichever limit was short, as a policy of its own would."""

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        told = (facts.plan_available, facts.contract_available, facts.three_public_available)
        return tuple(finding("JL-SHORT", Action.BLOCK) for left in told if left is not None)


@pytest.mark.parametrize("kind", list(ORDERS))
async def test_a_shortage_comes_before_the_policies_as_a_fact(kind: LimitKind) -> None:
    street = await limited(ORDERS[kind], only(kind, 29_999), BookOfShortages())
    answer = await street.line.carry(received())
    assert street.diary == ["admit passed Short", "admit blocked Admitted"]
    assert [f.policy for f in answer.decision.findings] == ["JL-SHORT"]


async def test_a_plan_nobody_made_gives_nothing() -> None:
    street = await limited(instruction(), attrs.evolve(with_limits(10**8), plans=()))
    answer = await street.line.carry(received())
    assert [f.policy for f in answer.decision.findings] == ["LIMIT"]
    assert LimitKey(kind=LimitKind.PLAN, id=INDICATOR) not in street.state.limits


def payroll(*amounts: int) -> Instruction:
    one = instruction()
    details = tuple(
        Detail(
            id=f"D{n}", amount_fen=Fen(amount), purpose=f"第{n}笔",
            payee=replace(one.payee, account=f"ACCOUNT{n}"),
        )
        for n, amount in enumerate(amounts, 1)
    )  # fmt: skip
    return instruction(amount=sum(amounts), details=details)


@attrs.define
class BookAgainst(BookOf):
    """Blocks one payee account, and warns of everything."""

    account: str = ""

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        found = (finding("JL-ALL", Action.WARN),)
        if facts.payee_account == self.account:
            found += (finding("JL-BAD", Action.BLOCK),)
        return found


async def test_one_bad_detail_stops_the_voucher_and_is_named() -> None:
    street = await limited(payroll(100, 200, 300), registers(), BookAgainst(account="ACCOUNT2"))
    answer = await street.line.carry(received())
    assert answer.decision.outcome is Outcome.BLOCK
    said = [(f.policy, f.detail) for f in answer.decision.findings]
    assert said == [("JL-ALL", ""), ("JL-BAD", "D2")]
    [standing] = street.state.instructions.values()
    assert restored(standing.decision) == answer.decision
    (record,) = street.records()
    assert [each["detail"] for each in record["findings"]] == ["", "D2"]  # type: ignore[attr-defined]
    (notice,) = street.state.notices.values()
    assert [each["detail"] for each in orjson.loads(notice.body)["findings"]] == ["", "D2"]


async def test_details_share_one_by_one_and_each_sees_those_before_it() -> None:
    street = await street_of(payroll(1_000, 2_000, 1_500), cash_max=5_000)
    assert (await street.line.carry(received(b"1"))).decision.outcome is Outcome.PASS
    assert [share.value for share in shares_of(street)] == [1_000, 2_000, 1_500]
    street = await street_of(payroll(2_000, 2_000, 2_000), cash_max=5_000)
    answer = await street.line.carry(received(b"1"))
    assert [f.detail for f in answer.decision.findings] == ["", "D3"]
    assert shares_of(street) == []


async def test_details_rest_on_what_the_ledger_knows_of_the_days_before() -> None:
    street = await street_of(payroll(1_000, 2_000, 1_500), cash_max=5_000)
    other = await beside(street, instruction("9", 700))
    assert (await other.carry(received(b"9"))).decision.outcome is Outcome.PASS
    answer = await street.line.carry(received(b"1"))
    assert [f.detail for f in answer.decision.findings] == ["", "D3"]
    assert street.diary[-2:] == ["admit passed Moved", "admit held Admitted"]


class OneHold(BookOf):
    """Holds whatever comes, and refuses what the indicator cannot give."""

    findings = (finding("JL-050", Action.HOLD),)


async def street_that_holds(granted: int, spent: int = 0) -> Street:
    """`spent` was paid before, and the registers do not know of it yet."""
    street = await Street(instruction("0", spent) if spent else instruction(), granted).open()
    if spent:
        await street.line.carry(received(b"0"))
    street.format.instruction = instruction()
    book = OneHold(OneHold.findings)
    street.line = Line(attrs.evolve(street.line._rooms, book=book))
    street.diary.clear()
    return street


@pytest.mark.parametrize(
    ("granted", "spent", "outcome", "named", "left"),
    [
        (30_000, 0, Outcome.HOLD, ["JL-050"], ()),
        (29_999, 0, Outcome.BLOCK, ["JL-050", "JL-011"], (29_999,)),
        (1_000_000, 970_000, Outcome.HOLD, ["JL-050"], ()),
        (1_000_000, 970_001, Outcome.BLOCK, ["JL-050", "JL-011"], (29_999,)),
    ],
)
async def test_what_the_indicator_cannot_give_is_refused_and_not_held(
    granted: int, spent: int, outcome: Outcome, named: list[str], left: tuple[int, ...]
) -> None:
    """No order of the bureau could release it; and a replay comes to the same."""
    street = await street_that_holds(granted, spent)
    before = await street.available()
    answer = await street.line.carry(received())
    assert answer.decision.outcome is outcome
    assert [each.policy for each in answer.decision.findings] == named
    assert tuple(short[2] for short in answer.decision.basis.shorts) == left
    assert street.diary == [f"admit {outcome} Admitted"]
    assert await street.available() == before, "nothing is reserved by asking"
    kept = restored(street.state.instructions[instruction().key].decision)
    again = decide_again(
        instruction(), registers(granted), OneHold(OneHold.findings), kept, street.clock.now()
    )
    assert again == answer.decision


async def nobody_tells(*_: object) -> None:
    raise LedgerUnavailable("hung")


async def test_a_hold_that_cannot_ask_for_the_money_is_decided_by_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    street = await street_that_holds(30_000)
    monkeypatch.setattr(street.ledger, "limits", nobody_tells)
    with pytest.raises(LedgerUnavailable):
        await street.line.carry(received())
    assert street.diary == [] and not street.state.instructions


@pytest.mark.parametrize(("action", "agency"), [(Action.BLOCK, "101001"), (Action.HOLD, "101002")])
async def test_the_ledger_is_asked_of_no_block_and_of_nobody_else_s_indicator(
    monkeypatch: pytest.MonkeyPatch, action: Action, agency: str
) -> None:
    """A refusal waits for nothing more; and nobody learns another's balance by its number."""
    street, rows = await street_that_holds(30_000), registers(30_000)
    theirs = {INDICATOR: replace(rows.indicators[INDICATOR], agency=agency)}
    shelf = OneShelf(attrs.evolve(rows, indicators=theirs))
    book = OneHold((finding("JL-050", action),))
    street.line = Line(attrs.evolve(street.line._rooms, book=book, shelf=shelf))
    monkeypatch.setattr(street.ledger, "limits", nobody_tells)
    answer = await street.line.carry(received())
    assert [each.policy for each in answer.decision.findings] == ["JL-050"]
    assert street.diary == [f"admit {answer.decision.outcome} Admitted"]
