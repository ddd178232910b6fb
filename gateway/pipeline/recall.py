"""Recall (撤销申请, camt.056): give back what was ordered, as far as that can still be done.

Held and released by nobody: it ends as withdrawn, and nothing is ever paid on it. Not paid for
another reason: said so. Forwarded: the bank core is asked, where it takes recalls, and its word is
the answer; money itself comes back only by a refund. Every branch is a record.
"""

from collections.abc import Mapping

import attrs
import msgspec

from gateway.domain.bank import BankOutcome, RecallOrder
from gateway.domain.conduct import Alert
from gateway.domain.correspondence import RecallStanding, RecallWord, Resolution
from gateway.domain.enquiries import RecallItem, RecallResult, RecallStatus
from gateway.domain.faults import FaultCode, Unready
from gateway.domain.holds import HoldEnding
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.masking import without_numbers
from gateway.domain.records import RecordKind, canonical, unnumbered
from gateway.hold_ports import Holds, LetterBook, RecallingBank
from gateway.pipeline.conduct_words import alert
from gateway.pipeline.endings import withdrawal
from gateway.pipeline.letters import one_of
from gateway.pipeline.ordered import ordered
from gateway.pipeline.returns import Alarm
from gateway.pipeline.tell import Origin, microseconds
from gateway.ports import Clock, Format

GATEWAY, CORE = "gateway", "core"
UNKNOWN_HERE, BY_AGENT = "NOOR", "AGNT"
"""ISO ExternalPaymentCancellationRejection1Code."""
NOT_FOUND = Resolution(
    status=RecallStatus.REFUSED, code=UNKNOWN_HERE,
    words="没有这笔支付指令 / no such instruction of this sender",
)  # fmt: skip
"""Of no payment that this asker may recall; the letter itself is kept."""
OTHER_AMOUNT = Resolution(
    status=RecallStatus.REFUSED, code=BY_AGENT,
    words="撤销金额与原指令不符 / the amount is not the instruction's",
)  # fmt: skip
"""Nothing is recalled in part, whatever its state."""
_FINAL = frozenset({RecallStatus.ACCEPTED, RecallStatus.REFUSED})
_NEVER_PAID = frozenset({BankOutcome.REJECTED, BankOutcome.NOT_TAKEN})


@attrs.frozen(kw_only=True)
class Asked:
    """One recall of one payment: by whom, and under which name."""

    recall: str
    asker: str
    item: RecallItem

    @property
    def reason(self) -> str:
        return " ".join(filter(None, (self.item.reason, self.item.words)))


