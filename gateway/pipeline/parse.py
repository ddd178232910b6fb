"""Step 2, parse: bytes become an Instruction, typed once; whoever may not send it is refused."""

from collections.abc import Mapping

from gateway.domain.faults import FaultCode, Unproven, Unreadable, Unready
from gateway.domain.instruction import Instruction, Received
from gateway.domain.parties import Role, Sender
from gateway.ports import Format

_ORDERING = frozenset({Role.AGENCY, Role.CHANNEL, Role.BUREAU})


def parse(received: Received, formats: Mapping[str, Format]) -> Instruction:
    """Raises Unreadable with all errors at once."""
    reader = formats.get(received.format)
    if reader is None:
        raise Unreadable(
            FaultCode.MEDIA_TYPE_UNSUPPORTED, f"no format {received.format!r} is accepted here"
        )
    return reader.parse(received.raw)


def refuse_strangers(sender: Sender, instruction: Instruction, trust_domain: str) -> None:
    """A proven sender still speaks only for its own agency or division (JL-001), and is ours.

    Raises Unproven.
    """
    if sender.trust_domain != trust_domain:
        raise Unproven(
            FaultCode.SENDER_UNKNOWN, f"the signer is of another trust domain than {trust_domain}"
        )
    if not sender.may_send_for(instruction.key.division, instruction.agency_code):
        raise Unproven(
            FaultCode.SENDER_NOT_ENTITLED,
            f"{sender.uri} may not send for agency {instruction.agency_code!r}"
            f" of division {instruction.key.division}",
        )


def refuse_outsiders(sender: Sender, divisions: frozenset[str], trust_domain: str) -> None:
    """Who may order no payment at all here: asked before a message of many is read and kept.

    Raises Unproven, Unreadable.
    """
    if sender.trust_domain != trust_domain:
        raise Unproven(
            FaultCode.SENDER_UNKNOWN, f"the signer is of another trust domain than {trust_domain}"
        )
    if sender.role not in _ORDERING:
        raise Unproven(FaultCode.SENDER_NOT_ENTITLED, f"{sender.uri} orders no payments")
    if sender.division not in divisions:
        raise Unreadable(
            FaultCode.DIVISION_UNKNOWN, f"division {sender.division} is not served by this gateway"
        )


def refuse_forgetful(division: str, behind: Mapping[str, str]) -> None:
    """A database that was restored from an older copy has forgotten what it passed: the same bytes
    would be paid again. Nor does it know what was returned, recalled or told. Raises Unready."""
    if why := behind.get(division):
        raise Unready(FaultCode.LEDGER_UNAVAILABLE, why)


def refuse_unserved(instruction: Instruction, divisions: frozenset[str]) -> None:
    """Registers alone serve no division: nobody would be told of what is paid there.

    Raises Unreadable.
    """
    division = instruction.key.division
    if division not in divisions:
        raise Unreadable(
            FaultCode.DIVISION_UNKNOWN, f"division {division} is not served by this gateway"
        )
