"""Our own log, told by its checkpoints: which keys have signed it, and what one of them says."""

import attrs

from certs.log.note import NoteKey, log_key, open_checkpoint
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
        earlier = (
            party.certificate
            for party in self.trust.table.by_thumbprint.values()
            if party.sender.uri == own.uri
        )
        present = (each.certificate for each in own.each)
        return tuple(log_key(each, self.origin) for each in (*present, *earlier))

    def read(self, checkpoint: str) -> tuple[int, bytes]:
        """Size and root. Raises NoteRefused: not of this log, or not signed by its key."""
        opened, _ = open_checkpoint(checkpoint, self.keys())
        return opened.size, opened.root
