"""A street with a writing desk: the line's fakes, and letters about what went down it."""

import attrs
from lxml import etree

from adapters.formats.iso20022.letters import IsoLetters, message_id
from adapters.formats.voucher.letters import VoucherLetters
from gateway.domain.bank import RECALL_UNHEARD, BankOutcome, RecallOrder, RecallReply
from gateway.domain.conduct_rules import Allowances
from gateway.domain.enquiries import RecallStatus
from gateway.domain.instruction import Received
from gateway.pipeline.correspondence import Correspondence, LetterRooms
from gateway.pipeline.letter_acts import Acts
from gateway.pipeline.letters import Seeker
from gateway.pipeline.outcome import Outcomes
from gateway.pipeline.recall import Recalling
from gateway.pipeline.reconcile import Reconciling
from gateway.pipeline.returns import Alarm, Returning
from gateway.pipeline.tally import Tallying
from gateway.pipeline.tell import Origin
from gateway.serving.crew import LoopCrew
from tests.memory.correspondence import MemoryCorrespondence
from tests.memory.holds import MemoryHolds
from tests.pipeline.alarms import AlarmBook
from tests.pipeline.fakes import (
    DIVISION,
    NOW,
    SENDER,
    OneShelf,
    OpenGate,
    instruction,
    received,
    registers,
)
from tests.pipeline.test_line import Street

ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")
BANK = "spiffe://treasury.test/bank/103"
BUREAU = f"spiffe://treasury.test/bureau/{DIVISION}"
OTHER = f"spiffe://treasury.test/agency/{DIVISION}/101002"


class GivingBank:
    """Answers recalls as told, and remembers each."""

    def __init__(self) -> None:
        self.reply: RecallReply = RecallReply(status=RecallStatus.ACCEPTED)
        self.asked: list[RecallOrder] = []

    async def recall(self, order: RecallOrder) -> RecallReply:
        self.asked.append(order)
        return self.reply

    def silent(self) -> None:
        self.reply = RECALL_UNHEARD


@attrs.define
class Desk:
    street: Street
    letters: MemoryCorrespondence
    holds: MemoryHolds
    alarms: AlarmBook
    core: GivingBank
    noted: list[str] = attrs.field(factory=list)
    behind: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    async def open(cls, street: Street | None = None) -> "Desk":
        street = street or await Street(instruction(amount=30_000)).open()
        return cls(
            street, MemoryCorrespondence(street.state, street.ledger),
            MemoryHolds(street.state, street.ledger), AlarmBook(street.ledger), GivingBank(),
        )  # fmt: skip

    @classmethod
    async def forwarded(cls, word: BankOutcome = BankOutcome.ACCEPTED) -> "Desk":
        """With one payment, of which the bank said this."""
        desk = await cls.open()
        desk.street.bank.outcome = word
        await desk.carry()
        return desk

    @property
    def alarm(self) -> Alarm:
        return Alarm(store=self.alarms, origin=ORIGIN)

    @property
    def returning(self) -> Returning:
        street = self.street
        return Returning(
            ledger=street.ledger, refunds=self.holds, clock=street.clock, alarm=self.alarm,
            behind=self.behind,
        )  # fmt: skip

    def correspondence(self) -> Correspondence:
        street, book, formats = self.street, self.letters, {"json": self.street.format}
        tallying = Tallying(book=book, formats=formats, origin=ORIGIN)
        acts = Acts(
            gatekeeper=OpenGate(), formats=formats,
            seeker=Seeker(book=book, clock=street.clock, message_id=message_id),
            recalling=Recalling(
                letters=book, holds=self.holds, bank=self.core, clock=street.clock, origin=ORIGIN,
                formats=formats, alarm=self.alarm,
            ),
            returning=self.returning, tallying=tallying, outcomes=self.outcomes(),
        )  # fmt: skip
        rooms = LetterRooms(
            gatekeeper=OpenGate(),
            tongues={"iso20022": IsoLetters("103", lambda: NOW), "voucher": VoucherLetters()},
            book=book, crew=LoopCrew(), clock=street.clock, origin=ORIGIN,
            divisions=frozenset({DIVISION}), behind=self.behind,
            acts=acts,
            reconciling=Reconciling(
                store=self.alarms, shelf=OneShelf(registers()), formats=formats, origin=ORIGIN,
                allowances=Allowances(), behind=self.behind,
            ),
            tallying=tallying,
            note=lambda kept, said: self.noted.append(f"{kept.name} {len(said)}"),
        )  # fmt: skip
        return Correspondence(rooms)

    def outcomes(self) -> Outcomes:
        return Outcomes(
            ledger=self.street.ledger, returning=self.returning, alarm=self.alarm,
            clock=self.street.clock, origin=ORIGIN,
        )  # fmt: skip

    async def carry(self) -> None:
        """The street's one instruction goes down the line."""
        await self.street.line.carry(received())

    async def post(self, raw: bytes, party: str = SENDER, format: str = "iso20022") -> bytes:
        letter = Received(raw=raw, format=format, signature="s", party=party)
        correspondence = self.correspondence()
        assert correspondence.takes(letter)
        return await correspondence.carry(letter, lambda said, seconds: None)

    def records(self, kind: str) -> list[dict[str, object]]:
        return [record for record in self.street.records() if record["kind"] == kind]


def texts(raw: bytes, name: str) -> list[str]:
    return [str(element.text) for element in etree.fromstring(raw).iter(f"{{*}}{name}")]
