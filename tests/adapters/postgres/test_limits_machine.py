"""Any interleaving of admit, hold, release, post, void, expire, refund, grant, freeze over shared
limits, on real PostgreSQL at two gateways: the lines always are what the rows say, and never more.

LIMITS_STEPS (600; 10,000 for a proof) and LIMITS_SEED size and shift the run; both are printed.
"""

import asyncio
import itertools
import os
import sys
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any

import asyncpg
import attrs
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.conduct import Direction, Statement
from gateway.domain.decision import Outcome
from gateway.domain.holds import HoldEnding
from gateway.domain.money import Fen
from gateway.pipeline.conduct_words import told_by_books
from tests.adapters.postgres.conftest import Storage, opened
from tests.adapters.postgres.storage_builders import admission, key, registers, settlement
from tests.adapters.postgres.test_holds_contract import (
    LATER,
    claim_of,
    ending_of,
    order_about,
    refund_of,
)
from tests.adapters.postgres.test_set_aside_contract import ORIGIN, SOON, ended, moved

STEPS = int(os.environ.get("LIMITS_STEPS", "600"))
SEED = int(os.environ.get("LIMITS_SEED", "1"))
STEPS_A_LIFE = 40
BOUNDARIES = frozenset(
    {"Short", "Admitted", "Claimed", "Gone", "refunded", "exceeds", "unpaid", "repeated",
     "expired", "overdrawn", "posted", "voided", "ended", "gone", "against"}
)  # fmt: skip
"""What a run must have met: a limit that never ran out proves nothing."""
LINES = ("A", "B", "C")
DIVISIONS = (f"{n:09d}" for n in itertools.count(410_000_000))
numbers = st.integers(1, 30)
amounts = st.integers(1, 60)
lines = st.lists(st.sampled_from(LINES), min_size=1, max_size=3)

_SUMS = """
WITH reserved AS (
    SELECT d.kind, d.id, sum(d.fen) AS fen
    FROM open_payment AS o CROSS JOIN LATERAL unnest(o.limit_kinds, o.limit_ids, o.demand_fen)
         AS d (kind, id, fen)
    WHERE o.division = $1 GROUP BY d.kind, d.id
), aside AS (
    SELECT d.kind, d.id, sum(d.fen) AS fen,
           coalesce(sum(d.fen) FILTER (WHERE a.ended_as IS NULL), 0) AS reserved,
           coalesce(sum(d.fen) FILTER (WHERE a.ended_as = 'posted'), 0) AS posted
    FROM set_aside AS a CROSS JOIN LATERAL unnest(a.limit_kinds, a.limit_ids, a.fen)
         AS d (kind, id, fen)
    WHERE a.division = $1 GROUP BY d.kind, d.id
), posted AS (
    SELECT d.kind, d.id, sum(d.fen) AS fen
    FROM settlement AS s
         JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
         LEFT JOIN hold_end AS h USING (division, fiscal_year, voucher_type, voucher_no)
         CROSS JOIN LATERAL unnest(
             coalesce(h.limit_kinds, i.limit_kinds), coalesce(h.limit_ids, i.limit_ids),
             coalesce(h.demand_fen, i.demand_fen)) AS d (kind, id, fen)
    WHERE s.division = $1 AND s.bank = 'accepted' GROUP BY d.kind, d.id
), back AS (
    SELECT d.kind, d.id, sum(d.fen) AS fen
    FROM refund AS r CROSS JOIN LATERAL unnest(r.limit_kinds, r.limit_ids, r.back_fen)
         AS d (kind, id, fen)
    WHERE r.division = $1 GROUP BY d.kind, d.id
)
SELECT l.id, l.granted_fen - l.frozen_fen - l.opening_fen AS room, l.reserved_fen, l.posted_fen,
       coalesce(reserved.fen, 0) + coalesce(aside.reserved, 0) AS reserved_rows,
       coalesce(posted.fen, 0) + coalesce(aside.posted, 0) - coalesce(back.fen, 0) AS posted_rows,
       coalesce(aside.fen, 0)::bigint AS ever_aside
FROM limit_line AS l LEFT JOIN reserved USING (kind, id) LEFT JOIN posted USING (kind, id)
     LEFT JOIN back USING (kind, id) LEFT JOIN aside USING (kind, id)
WHERE l.division = $1
"""
_ORPHANS = """
SELECT count(*) FROM open_payment AS o
     LEFT JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
     LEFT JOIN hold_end AS h USING (division, fiscal_year, voucher_type, voucher_no)
     LEFT JOIN settlement AS s USING (division, fiscal_year, voucher_type, voucher_no)
WHERE o.division = $1 AND (
    i.division IS NULL OR s.division IS NOT NULL
    OR NOT (i.outcome = 'passed' OR (i.outcome = 'held' AND h.how = 'released')))
"""
_REFUNDED = """
SELECT count(*) FROM (
    SELECT FROM refund AS r JOIN instruction AS i
           ON i.division = r.division AND i.fiscal_year = r.of_year AND i.voucher_type = r.of_type
              AND i.voucher_no = r.of_no
    WHERE r.division = $1
    GROUP BY i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.amount_fen
    HAVING sum(r.amount_fen) > i.amount_fen) AS over
"""


