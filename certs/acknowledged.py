"""The bureau's word: what answers in its place counts only as far as its witness key proves it.

The gateway's side of two acknowledgements: a checkpoint of our own log that the bureau cosigned,
and a receipt for one notice.
"""

import datetime as dt

import attrs

from certs.bundled import acknowledges, read_receipt
from certs.log.note import (
    NoteKey,
    NoteRefused,
    SignedNote,
    cosignatures,
    open_checkpoint,
    witness_key,
)
from certs.own_log import OwnLog
from certs.trust import Trust
from gateway.domain.faults import BureauUnavailable, BureauUnproven, Unproven
from gateway.domain.log import Cosigned

CLOCKS_APART = dt.timedelta(minutes=5)
"""How far the bureau's clock may be ahead of ours."""


@attrs.define
class _Last:
    """The signature that was proven last: the receipts of one bundle have one."""

    token: str = ""
    at: dt.datetime | None = None
    signer: str = ""
    payload: bytes = b""


@attrs.frozen(kw_only=True)
class BureauWitness:
    """Fulfils gateway.ports.BureauWitness and OwnCheckpoints for one division's log."""

    trust: Trust
    bureau: str
    """The bureau's party URI; its keys are those of its certificates among the parties."""
    origin: str
    """Our log's name: the first line of its checkpoints."""
    _last: _Last = attrs.field(factory=_Last, eq=False, init=False)

    def root_of(self, cosigned: Cosigned, at: dt.datetime) -> bytes:
        """The root of our log at `cosigned.size`, as our key signed it and the bureau cosigned it.

        Whether that is our history too only the log's storage can say. Raises BureauUnproven.
        """
        try:
            checkpoint, note = open_checkpoint(cosigned.checkpoint, self._own_log.keys())
            if checkpoint.size != cosigned.size:
                raise NoteRefused(f"the checkpoint is of size {checkpoint.size}")
            if words := self._against(note, at):
                raise NoteRefused(words)
        except NoteRefused as refused:
            raise BureauUnproven(f"size {cosigned.size} is not proven: {refused}") from refused
        return checkpoint.root

    def counts(self, checkpoint: str, at: dt.datetime) -> bool:
        """Whether the bureau can take this checkpoint of ours at `at`: a key signed it that has
        neither ended nor is revoked. Raises BureauUnproven: it is none of this log."""
        try:
            return self._own_log.counts(checkpoint, at)
        except NoteRefused as refused:
            raise BureauUnproven(f"what we stored is no checkpoint of ours: {refused}") from refused

    def signed_anew(self, checkpoint: str, root: bytes | None, at: dt.datetime) -> str:
        """As `OwnLog.signed_anew`. Raises BureauUnproven; BureauUnavailable while no key of ours
        counts."""
        try:
            return self._own_log.signed_anew(checkpoint, root, at)
        except NoteRefused as refused:
            raise BureauUnproven(f"it cannot be signed anew: {refused}") from refused
        except ValueError as ended:
            raise BureauUnavailable(f"nothing that we sign counts: {ended}") from ended

    @property
    def _own_log(self) -> OwnLog:
        return OwnLog(trust=self.trust, origin=self.origin)

    def check_receipt(self, division: str, notice: bytes, receipt: str, at: dt.datetime) -> None:
        """That the bureau's own key signed for this very notice, alone or as one of several.
        Raises BureauUnproven."""
        try:
            token, place = read_receipt(receipt)
            signer, payload = self._signed(token, at)
        except Unproven as refused:
            raise BureauUnproven(f"the notice's receipt: {refused.detail}") from refused
        except ValueError as refused:
            raise BureauUnproven(f"the notice's receipt: {refused}") from refused
        if signer != self.bureau:
            raise BureauUnproven(f"the notice's receipt is signed by {signer}, not {self.bureau}")
        if not acknowledges(payload, place, division, notice):
            raise BureauUnproven("the receipt is for another notice")

    def _signed(self, token: str, at: dt.datetime) -> tuple[str, bytes]:
        """Of several receipts of one moment the signature is proven once. Raises Unproven."""
        last = self._last
        if (last.token, last.at) != (token, at):
            signer, payload = self.trust.verify_receipt(token, at)
            last.token, last.at, last.signer, last.payload = token, at, signer, payload
        return last.signer, last.payload

    def _against(self, note: SignedNote, at: dt.datetime) -> str:
        """Why it is not cosigned in the certificate's life, and not in a time to come; empty if it
        is. A clock that is wrong is no impostor, and whoever reads this must not look for one."""
        moments = [each.at for each in cosignatures(note, self._bureaus_keys()) if each.lived]
        if not moments:
            return "no cosignature of the bureau's known key"
        ahead = min(moments) - at
        if ahead <= CLOCKS_APART:
            return ""
        seconds = int(ahead.total_seconds())
        return (
            f"the bureau cosigned {seconds} s ahead of this host's clock: one of the two is wrong"
        )

    def _bureaus_keys(self) -> tuple[NoteKey, ...]:
        table = self.trust.table
        return tuple(
            witness_key(party.certificate).within(party.not_before, table.counts_until(party))
            for party in table.of(self.bureau)
            if not table.is_revoked(party)
        )
