"""A release cut off at each of its moments, and carried on by another process: paid at most once.

Also many at once on one indicator, exact to the fen, and nobody deadlocked.
"""

import asyncio
import datetime as dt
from collections.abc import Callable
from random import Random

import asyncpg
import attrs
import pytest

from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.ledger.refunds import PostgresRefunds
from adapters.postgres.oversight.conduct import PostgresConduct
from adapters.postgres.registers.applying import PostgresRegisters
from gateway.domain.bank import BankAnswer, BankOutcome
from gateway.domain.decision import Action, Outcome
from gateway.domain.holds import Claim, Claimed, FindingName, Gone, name_of
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Admitted, Moved, Settled, Settlement, Short
from gateway.domain.refunds import RefundResult
from gateway.domain.releases import Order, Verdict, decision_bytes
from gateway.domain.releases import read_order as read
from gateway.pipeline.line import Line, Rooms
from gateway.pipeline.release import Release
from gateway.pipeline.tell import Origin
from tests.adapters.postgres.conftest import Storage, opened
from tests.adapters.postgres.storage_builders import admission, draft, registers, settlement
from tests.adapters.postgres.test_holds_contract import (
    claim_of,
    given,
    grant,
    held,
    limit_of,
    refund_of,
)
from tests.orders import order_by_two
from tests.pipeline.fakes import (
    DIVISION,
    NOW,
    SENDER,
    BookOf,
    FixedClock,
    FormatOfOne,
    ObedientBank,
    OneShelf,
    OpenCommitments,
    OpenGate,
    finding,
    instruction,
    received,
)
from tests.pipeline.fakes import registers as registers_of_one

HELD = finding("JL-052", Action.HOLD)
CLIENTS = 64


class Killed(BaseException):
    """The process is gone; nothing after this line runs."""


class Prover:
    def verify_document(self, body: bytes, signature: str, at: dt.datetime | None = None) -> str:
        return SENDER


@attrs.define
class Process:
    """One gateway process over the shared storage; `cut` says at which moment it is killed."""

    storage: Storage
    bank: ObedientBank
    cut: str = ""

    async def claim(self, claim: Claim) -> Claimed | Gone | Short | Moved:
        self._die("before claim")
        answer = await self.storage.holds.claim(claim)
        self._die("after claim")
        return answer

    async def submit(self, key: InstructionKey, raw: bytes, format: str) -> BankAnswer:
        answer = await self.bank.submit(key, raw, format)
        self._die("after send")
        return answer

    async def settle(self, settlement: Settlement) -> bool:
        settled = await self.storage.ledger.settle(settlement)
        self._die("after settling")
        return settled

    def _die(self, moment: str) -> None:
        if moment == self.cut:
            raise Killed(moment)

    def release(self) -> tuple[Line, Release]:
        holds = _Instead(self.storage.holds, claim=self.claim)
        rooms = Rooms(
            gatekeeper=OpenGate(), formats={"json": FormatOfOne(instruction())},
            shelf=OneShelf(registers_of_one()), book=BookOf(findings=(HELD,)),
            committer=OpenCommitments(), ledger=_Instead(self.storage.ledger, settle=self.settle),
            bank=_Instead(self.bank, submit=self.submit), clock=FixedClock(),
            origin=Origin(bank="103", uri="spiffe://treasury.test/gateway/103"),
            divisions=frozenset({DIVISION}),
        )  # fmt: skip
        line = Line(rooms)
        return line, Release(rooms, line, holds, Prover())


class _Instead:
    """A room with some of its methods replaced."""

    def __init__(self, room: object, **methods: Callable[..., object]) -> None:
        self._room = room
        vars(self).update(methods)

    def __getattr__(self, name: str) -> object:
        return getattr(self._room, name)


@pytest.mark.parametrize(
    ("cut", "sent", "afterwards"),
    [
        ("before claim", 1, "forwarded"),
        ("after claim", 0, "ended before"),
        ("after send", 1, "ended before"),
        ("after settling", 1, "ended before"),
    ],
)
async def test_whoever_carries_on_after_a_kill_never_sends_a_second_time(
    storage: Storage, cut: str, sent: int, afterwards: str
) -> None:
    await storage.registers.load(b"", registers_of_one())
    bank = ObedientBank()
    line, _ = Process(storage, bank).release()
    assert (await line.carry(received(b"one"))).decision.outcome is Outcome.HOLD
    order = await _ordered(storage, (name_of(HELD),))
    _, doomed = Process(storage, bank, cut).release()
    with pytest.raises(Killed):
        await doomed.carry_out(order)
    _, next_one = Process(storage, bank).release()
    came_to = await next_one.carry_out(order)
    assert ("forwarded" if isinstance(came_to, Settled) else came_to) == afterwards
    assert len(bank.submitted) == sent
    open_ones = await storage.ledger.open_payments(NOW + dt.timedelta(days=1), 9)
    assert len(open_ones) == (cut in ("after claim", "after send")), "the enquiry asks about these"


