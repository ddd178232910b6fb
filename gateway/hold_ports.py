"""What holds, releases, refunds and letters need of the world, as Protocols: a method is a
transaction."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.domain.bank import RecallOrder, RecallReply
from gateway.domain.correspondence import KeptLetter, RecallStanding, RecallWord
from gateway.domain.holds import Claim, Claimed, Ending, Gone, Hold, Notification
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Moved, RecordDraft, Short, Standing
from gateway.domain.refunds import Overdraft, Refund, RefundAnswer
from gateway.domain.releases import Order


class Holds(Protocol):
    """Open holds, the bureau's orders about them, and how they end. Raises LedgerUnavailable: then
    it is not known whether it stands, and nothing may be forwarded on it."""

    async def claim(self, claim: Claim) -> Claimed | Gone | Short | Moved:
        """Commit 1 of a release: end the hold, reserve, record, all or nothing. Only a Claimed
        lets this process, and no other, forward it, once."""
        ...

    async def end(self, ending: Ending) -> bool:
        """End a hold without a payment. False, with nothing written: it had ended before."""
        ...

    async def dismiss(
        self, division: str, order: bytes, at: dt.datetime, record: RecordDraft
    ) -> bool:
        """Put an order aside that is not carried out; the hold stays. False: it was done before."""
        ...

    async def open_orders(self, limit: int) -> list[tuple[str, bytes]]:
        """Division and order of those not carried out yet: of each division so many, the oldest
        first. One whose orders must wait keeps no other's from being seen."""
        ...

    async def given_in(self, division: str, order: bytes) -> tuple[bytes, str] | None:
        """Bytes and detached JWS of the feed that brought an order, by its digest."""
        ...

    async def told(self, key: InstructionKey, order: bytes) -> list[bytes | None]:
        """Where this order, and the hold that it is about, are open: bodies of all records about
        orders and about the end of that hold; None: a body is gone."""
        ...

    async def open_holds(
        self, division: str, until: dt.datetime, limit: int, agency: str | None = None
    ) -> list[Hold]:
        """Held not later than `until` and not ended, oldest first."""
        ...

    async def swept(self, division: str, before: dt.datetime) -> None:
        """Note that everything held before this moment has ended: it is not looked at again."""
        ...

    async def take_feed(
        self, division: str, version: int, signed: tuple[bytes, str, str], orders: Sequence[Order],
        bodies: Sequence[bytes], at: dt.datetime, record: RecordDraft | None = None,
    ) -> bool:  # fmt: skip
        """Keep one signed feed and its orders, or the `record` of a void that stands in their
        place. False: these very bytes were taken before under this number.

        Raises Conflicting: a gap, an older version, or other bytes under this one.
        """
        ...

    async def held_feeds(
        self, division: str, since: int, limit: int
    ) -> tuple[int, list[tuple[int, bytes, str]]]:
        """The newest version taken (0: none), and version, bytes and signature of those from
        `since` on, in order."""
        ...

    async def notifications(
        self, division: str, agency: str | None, limit: int
    ) -> list[Notification]:
        """Of one agency, or of the whole division; not acknowledged, oldest first."""
        ...

    async def acknowledge(
        self, division: str, agency: str | None, ids: Sequence[int], at: dt.datetime, by: str
    ) -> list[int]:
        """Those of them that waited for this reader, and wait no more."""
        ...


class Refunds(Protocol):
    async def refund(self, refund: Refund) -> RefundAnswer:
        """Give back on every line what the payment had posted there, once. LedgerUnavailable: not
        known whether; the same refund may be handed in again."""
        ...


class LetterBook(Protocol):
    """Signed letters about payments, each once under its sender's number. LedgerUnavailable: send
    the same letter again, and it is carried to its end."""

    async def keep(self, letter: KeptLetter) -> tuple[bytes, bytes | None] | None:
        """None: it is new. Else the digest that came first under this number, and what was
        answered to it, if it got so far."""
        ...

    async def conflict(self, division: str, record: RecordDraft, digest: bytes) -> bool:
        """Record, once for each content and at most so many, that a number came with others."""
        ...

    async def answered(
        self, letter: KeptLetter, answer: bytes, at: dt.datetime,
        records: Sequence[RecordDraft] = (),
    ) -> None:  # fmt: skip
        """Keep what was answered, with the records of it; the first answer stands."""
        ...

    async def standings(self, keys: Sequence[InstructionKey]) -> Mapping[InstructionKey, Standing]:
        """Those of these instructions that the ledger holds."""
        ...

    async def cleared(self, division: str, numbers: Sequence[str]) -> Mapping[str, int]:
        """What clearing vouchers of these numbers came to, in fen; 2302 below zero."""
        ...

    async def say(self, word: RecallWord) -> bool:
        """Write a word on a recall, its record and what the agency is told. False, with nothing
        written: the same status was said of it before."""
        ...

    async def recalls(self, division: str, recall: str, voucher_no: str) -> list[RecallStanding]:
        """What was said of a recall before, oldest first."""
        ...


class RecallingBank(Protocol):
    async def recall(self, order: RecallOrder) -> RecallReply:
        """Ask for a payment back. Pays nothing, so it may be asked again. Never raises."""
        ...


class Overdrafts(Protocol):
    async def untold(self, division: str, limit: int) -> list[Overdraft]:
        """Lines on which more is spoken for than is granted, and of which no record was made."""
        ...

    async def tell(self, division: str, overdraft: Overdraft, record: RecordDraft) -> bool:
        """Write its record, once. False: it was, or it is overdrawn no more."""
        ...


class Prover(Protocol):
    """Proves documents again (certs room)."""

    def verify_document(self, body: bytes, signature: str, at: dt.datetime | None = None) -> str:
        """The signer's URI; `at`: when its certificate must be valid. Raises Unproven."""
        ...
