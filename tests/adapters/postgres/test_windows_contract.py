"""What every ledger promises of windows: a decision rests on what is true when it is admitted."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from adapters.postgres.ledger.ledger import PostgresLedger
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.ledger import Admitted, Moved, Short, Standing
from gateway.domain.windows import Measure, WindowAsk, WindowShare
from tests.adapters.postgres.conftest import Storage
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    ask,
    key,
    line,
    registers,
    settlement,
    share,
    window,
)
from tests.limits import limit_at
from tests.memory.ledger import MemoryLedger


@pytest.fixture
async def granted(storage: Storage) -> Storage:
    await storage.registers.load(b"", registers(1, {"IND-1": 1_000_000}))
    return storage


async def true(storage: Storage, wanted: WindowAsk, division: str = DIVISION) -> int:
    """The value as the ledger tells it to somebody who believes something impossible."""
    curious = replace(wanted, believed=-1)
    told = await storage.ledger.admit(
        admission("curious", outcome=Outcome.BLOCK, asks=[curious], division=division)
    )
    assert isinstance(told, Moved)
    return told.values[wanted.key]


async def fill(storage: Storage, *shares: Sequence[WindowShare]) -> None:
    for number, those in enumerate(shares, 1):
        assert await storage.ledger.admit(admission(number, shares=those)) == Admitted()


@pytest.mark.parametrize(
    ("measure", "value"),
    [(Measure.SUM, 1_800), (Measure.COUNT, 4), (Measure.MAX, 1_000), (Measure.DISTINCT, 2)],
)
async def test_a_window_adds_up_what_was_admitted(
    granted: Storage, measure: Measure, value: int
) -> None:
    await fill(
        granted,
        [share(300, item="a"), share(300, item="b")],
        [share(1_000, item="a")],
        [share(200, item="b")],
        [share(9_999, item="z", key="101002")],
    )
    assert await true(granted, ask(0, measure)) == value
    believer = admission("believer", asks=[ask(value, measure)])
    assert await granted.second.admit(believer) == Admitted()


@pytest.mark.parametrize("measure", list(Measure))
async def test_a_window_nobody_shares_in_is_nothing(granted: Storage, measure: Measure) -> None:
    assert await granted.ledger.admit(admission(1, asks=[ask(0, measure)])) == Admitted()


@pytest.mark.parametrize(
    ("measure", "values"),
    [
        (Measure.SUM, [1, 1, 21, 321]),
        (Measure.COUNT, [1, 1, 2, 3]),
        (Measure.MAX, [1, 1, 20, 300]),
        (Measure.DISTINCT, [1, 1, 2, 3]),
    ],
)
async def test_a_window_ends_with_its_first_day(
    granted: Storage, measure: Measure, values: list[int]
) -> None:
    old = (share(20, 4, item="b"), share(300, 5, item="c"))
    await fill(granted, [share(1, 0, item="a")], *([each] for each in old))
    seen = [await true(granted, ask(0, measure, days)) for days in (1, 4, 5, 6)]
    assert seen == values


async def test_what_moved_leaves_nothing_behind_and_the_identity_free(granted: Storage) -> None:
    await fill(granted, [share(3_000)])
    halted = admission(2, 500, asks=[ask(0)], shares=[share(500)])
    assert await granted.ledger.admit(halted) == Moved(values={window(): 3_000})
    assert await granted.ledger.standing(key(2)) is None
    limit = await limit_at(granted.ledger, DIVISION, line())
    assert limit is not None and limit.reserved_fen == 100
    assert await true(granted, ask(0)) == 3_000
    again = admission(2, 500, asks=[ask(3_000)], shares=[share(500)])
    assert await granted.ledger.admit(again) == Admitted()
    assert await true(granted, ask(0)) == 3_500


async def test_all_that_moved_is_told_and_only_that(granted: Storage) -> None:
    await fill(granted, [share(1, key="a"), share(2, key="b")])
    asks = [ask(1, key="a"), ask(0, key="b"), ask(9, key="c")]
    told = await granted.ledger.admit(admission(9, asks=asks))
    assert told == Moved(values={window("b"): 2, window("c"): 0})


@pytest.mark.parametrize("bank", [BankOutcome.REJECTED, BankOutcome.NOT_TAKEN])
async def test_what_did_not_take_effect_is_taken_back(granted: Storage, bank: BankOutcome) -> None:
    await fill(granted, [share(3_000), share(1, key="b")], [share(40)], [share(5)])
    assert await granted.ledger.settle(settlement(1, bank))
    assert await granted.second.settle(settlement(2))
    assert await true(granted, ask(0)) == 45
    assert await true(granted, ask(0, Measure.COUNT)) == 2
    assert await true(granted, ask(0, key="b")) == 0
    assert not await granted.ledger.settle(settlement(2, bank))
    assert await true(granted, ask(0)) == 45


async def test_a_batch_takes_back_only_what_did_not_take_effect(granted: Storage) -> None:
    await fill(granted, *([share(10**n)] for n in range(5)))
    banks = [BankOutcome.ACCEPTED, BankOutcome.REJECTED, BankOutcome.ACCEPTED, BankOutcome.REJECTED]
    told = (settlement(n, bank) for n, bank in enumerate(banks, 1))
    assert await asyncio.gather(*map(granted.ledger.settle, told)) == [True] * 4
    assert await true(granted, ask(0)) == 10_101
    late = (settlement(n, BankOutcome.REJECTED) for n in (1, 5))
    assert await asyncio.gather(*map(granted.ledger.settle, late)) == [False, True]
    assert await true(granted, ask(0)) == 101, "the first was paid, whatever is said of it later"


async def test_a_held_one_may_count_too(granted: Storage) -> None:
    held = admission(1, outcome=Outcome.HOLD, shares=[share(700)])
    assert await granted.ledger.admit(held) == Admitted()
    assert await true(granted, ask(0)) == 700


async def test_a_replay_is_answered_by_what_stands_whatever_it_believes(granted: Storage) -> None:
    first = admission(1, asks=[ask(0)], shares=[share(100)])
    assert await granted.ledger.admit(first) == Admitted()
    assert isinstance(await granted.second.admit(first), Standing)
    assert await true(granted, ask(0)) == 100


async def test_divisions_do_not_share_windows(granted: Storage) -> None:
    await fill(granted, [share(300)])
    assert await true(granted, ask(0), "229900000") == 0


async def test_who_is_short_shares_nothing_with_those_after_it(granted: Storage) -> None:
    answers = await asyncio.gather(
        granted.ledger.admit(admission(1, 1_000_001, asks=[ask(0)], shares=[share(1_000_001)])),
        granted.ledger.admit(admission(2, 10, asks=[ask(0)], shares=[share(10)])),
        granted.ledger.admit(admission(3, 20, asks=[ask(0)], shares=[share(20)])),
        granted.ledger.admit(admission(4, 30, asks=[ask(10)], shares=[share(30)])),
    )
    assert [type(answer) for answer in answers] == [Short, Admitted, Moved, Admitted]
    assert answers[2] == Moved(values={window(): 10})
    assert await true(granted, ask(0)) == 40


async def test_two_halves_of_a_split_payment_never_both_rest_on_nothing_so_far(
    granted: Storage,
) -> None:
    """Forty pairs, each at two gateways at once, and each with a third half in the same batch."""
    rooms = [granted.ledger, granted.second, granted.ledger]

    async def half(pair: int, place: int) -> object:
        halves = admission(
            f"{pair}-{place}", asks=[ask(0, key=str(pair))], shares=[share(3_000, key=str(pair))]
        )
        return await rooms[place].admit(halves)

    answers = await asyncio.gather(*(half(pair, place) for pair in range(40) for place in range(3)))
    for pair in range(40):
        of_pair = Counter(type(answer) for answer in answers[pair * 3 : pair * 3 + 3])
        assert of_pair == {Admitted: 1, Moved: 2}


async def test_six_of_a_thousand_on_five_thousand_pass_five(granted: Storage) -> None:
    passed = await asyncio.gather(
        *(_draw((granted.ledger, granted.second)[n % 2], n) for n in range(6))
    )
    assert Counter(passed) == {True: 5, False: 1}
    assert await true(granted, ask(0)) == 5_000


@pytest.mark.parametrize("fit", [3, 60])
async def test_sixty_who_ask_one_window_at_once_are_all_decided_within_the_line_s_rounds(
    granted: Storage, fit: int
) -> None:
    """Whether all of them pass or most are held: nobody has to be told to come again."""
    passed = await asyncio.gather(
        *(_draw(granted.ledger, n, most=fit * 1_000, rounds=4) for n in range(60))
    )
    assert sum(passed) == fit
    assert await true(granted, ask(0)) == fit * 1_000


async def _draw(
    room: MemoryLedger | PostgresLedger, number: int, *, most: int = 5_000, rounds: int = 8
) -> bool:
    """As the line does: hold what comes to more than `most` with what is believed."""
    believed = 0
    for _ in range(rounds):
        passes = believed + 1_000 <= most
        told = await room.admit(
            admission(
                number, 1_000, outcome=Outcome.PASS if passes else Outcome.HOLD,
                asks=[ask(believed)], shares=[share(1_000)] if passes else [],
            )
        )  # fmt: skip
        if isinstance(told, Admitted):
            return passes
        assert isinstance(told, Moved)
        believed = told.values[window()]
    raise AssertionError("never decided")


async def test_only_what_was_decided_now_is_told(granted: Storage) -> None:
    """Of a batch of two divisions whose members stand, have moved, fall short, are new: no record
    and no notice of those that were not decided by it."""
    other = "229900000"
    blocked = admission(1, outcome=Outcome.BLOCK)
    assert await granted.ledger.admit(blocked) == Admitted()
    await granted.ledger.admit(admission(2, 10))
    held = {"outcome": Outcome.HOLD, "asks": [ask(7)]}
    answers = await asyncio.gather(
        granted.ledger.admit(blocked),
        granted.ledger.settle(settlement(2)),
        granted.ledger.settle(settlement(2)),
        granted.ledger.admit(admission(3, **held)),  # type: ignore[arg-type]
        granted.ledger.admit(admission(4, 10, ("nobody's",))),
        granted.ledger.admit(admission(5, outcome=Outcome.BLOCK)),
        granted.ledger.admit(admission(6, outcome=Outcome.BLOCK, division=other)),
        granted.ledger.admit(admission(7, **held, division=other)),  # type: ignore[arg-type]
    )
    kinds = [type(answer).__name__ for answer in answers]
    assert kinds == ["Standing", "bool", "bool", "Moved", "Short", "Admitted", "Admitted", "Moved"]
    assert sorted(answers[1:3]) == [False, True]
    for division, decided, settled in ((DIVISION, (1, 2, 5), (2,)), (other, (6,), ())):
        sealed = await granted.records.seal(division, 100, NOW, PlainSealer().seal)
        told = [(record.kind, record.subject) for record in sealed.records] if sealed else []
        assert sorted(told) == sorted(
            [("verdict", str(key(number, division))) for number in decided]
            + [("bank_outcome", str(key(number, division))) for number in settled]
        )
        notices = await granted.records.notices(division, 100)
        blocks = [str(key(number, division)) for number in decided if number != 2]
        assert [notice.subject for notice in notices] == blocks
