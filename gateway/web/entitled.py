"""Whose word counts at the counters of feeds: a bureau of this gateway, about its own divisions.

Asked before a feed is read: whoever is no bureau costs one signature, and no parsing of what may
have 64 MiB.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping

import attrs

from gateway.domain.faults import FaultCode, Unproven
from gateway.domain.instruction import Received
from gateway.domain.parties import Role, Sender
from gateway.ports import Clock, Gatekeeper


@attrs.frozen(kw_only=True)
class Entitled:
    """What the counters of registers ask first."""

    gatekeeper: Gatekeeper
    clock: Clock
    bureaus: Mapping[str, str]
    """By division: the URI of its bureau."""

    def sender(self, received: Received) -> tuple[Sender, dt.datetime]:
        """The bureau that signed it, and the moment at which that was proven. Raises Unproven."""
        now = self.clock.now()
        return bureau_of(received, now, self.gatekeeper, self.bureaus.values()), now

    def expect_own(self, sender: Sender, divisions: Iterable[str]) -> None:
        """Raises Unproven."""
        expect_own(sender, divisions, self.bureaus)


def bureau_of(
    received: Received, now: dt.datetime, gatekeeper: Gatekeeper, bureaus: Collection[str]
) -> Sender:
    """Who signed it, which is one of `bureaus` (URIs). Raises Unproven."""
    sender = gatekeeper.authenticate(received, now)
    if sender.role is not Role.BUREAU or sender.uri not in bureaus:
        raise Unproven(FaultCode.SENDER_NOT_ENTITLED, f"{sender.uri} is no bureau of this gateway")
    return sender


def expect_own(sender: Sender, divisions: Iterable[str], bureaus: Mapping[str, str]) -> None:
    """`bureaus`: by division, the URI of its bureau. Raises Unproven."""
    others = sorted({each for each in divisions if bureaus.get(each) != sender.uri})
    if others:
        raise Unproven(
            FaultCode.SENDER_NOT_ENTITLED, f"{sender.uri} is not the bureau of {', '.join(others)}"
        )
