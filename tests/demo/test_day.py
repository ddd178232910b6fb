"""The demo's day is what it says: read by the real parsers, judged by the real policies."""

import datetime as dt
from collections import Counter
from functools import cache
from random import Random

import pytest
from stdnum.cn import ric

from adapters.formats.accepted import accepted_formats
from adapters.formats.registers.division import read_registers
from adapters.formats.voucher.payments import VoucherFormat
from deploy.demo.clerk import Clerk
from deploy.demo.day import COUNT_MIN, SIZEABLE_FEN, Day, DayItem, _Maker, day
from deploy.demo.messages import message_of
from deploy.demo.misdeeds import REPEATS, misdeeds_on
from deploy.demo.register_file import registers_of
from deploy.demo.world import World
from deploy.demo.writers import json_of, voucher_of
from gateway.domain.decision import Outcome
from gateway.domain.faults import Fault, FaultCode
from gateway.domain.instruction import Received
from gateway.domain.money import Fen
from gateway.domain.parties import sender_of
from gateway.pipeline.line import Line, Rooms
from gateway.pipeline.tell import Origin
from gateway.ports import Format
from tests.memory.ledger import MemoryLedger
from tests.memory.registers import MemoryRegisters
from tests.memory.state import MemoryState
from tests.pipeline.fakes import FixedClock, ObedientBank, OneShelf, OpenCommitments, OpenGate
from tests.policies.shipped import BOOK

ON = dt.date(2026, 11, 23)
AT = dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC)
"""A Monday at ten in Changchun."""
FORMATS: dict[str, Format] = {**accepted_formats()}


@cache
def a_day(seed: int = 1, count: int = 600) -> Day:
    return day(seed, count, ON)


class Gateway:
    """The real line on the real parsers and policies, with its ledger in memory."""

    def __init__(self, made: Day) -> None:
        self.registers = read_registers(made.registers)
        self.state = MemoryState()
        self.clock = FixedClock()
        self.clock.wall = AT
        self.line = Line(
            Rooms(
                gatekeeper=OpenGate(),
                formats=FORMATS,
                shelf=OneShelf(self.registers),
                book=BOOK,
                committer=OpenCommitments(),
                ledger=MemoryLedger(self.state, instance="here"),
                bank=ObedientBank(),
                clock=self.clock,
                origin=Origin(bank="103", uri="spiffe://treasury.demo/gateway/103"),
                divisions=frozenset({self.registers.division}),
            )
        )

    async def open(self) -> "Gateway":
        await MemoryRegisters(self.state).load(b"", self.registers)
        return self

    async def judged(self, item: DayItem) -> tuple[str, list[str]]:
        """Outcome and policies of one item, every signature believed."""
        arrived = Received(raw=item.raw, format=item.format, signature="s", party=item.sender)
        try:
            answer = await self.line.carry(arrived)
        except Fault as fault:
            return fault.code, []
        assert answer.key == item.key
        return answer.decision.outcome, [finding.policy for finding in answer.decision.findings]


def foreseen(item: DayItem) -> str:
    return item.outcome or item.fault or ""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_everything_becomes_what_the_day_foretells(seed: int) -> None:
    made = a_day(seed)
    gateway = await Gateway(made).open()
    for number, item in enumerate(made.items):
        if item.forged:
            continue
        outcome, policies = await gateway.judged(item)
        place = f"item {number} of seed {seed}: {item.key} {item.policy} {policies}"
        assert outcome == foreseen(item), place
        assert item.replay or (item.policy in policies if item.policy else not policies), place


@pytest.mark.slow
async def test_a_day_in_spring_has_its_own_misdeeds() -> None:
    made = day(1, 200, dt.date(2026, 3, 2))
    gateway = await Gateway(made).open()
    gateway.clock.wall = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
    for item in made.items:
        if not item.forged:
            outcome, policies = await gateway.judged(item)
            assert outcome == foreseen(item), (item.policy, policies)
            assert item.replay or not item.policy or item.policy in policies
    told = {item.policy for item in made.items}
    assert "JL-015" in told and "JL-016" not in told


@pytest.mark.slow
async def test_any_order_that_keeps_what_must_come_first_comes_to_the_same() -> None:
    made = a_day()
    gateway = await Gateway(made).open()
    backwards = [item for item in reversed(made.items) if item.after is None]
    for item in [*backwards, *(item for item in made.items if item.after is not None)]:
        if not item.forged:
            outcome, _ = await gateway.judged(item)
            assert outcome == foreseen(item), (item.policy, item.key)


async def test_a_forged_item_would_pass_but_for_its_signature() -> None:
    made = a_day()
    gateway = await Gateway(made).open()
    forged = [item for item in made.items if item.forged]
    assert forged
    for item in forged:
        assert (await gateway.judged(item))[0] == Outcome.PASS


async def test_at_night_everything_is_said_to_be_outside_working_hours() -> None:
    made = a_day()
    gateway = await Gateway(made).open()
    gateway.clock.wall = AT + dt.timedelta(hours=11)
    lawful = next(i for i in made.items if i.outcome is Outcome.PASS and not i.policy)
    assert await gateway.judged(lawful) == (Outcome.PASS, ["JL-090"])


@pytest.mark.parametrize("count", [COUNT_MIN, 100, 600])
def test_every_family_of_policies_fires_and_all_kinds_are_there(count: int) -> None:
    made = day(4, count, ON)
    assert sum(not item.replay for item in made.items) == count
    assert {item.policy for item in made.items} - {None} == {*misdeeds_on(ON), *REPEATS}
    assert sum(item.replay for item in made.items) >= 1
    faults = {item.fault for item in made.items} - {None}
    assert {FaultCode.SIGNATURE_INVALID, FaultCode.INSTRUCTION_INVALID} <= faults
    assert FaultCode.INSTRUCTION_CONFLICT in faults


