"""Judges one delivery against the head that the store holds locked, and lays out what is stored."""

import datetime as dt

from bureau.inbox.frame import Frame
from bureau.inbox.glance import glance, recorded_interceptions, recorded_warnings, tallied
from bureau.ports import Accepted, LogPlace
from certs.log.witness import Witness
from gateway.domain.log import (
    TILE_LEVELS,
    Delivery,
    LogHead,
    SealedRecord,
    Subtree,
    tree_digest,
)
from gateway.domain.tree import extend


def delivery_of(frame: Frame) -> Delivery:
    """The frame in the witness's words; kind and subject are read once the bytes are proven."""
    return Delivery(
        division=frame.division,
        start=frame.start,
        records=tuple(
            SealedRecord(
                seq=seq, kind="", subject="", body=body, leaf_hash=leaf_hash, disclosures=opening
            )
            for seq, (body, leaf_hash, opening) in enumerate(
                zip(frame.bodies, frame.leaf_hashes, frame.disclosures, strict=True),
                start=frame.start,
            )
        ),
        checkpoint=frame.checkpoint,
    )


def accepted(
    witness: Witness, place: LogPlace, head: LogHead, delivery: Delivery, at: dt.datetime
) -> Accepted:
    """Prove, cosign, and read what was proven. Raises WitnessRefused."""
    witnessed = witness.verify(head, delivery, at)
    glances = [glance(record.body) for record in witnessed.records]
    return Accepted(
        head=witnessed.head,
        records=tuple(
            SealedRecord(
                seq=record.seq,
                kind=one.kind_shown,
                subject=one.subject,
                body=record.body,
                leaf_hash=record.leaf_hash,
                disclosures=record.disclosures,
            )
            for record, one in zip(witnessed.records, glances, strict=True)
        ),
        subtrees=_completed(head, witnessed.head, witnessed.records),
        checkpoint=delivery.checkpoint,
        cosigned=witnessed.cosigned,
        tallies=tallied(glances),
        interceptions=recorded_interceptions(place.division, glances),
        warnings=recorded_warnings(place.division, glances),
        received_at=at,
    )


def _completed(
    old: LogHead, new: LogHead, records: tuple[SealedRecord, ...]
) -> tuple[Subtree, ...]:
    """The tile subtrees that these records filled; most batches fill none."""
    if old.size >> TILE_LEVELS == new.size >> TILE_LEVELS:
        return ()
    leaves = [record.leaf_hash for record in records]
    return extend(old.size, old.frontier, leaves, tree_digest(new.origin)).subtrees
