"""Who an instruction concerns, looked up in the registers; and who may send it."""

import re
from enum import StrEnum
from functools import lru_cache

import attrs
import msgspec

from gateway.domain.codes import Relation
from gateway.domain.registers import Account, Agency, Approval, Contract, Indicator


class Role(StrEnum):
    AGENCY = "agency"
    CHANNEL = "channel"
    """A bank channel that carries instructions of many agencies of one division."""
    BUREAU = "bureau"
    BANK = "bank"
    GATEWAY = "gateway"
    OPERATOR = "operator"


CARRIERS = frozenset({Role.CHANNEL, Role.BUREAU})
"""Whose connections may carry what another party of their division has signed."""

_URI = re.compile(
    r"spiffe://[a-z0-9.-]+/(agency|channel|bureau|bank|gateway|operator)"
    r"/([0-9A-Za-z-]{1,32})(?:/([0-9A-Za-z-]{1,32}))?"
)


@attrs.frozen(kw_only=True)
class Sender:
    """A party as its certificate's single URI SAN names it (SPIFFE form).

    `spiffe://<trust domain>/agency/<division>/<agency code>`, `/channel/<division>/<name>`,
    `/bureau/<division>`, `/bank/<bank code>`, `/gateway/<bank code>`, `/operator/<name>`.
    """

    uri: str
    role: Role
    division: str
    name: str

    @property
    def trust_domain(self) -> str:
        return self.uri.split("/", 3)[2]

    def may_send_for(self, division: str, agency: str) -> bool:
        """An agency sends for itself; its division's channel and bureau for any agency of it."""
        if division != self.division:
            return False
        if self.role is Role.AGENCY:
            return agency == self.name
        return self.role in (Role.CHANNEL, Role.BUREAU)


@lru_cache(maxsize=4096)
def sender_of(uri: str) -> Sender | None:
    """Read a party's URI; None if it does not name a party of ours."""
    match = _URI.fullmatch(uri)
    if not match:
        return None
    return Sender(uri=uri, role=Role(match[1]), division=match[2], name=match[3] or match[2])


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """What the registers know about an instruction's payer, payee, indicator and papers."""

    agency: Agency | None
    payer_account: Account | None
    payee_account: Account | None
    relation: Relation
    own_name: bool
    """Whether the payee bears the payer's name or the agency's."""
    indicator: Indicator | None
    contract: Contract | None
    approvals: tuple[Approval, ...]
    personal: frozenset[str] = frozenset()
    """Accounts it pays to that the registers know as a person's, or that show that they are one's,
    whatever the sender calls them."""