def test_about_nine_in_ten_pass_and_a_third_are_vouchers_of_both_kinds() -> None:
    items = a_day().items
    outcomes = Counter(item.outcome for item in items)
    assert 0.87 < outcomes[Outcome.PASS] / len(items) < 0.93
    assert sum(item.format == "voucher" for item in items) / len(items) >= 0.3
    kinds = {(item.format, item.key.voucher_type) for item in items}
    assert kinds == {
        (format, kind) for format in ("json", "voucher", "iso20022") for kind in ("8202", "5201")
    }
    assert sum(item.format == "iso20022" for item in items) / len(items) >= 0.15


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    assert day(7, 60, ON) == day(7, 60, ON)
    assert day(7, 60, ON).items != day(8, 60, ON).items


def test_another_series_has_other_numbers() -> None:
    one, two = day(7, 60, ON), day(7, 60, ON, series=1)
    assert not {item.key for item in one.items} & {item.key for item in two.items}


def test_what_must_come_first_stands_before() -> None:
    items = a_day().items
    followers = [(n, item) for n, item in enumerate(items) if item.after is not None]
    assert followers
    for number, item in followers:
        assert item.after is not None
        first = items[item.after]
        assert item.after < number
        assert first.outcome is Outcome.PASS
        assert (first.key == item.key) is (item.policy is None)
        assert (first.raw == item.raw) is item.replay


def test_no_two_companies_have_one_name() -> None:
    """A hotel would be designated because another one of its name is (JL-084)."""
    world = World(5, ON, "220000000")
    names = [world.company("会展酒店").name for _ in range(500)]
    assert len({*names}) == len(names)


def test_a_large_bill_is_drawn_once() -> None:
    """By chance the same again, in a day of thousands, would be held as paid twice (JL-092)."""
    clerk = Clerk(World(5, ON, "220000000"), 5, 0)
    maker = _Maker(clerk, Random("any"), "treasury.demo")
    large = next(one for one in iter(clerk.ordinary, None) if one.amount_fen >= SIZEABLE_FEN)
    other = next(one for one in iter(clerk.ordinary, None) if one.amount_fen >= SIZEABLE_FEN)
    drawn = iter((large, large, other))
    assert [maker._once(lambda: next(drawn)) for _ in range(2)] == [large, other]


def test_too_short_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 60"):
        day(1, COUNT_MIN - 1, ON)


def test_every_party_that_sends_is_named() -> None:
    made = a_day()
    assert {item.sender for item in made.items} == set(made.senders)
    assert all(sender_of(uri) for uri in made.senders)
    assert any("/channel/" in uri for uri in made.senders)


def test_people_have_valid_identity_numbers() -> None:
    persons = read_registers(a_day().registers).persons
    assert len(persons) > 200
    assert all(ric.is_valid(number) for number in persons)


def test_the_written_registers_read_back_as_they_were() -> None:
    world = World(5, ON, "220000000")
    clerk = Clerk(world, 5, 0)
    for _ in range(200):
        clerk.ordinary()
    registers = world.registers()
    assert read_registers(registers_of(registers, world.payee_names)) == registers


def test_what_is_written_reads_back_as_it_was_meant() -> None:
    clerk = Clerk(World(6, ON, "220000000"), 6, 0)
    for _ in range(300):
        meant = clerk.ordinary()
        assert FORMATS["json"].parse(json_of(meant)) == meant


@pytest.mark.slow
def test_a_voucher_carries_all_but_digests_and_the_government_code() -> None:
    clerk = Clerk(World(6, ON, "220000000"), 6, 0)
    invoices = 0
    for _ in range(300):
        meant = clerk.ordinary()
        read = VoucherFormat().parse(voucher_of(meant))
        assert read.key == meant.key
        assert (read.payee, read.payer, read.details) == (meant.payee, meant.payer, meant.details)
        assert (read.exemption, read.cash_reason) == (meant.exemption, meant.cash_reason)
        assert (read.approvals, read.contract_no) == (meant.approvals, meant.contract_no)
        assert (read.amount_fen, read.indicator_id) == (meant.amount_fen, meant.indicator_id)
        assert read.settlement is meant.settlement
        if not meant.payee.person:
            named = [(paper.kind, paper.number) for paper in meant.documents]
            assert [(paper.kind, paper.number) for paper in read.documents] == named
            invoices += len(named)
    assert invoices


@pytest.mark.slow
def test_what_is_granted_suffices_twice_over_for_what_passes() -> None:
    made = a_day()
    registers = read_registers(made.registers)
    taken: Counter[str] = Counter()
    for item in made.items:
        if item.outcome is Outcome.PASS and not item.replay and not item.policy:
            instruction = FORMATS[item.format].parse(item.raw)
            taken[instruction.indicator_id] += instruction.amount_fen
    for id, amount in taken.items():
        row = registers.indicators[id]
        assert Fen(2 * amount) <= row.granted_fen - row.posted_fen - row.frozen_fen


def test_an_agency_s_own_messages_mean_what_it_wrote() -> None:
    """The demonstration's writer knows our reader only by its document."""
    world = World(5, ON, "220000000")
    clerk = Clerk(world, 5, 0)
    kinds = set()
    for _ in range(200):
        meant = clerk.ordinary()
        if not meant.details:
            raw = message_of(meant)
            kinds.add(b"pain.001.001.03" in raw)
            assert FORMATS["iso20022"].parse(raw) == meant
    assert kinds == {True, False}
