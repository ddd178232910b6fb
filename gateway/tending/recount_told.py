"""What a recount holds beside payments: notices, alerts on the bank, what opens commitments, rows
of the registers.

The log names each: a verdict the digest of its interception notice, a record of an alert all that
its row and its notice say, a record about a person the commitments that its values must open to, a
version of the registers the digest of the rows that it put and ended.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from certs.commitments import commitment_digest
from gateway.domain.instruction import InstructionKey
from gateway.domain.records import RecordKind, canonical
from gateway.domain.recount import Difference, KeptAlert, Record, Told, What
from gateway.pipeline.tell import microseconds


class ToldBeside:
    """Of one division. A notice costs some 150 bytes until it is found."""

    def __init__(self, division: str) -> None:
        self._division = division
        self._notices: dict[bytes, str] = {}
        self._alerts: dict[tuple[str, str], bytes] = {}
        self._spoken = 0
        """When the bureau last spoke of any register, in microseconds."""
        self.versions: dict[int, str | None] = {}
        """Of the registers, with the digest of the rows that each put and ended; None: of before
        there was one on record (0144)."""

    def take(self, records: Iterable[Record]) -> Iterator[Difference]:
        """Hears what each record names, and opens its commitments."""
        for record in records:
            try:
                fields = orjson.loads(record.body or b"")
                if record.kind == RecordKind.VERDICT:
                    if digest := fields.get("notice_sha256"):
                        self._notices[bytes.fromhex(digest)] = record.subject
                    yield from self._opened(record, fields)
                elif record.kind == RecordKind.CONDUCT_ALERT:
                    self._hear_alert(record, fields)
                elif record.kind == RecordKind.REGISTER_APPLIED:
                    self.versions[fields["version"]] = fields.get("rows_sha256")
                    self._spoken = max(self._spoken, fields["as_of"])
            except (AttributeError, KeyError, TypeError, ValueError):
                continue  # altered, and named by whoever looks at the log

    def found(self, digests: Iterable[bytes]) -> None:
        """Of notices that are there, waiting or acknowledged."""
        for digest in digests:
            self._notices.pop(digest, None)

    def differing(
        self, alerts: Iterable[KeptAlert], swept: Iterable[InstructionKey]
    ) -> Iterator[Difference]:
        """What is missing, or there unheard of. `swept`: held still, and no longer looked at."""
        for digest, subject in self._notices.items():
            yield self._unlike(What.NOTICE, subject, "row", None, digest.hex())
        rows = {(each.policy, each.subject): each.digest for each in alerts}
        for name in sorted(rows.keys() | self._alerts.keys()):
            stored, told = rows.get(name), self._alerts.get(name)
            if stored != told:
                yield self._unlike(What.ALERT, " ".join(name), "body", _hex(stored), _hex(told))
        for key in swept:
            yield self._unlike(What.HOLD_END, str(key), "swept", "ended", None)

    @property
    def first_held(self) -> int | None:
        """From this version of the registers on each must have its record."""
        return min((each for each, told in self.versions.items() if told), default=None)

    def registers(
        self, changes: Mapping[int, bytes], strays: Iterable[int]
    ) -> Iterator[Difference]:
        """Versions of which a row was changed, added or taken away since they were recorded, and
        rows of a version that is not on record."""
        for version, told in sorted(self.versions.items()):
            stored = _hex(changes.get(version))
            if told is not None and stored != told:
                yield self._unlike(What.REGISTER, f"version {version}", "rows", stored, told)
        for version in strays:
            yield self._unlike(What.REGISTER, f"version {version}", "rows", "there", None)

    def ages(self, stored: Mapping[str, dt.datetime]) -> Iterator[Difference]:
        """Registers that are said to be younger than the bureau's last word: one too old would hold
        what rests on it."""
        for register, as_of in stored.items():
            if self._spoken and microseconds(as_of) > self._spoken:
                at = microseconds(as_of)
                yield self._unlike(What.REGISTER, register, "as_of", at, self._spoken)

    def _hear_alert(self, record: Record, fields: dict[str, Any]) -> None:
        fields.pop("seq", None)
        digest = hashlib.sha256(canonical(fields)).digest()
        self._notices[digest] = record.subject
        self._alerts[fields["policy"], fields["subject"]] = digest

    def _opened(self, record: Record, fields: dict[str, Any]) -> Iterator[Difference]:
        """Erased is no difference: the record stays proven. Opened otherwise is."""
        if record.disclosures is None:
            return
        try:
            said = orjson.loads(record.disclosures)
            opened = {
                name: commitment_digest(bytes.fromhex(salt), value)
                for name, (salt, value) in said.items()
            }
        except (AttributeError, TypeError, ValueError):
            yield self._unlike(What.RECORD, record.subject, "disclosures", "unreadable", "values")
            return
        for name, stored in sorted(opened.items()):
            told = _committed(fields, name)
            if stored != told:
                column = f"disclosures {name}"
                yield self._unlike(What.RECORD, record.subject, column, stored, told)

    def _unlike(
        self, what: What, subject: str, column: str, stored: Told, recounted: Told
    ) -> Difference:
        return Difference(
            division=self._division, what=what, subject=subject, column=column, stored=stored,
            recounted=recounted,
        )  # fmt: skip


def _committed(fields: dict[str, Any], name: str) -> str | None:
    """What the record says a value must open to: `payee.account`, `details.3.name`."""
    place, _, value = name.rpartition(".")
    payee: dict[str, Any] | None = fields["payee"] if place == "payee" else None
    for detail in fields["details"]:
        if place == f"details.{detail['id']}":
            payee = detail["payee"]
    return payee.get(f"{value}_commitment") if payee else None


def _hex(digest: bytes | None) -> str | None:
    return digest.hex() if digest else None
