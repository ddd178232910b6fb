"""A message of many: proven once, kept and deposited before anything, each payment on its own."""

import asyncio
import hashlib
from collections.abc import Awaitable, Iterator
from typing import cast

import pytest
from lxml import etree

from adapters.formats.iso20022.payments import IsoBulk
from adapters.formats.iso20022.write import written_message
from adapters.postgres.ledger.messages import PostgresMessages
from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.bulk import KeptMessage
from gateway.domain.decision import Decision, Outcome
from gateway.domain.faults import Fault, FaultCode, LedgerUnavailable, Unproven, Unready
from gateway.domain.instruction import Instruction, Received
from gateway.domain.parties import Sender, sender_of
from gateway.pipeline.batch import Batch, BatchRooms
from gateway.pipeline.line import Line
from gateway.pipeline.parse import refuse_outsiders
from gateway.ports import Clock, Gatekeeper
from gateway.serving.crew import LoopCrew
from gateway.web.shares import Company, Shares
from tests.adapters.formats.iso_samples import AT, many
from tests.memory.messages import MemoryMessages

PARTY = "spiffe://example.org/channel/220000000/counter"
RAW = written_message(many(5), "pain.001.001.09", "M", AT)
RECEIVED = Received(raw=RAW, format="iso20022", signature="s", party=PARTY)


