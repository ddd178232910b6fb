"""Wording records about certificates and keys: what was decided of them, and by whom."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import attrs

from gateway.domain.certificates import Issued, Order, Revocation, RevocationList, Step
from gateway.domain.ledger import RecordDraft
from gateway.domain.parties import sender_of
from gateway.domain.records import RecordKind, unnumbered
from gateway.pipeline.tell import Origin, microseconds

Drafts = list[tuple[str, RecordDraft]]
"""By division."""


def key_subject(thumbprint: str) -> str:
    """What announcement and end of a record key are found by in the log."""
    return f"key/{thumbprint}"


@attrs.frozen(kw_only=True)
class KeyTeller:
    origin: Origin
    divisions: tuple[str, ...]

    def step(self, order: Order, step: Step, issued: Issued | None) -> Drafts:
        """A step of a case, in the log of the holder's division, or in all of those served."""
        facts: dict[str, Any] = {
            "actor": step.actor,
            "case": order.id,
            "holder": order.holder,
            "key_sha256": order.key_digest.hex(),
            "note": step.note,
            "profile": order.profile,
            "replaces": order.replaces,
            "requester": order.requester,
            "state": step.state,
            "what": "step",
        }
        if issued:
            facts |= {
                "issuer": issued.issuer,
                "not_after": microseconds(issued.not_after),
                "not_before": microseconds(issued.not_before),
                "serial": issued.serial,
                "thumbprint": issued.thumbprint,
            }
        holder = sender_of(order.holder)
        own = holder is not None and holder.division in self.divisions
        divisions = (holder.division,) if holder and own else self.divisions
        return self._event(facts, f"certificate/{order.id}", step.at, divisions)

    def revocation(self, ended: Revocation, actor: str) -> Drafts:
        """The end of a certificate that no case stands for."""
        facts = {
            "actor": actor, "issuer": ended.issuer, "reason": ended.reason,
            "serial": ended.serial, "thumbprint": ended.thumbprint, "what": "revoked",
        }  # fmt: skip
        return self._event(facts, f"certificate/{ended.serial}", ended.at)

    def list(self, made: RevocationList) -> Drafts:
        facts = {
            "issuer": made.issuer, "next_update": microseconds(made.next_update),
            "number": made.number, "what": "revocation_list",
        }  # fmt: skip
        return self._event(facts, f"revocation_list/{made.issuer}", made.this_update)

    def loaded(self, place: str, holder: str, serial: str, at: dt.datetime) -> Drafts:
        """A process began to use another certificate."""
        facts = {"holder": holder, "place": place, "serial": serial, "what": "loaded"}
        return self._event(facts, f"certificate/{serial}", at)

    def announced(self, pem: bytes, thumbprint: str, under: str, at: dt.datetime) -> Drafts:
        """The next record key, in a record that the key in use (`under`) signs."""
        facts = {"certificate": pem.decode("ascii"), "thumbprint": thumbprint, "under": under}
        subject = key_subject(thumbprint)
        return self._drafts(RecordKind.KEY_ANNOUNCED, facts, subject, at, self.divisions)

    def retired(self, thumbprint: str, successor: str, at: dt.datetime) -> Drafts:
        facts = {"successor": successor, "thumbprint": thumbprint}
        subject = key_subject(thumbprint)
        return self._drafts(RecordKind.KEY_RETIRED, facts, subject, at, self.divisions)

    def _event(
        self, facts: dict[str, Any], subject: str, at: dt.datetime,
        divisions: Sequence[str] | None = None,
    ) -> Drafts:  # fmt: skip
        chosen = self.divisions if divisions is None else divisions
        return self._drafts(RecordKind.CERTIFICATE_EVENT, facts, subject, at, chosen)

    def _drafts(
        self, kind: RecordKind, facts: dict[str, Any], subject: str, at: dt.datetime,
        divisions: Sequence[str],
    ) -> Drafts:  # fmt: skip
        common = facts | {
            "bank": self.origin.bank, "kind": kind, "origin": self.origin.uri,
            "recorded_at": microseconds(at),
        }  # fmt: skip
        return [
            (one, RecordDraft(
                kind=kind, subject=subject, body=unnumbered({**common, "division": one})
            ))
            for one in divisions
        ]  # fmt: skip