@attrs.frozen(kw_only=True)
class Recalling:
    letters: LetterBook
    holds: Holds
    bank: RecallingBank
    clock: Clock
    origin: Origin
    formats: Mapping[str, Format]
    alarm: Alarm

    async def recall(self, asked: Asked, standing: Standing) -> Resolution:
        """What became of it. Safe to do again: each step is written once.

        Raises LedgerUnavailable, and Unready where the core was asked and has not answered.
        """
        if asked.item.original.amount_fen not in (None, self._ordered_fen(standing)):
            await self._say(asked, standing, OTHER_AMOUNT, GATEWAY)
            return OTHER_AMOUNT
        if standing.held and await self._withdrawn(asked, standing):
            return _accepted("尚未放行，已撤回 / not released yet; withdrawn, nothing is paid")
        fresh = (await self.letters.standings([standing.key]))[standing.key]
        resolution = self._without_the_core(fresh)
        if resolution is None:
            return await self._ask_the_core(asked, fresh)
        await self._say(asked, fresh, resolution, GATEWAY)
        return resolution

    async def heard(self, recall: str, result: RecallResult, division: str, by: str) -> bool:
        """The bank's later word (camt.029). False: no recall of that name and payment was asked.

        A final word against an earlier final one stands beside it, and the bureau is told.
        """
        number = result.original.end_to_end_id
        before = await self.letters.recalls(division, recall, number)
        meant = one_of({each.key for each in before}, result.original)
        before = [each for each in before if each.key == meant]
        if not before:
            return False
        status = result.status
        first, now = before[0], self.clock.now()
        words = " ".join(filter(None, (result.reason, result.words)))
        said = Resolution(status=status, code=result.reason[:4], words=words)
        await self.letters.say(self._word((recall, first.asker), first, said, by, told_later=True))
        finals = {each.status for each in before} & _FINAL
        if status in _FINAL and finals - {status}:
            await self.alarm.raised(_two_words(first.key, recall, finals, status), now)
        return True

    async def stray(self, recall: str, result: RecallResult, division: str) -> None:
        """The bank's word on a recall that nobody asked for: the bureau is told."""
        number = result.original.end_to_end_id
        found = alert(
            division, "JL-102", f"recall/{recall}/{number}",
            f"银行答复了没有申请过的撤销：{number}",
            f"the bank answered a recall that nobody asked for: {number}",
            {"number": number, "recall": recall, "status": result.status},
        )  # fmt: skip
        await self.alarm.raised(found, self.clock.now())

    async def _withdrawn(self, asked: Asked, standing: Standing) -> bool:
        """False: its hold ended meanwhile, by somebody else."""
        now = self.clock.now()
        by = asked.asker, asked.recall
        return await self.holds.end(withdrawal(standing, by, asked.reason, self.origin, now))

    def _without_the_core(self, standing: Standing) -> Resolution | None:
        """None: only the core can say."""
        if standing.ended_how == HoldEnding.WITHDRAWN:
            return _accepted("已撤回 / withdrawn before")
        if not standing.forwarded:
            return _accepted("未放行，未支付 / it was refused; nothing was paid")
        if standing.bank in _NEVER_PAID and not standing.disputed:
            return _accepted("银行未支付 / the bank has not paid it")
        return None

    async def _ask_the_core(self, asked: Asked, standing: Standing) -> Resolution:
        waiting = Resolution(
            status=RecallStatus.PENDING, code="",
            words="已转银行核心，待答复 / handed to the bank core; its answer is awaited",
        )  # fmt: skip
        await self._say(asked, standing, waiting, GATEWAY)
        order = RecallOrder(
            id=asked.recall, key=standing.key, amount_fen=self._ordered_fen(standing),
            reason=asked.item.reason, words=asked.item.words,
        )  # fmt: skip
        reply = await self.bank.recall(order)
        if reply.status is RecallStatus.PENDING:
            if not reply.heard:
                raise Unready(
                    FaultCode.OVERLOADED,
                    "the bank core has not answered the recall; send the same message again",
                )
            return waiting
        said = Resolution(
            status=reply.status,
            code=BY_AGENT if reply.status is RecallStatus.REFUSED else "",
            words=reply.reason
            or "银行核心已同意，款项以退款到账为准 / agreed; money comes by refund",
        )
        await self._say(asked, standing, said, CORE)
        return said

    async def _say(self, asked: Asked, standing: Standing, said: Resolution, by: str) -> None:
        about = RecallStanding(
            key=standing.key, status=said.status, agency_code=standing.agency_code,
            asker=asked.asker,
        )  # fmt: skip
        name = asked.recall, asked.asker
        await self.letters.say(self._word(name, about, said, by, told_later=False))

    def _word(
        self, name: tuple[str, str], about: RecallStanding, said: Resolution, by: str, *,
        told_later: bool,
    ) -> RecallWord:  # fmt: skip
        now = self.clock.now()
        fields = {
            **msgspec.structs.asdict(about.key),
            "asker": name[1],
            "by": by,
            "code": said.code,
            "kind": RecordKind.RECALL,
            "recall": name[0],
            "recorded_at": microseconds(now),
            "status": said.status,
            "words": without_numbers(said.words),
        }
        record = fields | {"bank": self.origin.bank, "origin": self.origin.uri}
        return RecallWord(
            recall=name[0], key=about.key, agency_code=about.agency_code, asker=name[1],
            status=said.status, code=said.code, words=without_numbers(said.words), by=by, at=now,
            record=RecordDraft(
                kind=RecordKind.RECALL, subject=str(about.key), body=unnumbered(record)
            ),
            notification=canonical(fields) if told_later else None,
        )  # fmt: skip

    def _ordered_fen(self, standing: Standing) -> int:
        return int(ordered(standing, self.formats).amount_fen)


def _accepted(words: str) -> Resolution:
    return Resolution(status=RecallStatus.ACCEPTED, code="", words=words)


def _two_words(
    key: InstructionKey, recall: str, before: set[RecallStatus], now: RecallStatus
) -> Alert:
    first = sorted(before)[0]
    return alert(
        key.division, "JL-102", f"recall/{recall}/{key}",
        f"银行对第 {key.voucher_no} 号凭证的撤销申请先后答复 {first} 与 {now}",
        f"the bank answered the recall of {key} with {first} and then with {now}",
        {"first": str(first), "instruction": str(key), "recall": recall, "then": str(now)},
    )  # fmt: skip
