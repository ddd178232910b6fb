"""How a letter names a payment, and the payment found by it; and the record of a letter whose
number came again with other content."""

import re
from collections.abc import Callable, Collection

import attrs

from gateway.domain.correspondence import KeptLetter
from gateway.domain.enquiries import Original
from gateway.domain.faults import Fault, FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.legal_day import legal_day
from gateway.domain.records import RecordKind, unnumbered
from gateway.hold_ports import LetterBook
from gateway.pipeline.tell import Origin, microseconds
from gateway.ports import Clock

VOUCHER_TYPES = ("8202", "5201", "8207", "5207")
"""Of payment instructions."""
_YEARS = (0, -1, 1)
"""Beside this one: of last year's payments much is asked in January."""
_EXACT = re.compile(r"(20[0-9]{2})/([0-9]{4})/([0-9A-Za-z-]{1,20})")
"""`OrgnlTxId` or `OrgnlInstrId` that names year, type and number: unmistakable."""
_NUMBER = re.compile(r"[0-9A-Za-z-]{1,42}")


@attrs.frozen(kw_only=True)
class Seeker:
    """`message_id` reads the MsgId of the ISO message that an instruction was kept as; empty where
    it cannot be told."""

    book: LetterBook
    clock: Clock
    message_id: Callable[[bytes], str]

    async def find(self, division: str, named: Original) -> Standing | Fault:
        """The one payment that is meant, or why there is not one. Raises LedgerUnavailable."""
        if not _NUMBER.fullmatch(named.end_to_end_id):
            return self.unknown(named)
        standings = await self.book.standings(self._keys(division, named))
        fitting = [each for each in standings.values() if self._fits(each, named)]
        if len(fitting) == 1:
            return fitting[0]
        if not fitting:
            return self.unknown(named)
        which = ", ".join(sorted(str(each.key) for each in fitting))
        return Unreadable(
            FaultCode.INSTRUCTION_UNKNOWN,
            f"several fit ({which}); name one by OrgnlTxId year/type/number",
        )

    async def at(self, key: InstructionKey) -> Standing | Fault:
        """The one that is named whole. Raises LedgerUnavailable."""
        found = (await self.book.standings([key])).get(key)
        named = Original(message_id="", end_to_end_id=key.voucher_no)
        return self.unknown(named) if found is None else found

    def unknown(self, named: Original) -> Fault:
        return Unreadable(
            FaultCode.INSTRUCTION_UNKNOWN,
            f"没有这笔支付指令 / no instruction {named.end_to_end_id[:42]} is known",
        )

    def _keys(self, division: str, named: Original) -> list[InstructionKey]:
        year = legal_day(self.clock.now()).year
        places = [(year + back, kind) for back in _YEARS for kind in VOUCHER_TYPES]
        exact = _exactly(named)
        if exact:
            places = [(year, kind) for year, kind, no in exact if no == named.end_to_end_id]
        if len(exact) > 1:
            places = []
        return [
            InstructionKey(
                division=division, fiscal_year=fiscal_year, voucher_type=kind,
                voucher_no=named.end_to_end_id,
            )
            for fiscal_year, kind in places
        ]  # fmt: skip

    def _fits(self, standing: Standing, named: Original) -> bool:
        """Of a payment that came in an ISO message, the message must be the one that is named."""
        if not named.message_id or not standing.format.startswith("iso20022"):
            return True
        return self.message_id(standing.raw) in ("", named.message_id)


def one_of(keys: Collection[InstructionKey], named: Original) -> InstructionKey | None:
    """The one of them that is named; None where several could be meant, or names do not agree."""
    exact = _exactly(named)
    fitting = [
        key for key in keys if exact <= {(key.fiscal_year, key.voucher_type, key.voucher_no)}
    ]
    return fitting[0] if len(fitting) == 1 else None


def _exactly(named: Original) -> set[tuple[int, str, str]]:
    """Year, type and number as far as they are written: more than one, or another number than the
    EndToEndId, and no payment is named."""
    found = [_EXACT.fullmatch(text) for text in (named.transaction_id, named.instruction_id)]
    return {(int(each[1]), each[2], each[3]) for each in found if each}


def letter_conflict(kept: KeptLetter, first: bytes, origin: Origin) -> RecordDraft:
    """A number was used again with other content: tampering or a numbering error (JL-002)."""
    subject = f"letter/{kept.party.rpartition('/')[2]}/{kept.id}"
    return RecordDraft(
        kind=RecordKind.CONFLICT,
        subject=subject,
        body=unnumbered(
            {
                "article": "第十条（四）2-3",
                "bank": origin.bank,
                "digest": kept.digest.hex(),
                "division": kept.division,
                "first_digest": first.hex(),
                "kind": RecordKind.CONFLICT,
                "letter": kept.id,
                "name": kept.name,
                "origin": origin.uri,
                "policy": "JL-002",
                "recorded_at": microseconds(kept.at),
                "sender": kept.party,
            }
        ),
    )
