"""Wiring of letters about payments: what the door asks beside the line, in both languages."""

from collections import Counter
from collections.abc import Sequence

import structlog

from adapters.formats.iso20022.letters import IsoLetters, message_id
from adapters.formats.voucher.letters import VoucherLetters
from gateway.domain.answer import Answer
from gateway.domain.correspondence import KeptLetter, Resolution, Said
from gateway.domain.faults import Fault
from gateway.pipeline.correspondence import Correspondence, LetterRooms
from gateway.pipeline.letter_acts import Acts
from gateway.pipeline.letters import Seeker
from gateway.pipeline.outcome import Outcomes
from gateway.pipeline.recall import Recalling
from gateway.pipeline.returns import Alarm, Returning
from gateway.pipeline.tally import Tallying
from gateway.serving.crew import LoopCrew
from gateway.serving.house import House

log = structlog.get_logger()


def correspondence_of(house: House) -> Correspondence:
    book, clock, origin = house.letters, house.clock, house.origin
    alarm = alarm_of(house)
    recalling = Recalling(
        letters=book, holds=house.holds, bank=house.bank, clock=clock, origin=origin,
        formats=house.formats, alarm=alarm,
    )  # fmt: skip
    tallying = Tallying(book=book, formats=house.formats, origin=origin)
    acts = Acts(
        gatekeeper=house.trust, formats=house.formats,
        seeker=Seeker(book=book, clock=clock, message_id=message_id), recalling=recalling,
        returning=returning_of(house), tallying=tallying, outcomes=outcomes_of(house),
    )  # fmt: skip
    rooms = LetterRooms(
        gatekeeper=house.trust,
        tongues={
            tongue.format: tongue
            for tongue in (IsoLetters(origin.bank, clock.now), VoucherLetters())
        },
        book=book,
        crew=LoopCrew(),
        clock=clock,
        origin=origin,
        divisions=frozenset(house.settings.gateway.divisions),
        behind=house.behind,
        acts=acts,
        reconciling=house.reconciling,
        tallying=tallying,
        note=_note,
    )
    return Correspondence(rooms, house.batch)


def _note(kept: KeptLetter, said: Sequence[Said]) -> None:
    """The canonical line: one per letter, no personal value."""
    log.info(
        "letter.answered", letter=kept.id, name=kept.name, party=kept.party,
        division=kept.division, said=dict(Counter(map(_word, said))),
    )  # fmt: skip


def _word(said: Said) -> str:
    if isinstance(said, Fault):
        return said.code.value
    if isinstance(said, Answer):
        return str(said.bank or said.decision.outcome)
    return str(said.status) if isinstance(said, Resolution) else "taken"


def alarm_of(house: House) -> Alarm:
    return Alarm(store=house.reconciling.store, origin=house.origin)


def returning_of(house: House) -> Returning:
    return Returning(
        ledger=house.ledger, refunds=house.refunds, clock=house.clock, alarm=alarm_of(house),
        behind=house.behind,
    )  # fmt: skip


def outcomes_of(house: House) -> Outcomes:
    return Outcomes(
        ledger=house.ledger, returning=returning_of(house), alarm=alarm_of(house),
        clock=house.clock, origin=house.origin,
    )  # fmt: skip
