"""Tally: vouchers that are held against what is known: reconciliation (3502 and 3507, answered by
2502 and 2507) and corrections of codes (5253, 5351). Nothing here moves money or limits."""

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs
import msgspec
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.correspondence import KeptLetter, Said, Taken
from gateway.domain.faults import Fault, FaultCode, FieldError, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.masking import without_numbers
from gateway.domain.money import yuan
from gateway.domain.records import RecordKind, unnumbered
from gateway.domain.vouchers import Adjustment, CheckedLine, Reconciliation
from gateway.hold_ports import LetterBook
from gateway.pipeline.letters import VOUCHER_TYPES
from gateway.pipeline.ordered import ordered
from gateway.pipeline.tell import Origin, microseconds
from gateway.ports import Format

CLEARING_TYPES = ("2301", "2302")
AGREES, DIFFERS = "0", "1"
ANSWER_TYPES = {"3502": "2502", "3507": "2507"}
"""Of vouchers, and of clearing (清算信息对账)."""

_Standings = Mapping[InstructionKey, Standing]


@attrs.frozen(kw_only=True)
class Tallying:
    book: LetterBook
    formats: Mapping[str, Format]
    origin: Origin

    async def tally(self, asked: Reconciliation) -> Reconciliation:
        """The 2502 to a 3502, the 2507 to a 3507: each line agrees (0), or does not (1) and why.
        What the treasury lists and we do not know does not agree; kinds that we keep no books of
        are said so.

        Raises LedgerUnavailable.
        """
        keys = [_key(asked, line) for line in asked.lines if line.voucher_type in VOUCHER_TYPES]
        cleared = [line.voucher_no for line in asked.lines if line.voucher_type in CLEARING_TYPES]
        standings = await self.book.standings(keys)
        totals = await self.book.cleared(asked.key.division, cleared)
        lines = tuple(self._checked(asked, line, standings, totals) for line in asked.lines)
        answer = ANSWER_TYPES[asked.key.voucher_type]
        same = all(line.result == AGREES for line in lines)
        return attrs.evolve(
            asked, key=replace(asked.key, voucher_type=answer), lines=lines,
            result=AGREES if same else DIFFERS,
        )  # fmt: skip

    async def adjust(self, asked: Adjustment, kept: KeptLetter) -> tuple[Said, list[RecordDraft]]:
        """A correction is taken if every payment that it names was paid, and takes no more off one
        than was paid; its record is written with the answer. Else all its faults.

        Raises LedgerUnavailable.
        """
        taken = Counter[InstructionKey]()
        for line in asked.lines:
            taken[_payment(asked, line.payment_type, line.payment_no)] += max(-line.amount_fen, 0)
        standings = await self.book.standings(list(taken))
        wrong = [
            why for key, fen in taken.items() if (why := self._wrong(standings.get(key), key, fen))
        ]
        if wrong:
            return _refused(wrong), []
        return Taken(words=f"{len(asked.lines)} lines of {len(taken)} payments"), [
            self._record(asked, kept)
        ]

    def _checked(
        self, asked: Reconciliation, line: CheckedLine, standings: _Standings,
        totals: Mapping[str, int],
    ) -> CheckedLine:  # fmt: skip
        if line.voucher_type in CLEARING_TYPES:
            why = _difference(totals.get(line.voucher_no), line.amount_fen)
        elif line.voucher_type in VOUCHER_TYPES:
            standing = standings.get(_key(asked, line))
            paid = standing and standing.bank is BankOutcome.ACCEPTED and not standing.disputed
            why = _difference(self._paid_fen(standing) if standing and paid else None,
                              line.amount_fen)  # fmt: skip
        else:
            why = "本网关不登记此类凭证"
        return attrs.evolve(line, result=DIFFERS if why else AGREES, reason=why)

    def _wrong(self, standing: Standing | None, key: InstructionKey, fen: int) -> str:
        if standing is None or standing.bank is not BankOutcome.ACCEPTED or standing.disputed:
            return f"{key} is not known to have been paid"
        paid = self._paid_fen(standing)
        return f"{yuan(fen)} would leave {key}, {yuan(paid)} was paid" if fen > paid else ""

    def _paid_fen(self, standing: Standing) -> int:
        return int(ordered(standing, self.formats).amount_fen)

    def _record(self, asked: Adjustment, kept: KeptLetter) -> RecordDraft:
        return RecordDraft(
            kind=RecordKind.ADJUSTMENT,
            subject=str(asked.key),
            body=unnumbered(
                {
                    **msgspec.structs.asdict(asked.key),
                    "bank": self.origin.bank,
                    "digest": kept.digest.hex(),
                    "kind": RecordKind.ADJUSTMENT,
                    "lines": [attrs.asdict(line) for line in asked.lines],
                    "origin": self.origin.uri,
                    "purpose": without_numbers(asked.purpose),
                    "recorded_at": microseconds(kept.at),
                    "sender": kept.party,
                }
            ),
        )


def _key(asked: Reconciliation, line: CheckedLine) -> InstructionKey:
    return InstructionKey(
        division=asked.key.division, fiscal_year=asked.key.fiscal_year,
        voucher_type=line.voucher_type, voucher_no=line.voucher_no,
    )  # fmt: skip


def _payment(asked: Adjustment, kind: str, number: str) -> InstructionKey:
    return replace(asked.key, voucher_type=kind, voucher_no=number)


def _difference(known_fen: int | None, listed_fen: int) -> str:
    """In Chinese, for the treasury; empty where they agree."""
    if known_fen is None:
        return "无此凭证或未支付"
    return "" if known_fen == listed_fen else f"金额应为{yuan(known_fen)}"


def _refused(wrong: Sequence[str]) -> Fault:
    errors = tuple(
        FieldError(field="Detail", code="payment", zh=f"原凭证不符：{why}", en=why) for why in wrong
    )
    return Unreadable(FaultCode.INSTRUCTION_INVALID, "the correction fits no payment", errors)
