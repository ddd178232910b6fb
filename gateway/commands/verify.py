"""`verify record|day`: check evidence with nothing but files and the certificates one trusts."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson

from certs.keys import load_certificates
from certs.log.day import CHECKPOINT, verify_day
from certs.log.note import NoteKey, log_key, witness_key
from certs.log.proof import format_proof
from certs.log.report import Exit, Report, Stopped, Walk
from certs.log.verify import AuditKeys, verify_record
from gateway.commands.claims import Proven, verify_claims


class Unusable(ValueError):
    """A file that cannot be checked at all, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} {en}")


@attrs.frozen(kw_only=True)
class Auditor:
    """The files that an auditor brings along: never from whoever hands over the evidence."""

    bank: Sequence[Path]
    bureau: Sequence[Path]
    kept: Path | None = None

    def keys(self, origin: str) -> AuditKeys:
        """The bank's record certificates and the bureau's witness certificates. Raises Unusable."""
        try:
            return AuditKeys(
                logs=tuple(
                    log_key(c, origin) for file in self.bank for c in load_certificates(file)
                ),
                witnesses=self._witnesses(),
            )
        except (OSError, ValueError) as error:
            raise Unusable(
                "证书不可读，或不是该日志的证书。",
                f"A certificate is unreadable or not of this log: {error}.",
            ) from error

    def kept_checkpoint(self) -> str | None:
        return _text(self.kept) if self.kept else None

    def _witnesses(self) -> tuple[NoteKey, ...]:
        return tuple(witness_key(c) for file in self.bureau for c in load_certificates(file))


def verify_evidence(file: Path, auditor: Auditor) -> list[Report]:
    """The body of `GET /v1/instructions/...`: a report for each record, the last for the whole.

    Raises Unusable.
    """
    document, items = _read(file)
    kept, reports, proven = auditor.kept_checkpoint(), [], []
    for item in items:
        origin = item.checkpoint.partition("\n")[0]
        reports.append(_verify_item(item, auditor.keys(origin), kept))
        if reports[-1].valid:
            proven.append(Proven(origin=origin, fields=orjson.loads(item.record)))
    if len(proven) == len(items):
        reports.append(verify_claims(document, proven))
    return reports


def verify_folder(folder: Path, auditor: Auditor) -> Report:
    """A day of the log, exported by either party. Raises Unusable."""
    origin = _text(folder / CHECKPOINT).partition("\n")[0]
    return verify_day(folder, auditor.keys(origin), auditor.kept_checkpoint())


@attrs.frozen(kw_only=True)
class _Item:
    record: bytes
    seq: int
    tree_size: int
    path: list[bytes]
    checkpoint: str


def _read(file: Path) -> tuple[dict[str, Any], list[_Item]]:
    try:
        document = orjson.loads(file.read_bytes())
        items = [_item(each) for each in document["evidence"]]
    except OSError as error:
        raise Unusable(f"{file.name} 不可读。", f"It cannot be read: {error}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise Unusable(
            f"{file.name} 不是 GET /v1/instructions/… 的应答，或其中证据残缺。",
            f"It is not what GET /v1/instructions/... answered, or its evidence is cut: {error}.",
        ) from error
    if not items:
        raise Unusable(
            f"{file.name} 中没有证据：记录尚未入日志，稍后再取。",
            "It holds no evidence: the records are not sealed yet, ask again later.",
        )
    return document, items


def _item(fields: dict[str, Any]) -> _Item:
    item = _Item(
        record=base64.b64decode(fields["record"], validate=True),
        seq=fields["seq"],
        tree_size=fields["tree_size"],
        path=[base64.b64decode(node, validate=True) for node in fields["path"]],
        checkpoint=fields["checkpoint"],
    )
    if type(item.seq) is not int or type(item.checkpoint) is not str or len(fields) != 5:
        raise ValueError("an item is record, seq, tree_size, path and checkpoint")
    return item


def _verify_item(item: _Item, keys: AuditKeys, kept: str | None) -> Report:
    proof = format_proof(item.seq, item.path, item.checkpoint)
    report = verify_record(item.record, proof, keys, kept_checkpoint=kept)
    if not report.valid:
        return report
    walk = Walk()
    walk.steps, walk.facts = [*report.steps], report.facts
    try:
        walk.expect(
            type(item.tree_size) is int and item.tree_size == report.facts["size"],
            "写明的日志大小与检查点一致。",
            "`tree_size` is the checkpoint's size.",
        )
    except Stopped as stopped:
        return walk.report(stopped.exit)
    return walk.report(Exit.VALID)


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (OSError, ValueError) as error:
        raise Unusable(f"{file.name} 不可读。", f"It cannot be read: {error}.") from error
