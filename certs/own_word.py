"""Until when our own signature counts with whoever proves it, and which certificate ends that.

A verifier demands the whole chain: a signing certificate counts no longer than the evidence
authority over it, and in GW1-SM2-SM3 the first of the two ends both.
"""

import datetime as dt

import attrs
from cryptography import x509

from certs.signatories import NEVER, Signatories, life_under, signatory
from certs.signing.signer import Signer


@attrs.frozen(kw_only=True)
class OwnWord:
    """Made by `own_word`."""

    ends: dt.datetime
    certificate: x509.Certificate
    """The one that ends first: our own, or an authority's."""
    own: bool
    """False: it is an authority's, and renewing ours under it would prolong nothing."""
    flaw: str = ""
    """Why it counts nowhere, whatever the time."""
    listed_until: dt.datetime | None = None
    """Until when the authority's revocation list says that it is not revoked; None: none is kept
    here. Beyond it nobody's signature counts, so neither does ours."""

    @property
    def by(self) -> str:
        """Which certificate that is, for people."""
        return f"{self.certificate.subject.rfc4514_string()} ({self.certificate.serial_number:x})"

    def against(self, now: dt.datetime, name: str) -> str:
        """Why what we sign proves nothing; empty while it does. `name`: what our certificate is
        called in this program."""
        if self.flaw:
            return f"the {name} {self.flaw}"
        if now <= self.ends:
            if self.listed_until is None or now <= self.listed_until:
                return ""
            words = f"the revocation list of the evidence authority over the {name}"
            if self.listed_until == NEVER:
                return f"{words} is missing: put it in place"
            return (
                f"{words} ended on {self.listed_until:%Y-%m-%d %H:%M:%S} UTC: put a new one there"
            )
        moment = f"ended on {self.ends:%Y-%m-%d %H:%M:%S} UTC"
        if self.own:
            return f"the {name} {moment}: renew it"
        return f"the evidence authority {self.by} over the {name} {moment}: renew both"


def own_word(table: Signatories, own: Signer) -> OwnWord:
    """As the table's authorities stand. With equal ends the authority is named: it goes first."""
    words = [_of_one(table, one) for one in own.each]
    flawed = [word for word in words if word.flaw]
    first = min(flawed or words, key=lambda word: (word.ends, word.own))
    asked = [word.listed_until for word in words if word.listed_until is not None]
    return attrs.evolve(first, listed_until=min(asked, default=None))


def _of_one(table: Signatories, one: Signer) -> OwnWord:
    leaf = one.certificate
    try:
        party = signatory(table.authorities, leaf)
        life = life_under(table.authorities, leaf)
    except ValueError as reason:
        flaw = f"counts nowhere: {reason}"
        return OwnWord(ends=one.not_after, certificate=leaf, own=True, flaw=flaw)
    flaw = f"({party.serial:x}) is revoked: replace it" if table.is_revoked(party) else ""
    if others := table.also_called(party):
        # A bank that cosigns its own log, or a bureau that decides for the bank: who has the key is
        # both, and each proves the other's word.
        names = ", ".join(others)
        flaw = (
            f"({party.serial:x}) has the key of {names}: two parties are two keys, make a new one"
        )
    authority = life.authority
    own = leaf.not_valid_after_utc < authority.not_valid_after_utc
    return OwnWord(
        ends=life.not_after,
        certificate=leaf if own else authority,
        own=own,
        flaw=flaw,
        listed_until=table.listed_until(party),
    )
