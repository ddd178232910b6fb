"""A batch is counted as a whole where it is judged as a whole: sent again, or made to look small.

Its details are counted one by one; none of them is as large as the batch that is paid twice.
"""

import datetime as dt
from itertools import zip_longest

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.codes import BusinessType, CashReason, PayeeKind, Settlement
from gateway.domain.instruction import Detail, Instruction, Payee, Person
from gateway.domain.money import Fen
from gateway.domain.registers import FiledPerson
from gateway.pipeline.cases import cases_of
from gateway.pipeline.decide import NOTHING_KNOWN, decide
from gateway.pipeline.identify import identify
from gateway.pipeline.line import Line, Rooms
from gateway.pipeline.tell import Origin
from policies.replay.memory import WindowMemory
from policies.replay.stored import Stored
from policies.replay.whole import judged
from tests.memory.ledger import MemoryLedger
from tests.memory.registers import MemoryRegisters
from tests.memory.state import MemoryState
from tests.pipeline.fakes import (
    DIVISION,
    NOW,
    FixedClock,
    FormatOfOne,
    ObedientBank,
    OneShelf,
    OpenCommitments,
    OpenGate,
    instruction,
    received,
)
from tests.pipeline.test_law_by_article import with_indicator
from tests.policies.shipped import BOOK

PEOPLE = {
    "220104198506152036": ("李小明", "6228230123456789018"),
    "222402199211304140": ("王小华", "6282880123456783"),
}
SHELF = attrs.evolve(
    with_indicator(
        dept_economic_code="", gov_economic_code="", granted_fen=Fen(10**12), posted_fen=Fen(0)
    ),
    persons={
        number: FiledPerson(
            id_number=number, name=name, employer="吉林省示例厅本级", position="科员", title="无",
            accounts=(account,), official_cards=(),
        )
        for number, (name, account) in PEOPLE.items()
    },
)  # fmt: skip


def person(number: str) -> Payee:
    name, account = PEOPLE[number]
    return Payee(
        kind=PayeeKind.PERSON, account=account, name=name, bank_code="105241000022",
        person=Person(id_number=number, employer="吉林省示例厅本级", position="科员", title="无"),
    )  # fmt: skip


ONE, OTHER = map(person, PEOPLE)


def batch(number: str, *paid: tuple[Payee, int], **changes: object) -> Instruction:
    details = tuple(
        Detail(id=f"D{n}", payee=payee, amount_fen=Fen(fen), purpose="六月工资")
        for n, (payee, fen) in enumerate(paid, 1)
    )
    order = instruction(
        number, sum(fen for _, fen in paid), business_type=BusinessType.PAYROLL,
        dept_economic_code="30101", gov_economic_code="50101", purpose="六月工资", details=details,
    )  # fmt: skip
    return replace(order, **changes)


async def carried(
    *orders: tuple[int, Instruction], words: tuple[BankOutcome, ...] = ()
) -> list[tuple[str, set[str]]]:
    """Outcome and policies of each, on one line, so many days after the first."""
    state, clock, bank = MemoryState(), FixedClock(), ObedientBank()
    await MemoryRegisters(state).load(b"", SHELF)
    format = FormatOfOne(orders[0][1])
    line = Line(
        Rooms(
            gatekeeper=OpenGate(), formats={"json": format}, shelf=OneShelf(SHELF), book=BOOK,
            committer=OpenCommitments(), ledger=MemoryLedger(state, instance="here"), bank=bank,
            clock=clock, origin=Origin(bank="103", uri="spiffe://treasury.test/gateway/103"),
            divisions=frozenset({DIVISION}), hold_life=dt.timedelta(days=10),
        )
    )  # fmt: skip
    told = []
    for (day, order), word in zip_longest(orders, words, fillvalue=BankOutcome.ACCEPTED):
        clock.wall, bank.outcome = NOW + dt.timedelta(days=day), word
        format.instruction = replace(order, voucher_date=clock.wall.date())
        answer = await line.carry(received(order.key.voucher_no.encode()))
        found = {each.policy for each in answer.decision.findings}
        told.append((answer.decision.outcome.value, found - {"JL-005", "JL-090", "JL-091"}))
    return told


PAYROLL = ((ONE, 6_000_000), (OTHER, 4_000_000))
"""As much together as JL-092 watches; neither is by itself."""


async def test_a_batch_sent_again_under_another_number_is_held() -> None:
    first, again = batch("1", *PAYROLL), batch("2", *reversed(PAYROLL))
    assert await carried((0, first), (6, again)) == [("passed", set()), ("held", {"JL-092"})]
    assert (await carried((0, first), (7, again)))[1] == ("passed", set()), "seven days, no more"


@pytest.mark.parametrize(
    "other",
    [
        batch("2", (ONE, 4_000_000), (OTHER, 6_000_000)),
        batch("2", (ONE, 10_000_000)),
        batch("2", *PAYROLL, purpose="六月绩效工资"),
    ],
)
async def test_as_much_to_others_or_for_something_else_is_another_batch(other: Instruction) -> None:
    assert (await carried((0, batch("1", *PAYROLL)), (1, other)))[1] == ("passed", set())


async def test_a_small_batch_is_not_looked_at_and_one_that_was_never_paid_does_not_count() -> None:
    small = (ONE, 6_000_000), (OTHER, 3_999_999)
    assert (await carried((0, batch("1", *small)), (1, batch("2", *small))))[1][0] == "passed"
    first, again = batch("1", *PAYROLL), batch("2", *PAYROLL)
    told = await carried((0, first), (1, again), words=(BankOutcome.REJECTED,))
    assert told == [("passed", set())] * 2


async def test_cash_drawn_in_batches_of_one_is_split_as_payments_of_one_are() -> None:
    """Another business type does not evade JL-044."""
    cash = {
        "settlement": Settlement.CASH, "cash_reason": CashReason.PERSONAL_LABOUR,
        "dept_economic_code": "30226", "gov_economic_code": "50205", "purpose": "六月劳务费",
        "business_type": BusinessType.BATCH,
    }  # fmt: skip
    draws = [batch(f"{n}", ((ONE, OTHER)[n % 2], 100_000), **cash) for n in range(4)]
    told = await carried(*enumerate(draws))
    assert [outcome for outcome, _ in told] == ["passed"] * 3 + ["held"] and "JL-044" in told[3][1]


def test_a_back_test_counts_a_whole_as_the_line_does() -> None:
    memory, told = WindowMemory(), []
    for day, order in enumerate((batch("1", *PAYROLL), batch("2", *PAYROLL))):
        on = NOW.date() + dt.timedelta(days=day)
        whole, *details = cases_of(order, identify(order, SHELF), SHELF, on)
        row = Stored(id="V", facts=whole.facts, details=tuple(each.facts for each in details))
        verdict = judged(BOOK, memory, row)
        memory.add(verdict.shares)
        told.append(verdict.outcome.value)
        ruling = decide((whole, *details), NOTHING_KNOWN, SHELF, BOOK)
        assert day or verdict.shares == ruling.shares
    assert told == ["passed", "held"]


def test_what_details_add_the_whole_does_not_add_again() -> None:
    order = batch("1", (ONE, 20_000_000), (OTHER, 30_000_000))
    cases = cases_of(order, identify(order, SHELF), SHELF, NOW.date())
    shares = decide(cases, NOTHING_KNOWN, SHELF, BOOK).shares
    counted = sorted(share.key.window for share in shares)
    assert counted == ["JL-034.main"] * 2 + ["JL-092.same"] * 2 + ["JL-092.same_batch"]
