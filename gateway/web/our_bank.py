"""Whose word counts at the bank's counters: our own core's, about divisions that are served."""

import datetime as dt

from gateway.domain.faults import FaultCode, Unproven, Unreadable
from gateway.domain.instruction import Received
from gateway.domain.parties import Role, Sender
from gateway.pipeline.tell import Origin
from gateway.ports import Gatekeeper


def bank_of(received: Received, now: dt.datetime, gatekeeper: Gatekeeper, origin: Origin) -> Sender:
    """Who signed it, which is our own bank's core. Raises Unproven."""
    sender = gatekeeper.authenticate(received, now)
    if (sender.role, sender.name) != (Role.BANK, origin.bank):
        raise Unproven(FaultCode.SENDER_NOT_ENTITLED, f"{sender.uri} is not this bank's core")
    if sender.trust_domain != origin.trust_domain:
        raise Unproven(FaultCode.SENDER_UNKNOWN, "the signer is of another trust domain")
    return sender


def expect_served(division: str, divisions: frozenset[str]) -> None:
    """Raises Unreadable."""
    if division not in divisions:
        raise Unreadable(
            FaultCode.DIVISION_UNKNOWN, f"division {division} is not served by this gateway"
        )
