"""A word that somebody slept with, and that was settled long ago, contradicts nothing.

One truth in memory and on PostgreSQL (decision 0095).
"""

import pytest

from gateway.domain.bank import BankAnswer, BankOutcome
from gateway.domain.conduct import EndResult
from gateway.domain.ledger import Settled
from gateway.pipeline.settle import HOW_TOLD, settle_by_word
from tests.adapters.postgres.conftest import Storage
from tests.adapters.postgres.storage_builders import key, settlement
from tests.adapters.postgres.test_holds_contract import grant
from tests.adapters.postgres.test_set_aside_contract import (
    NOT_PAID,
    ORIGIN,
    PAID,
    SOON,
    back,
    corrected,
    ended,
    moved,
    not_paid,
    shown,
)

SHOWN, FOUND_PAID = ("contradiction", "books", "accepted"), ("ended", "operator", "accepted")


async def woken(storage: Storage, said: BankOutcome = NOT_PAID, how: str = "answer") -> Settled:
    """Another gateway, with what the bank had told it before all the rest."""
    word = BankAnswer(outcome=said, reference="late")
    return await settle_by_word(key(1), word, how, storage.second, ORIGIN, SOON)


async def found_paid(storage: Storage) -> None:
    await grant(storage, 1000)
    await not_paid(storage, 1)
    await shown(storage, moved(1, "L1"))
    assert await ended(storage, 1, PAID) is EndResult.ENDED


@pytest.mark.parametrize("how", ["answer", "enquiry", "horizon"])
@pytest.mark.parametrize("taken_back", [False, True])
async def test_what_officers_overruled_says_nothing_new_to_whoever_slept_with_it(
    storage: Storage, how: str, taken_back: bool
) -> None:
    """Also once the bank has taken it back: that is no news of this word's, and has its own way."""
    await found_paid(storage)
    if taken_back:
        await shown(storage, back(1, "L2"))
    settled = await woken(storage, how=how)
    assert (settled.bank.outcome, settled.bank.reference) == (PAID, "JH-L1"), "as all are told"
    assert (settled.at, settled.contradiction) == (SOON, None)
    standing = await storage.ledger.standing(key(1))
    assert standing and (standing.disputed, standing.overruled) == (False, NOT_PAID)
    assert await corrected(storage) == [SHOWN, FOUND_PAID]


@pytest.mark.parametrize(
    ("said", "how"), [(BankOutcome.REJECTED, "answer"), (NOT_PAID, HOW_TOLD)]
)  # fmt: skip
async def test_another_word_and_one_that_the_bank_tells_of_its_own_accord_contradict_officers(
    storage: Storage, said: BankOutcome, how: str
) -> None:
    await found_paid(storage)
    settled = await woken(storage, said, how)
    assert settled.bank.outcome is BankOutcome.UNKNOWN and settled.contradiction
    assert (settled.contradiction.said, settled.contradiction.held) == (said, PAID)
    standing = await storage.ledger.standing(key(1))
    assert standing and standing.disputed
    assert (await corrected(storage))[2:] == [("contradiction", how, said)]


async def test_the_settled_word_said_again_while_the_books_contradict_it_outlives_them_not(
    storage: Storage,
) -> None:
    """A correction with the same word on both sides could be ended by nobody."""
    await grant(storage, 1000)
    await not_paid(storage, 1)
    await shown(storage, moved(1, "L1"))
    settled = await woken(storage)
    assert (settled.bank.outcome, settled.at) == (BankOutcome.UNKNOWN, None)
    assert settled.contradiction is None
    await shown(storage, back(1, "L2"))
    assert await ended(storage, 1, NOT_PAID, how="books") is EndResult.ENDED
    standing = await storage.ledger.standing(key(1))
    assert standing and (standing.disputed, standing.bank) == (False, NOT_PAID)
    assert (await woken(storage)).at == settlement(1).settled_at
    assert await corrected(storage) == [SHOWN, ("ended", "books", "not_taken")]
