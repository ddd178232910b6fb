"""The bureau as witness: takes a delivery only if it continues the log it has seen, then cosigns.

Pure: the caller holds the head's row locked while it verifies and stores, so that two deliveries at
once can never both be cosigned.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import attrs

from certs.log.note import (
    Checkpoint,
    NoteKey,
    NoteRefused,
    alone,
    cosign,
    cosignatures,
    open_checkpoint,
    witness_keys,
)
from certs.log.numbering import says_number
from certs.log.paths import verify_consistency
from certs.signing.signer import Signer
from gateway.domain.log import Cosigned, Delivery, Digest, LogHead, SealedRecord, tree_digest
from gateway.domain.tree import extend, leaf_hash, root_of

DELIVERY_RECORDS_MAX = 65_536


class Refusal(StrEnum):
    """Why a delivery is not taken. Only DUPLICATE and GAP are innocent: answer with the size."""

    ORIGIN = "wrong_origin"
    SIGNATURE = "bad_signature"
    DUPLICATE = "duplicate"
    """Nothing new: all of it is held already, on the same root as far as can be told."""
    GAP = "gap"
    """Records between the bureau's size and the delivery's start are missing."""
    ALTERED = "altered"
    """A record is not what its hash, its number or the signed root says."""
    FORK = "fork"
    """The log has signed two histories: evidence is two checkpoints of one origin."""


class WitnessRefused(Exception):
    """The delivery was not taken. Nothing may be stored from it but the evidence."""

    def __init__(self, reason: Refusal, detail: str, size: int, seq: int | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.size = size
        """How many records the bureau holds: where the gateway must go on."""
        self.seq = seq
        """The first record that is wrong, where one can be named."""


@attrs.frozen(kw_only=True)
class Witnessed:
    """A delivery taken: store head, records and answer in one transaction."""

    head: LogHead
    records: tuple[SealedRecord, ...]
    """Those that are new to the bureau."""
    checkpoint: str
    """With the bureau's cosignature."""

    @property
    def cosigned(self) -> Cosigned:
        return Cosigned(size=self.head.size, checkpoint=self.checkpoint)


class Witness:
    """The bureau's side of every log that it watches."""

    def __init__(self, signer: Signer, keys: Mapping[str, Sequence[NoteKey]]) -> None:
        """`keys`: for each division, the keys of its log (several while keys change)."""
        self._signer = signer
        self._keys = keys

    def verify(
        self,
        head: LogHead | None,
        delivery: Delivery,
        at: dt.datetime,
        *,
        root_at: Callable[[int], bytes | None] | None = None,
        consistency: Sequence[bytes] | None = None,
    ) -> Witnessed:
        """Check a delivery against the bureau's own `head` (None: nothing held yet) and cosign.

        `root_at(size)` gives the root of an earlier size, to tell a roll-back from a repetition;
        `consistency` is the proof from the held size, to tell a rewritten history from an altered
        record. Raises WitnessRefused; NoteRefused if our own answer would not prove itself.
        """
        size = head.size if head else 0
        checkpoint = self._opened(head, delivery, at)
        if checkpoint.size <= size:
            raise _nothing_new(head, checkpoint, root_at)
        if delivery.start > size:
            raise WitnessRefused(
                Refusal.GAP, f"records {size} to {delivery.start - 1} are missing", size, size
            )
        fresh = _fresh(delivery, checkpoint, size)
        digest = tree_digest(checkpoint.origin)
        leaves = [
            _checked_leaf(record, seq, size, digest) for seq, record in enumerate(fresh, start=size)
        ]
        grown = extend(size, head.frontier if head else (), leaves, digest)
        if root_of(grown.frontier, digest) != checkpoint.root:
            raise _other_root(head, checkpoint, consistency)
        return Witnessed(
            head=LogHead(
                division=delivery.division,
                origin=checkpoint.origin,
                size=grown.size,
                frontier=grown.frontier,
            ),
            records=fresh,
            checkpoint=self._cosigned(delivery, at),
        )

    def _opened(self, head: LogHead | None, delivery: Delivery, at: dt.datetime) -> Checkpoint:
        size = head.size if head else 0
        keys = self._keys.get(delivery.division, ())
        origins = {key.name for key in keys}
        if head is not None:
            origins &= {head.origin} if head.division == delivery.division else set()
        if delivery.checkpoint.partition("\n")[0] not in origins:
            raise WitnessRefused(Refusal.ORIGIN, "not the log of this division", size)
        try:
            checkpoint, _ = open_checkpoint(delivery.checkpoint, keys, at)
        except NoteRefused as refused:
            raise WitnessRefused(Refusal.SIGNATURE, str(refused), size) from refused
        return checkpoint

    def _cosigned(self, delivery: Delivery, at: dt.datetime) -> str:
        """Text, one proven signature of the log, our cosignature: opened again as an auditor would.

        What else a log hangs under its text could fill the note or forge our own line, and so make
        a note that nobody can open.
        """
        keys, own = self._keys[delivery.division], witness_keys(self._signer)
        cosigned = cosign(alone(delivery.checkpoint, keys, at), self._signer, at)
        _, signed = open_checkpoint(cosigned, keys, at)
        made = cosignatures(signed, own)
        if len(made) != 1 or not all(key.lives(at) for key in made[0].keys):
            raise NoteRefused("our own certificate does not prove our cosignature")
        return cosigned


