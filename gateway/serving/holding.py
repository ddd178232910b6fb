"""Wiring of holds, releases and refunds: their counters, readers and workers."""

from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any

from adapters.formats.registers.feed import FeedReading
from adapters.formats.voucher.answer import return_copy
from adapters.formats.voucher.papers import read_sent_vouchers
from adapters.webhook.sender import WebhookSender, public_tls
from gateway.serving.house import House
from gateway.serving.lettering import outcomes_of, returning_of
from gateway.web.entitled import Entitled
from gateway.web.held import PATH as HELD
from gateway.web.held import HeldCounter
from gateway.web.holds import ACKNOWLEDGE, HOLDS, NOTIFICATIONS, HoldsDesk
from gateway.web.intake import Counter, Papers, Reader
from gateway.web.outcomes import PATH as OUTCOMES
from gateway.web.outcomes import OutcomeCounter
from gateway.web.refunds import PATH as REFUNDS
from gateway.web.refunds import RefundCounter
from gateway.web.register_vouchers import RegisterPapers
from gateway.web.registers import PATH as REGISTERS
from gateway.web.registers import RegisterCounter
from gateway.web.releases import PATH as RELEASES
from gateway.web.releases import Chancery, Given, ReleaseCounter
from gateway.workers.expire import Expiring, Keeping
from gateway.workers.office import Office
from gateway.workers.push import Pushing
from gateway.workers.register import Registering
from gateway.workers.release import Releasing

LARGE = frozenset({REGISTERS})
"""Paths of feeds that may be long."""


def counters_of(house: House) -> Mapping[str, Counter]:
    settings, trust, clock = house.settings, house.trust, house.clock
    chancery = Chancery(
        bureaus={division: bureau.peer for division, bureau in settings.bureaus.items()},
        officers=frozenset(settings.holds.officers),
    )
    divisions = frozenset(settings.gateway.divisions)
    return {
        REGISTERS: _registers(house).take,
        RELEASES: ReleaseCounter(house.holds, trust, trust, clock, chancery, house.origin).take,
        HELD: HeldCounter(house.holds, _entitled(house)).take,
        REFUNDS: RefundCounter(returning_of(house), trust, clock, house.origin, divisions).take,
        OUTCOMES: OutcomeCounter(outcomes_of(house), house.letters, trust, clock, divisions).take,
        ACKNOWLEDGE: _desk(house).acknowledge,
    }


def readers_of(house: House) -> Mapping[str, Reader]:
    desk = _desk(house)
    return {HOLDS: desk.holds, NOTIFICATIONS: desk.notifications}


def hold_workers(house: House, office: Office) -> tuple[Coroutine[Any, Any, None], ...]:
    keeping = Keeping(holds=house.holds, overdrafts=house.refunds, ledger=house.ledger)
    expiring = Expiring(
        office, keeping, house.clock, house.origin, house.settings.gateway.divisions,
        house.settings.holds.expire_s, house.behind,
    )  # fmt: skip
    registering = Registering(
        office, house.registers, house.clock, house.origin, house.settings.gateway.divisions
    )
    bureaus = {division: bureau.peer for division, bureau in house.settings.bureaus.items()}
    given = Given(house.holds, house.trust, bureaus)
    releasing = Releasing(office, house.holds, house.release, given)
    return releasing.run(), expiring.run(), registering.run()


def pushing_of(house: House, office: Office) -> Pushing | None:
    """None where no agency has an address."""
    chosen = house.settings.push
    addresses = {
        (division, agency): url
        for division, agencies in chosen.agencies.items()
        for agency, url in agencies.items()
    }
    if not addresses:
        return None
    sender = WebhookSender(
        house.trust.sign_document, public_tls(chosen.authority), inside=frozenset(chosen.inside)
    )
    return Pushing(office, house.holds, sender, house.clock, addresses)


def _registers(house: House) -> RegisterCounter:
    return RegisterCounter(
        registers=house.registers, entitled=_entitled(house),
        read=partial(FeedReading, conceal=house.conceal),
    )  # fmt: skip


def papers_of(house: House) -> tuple[Papers, ...]:
    """Vouchers that are no payment."""
    return (
        RegisterPapers(
            registers=house.registers, entitled=_entitled(house), read=read_sent_vouchers,
            answer=return_copy,
        ),
    )  # fmt: skip


def _entitled(house: House) -> Entitled:
    bureaus = {division: bureau.peer for division, bureau in house.settings.bureaus.items()}
    return Entitled(gatekeeper=house.trust, clock=house.clock, bureaus=bureaus)


def _desk(house: House) -> HoldsDesk:
    return HoldsDesk(house.holds, house.trust, house.clock, house.settings.holds.expire_s)
