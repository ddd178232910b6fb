"""Holds, refunds and overdrawn lines in memory: the same answers as PostgreSQL's, for tests."""

import datetime as dt
from collections.abc import Sequence

import attrs
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import Conflicting, FaultCode
from gateway.domain.holds import (
    Claim,
    Claimed,
    Ending,
    Gone,
    Hold,
    HoldEnding,
    Notification,
)
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import LimitKey, Moved, RecordDraft, Short
from gateway.domain.records import RecordKind
from gateway.domain.refunds import Refund, RefundAnswer, RefundResult
from gateway.domain.releases import Order
from tests.memory.ledger import MemoryLedger
from tests.memory.state import HoldEnd, MemoryState


class MemoryHolds:
    """`gateway.hold_ports.Holds` and `.Refunds` over the state that `ledger` works on."""

    def __init__(self, state: MemoryState, ledger: MemoryLedger) -> None:
        self._state = state
        self._ledger = ledger

    async def close(self) -> None:
        return None

    async def claim(self, claim: Claim) -> Claimed | Gone | Short | Moved:
        state, key = self._state, claim.key
        held = state.instructions.get(key)
        is_open = held is not None and held.outcome is Outcome.HOLD and key not in state.hold_ends
        if held is None or not is_open or (key.division, claim.order) not in state.open_releases:
            return Gone()
        before = {place: list(entries) for place, entries in state.windows.items()}
        self._ledger.take_back(key)
        passed = replace(
            held, outcome=Outcome.PASS, demands=claim.demands, asks=claim.asks,
            shares=claim.shares, decided_at=claim.at,
        )  # fmt: skip
        refused = self._ledger.moved(passed) or self._ledger.reserve(passed)
        if refused:
            state.windows = before
            return refused
        self._ledger.open(passed)
        self._ledger.add_shares(passed)
        # Only what it reserves and adds is new: the decision of the day itself stays.
        state.instructions[key] = replace(held, demands=claim.demands, shares=claim.shares)
        state.open_releases.pop((key.division, claim.order))
        state.hold_ends[key] = HoldEnd(
            how=HoldEnding.RELEASED, at=claim.at, decision=claim.decision, order=claim.order
        )
        self._ledger.pend(key.division, claim.record)
        self._notify(key, claim.at, claim.notification)
        return Claimed()

    async def end(self, ending: Ending) -> bool:
        state, key = self._state, ending.key
        held = state.instructions.get(key)
        if held is None or held.outcome is not Outcome.HOLD or key in state.hold_ends:
            return False
        if ending.order is not None:
            if (key.division, ending.order) not in state.open_releases:
                return False
            state.open_releases.pop((key.division, ending.order))
        self._ledger.take_back(key)
        state.hold_ends[key] = HoldEnd(
            how=ending.how, at=ending.at, decision=ending.decision, order=ending.order
        )
        self._ledger.pend(key.division, ending.record)
        if ending.notice is not None:
            self._ledger.give_notice(key, ending.at, ending.notice)
        self._notify(key, ending.at, ending.notification)
        return True

    async def dismiss(
        self, division: str, order: bytes, at: dt.datetime, record: RecordDraft
    ) -> bool:
        if self._state.open_releases.pop((division, order), None) is None:
            return False
        self._ledger.pend(division, record)
        return True

    async def open_orders(self, limit: int) -> list[tuple[str, bytes]]:
        found: dict[str, list[bytes]] = {}
        for (division, _), body in self._state.open_releases.items():
            found.setdefault(division, []).append(body)
        return [(each, body) for each in sorted(found) for body in found[each][:limit]]

    async def given_in(self, division: str, order: bytes) -> tuple[bytes, str] | None:
        return self._state.given.get((division, order))

    async def told(self, key: InstructionKey, order: bytes) -> list[bytes | None]:
        state, division = self._state, key.division
        if key in state.hold_ends or (division, order) not in state.open_releases:
            return []
        return list(self._ledger.told(key, RecordKind.RELEASE))

    async def open_holds(
        self, division: str, until: dt.datetime, limit: int, agency: str | None = None
    ) -> list[Hold]:
        found = [
            Hold(key=each.key, agency_code=each.agency_code, amount_fen=each.amount_fen,
                 held_at=each.decided_at, decision=each.decision)
            for each in self._state.instructions.values()
            if each.key.division == division and each.outcome is Outcome.HOLD
            and each.decided_at <= until and agency in (None, each.agency_code)
            and each.key not in self._state.hold_ends
        ]  # fmt: skip
        return sorted(found, key=lambda hold: (hold.held_at, hold.key))[:limit]

    async def swept(self, division: str, before: dt.datetime) -> None:
        return None

    async def take_feed(
        self, division: str, version: int, signed: tuple[bytes, str, str], orders: Sequence[Order],
        bodies: Sequence[bytes], at: dt.datetime, record: RecordDraft | None = None,
    ) -> bool:  # fmt: skip
        state = self._state
        feeds = state.release_feeds.setdefault(division, [])
        held = len(feeds)
        if version <= held and feeds[version - 1][0] == signed[0]:
            return False
        if version != held + 1:
            code = FaultCode.FEED_GAP if version > held else FaultCode.FEED_CONFLICT
            raise Conflicting(code, f"version {held} is in force here, this is {version}")
        feeds.append((signed[0], signed[1]))
        if record is not None:
            self._ledger.pend(division, record)
        for order, body in zip(orders, bodies, strict=True):
            if (division, order.digest) not in state.orders:
                state.orders.add((division, order.digest))
                state.open_releases[division, order.digest] = body
                state.given[division, order.digest] = signed[0], signed[1]
        return True

    async def held_feeds(
        self, division: str, since: int, limit: int
    ) -> tuple[int, list[tuple[int, bytes, str]]]:
        feeds = self._state.release_feeds.get(division, [])
        rows = [(n, *feed) for n, feed in enumerate(feeds, 1) if n >= since]
        return len(feeds), rows[:limit]

    async def notifications(
        self, division: str, agency: str | None, limit: int
    ) -> list[Notification]:
        waiting = self._state.notifications.items()
        mine = [n for n, whose in waiting if whose[0] == division and agency in (None, whose[1])]
        return sorted(mine, key=lambda n: n.id)[:limit]

    async def acknowledge(
        self, division: str, agency: str | None, ids: Sequence[int], at: dt.datetime, by: str
    ) -> list[int]:
        mine = await self.notifications(division, agency, len(self._state.notifications))
        done = [n for n in mine if n.id in ids]
        for each in done:
            del self._state.notifications[each]
        return [each.id for each in done]

    async def refund(self, refund: Refund) -> RefundAnswer:
        state, payment = self._state, refund.payment
        settled = self._ledger.settled(payment)
        if settled is None or settled.bank is not BankOutcome.ACCEPTED:
            return RefundAnswer(result=RefundResult.UNPAID)
        if told := self._told_before(refund, settled.bank_reference or ""):
            return RefundAnswer(result=told)
        if self._ledger.disputed(payment):
            return RefundAnswer(result=RefundResult.DISPUTED)
        paid = state.instructions[payment]
        before = sum(r.amount_fen for r in state.refunds.values() if r.payment == payment)
        left = paid.amount_fen - before
        if refund.amount_fen > left:
            return RefundAnswer(result=RefundResult.EXCEEDS, refundable_fen=left)
        totals: dict[LimitKey, int] = {}
        for demand in paid.demands:
            totals[demand.limit] = totals.get(demand.limit, 0) + demand.amount_fen
        for key, total in totals.items():
            now = total * (before + refund.amount_fen) // paid.amount_fen
            back = now - total * before // paid.amount_fen
            limit = state.limits[payment.division, key]
            assert limit.posted_fen >= back
            state.limits[payment.division, key] = attrs.evolve(
                limit, posted_fen=limit.posted_fen - back
            )
        state.refunds[refund.key] = refund
        self._ledger.pend(payment.division, refund.record)
        self._notify(payment, refund.at, refund.notification)
        return RefundAnswer(result=RefundResult.REFUNDED, refundable_fen=left)

    def _told_before(self, refund: Refund, paid_under: str) -> RefundResult | None:
        """Under its own number, or as the same money under another."""

        def serial(each: Refund) -> str:
            return each.key.voucher_no if each.reference in ("", paid_under) else each.reference

        def money(each: Refund) -> tuple[InstructionKey, int]:
            return each.payment, each.amount_fen

        own = self._state.refunds.get(refund.key)
        if own is not None:
            same = (own.digest, money(own)) == (refund.digest, money(refund))
            return RefundResult.REPEATED if same else RefundResult.CONFLICT
        for each in self._state.refunds.values():
            if (each.payment, serial(each)) == (refund.payment, serial(refund)):
                other_door = each.key.voucher_type != refund.key.voucher_type
                same = other_door and money(each) == money(refund)
                return RefundResult.REPEATED if same else RefundResult.CONFLICT
        return None

    def _notify(self, key: InstructionKey, at: dt.datetime, body: bytes) -> None:
        self._ledger.notify(key, at, self._state.instructions[key].agency_code, body)
