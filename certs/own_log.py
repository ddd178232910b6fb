"""Our own log, told by its checkpoints: which keys have signed it, and what one of them says."""

import datetime as dt

import attrs

from certs.log.note import (
    Checkpoint,
    NoteKey,
    NoteRefused,
    log_key,
    open_checkpoint,
    sign_checkpoint,
)
from certs.trust import Trust


@attrs.frozen(kw_only=True)
class OwnLog:
    """Fulfils gateway.workers.mark.OwnLog for one division's log."""

    trust: Trust
    origin: str
    """The log's name: the first line of its checkpoints."""

    def keys(self) -> tuple[NoteKey, ...]:
        """Also earlier ones: what others keep may end at a checkpoint from before a change."""
        own = self.trust.own
        earlier = (party.certificate for party in self.trust.table.of(own.uri))
        present = (each.certificate for each in own.each)
        return tuple(log_key(each, self.origin) for each in (*present, *earlier))

    def counts(self, checkpoint: str, at: dt.datetime) -> bool:
        """Whether it proves anything to who is shown it at `at`: a key of ours signed it, of each
        suite, that has neither ended nor is revoked. Raises NoteRefused: not of this log."""
        self.read(checkpoint)
        try:
            open_checkpoint(checkpoint, self._counting(), at)
        except NoteRefused:
            return False
        return True

    def signed_anew(self, checkpoint: str, root: bytes | None, at: dt.datetime) -> str:
        """The same text under the key in use. `root`: of the stored tree at its size.

        It says nothing that the key in use does not say with its own next checkpoint, whose tree
        begins with these very records; nothing else is ever signed so. Raises ValueError: our key
        counts no more either; NoteRefused: not of this log, or not of this tree.
        """
        size, signed = self.read(checkpoint)
        if signed != root:
            raise NoteRefused(f"the checkpoint of size {size} is not of the stored tree")
        if words := self.trust.word.against(at, "record certificate"):
            raise ValueError(words)
        made = Checkpoint(origin=self.origin, size=size, root=signed)
        return sign_checkpoint(self.trust.own, made)

    def _counting(self) -> tuple[NoteKey, ...]:
        table, own = self.trust.table, self.trust.own
        word = self.trust.word
        present = [
            log_key(each.certificate, self.origin).within(each.not_before, word.ends)
            for each in own.each
            if not word.flaw
        ]
        earlier = (
            log_key(party.certificate, self.origin).within(
                party.not_before, table.counts_until(party)
            )
            for party in table.of(own.uri)
            if not table.is_revoked(party)
        )
        return (*present, *earlier)

    def read(self, checkpoint: str) -> tuple[int, bytes]:
        """Size and root. Raises NoteRefused: not of this log, or not signed by its key."""
        opened, _ = open_checkpoint(checkpoint, self.keys())
        return opened.size, opened.root
