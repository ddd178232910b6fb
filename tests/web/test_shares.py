"""Places on the line: all for who sends alone, a share and what is left free for who does not."""

import asyncio
from collections import Counter

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.faults import FaultCode, Unready
from gateway.web import shares as subject
from gateway.web.shares import ALONE_S, Company, Shares
from tests.examples import examples

STEPS = ("enter", "leave", "wait", "go")


@attrs.define
class Hands:
    """A clock that is set by hand, and the shares that look at it."""

    now: float = 100.0

    def shares(self, most: int = 8, share: int = 2) -> Shares:
        return Shares(most, share, Company(lambda: self.now))


def entered(shares: Shares, party: str, times: int = 99) -> int:
    return sum(shares.enter(party) for _ in range(times))


def test_who_sends_alone_may_take_all_places() -> None:
    shares = Hands().shares()
    assert entered(shares, "a") == 8
    assert shares.full


def test_while_others_send_a_party_has_its_share_and_alone_again_all() -> None:
    hands = Hands()
    shares = hands.shares()
    assert entered(shares, "a", 1) == entered(shares, "b", 1) == 1
    assert entered(shares, "a") == 1, "two together"
    hands.now += ALONE_S
    assert entered(shares, "a") == 5, "all that were left: b has been silent"


def test_who_had_more_than_a_share_when_another_came_takes_no_more_until_it_has_less() -> None:
    shares = Hands().shares()
    assert entered(shares, "a", 7) == 7
    assert shares.enter("b"), "who comes finds a place"
    for left in range(7, 2, -1):
        shares.leave("a")
        assert not shares.enter("a"), left
    shares.leave("a")
    assert shares.enter("a")


def test_however_many_parties_flood_the_next_one_finds_a_place() -> None:
    shares = Hands().shares(most=64, share=32)
    for party in ("first", *map(str, range(20))):
        entered(shares, party, 1)
    for party in map(str, range(20)):
        entered(shares, party)
    assert not shares.full
    assert shares.enter("the next")


def test_a_flood_of_letters_is_in_company_of_whoever_sends_instructions() -> None:
    places = Hands().shares()
    letters = places.alike()
    assert places.enter("a")
    assert entered(letters, "b") == 2
    assert places.taken == 1


def test_a_message_takes_no_more_than_its_bound_even_alone() -> None:
    shares = Hands().shares()
    assert sum(shares.enter("a", 4) for _ in range(9)) == 4
    assert shares.enter("b")


async def test_who_waits_has_the_place_of_one_of_the_same_party_in_turn() -> None:
    shares = Hands().shares()
    entered(shares, "b", 1)
    assert entered(shares, "a") == 2
    order: list[int] = []

    async def wait(number: int) -> None:
        await shares.wait("a")
        order.append(number)

    waiting = [asyncio.create_task(wait(number)) for number in range(2)]
    await asyncio.sleep(0)
    shares.leave("b")
    await asyncio.sleep(0)
    assert order == [], "another's place"
    for number in range(2):
        shares.leave("a")
        await asyncio.gather(waiting[number])
    assert order == [0, 1] and shares.taken == 2
    for _ in range(2):
        shares.leave("a")
    assert shares.taken == 0


async def test_who_waits_is_handed_no_more_than_is_left_free_for_whoever_comes_next() -> None:
    shares = Hands().shares(most=4, share=3)
    for party, taken in (("b", 1), ("a", 2), ("c", 1)):
        assert entered(shares, party, taken) == taken
    waits = asyncio.create_task(shares.wait("a"))
    await asyncio.sleep(0)
    shares.leave("a")
    await asyncio.sleep(0)
    assert not waits.done() and shares.enter("d"), "the one that was left is for another"
    waits.cancel()
    await asyncio.wait({waits})


async def test_who_had_more_than_a_share_is_handed_none_until_it_has_less_or_is_alone_again() -> (
    None
):
    hands = Hands()
    shares = hands.shares()
    assert entered(shares, "a", 7) == 7 and shares.enter("b") and not shares.enter("a")
    waits = [asyncio.create_task(shares.wait("a")) for _ in range(2)]
    await asyncio.sleep(0)
    for left in range(7, 2, -1):
        shares.leave("a")
        await asyncio.sleep(0)
        assert not waits[0].done(), left
    shares.leave("a")
    await waits[0]
    hands.now += ALONE_S
    assert shares.enter("a") and not waits[1].done()
    shares.leave("a")
    await waits[1]
    assert shares.taken == 4, "b's, and three: more than a share, now that nobody else sends"


async def test_a_place_is_not_handed_to_who_has_just_gone() -> None:
    shares = Hands().shares(share=1)
    entered(shares, "b", 1)
    entered(shares, "a", 1)
    gone, next_one = (asyncio.create_task(shares.wait("a")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    shares.leave("a")  # before it could say that it waits no more
    await next_one
    assert gone.cancelled() and shares.taken == 2 and not shares._waiting


async def test_who_waits_too_long_is_told_so_and_who_goes_away_leaves_no_place_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = Hands().shares(share=1)
    entered(shares, "b", 1)
    entered(shares, "a", 1)
    gone, handed = (asyncio.create_task(shares.wait("a")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    shares.leave("a")
    handed.cancel()  # with the place in hand already
    await asyncio.wait({handed})
    assert shares.taken == 1, "b's"
    assert shares.enter("a")
    monkeypatch.setattr(subject, "WAITING_S", 0.0)
    with pytest.raises(Unready) as caught:
        await shares.wait("a")
    assert caught.value.code is FaultCode.PARTY_OVERLOADED
    assert not shares._waiting, "nobody waits any more"
    shares.leave("a")
    assert shares.enter("a")


async def test_a_place_is_held_meanwhile_and_where_none_is_free_at_all_that_is_said_at_once() -> (
    None
):
    shares = Hands().shares(most=1, share=1)
    async with shares.place("a"):
        with pytest.raises(Unready) as caught:
            async with shares.place("b"):
                raise AssertionError
        assert caught.value.code is FaultCode.OVERLOADED
    assert shares.taken == 0


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["enter", "leave", "wait", "go"])))
)
@examples(200)
def test_places_are_never_lost_nor_made(steps: list[tuple[str, str]]) -> None:
    async def walk() -> None:
        hands = Hands()
        shares = hands.shares(most=5, share=2)
        held: Counter[str] = Counter()
        waiting: dict[str, list[asyncio.Task[None]]] = {party: [] for party in "abcd"}
        for party, step in steps:
            hands.now += 1.7
            if step == "enter":
                held[party] += shares.enter(party)
            elif step == "leave" and held[party]:
                held[party] -= 1
                shares.leave(party)
            elif step == "wait" and held[party]:
                waiting[party].append(asyncio.create_task(shares.wait(party)))
            elif waiting[party]:
                waiting[party][-1].cancel()
            for _ in range(4):
                await asyncio.sleep(0)
            for name, tasks in waiting.items():
                held[name] += sum(task.done() and not task.cancelled() for task in tasks)
                waiting[name] = [task for task in tasks if not task.done()]
                assert held[name] or not waiting[name], "nobody would ever wake them"
            assert shares.taken == held.total() <= 5
        for tasks in waiting.values():
            for task in tasks:
                task.cancel()

    asyncio.run(walk())