class Scene:
    """Fakes that write down in which order they were asked."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.store = MemoryMessages()
        self.deposits = True
        self.told: list[str] = []
        self.parts: dict[str, bytes] = {}
        self.misfortune: dict[str, list[Exception]] = {}
        self.now = 0.0

    def authenticate(self, received: Received, _now: object) -> Sender:
        if received.signature != "s":
            raise Unproven(FaultCode.SIGNATURE_INVALID, "no")
        self.heard.append("proven")
        sender = sender_of(received.party)
        assert sender
        return sender

    def refuse_outsiders(self, sender: Sender) -> None:
        refuse_outsiders(sender, frozenset({"220000000"}), "example.org")

    async def deposit(self, digest: bytes, raw: bytes, _format: str) -> bool:
        assert digest == hashlib.sha256(raw).digest() and ("220000000", digest) in self.store.kept
        self.heard.append("deposited")
        return self.deposits

    async def carry_proven(
        self, received: Received, instruction: Instruction, _sender: Sender
    ) -> Answer:
        number = instruction.key.voucher_no
        self.heard.append(number)
        self.parts[number] = received.raw
        assert received.format == "iso20022.part"
        if waiting := self.misfortune.get(number):
            raise waiting.pop(0)
        return Answer(
            key=instruction.key,
            decision=Decision(
                outcome=Outcome.PASS, findings=(), book_revision="r", registers_version=1
            ),
            bank=BankOutcome.ACCEPTED, bank_reference="J", bank_reason=None, receipt="a.b.c",
        )  # fmt: skip

    def monotonic(self) -> float:
        return self.now

    def now_(self) -> object:
        return AT

    def tell(self, said: Answer | Fault, _seconds: float) -> None:
        self.told.append(said.code.value if isinstance(said, Fault) else str(said.bank))

    def batch(self) -> Batch:
        scene = self

        class Crew(LoopCrew):
            async def pause(self, seconds: float) -> None:
                scene.now += seconds

        class Times:
            monotonic = staticmethod(scene.monotonic)
            now = staticmethod(scene.now_)

        places = Shares(512, 32, Company(scene.monotonic))
        rooms = BatchRooms(
            gatekeeper=cast("Gatekeeper", self), bulk=IsoBulk(), store=self.store, bank=self,
            crew=Crew(), clock=cast("Clock", Times), places=places,
        )  # fmt: skip
        return Batch(cast("Line", self), rooms)

    async def carried(self, received: Received = RECEIVED) -> list[str]:
        report = await self.batch().carry(received, self.tell)
        return [str(element.text) for element in etree.fromstring(report).iter("{*}TxSts")]


async def test_it_is_proven_kept_and_deposited_before_any_payment_is_carried() -> None:
    scene = Scene()
    assert await scene.carried() == ["ACSC"] * 5
    assert scene.heard == ["proven", "deposited", "V1", "V2", "V3", "V4", "V5"]
    assert scene.told == ["accepted"] * 5
    (kept,) = scene.store.kept.values()
    assert kept.raw == RAW and kept.signature == "s" and kept.payments == 5
    assert len(set(scene.parts.values())) == 5


async def test_nothing_is_kept_or_carried_of_what_is_not_proven() -> None:
    scene = Scene()
    forged = Received(raw=RAW, format="iso20022", signature="x", party=PARTY)
    with pytest.raises(Unproven):
        await scene.carried(forged)
    assert not scene.heard and not scene.store.kept


@pytest.mark.parametrize(
    ("party", "code"),
    [
        ("spiffe://example.org/agency/220100000/101001", FaultCode.DIVISION_UNKNOWN),
        ("spiffe://example.com/channel/220000000/counter", FaultCode.SENDER_UNKNOWN),
        ("spiffe://example.org/bank/103241001000", FaultCode.SENDER_NOT_ENTITLED),
        ("spiffe://example.org/operator/li", FaultCode.SENDER_NOT_ENTITLED),
    ],
)  # fmt: skip
async def test_of_whoever_may_order_nothing_here_no_message_is_kept_or_deposited(
    party: str, code: FaultCode
) -> None:
    """48 MiB were, each time, before the first of its payments was refused."""
    scene = Scene()
    with pytest.raises(Fault) as refused:
        await scene.carried(Received(raw=RAW, format="iso20022", signature="s", party=party))
    assert refused.value.code is code
    assert scene.heard == ["proven"] and not scene.store.kept


async def test_without_the_bank_s_word_that_it_has_the_message_nothing_is_carried() -> None:
    scene = Scene()
    scene.deposits = False
    with pytest.raises(Unready):
        await scene.carried()
    assert scene.heard == ["proven", "deposited"]


async def test_a_busy_gateway_is_waited_for_and_an_unknown_commit_is_told_as_pending() -> None:
    scene = Scene()
    busy = Unready(FaultCode.OVERLOADED, "busy")
    scene.misfortune = {"V2": [busy, busy], "V4": [LedgerUnavailable("gone")], "V5": [busy] * 99}
    told = await scene.carried()
    assert told == ["ACSC", "ACSC", "ACSC", "PDNG", "PDNG"]
    assert scene.heard.count("V2") == 3 and scene.heard.count("V4") == 1
    assert sorted(scene.told)[-2:] == ["ledger_unavailable", "overloaded"]


async def test_no_more_than_so_many_are_on_the_line_at_once() -> None:
    now, most = 0, 0

    async def job() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    def jobs() -> Iterator[Awaitable[None]]:
        for _ in range(50):
            yield job()

    await LoopCrew().together(jobs(), 8)
    assert (most, now) == (8, 0)


async def _kept_once(store: MemoryMessages | PostgresMessages) -> None:
    """The first that came stays."""
    digest = hashlib.sha256(RAW).digest()
    for signature in ("first", "second"):
        await store.keep(
            KeptMessage(
                division="220000000", digest=digest, party=PARTY, signature=signature, raw=RAW,
                payments=5, at=AT,
            )
        )  # fmt: skip
    assert await store.raw("220000000", digest) == RAW
    assert await store.raw("220100000", digest) is None
    assert await store.raw("220000000", bytes(32)) is None


async def test_a_message_is_kept_once_and_found_by_its_digest_in_memory() -> None:
    await _kept_once(MemoryMessages())


@pytest.mark.postgres
async def test_a_message_is_kept_once_and_found_by_its_digest_in_postgresql(migrated: str) -> None:
    store = PostgresMessages(migrated)
    await _kept_once(store)
    await store.close()
