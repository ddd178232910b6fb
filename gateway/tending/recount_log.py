"""The log beneath a recount: whether the records that it rests on are those that were signed."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import orjson

from adapters.postgres.oversight.recount import Note
from certs.keys import load_certificates
from certs.log.note import (
    NoteKey,
    NoteRefused,
    cosignatures,
    log_key,
    open_checkpoint,
    witness_key,
)
from certs.log.numbering import reads_one_way
from certs.signatories import Signatories
from gateway.domain.log import tree_digest
from gateway.domain.recount import Difference, Record, What
from gateway.domain.tree import extend, leaf_hash, root_of


@attrs.frozen(kw_only=True)
class Keys:
    """By whose signatures the log of one division is proven."""

    own: str
    """The gateway's URI; its certificates of before are among the parties'."""
    bureau: str
    table: Signatories
    present: Sequence[Path] = ()
    """The certificates of the key in use; after a rotation they may be nowhere else."""

    def logs(self, origin: str) -> tuple[NoteKey, ...]:
        found = []
        certificates = [each for file in self.present for each in load_certificates(file)]
        certificates += [party.certificate for party in self.table.of(self.own)]
        for certificate in dict.fromkeys(certificates):
            try:
                found.append(log_key(certificate, origin))
            except ValueError:
                continue
        return tuple(found)

    def witnesses(self) -> tuple[NoteKey, ...]:
        return tuple(
            witness_key(party.certificate)
            for party in self.table.of(self.bureau)
            if not self.table.is_revoked(party)
        )


class LogCheck:
    """Hashes every record in order, and holds the tree against what was signed."""

    def __init__(self, division: str, origin: str, keys: Keys, now: dt.datetime) -> None:
        self._division = division
        self._origin = origin
        self._keys = keys
        self._now = now
        self._digest = tree_digest(origin)
        self._frontier: tuple[bytes, ...] = ()
        self._whole = True
        self.size = 0

    def take(self, records: Sequence[Record], end: int) -> Iterator[Difference]:
        """The records up to `end`. Each is hashed anew; where it is not what was hashed, the stored
        hash goes into the tree, so that one altered record does not hide what else is wrong. Behind
        a hole there is no tree any more."""
        leaves = []
        if len(records) != end - self.size and self._whole:
            self._whole = False
            there = f"{len(records)} of {end - self.size} records from {self.size} on"
            yield self._log("records", there, "all of them")
        for record in records:
            leaf = leaf_hash(record.body, self._digest) if record.body is not None else None
            place = record.seq or 0
            if leaf is None:
                yield self._unlike(place, "body", None, record.leaf.hex())
            elif leaf != record.leaf:
                yield self._unlike(place, "body", leaf.hex(), record.leaf.hex())
            elif record.body is not None:
                yield from self._labels(place, record, record.body)
            leaves.append(record.leaf)
        if self._whole:
            self._frontier = extend(self.size, self._frontier, leaves, self._digest).frontier
        self.size = end

    def signed(self, note: Note | None, *, cosigned: bool) -> Iterator[Difference]:
        """The tree as it stands now is the one of this checkpoint, and whose word that is."""
        column = "cosigned checkpoint" if cosigned else "checkpoint"
        if note is None:
            yield self._log(column, None, "a checkpoint")
            return
        try:
            checkpoint, opened = open_checkpoint(note.note, self._keys.logs(self._origin))
            limit = self._now + dt.timedelta(minutes=5)
            words = cosignatures(opened, self._keys.witnesses()) if cosigned else ()
            if cosigned and not any(each.lived and each.at <= limit for each in words):
                raise NoteRefused("no cosignature of the bureau's known key")
        except NoteRefused as refused:
            yield self._log(column, f"does not prove itself: {refused}", "signed")
            return
        if (checkpoint.origin, checkpoint.size) != (self._origin, self.size):
            yield self._log(
                column, f"of {checkpoint.origin}, {checkpoint.size} records", self._here
            )
        elif self._whole and checkpoint.root != (root := root_of(self._frontier, self._digest)):
            yield self._log(f"{column} root", root.hex(), checkpoint.root.hex())

    @property
    def _here(self) -> str:
        return f"of {self._origin}, {self.size} records"

    def _labels(self, seq: int, record: Record, body: bytes) -> Iterator[Difference]:
        """Number, kind and subject stand beside the bytes too: by these it is looked for."""
        if not reads_one_way(body, seq):
            yield self._unlike(seq, "body", "another record, or spelt otherwise", f"record {seq}")
            return
        fields = orjson.loads(body)
        if record.kind != fields.get("kind"):
            yield self._unlike(seq, "kind", record.kind, fields.get("kind"))
        names = ("division", "fiscal_year", "voucher_type", "voucher_no")
        if all(name in fields for name in names):
            subject = "/".join(str(fields[name]) for name in names)
            if record.subject != subject:
                yield self._unlike(seq, "subject", record.subject, subject)

    def _unlike(
        self, seq: int, column: str, stored: str | int | None, wanted: str | int | None
    ) -> Difference:
        return Difference(
            division=self._division, what=What.RECORD, subject=f"record {seq}", column=column,
            stored=stored, recounted=wanted,
        )  # fmt: skip

    def _log(self, column: str, stored: str | None, wanted: str) -> Difference:
        return Difference(
            division=self._division, what=What.LOG, subject=self._origin, column=column,
            stored=stored, recounted=wanted,
        )  # fmt: skip
