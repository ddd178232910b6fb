"""Wiring of letters about payments: what the door asks beside the line, in both languages."""

from adapters.formats.iso_letters import IsoLetters, message_id
from adapters.formats.voucher_letters import VoucherLetters
from gateway.commands.crew import LoopCrew
from gateway.commands.rooms import House
from gateway.pipeline.correspondence import Correspondence, LetterRooms
from gateway.pipeline.letters import Seeker
from gateway.pipeline.outcome import Outcomes
from gateway.pipeline.recall import Recalling
from gateway.pipeline.returns import Alarm, Returning
from gateway.pipeline.tally import Tallying


def correspondence_of(house: House) -> Correspondence:
    book, clock, origin = house.letters, house.clock, house.origin
    alarm = alarm_of(house)
    recalling = Recalling(
        letters=book, holds=house.holds, bank=house.bank, clock=clock, origin=origin,
        formats=house.formats, alarm=alarm,
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
        seeker=Seeker(book=book, clock=clock, message_id=message_id),
        recalling=recalling,
        returning=returning_of(house),
        reconciling=house.reconciling,
        tallying=Tallying(book=book, formats=house.formats, origin=origin),
    )
    return Correspondence(rooms, house.batch)


def alarm_of(house: House) -> Alarm:
    return Alarm(store=house.reconciling.store, origin=house.origin)


def returning_of(house: House) -> Returning:
    return Returning(refunds=house.refunds, clock=house.clock, alarm=alarm_of(house))


def outcomes_of(house: House) -> Outcomes:
    return Outcomes(
        ledger=house.ledger, returning=returning_of(house), alarm=alarm_of(house),
        clock=house.clock, origin=house.origin,
    )  # fmt: skip
