"""Claims of releases and ends of holds, at their bounds; one truth in memory and on PostgreSQL."""

import attrs
import pytest

from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.holds import Claimed, Gone, HoldEnding
from gateway.domain.ledger import Demand, Moved, Short
from gateway.domain.money import Fen
from gateway.domain.releases import Verdict
from tests.adapters.postgres.conftest import Storage
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    admission,
    ask,
    draft,
    key,
    line,
    registers,
    settlement,
    share,
)
from tests.adapters.postgres.test_holds_contract import (
    LATER,
    claim_of,
    ending_of,
    given,
    grant,
    held,
    limit_of,
)


@pytest.mark.parametrize("how", sorted({*HoldEnding} - {HoldEnding.RELEASED}))
async def test_what_was_never_paid_counts_in_no_window_once_its_hold_has_ended(
    storage: Storage, how: HoldEnding
) -> None:
    """What is sent anew in its place, as the agency is told to, was held for it."""
    await grant(storage, 1000)
    await held(storage, 1, shares=[share(50), share(1)])
    await held(storage, 2, shares=[share(7)])
    other = admission(1, outcome=Outcome.HOLD, division="220100000", shares=[share(3)])
    await storage.ledger.admit(other)
    curious = admission(10, outcome=Outcome.BLOCK, asks=[ask(0)])
    assert await storage.ledger.admit(curious) == Moved(values={ask(0).key: 58})
    refusing = await given(storage, 1, 1, verdict=Verdict.REFUSE)
    ending = ending_of(1, how, refusing if how is HoldEnding.REFUSED else None)
    assert await storage.holds.end(ending) and not await storage.holds.end(ending)
    assert await storage.ledger.admit(curious) == Moved(values={ask(0).key: 7}), "the other's"
    theirs = admission(10, outcome=Outcome.BLOCK, division="220100000", asks=[ask(0)])
    assert await storage.ledger.admit(theirs) == Moved(values={ask(0).key: 3}), "its namesake's"


async def test_what_is_frozen_or_was_spent_before_is_not_there_for_a_release(
    storage: Storage,
) -> None:
    rows = registers(1, {"IND-1": 1000}, frozen=300, posted=200)
    await storage.registers.load(b"", rows)
    await held(storage, 1)
    order = await given(storage, 1, 1)
    whole = claim_of(1, order, 501)
    assert await storage.holds.claim(whole) == Short(demand=whole.demands[0], available_fen=500)
    capped = claim_of(1, order, 101, cap=300)
    assert await storage.holds.claim(capped) == Short(demand=capped.demands[0], available_fen=100)
    assert await storage.holds.claim(claim_of(1, order, 100, cap=300)) == Claimed()


async def test_an_order_that_was_put_aside_or_never_came_releases_nothing(storage: Storage) -> None:
    await grant(storage, 1000)
    await held(storage, 1)
    order = await given(storage, 1, 1)
    assert await storage.holds.dismiss(DIVISION, order, LATER, draft("x", "release"))
    for one in (order, bytes(32)):
        assert await storage.holds.claim(claim_of(1, one)) == Gone()
        assert not await storage.holds.end(ending_of(1, HoldEnding.REFUSED, one))
    assert (await limit_of(storage)).reserved_fen == 0
    assert [each.key for each in await storage.holds.open_holds(DIVISION, LATER, 9)] == [key(1)]
    assert await storage.holds.claim(claim_of(1, await given(storage, 1, 2, nonce=1))) == Claimed()


async def test_a_release_that_rests_on_several_windows_is_told_which_have_moved(
    storage: Storage,
) -> None:
    await grant(storage, 1000)
    await held(storage, 1)
    await storage.ledger.admit(admission(9, 0, shares=[share(7, key="b"), share(2, key="c")]))
    order = await given(storage, 1, 1)
    asks = (ask(0, key="a"), ask(1, key="b"), ask(0, key="c"))
    moved = Moved(values={asks[1].key: 7, asks[2].key: 2})
    assert await storage.holds.claim(claim_of(1, order, asks=asks)) == moved


@pytest.mark.parametrize("bank", [BankOutcome.ACCEPTED, BankOutcome.REJECTED])
async def test_each_line_of_a_release_carries_its_own_amount_to_the_end(
    storage: Storage, bank: BankOutcome
) -> None:
    await grant(storage, 1000)
    await held(storage, 1, 100)
    order = await given(storage, 1, 1)
    parts = tuple(
        Demand(limit=line(id), amount_fen=Fen(fen)) for id, fen in (("IND-2", 70), ("IND-1", 30))
    )
    claim = attrs.evolve(claim_of(1, order), demands=parts)
    assert await storage.holds.claim(claim) == Claimed()
    assert await storage.ledger.settle(settlement(1, bank))
    limits = [await limit_of(storage, part.limit.id) for part in parts]
    posted = [70, 30] if bank is BankOutcome.ACCEPTED else [0, 0]
    assert [limit.posted_fen for limit in limits] == posted
    assert [limit.reserved_fen for limit in limits] == [0, 0]
