"""The sealer: numbers waiting records, hashes them into the tree, signs the checkpoint."""

import datetime as dt
from collections.abc import Callable, Sequence

from certs.log.note import Checkpoint, log_origin, sign_checkpoint
from certs.signing.signer import Signer
from gateway.domain.log import (
    Digest,
    LogHead,
    PendingRecord,
    Sealed,
    SealedRecord,
    tree_digest,
)
from gateway.domain.records import numbered
from gateway.domain.tree import extend, leaf_hash, root_of


class Sealer:
    """Fulfils gateway.ports.RecordSealer: pure computation with the record key."""

    def __init__(self, signer: Signer, origin: Callable[[str], str] | None = None) -> None:
        """`origin(division)` names each division's log; by default `log_origin`.

        It must begin with the URI of the record certificate.
        """
        self._signer = signer
        self._origin = origin or (lambda division: log_origin(signer.uri, division, signer.suite))

    def sign_with(self, signer: Signer) -> None:
        """Another key of the same party from the next checkpoint on. Raises ValueError."""
        if signer.uri != self._signer.uri or signer.suite != self._signer.suite:
            raise ValueError("a log is signed by one party, in one suite, all its life")
        self._signer = signer

    def seal(
        self, head: LogHead | None, division: str, pending: Sequence[PendingRecord], at: dt.datetime
    ) -> Sealed:
        """Number and hash `pending` in its order, on top of `head` (None: an empty log).

        Raises ValueError if nothing waits or the head is another log's. An expired record
        certificate does not stop the log: the witness refuses it, and the log can be cosigned
        after the change of keys.
        """
        head = head or LogHead(
            division=division, origin=self._origin(division), size=0, frontier=()
        )
        if not pending:
            raise ValueError("nothing waits to be sealed")
        if head.division != division or head.origin != self._origin(division):
            raise ValueError(f"the head of {head.origin} is not that of division {division}")
        digest = tree_digest(head.origin)
        records = tuple(
            _sealed(each, seq, digest) for seq, each in enumerate(pending, start=head.size)
        )
        growth = extend(head.size, head.frontier, [each.leaf_hash for each in records], digest)
        root = root_of(growth.frontier, digest)
        checkpoint = Checkpoint(origin=head.origin, size=growth.size, root=root)
        return Sealed(
            head=LogHead(
                division=division, origin=head.origin, size=growth.size, frontier=growth.frontier
            ),
            records=records,
            subtrees=growth.subtrees,
            checkpoint=sign_checkpoint(self._signer, checkpoint),
            sealed_at=at,
        )


def _sealed(record: PendingRecord, seq: int, digest: Digest) -> SealedRecord:
    body = numbered(record.body, seq, record.agency_no)
    return SealedRecord(
        seq=seq,
        kind=record.kind,
        subject=record.subject,
        body=body,
        leaf_hash=leaf_hash(body, digest),
        disclosures=record.disclosures,
    )