@attrs.define
class Diary:
    """Over all lives of a run."""

    steps: int = 0
    met: Counter[str] = attrs.field(factory=Counter)


@attrs.frozen
class Deed:
    """One thing that somebody does; several are done at once."""

    what: str
    number: int
    amount: int
    ids: list[str]
    bank: BankOutcome


deeds = st.builds(
    Deed, st.sampled_from(["admit", "hold", "release", "release", "settle", "settle", "expire",
                           "refund", "refund again", "booked", "taken back", "end", "end"]),
    numbers, amounts, lines,
    st.sampled_from([BankOutcome.ACCEPTED, BankOutcome.ACCEPTED, BankOutcome.REJECTED,
                     BankOutcome.NOT_TAKEN]),
)  # fmt: skip


def machine(
    storage: Storage, rows: "asyncpg.Connection[Any]", runner: asyncio.Runner, diary: Diary
) -> type[RuleBasedStateMachine]:
    class LimitsMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.division = next(DIVISIONS)
            self.version, self.feed = 0, 0
            self.granted = dict.fromkeys(LINES, 0)
            self.frozen = dict.fromkeys(LINES, 0)
            self.spoken = dict.fromkeys(LINES, 0)
            self.aside = dict.fromkeys(LINES, 0)
            self.movements = itertools.count(1)
            self.refunds = itertools.count(1)
            self.last_refund: dict[int, int] = {}

        @initialize(amount=st.integers(50, 400))
        def begin(self, amount: int) -> None:
            self.grant(dict.fromkeys(LINES, amount))

        @rule(granted=st.dictionaries(st.sampled_from(LINES), st.integers(0, 400), min_size=1))
        def grant(self, granted: dict[str, int]) -> None:
            self.granted |= granted
            self._load()

        @rule(frozen=st.dictionaries(st.sampled_from(LINES), st.integers(0, 120)))
        def freeze(self, frozen: dict[str, int]) -> None:
            self.frozen |= frozen
            self._load()

        @rule(doing=st.lists(deeds, min_size=1, max_size=6))
        def at_once(self, doing: list[Deed]) -> None:
            orders = {}
            for deed in doing:
                if deed.what == "release":
                    orders[deed.number] = runner.run(self._order(deed.number))
            for name in runner.run(self._all(doing, orders)):
                diary.met[name] += 1

        @rule(number=numbers, amount=amounts, ids=lines, back=amounts)
        def pay_and_send_back(self, number: int, amount: int, ids: list[str], back: int) -> None:
            """A part, twice at once, and with other deeds' leavings around it."""
            deed = Deed("admit", number, amount, ids, BankOutcome.ACCEPTED)
            for what in ("admit", "settle"):
                self.at_once([attrs.evolve(deed, what=what)])
            part = attrs.evolve(deed, amount=back)
            self.at_once([attrs.evolve(part, what=what) for what in ("refund", "refund again")])

        @rule(number=numbers, amount=amounts, ids=lines, more=st.lists(deeds, max_size=3))
        def deny_and_book(self, number: int, amount: int, ids: list[str], more: list[Deed]) -> None:
            """Settled as not paid, and booked twice at once, with others around it; then ended."""
            deed = Deed("admit", number, amount, ids, BankOutcome.NOT_TAKEN)
            for what in ("admit", "settle"):
                self.at_once([attrs.evolve(deed, what=what)])
            self.at_once([attrs.evolve(deed, what="booked")] * 2 + more)
            both = BankOutcome.ACCEPTED, deed.bank
            ends = [attrs.evolve(deed, what="end", bank=bank) for bank in both]
            self.at_once(ends + more)

        @rule(number=numbers, amount=amounts, ids=lines)
        def release_what_is_held(self, number: int, amount: int, ids: list[str]) -> None:
            held = Deed("hold", number, amount, ids, BankOutcome.ACCEPTED)
            self.at_once([held])
            self.at_once([attrs.evolve(held, what="release")] * 2)

        @invariant()
        def the_lines_are_what_the_rows_say(self) -> None:
            diary.steps += 1
            if not self.version:
                return
            for row in runner.run(rows.fetch(_SUMS, self.division)):
                assert row["reserved_fen"] == row["reserved_rows"], dict(row)
                assert row["posted_fen"] == row["posted_rows"], dict(row)
                spoken = row["reserved_fen"] + row["posted_fen"]
                # Above what a lowered grant leaves only what is set aside is added; it sinks.
                id, aside = row["id"], row["ever_aside"]
                added = aside - self.aside[id]
                assert spoken <= max(row["room"], self.spoken[id]) + added, dict(row)
                self.spoken[id], self.aside[id] = spoken, aside
            assert runner.run(rows.fetchval(_ORPHANS, self.division)) == 0
            assert runner.run(rows.fetchval(_REFUNDED, self.division)) == 0

        def _load(self) -> None:
            self.version += 1
            snapshot = registers(self.version, self.granted, division=self.division)
            indicators = {
                id: replace(each, frozen_fen=Fen(self.frozen[id]))
                for id, each in snapshot.indicators.items()
            }
            changed = attrs.evolve(snapshot, indicators=indicators)
            loaded = runner.run(storage.registers.load(b"snapshot", changed))
            assert loaded.applied
            diary.met["overdrawn"] += bool(loaded.overdrawn)

        async def _order(self, number: int) -> bytes:
            self.feed += 1
            order, body = order_about(number, division=self.division, nonce=self.feed)
            signed = b"%d" % self.feed, "jws", "bureau"
            holds = storage.holds
            await holds.take_feed(self.division, self.feed, signed, [order], [body], LATER)
            return order.digest

        async def _all(self, doing: list[Deed], orders: dict[int, bytes]) -> list[str]:
            work = [self._do(deed, orders, second=place % 2) for place, deed in enumerate(doing)]
            return list(await asyncio.gather(*work))

        def _do(
            self, deed: Deed, orders: dict[int, bytes], *, second: int
        ) -> Coroutine[Any, Any, str]:
            return {
                "admit": self._admit,
                "hold": self._hold,
                "release": lambda d: self._release(d, orders[d.number], second),
                "settle": self._settle,
                "expire": self._expire,
                "refund": self._refund,
                "refund again": self._refund_again,
                "booked": lambda d: self._book(d, Direction.DEBIT),
                "taken back": lambda d: self._book(d, Direction.CREDIT),
                "end": self._end,
            }[deed.what](deed)

        async def _admit(self, deed: Deed) -> str:
            wanted = admission(deed.number, deed.amount, deed.ids, division=self.division)
            return type(await storage.ledger.admit(wanted)).__name__

        async def _hold(self, deed: Deed) -> str:
            wanted = admission(
                deed.number, deed.amount, outcome=Outcome.HOLD, division=self.division
            )
            await storage.second.admit(wanted)
            return "held"

        async def _release(self, deed: Deed, order: bytes, second: int) -> str:
            holds = storage.second_holds if second else storage.holds
            standing = await storage.ledger.standing(
                admission(deed.number, division=self.division).key
            )
            amount = int(standing.raw.split()[2]) if standing else deed.amount
            claim = claim_of(deed.number, order, amount, tuple(deed.ids), division=self.division)
            return type(await holds.claim(claim)).__name__

        async def _settle(self, deed: Deed) -> str:
            told = settlement(deed.number, deed.bank, self.division)
            if not await storage.second.settle(told):
                return "settled before"
            return "posted" if deed.bank is BankOutcome.ACCEPTED else "voided"

        async def _expire(self, deed: Deed) -> str:
            ending = ending_of(deed.number, HoldEnding.EXPIRED)
            mine = attrs.evolve(ending, key=replace(ending.key, division=self.division))
            return "expired" if await storage.holds.end(mine) else "not expired"

        async def _book(self, deed: Deed, direction: Direction) -> str:
            """What the bank's books show: a contradiction where it was settled as not paid."""
            entry = moved(deed.number, str(next(self.movements)), 60, direction, self.division)
            standing = await storage.ledger.standing(key(deed.number, self.division))
            told = [told_by_books(entry, standing, ORIGIN, SOON)] if standing else []
            if direction is Direction.CREDIT:
                told = []
            await storage.conduct.take(
                Statement(id="", entries=(entry,)), [], SOON, corrections=told
            )
            return direction

        async def _end(self, deed: Deed) -> str:
            return await ended(storage, deed.number, deed.bank, division=self.division)

        async def _refund(self, deed: Deed) -> str:
            number = next(self.refunds)
            self.last_refund[number] = deed.number
            return await self._send_back(number, deed.number, deed.amount)

        async def _refund_again(self, deed: Deed) -> str:
            """The same event twice at once: one of them gives back."""
            number = next(self.refunds)
            first, second = await asyncio.gather(
                *(self._send_back(number, deed.number, deed.amount) for _ in range(2))
            )
            assert (first, second) != ("refunded", "refunded")
            return "repeated" if "repeated" in (first, second) else first

        async def _send_back(self, number: int, payment: int, amount: int) -> str:
            back = refund_of(f"R{number}", payment, amount, division=self.division)
            return str((await storage.refunds.refund(back)).result)

    return LimitsMachine


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(3600)
def test_any_interleaving_over_shared_limits_adds_up(migrated: str, runner: asyncio.Runner) -> None:
    rooms = opened(migrated)
    storage = runner.run(rooms.__aenter__())
    rows = runner.run(asyncpg.connect(migrated))
    diary = Diary()
    try:
        for life in itertools.count():
            sys.stdout.write(f"\nseed {SEED + life}, {diary.steps} steps so far")
            run_state_machine_as_test(
                seed(SEED + life)(machine(storage, rows, runner, diary)),
                settings=settings(
                    max_examples=max(2, min(25, STEPS // STEPS_A_LIFE)),
                    stateful_step_count=STEPS_A_LIFE, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )  # fmt: skip
            if diary.steps >= STEPS and (diary.met.keys() >= BOUNDARIES or life > 20):
                break
        sys.stdout.write(f"\n{diary.steps} steps: {dict(diary.met)}\n")
        assert diary.met.keys() >= BOUNDARIES, "a boundary was never met"
    finally:
        runner.run(rows.close())
        runner.run(rooms.__aexit__(None, None, None))