async def _ordered(storage: Storage, overrides: tuple[FindingName, ...]) -> Order:
    key = instruction().key
    standing = await storage.ledger.standing(key)
    assert standing
    span = NOW - dt.timedelta(minutes=1), NOW + dt.timedelta(days=1)
    decision = decision_bytes(key, standing.digest, Verdict.RELEASE, overrides, "材料已补齐", span)
    body = order_by_two(decision, NOW)
    order = read(body)
    await storage.holds.take_feed(DIVISION, 1, (body, "jws", "bureau"), [order], [body], NOW)
    return order


@pytest.mark.postgres
async def test_sixty_four_at_once_on_one_indicator_are_exact_to_the_fen(storage: Storage) -> None:
    """Admissions, releases, settlements and refunds cross on one line, at two gateways; a deadlock
    or a lock that is waited for too long would be a LedgerUnavailable here."""
    granted, rounds = 40_000, 12
    await grant(storage, granted)
    orders = {}
    for client in range(0, CLIENTS, 8):
        await held(storage, f"H{client}", 113)
        orders[client] = await given(storage, f"H{client}", client // 8 + 1)
    spent: list[int] = []
    short: list[int] = []

    async def client(number: int) -> None:
        rng = Random(number)
        ledger = storage.second if number % 2 else storage.ledger
        if number in orders:
            claimed = await storage.holds.claim(claim_of(f"H{number}", orders[number], 113))
            if isinstance(claimed, Claimed):
                await ledger.settle(settlement(f"H{number}"))
                spent.append(113)
        for turn in range(rounds):
            name, amount = f"{number}-{turn}", rng.randrange(1, 200)
            answer = await ledger.admit(admission(name, amount))
            if not isinstance(answer, Admitted):
                short.append(amount)
                continue
            accepted = rng.random() < 0.8
            bank = BankOutcome.ACCEPTED if accepted else BankOutcome.REJECTED
            await ledger.settle(settlement(name, bank))
            back = rng.randrange(1, amount + 1) if accepted and rng.random() < 0.3 else 0
            if back:
                told = await storage.refunds.refund(refund_of(f"R{name}", name, back))
                assert told.result is RefundResult.REFUNDED
            spent.append(amount - back if accepted else 0)

    async with asyncio.timeout(120):
        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    limit = await limit_of(storage)
    assert (limit.reserved_fen, limit.posted_fen) == (0, sum(spent))
    assert limit.posted_fen <= granted
    assert short, "the indicator never ran out: the boundary was not met"
    assert granted - limit.posted_fen < 2_000


@pytest.mark.postgres
async def test_a_grant_lowered_below_what_is_reserved_is_noted_once_and_told_once(
    migrated: str,
) -> None:
    loads, refunds = PostgresRegisters(migrated), PostgresRefunds(migrated)
    await loads.load(b"", registers(1, {"IND-1": 1000}))
    async with PostgresLedger(migrated, instance="gw-1") as ledger:
        await ledger.admit(admission(1, 600))
        loaded = await loads.load(b"", registers(2, {"IND-1": 500}))
        assert [limit.key.id for limit in loaded.overdrawn] == ["IND-1"]
        (told,) = await refunds.untold(DIVISION, 9)
        assert (told.limit.granted_fen, told.limit.reserved_fen) == (500, 600)
        record = draft("IND-1", "limit_overdrawn")
        assert await refunds.tell(DIVISION, told, record)
        assert not await refunds.tell(DIVISION, told, record)
        await loads.load(b"", registers(3, {"IND-1": 500}))
        assert await refunds.untold(DIVISION, 9) == []
        await loads.load(b"", registers(4, {"IND-1": 400}))
        assert len(await refunds.untold(DIVISION, 9)) == 1, "another grant is another matter"
        await loads.load(b"", registers(5, {"IND-1": 700}))
        assert await refunds.untold(DIVISION, 9) == []
        await loads.load(b"", registers(6, {"IND-1": 700}, frozen=200))
        assert len(await refunds.untold(DIVISION, 9)) == 1, "frozen below what is reserved"
    await loads.close()
    await refunds.close()
    connection = await asyncpg.connect(migrated)
    kinds = await connection.fetch("SELECT kind FROM pending_record WHERE kind = 'limit_overdrawn'")
    await connection.close()
    assert len(kinds) == 1


@pytest.mark.postgres
async def test_a_release_that_the_bank_never_books_is_in_arrears_like_any_payment(
    migrated: str,
) -> None:
    async with opened(migrated) as storage:
        await grant(storage, 1000)
        await held(storage, 1)
        await storage.holds.claim(claim_of(1, await given(storage, 1, 1)))
        conduct = PostgresConduct(migrated)
        later = NOW + dt.timedelta(days=2)
        arrears = await conduct.arrears(
            DIVISION, later, since=NOW - dt.timedelta(days=1), records_before=NOW,
            notices_before=NOW,
        )  # fmt: skip
        await conduct.close()
    assert [each.key.voucher_no for each in arrears.unbooked] == ["1"]
