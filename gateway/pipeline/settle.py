"""Step 7, settle: what the bank did posts or voids the reservation and is recorded (commit 2)."""

import datetime as dt
from typing import Any

import attrs

from gateway.domain.bank import DISPUTED, HOW_TOLD, BankAnswer, BankOutcome, Contradiction
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Settled, Settlement, Standing, WordTaken
from gateway.pipeline.tell import Origin, bank_outcome, correction
from gateway.ports import Ledger

HOW_ANSWERED = "answer"
"""Evidence of a settlement: the bank's answer to the hand-over."""


async def settle(
    key: InstructionKey,
    outcome: BankOutcome,
    ledger: Ledger,
    origin: Origin,
    at: dt.datetime,
    evidence: dict[str, Any],
) -> bool:
    """False if somebody settled it before us. `evidence` has `reference`, `reason`, `how`.

    UNKNOWN settles nothing: silence is never a result. Raises LedgerUnavailable.
    """
    assert outcome is not BankOutcome.UNKNOWN
    return await ledger.settle(
        Settlement(
            key=key,
            bank=outcome,
            bank_reference=evidence["reference"],
            bank_reason=evidence["reason"],
            settled_at=at,
            evidence=evidence["how"] or "",
            record=bank_outcome(key, origin, outcome, at, dict(evidence)),
        )
    )


async def settle_by_word(
    key: InstructionKey, word: BankAnswer, how: str, ledger: Ledger, origin: Origin,
    at: dt.datetime, letter: str | None = None,
) -> Settled:  # fmt: skip
    """Settle as the bank says, or learn who was before us and whether that can be true as well.

    Two words that differ are a `correction` record, written once, and from then on nobody is told
    either. Whose word contradicts nothing, or officers have ended, is told what everybody is told.
    `letter`: the bank's own number of what it told us, by which one letter is one word for ever.
    Raises LedgerUnavailable if it could not be settled: an older copy of the database, which is put
    in its place while we live, has forgotten that it was ever handed over.
    """
    evidence = {"how": how, "reason": word.reason, "reference": word.reference}
    if await settle(key, word.outcome, ledger, origin, at, evidence):
        return Settled(bank=word, at=at)
    while True:  # again only where officers found it paid meanwhile, which they do once
        try:
            standing = await ledger.standing(key)
        except LedgerUnavailable:
            return _disputed(Contradiction(said=word.outcome, held=None, recorded=False))
        if standing is None or standing.settled_at is None:
            raise LedgerUnavailable(f"{key} was handed over, and this database knows nothing of it")
        if _settled_so(standing, word, how):
            return _as_told(standing)
        against = Contradiction(said=word.outcome, held=standing.bank)
        facts = evidence | ({"letter": letter} if letter else {})
        draft = correction(standing, origin, at, facts, word.outcome)
        try:
            taken = await ledger.record_contradiction(key, draft, at)
        except LedgerUnavailable:
            return _disputed(attrs.evolve(against, recorded=False))
        if taken is WordTaken.OVERRULED:
            return _as_told(standing)
        if taken is not WordTaken.MOVED:
            return _disputed(against)


def _as_told(standing: Standing) -> Settled:
    """What everybody is told of what is settled by now."""
    assert standing.word, "settled before"
    return Settled(bank=standing.word, at=None if standing.disputed else standing.settled_at)


def _disputed(contradiction: Contradiction) -> Settled:
    return Settled(bank=DISPUTED, contradiction=contradiction)


def _settled_so(standing: Standing, word: BankAnswer, how: str) -> bool:
    """Whether it says what it was settled with, whoever contradicted that since: who slept with the
    word in hand says nothing new. After officers found it paid, that holds of what the bank was
    asked while it was open; what it tells of its own accord it may say against them."""
    overruled = None if how == HOW_TOLD else standing.overruled
    return word.outcome in (standing.bank, overruled)


async def settle_as_told(
    key: InstructionKey, word: BankAnswer, ledger: Ledger, origin: Origin, at: dt.datetime,
    letter: str,
) -> Settled:  # fmt: skip
    """By the word of somebody who says it again if we do not answer: where two words differ and
    that is not on record yet, there is no answer. Raises LedgerUnavailable."""
    settled = await settle_by_word(key, word, HOW_TOLD, ledger, origin, at, letter)
    if settled.contradiction and not settled.contradiction.recorded:
        raise LedgerUnavailable(f"two words about {key}, and no record of it yet")
    return settled