def _nothing_new(
    head: LogHead | None,
    checkpoint: Checkpoint,
    root_at: Callable[[int], bytes | None] | None,
) -> WitnessRefused:
    size = head.size if head else 0
    held: bytes | None = None
    if checkpoint.size == size:
        held = root_of(head.frontier if head else (), tree_digest(checkpoint.origin))
    elif root_at is not None:
        held = root_at(checkpoint.size)
    if held is not None and held != checkpoint.root:
        detail = f"another root was seen at size {checkpoint.size}"
        return WitnessRefused(Refusal.FORK, detail, size)
    return WitnessRefused(Refusal.DUPLICATE, f"{size} records are held already", size)


def _fresh(delivery: Delivery, checkpoint: Checkpoint, size: int) -> tuple[SealedRecord, ...]:
    """The records from `size` on; a delivery may overlap what is held already."""
    if delivery.start < 0 or len(delivery.records) > DELIVERY_RECORDS_MAX:
        raise WitnessRefused(Refusal.ALTERED, "the delivery's bounds are impossible", size)
    end = delivery.start + len(delivery.records)
    if end < checkpoint.size:
        detail = f"records {end} to {checkpoint.size - 1} are missing under the signed size"
        raise WitnessRefused(Refusal.GAP, detail, size, end)
    if end > checkpoint.size:
        raise WitnessRefused(Refusal.ALTERED, "more records than the signed size", size)
    return delivery.records[size - delivery.start :]


def _checked_leaf(record: SealedRecord, seq: int, size: int, digest: Digest) -> bytes:
    if record.seq != seq:
        raise WitnessRefused(Refusal.GAP, f"record {seq} is missing", size, seq)
    if not says_number(record.body, seq):
        raise WitnessRefused(Refusal.ALTERED, f"record {seq} bears another number", size, seq)
    found = leaf_hash(record.body, digest)
    if found != record.leaf_hash:
        raise WitnessRefused(Refusal.ALTERED, f"record {seq} has another hash", size, seq)
    return found


def _other_root(
    head: LogHead | None, checkpoint: Checkpoint, consistency: Sequence[bytes] | None
) -> WitnessRefused:
    size = head.size if head else 0
    if head is not None and consistency is not None:
        digest = tree_digest(checkpoint.origin)
        held = root_of(head.frontier, digest)
        if not verify_consistency(
            size, checkpoint.size, consistency, held, checkpoint.root, digest
        ):
            detail = f"the signed tree of size {checkpoint.size} does not begin with ours of {size}"
            return WitnessRefused(Refusal.FORK, detail, size)
    detail = "the records do not hash to the signed root: altered, or the history rewritten"
    return WitnessRefused(Refusal.ALTERED, detail, size)
