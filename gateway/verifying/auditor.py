"""`verify`: check evidence with nothing but files and the certificates one trusts."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import orjson

from certs.certified import Certificate, load_revocations, verify_certificate
from certs.keys import load_certificates
from certs.log.day import CHECKPOINT, CLOSE, FRONTIER, NOTICES, PREVIOUS, verify_day
from certs.log.fork import HELD, verify_fork
from certs.log.growth import parse_growth
from certs.log.manifest import check_digests, open_manifest
from certs.log.note import (
    NoteRefused,
    log_key,
    parse_checkpoint,
    parse_note,
    witness_key,
)
from certs.log.proof import ProofRefused, format_proof
from certs.log.receipt import IntakeReceipt, verify_receipt
from certs.log.report import Exit, Report, Stopped, Walk, in_one_line
from certs.log.verify import AuditKeys, verify_growth, verify_record
from certs.signing.encoding import from_b64
from gateway.domain.once import once
from gateway.verifying.beside import Beside, check_notices, check_told, name_of
from gateway.verifying.claims import Proven, verify_claims
from gateway.verifying.close import check_close, check_times
from gateway.verifying.narrate import narrated
from gateway.verifying.stopped import check_stopped


class Unusable(ValueError):
    """A file that cannot be checked at all, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(in_one_line(f"{zh} {en}"))


@attrs.frozen(kw_only=True)
class Auditor:
    """The files that an auditor brings along: never from whoever hands over the evidence."""

    bank: Sequence[Path]
    bureau: Sequence[Path]
    kept: Path | None = None

    def keys(self, origin: str) -> AuditKeys:
        """The bank's record certificates and the bureau's witness certificates. Raises Unusable."""
        banks, bureaus = self.bank_certificates(), self.bureau_certificates()
        try:
            logs = tuple(log_key(each, origin) for each in banks)
        except ValueError as error:
            raise Unusable(
                f"所给代理银行证书（--bank）不是该日志的证书：检查点首行写的日志为“{origin}”。"
                "证书给错，或检查点首行被改动。",
                f"No certificate of this log, or the checkpoint's first line is altered: {error}.",
            ) from error
        try:
            return AuditKeys(logs=logs, witnesses=tuple(witness_key(each) for each in bureaus))
        except ValueError as error:
            raise Unusable(
                "所给财政部门证书（--bureau）不是见证证书。", f"No witness's certificate: {error}."
            ) from error

    def bank_certificates(self) -> list[Certificate]:
        """Raises Unusable."""
        return self._certificates(self.bank)

    def bureau_certificates(self) -> list[Certificate]:
        """Raises Unusable."""
        return self._certificates(self.bureau)

    def _certificates(self, files: Sequence[Path]) -> list[Certificate]:
        try:
            return [each for file in files for each in load_certificates(file)]
        except (OSError, ValueError) as error:
            raise Unusable("证书不可读。", f"A certificate is unreadable: {error}.") from error

    def kept_checkpoint(self) -> str | None:
        return _text(self.kept) if self.kept else None


def verify_evidence(file: Path, auditor: Auditor) -> list[Report]:
    """The body of `GET /v1/instructions/...`, or what the bureau's desk hands out: one report for
    each record, the last for the whole.

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
        with _sound_records():
            reports.append(verify_claims(document, proven))
    return reports


def in_words(file: Path) -> list[str]:
    """What the records of a file say; to be shown only once they are proven. Raises Unusable."""
    items = _read(file)[1]
    with _sound_records():
        return [in_one_line(line) for item in items for line in narrated(orjson.loads(item.record))]


@contextmanager
def _sound_records() -> Iterator[None]:
    """What the bank has signed is proven to be its word, and may be nonsense all the same. Raises
    Unusable."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise Unusable(
            "记录内容残缺或取值不合规范。",
            f"A record lacks a field, or a field holds what it cannot: {error!r}.",
        ) from error


def verify_folder(folder: Path, auditor: Auditor, *, listed: bool = True) -> Report:
    """A day of the log, exported by either party, and what lies beside it. Raises Unusable.

    `listed`: the bank's signed list of files must be there (folders of older programs have none).
    """
    _only_files(folder)
    origin = _text(folder / CHECKPOINT).partition("\n")[0]
    keys = auditor.keys(origin)
    walk = Walk()
    try:
        files = open_manifest(walk, folder, origin, auditor.bank_certificates()) if listed else None
        report = verify_day(folder, keys, auditor.kept_checkpoint())
        walk.steps, walk.facts = [*walk.steps, *report.steps], walk.facts | report.facts
        if not report.valid:
            return walk.report(report.exit)
        start, count = report.facts["start"], report.facts["records"]
        beside = Beside(folder=folder, start=start, end=start + count)
        on = files.on if files is not None else None
        check_times(walk, beside, on)
        check_stopped(walk, [beside])
        check_close(walk, beside, on, lambda fields: _verify_item(_item(fields), keys, None))
        division = origin.partition("/log/")[2].partition("/")[0]
        check_notices(walk, beside, auditor.bureau_certificates(), division)
        if files is not None:
            check_told(walk, beside, on)
            check_digests(walk, folder, files, (CLOSE, NOTICES, PREVIOUS, FRONTIER))
    except Stopped as stopped:
        return walk.report(stopped.exit)
    except Unusable:  # it names what is amiss, which may be no file of the folder
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise Unusable(
            "本夹附件残缺。", f"What lies beside the records is cut: {error}."
        ) from error
    return walk.report()


def verify_since(kept: Path, proof: Path, auditor: Auditor) -> Report:
    """That the log only grew from the auditor's own checkpoint. Raises Unusable."""
    old = _text(kept)
    try:
        growth = parse_growth(_text(proof))
        size = parse_checkpoint(parse_note(old).text).size
    except (ProofRefused, NoteRefused) as refused:
        raise Unusable("检查点或证明不可读。", f"Checkpoint or proof: {refused}.") from refused
    if growth.old != size:
        raise Unusable(
            f"证明从 {growth.old} 条起，留存的检查点为 {size} 条。",
            f"The proof begins at {growth.old}, the kept checkpoint is of {size}.",
        )
    keys = auditor.keys(old.partition("\n")[0])
    return verify_growth(old, growth.checkpoint, growth.path, keys)


def verify_two_histories(folder: Path, auditor: Auditor) -> Report:
    """Exit 4 if the folder proves a fork. Raises Unusable."""
    _only_files(folder)
    return verify_fork(folder, auditor.keys(_text(folder / HELD).partition("\n")[0]))


def verify_intake(
    receipt: Path, instruction: Path | None, day: Path | None, auditor: Auditor
) -> list[Report]:
    """The sender's receipt, and whether the day's log holds what it promises. Raises Unusable."""
    try:
        sent = instruction.read_bytes() if instruction else None
    except OSError as error:
        raise Unusable("指令文件不可读。", f"The instruction cannot be read: {error}.") from error
    token, answer = _token(receipt)
    report, proven = verify_receipt(token, auditor.bank_certificates(), sent)
    if proven is not None and not _is_said(answer, proven):
        walk = Walk()
        walk.steps = [*report.steps]
        failed = walk.fail(
            "应答中的标识或判定与其回执不一致：应答被改动。",
            "The answer's `instruction` or `outcome` is not its receipt's: it was altered.",
        )
        return [walk.report(failed.exit)]
    if proven is None or day is None:
        return [report]
    folder = verify_folder(day, auditor)
    if not folder.valid:
        return [report, folder]
    return [report, folder, _logged(proven, day, folder)]


def _token(file: Path) -> tuple[str, dict[str, Any]]:
    """The receipt, and the gateway's JSON answer it came in: empty for the receipt itself."""
    text = _text(file).strip()
    if not text.startswith("{"):
        return text, {}
    try:
        answer = _unambiguous(text.encode())
        return str(answer["receipt"]), answer
    except (ValueError, KeyError) as error:
        raise Unusable("应答中没有回执。", "The answer holds no `receipt`.") from error


def _is_said(answer: dict[str, Any], receipt: IntakeReceipt) -> bool:
    said = [answer.get(name, getattr(receipt, name)) for name in ("instruction", "outcome")]
    return said == [receipt.instruction, receipt.outcome]


def _logged(receipt: IntakeReceipt, day: Path, folder: Report) -> Report:
    """A folder that ends before the decision, or begins after it, accuses nobody: exit 2."""
    walk = Walk()
    beside = Beside(folder=day, start=0, end=0)
    promised = receipt.instruction, receipt.digest  # the digest alone may stand under any number
    same = [each for each in beside.verdicts() if (name_of(each), each.get("digest")) == promised]
    at = receipt.decided_at.isoformat(timespec="seconds")
    since, until = folder.facts.get("previous_cosigned_at", ""), folder.facts["cosigned_at"]
    try:
        walk.expect(
            bool(same) or since < at < until,
            f"判定时间在本夹所及的时间内（{since or '起始'} 至 {until}）。",
            f"The decision ({at}) falls into the folder's time ({since or 'start'} to {until}).",
            Exit.USAGE,
        )
        walk.expect(
            bool(same),
            "当日日志中有该指令的判定记录。",
            f"The day's log (up to {folder.facts['size']}) holds the verdict that was promised.",
            Exit.GAP,
        )
        walk.expect(
            any(each.get("outcome") == receipt.outcome for each in same),
            "记录的判定结果与回执一致。",
            "The recorded outcome is the receipt's.",
        )
    except Stopped as stopped:
        return walk.report(stopped.exit)
    return walk.report()


def verify_party(
    file: Path, authority: Path, at: dt.datetime, revocations: Path | None
) -> list[Report]:
    """Each certificate of a PEM file under the authority's. Raises Unusable."""
    try:
        found, above = load_certificates(file), load_certificates(authority)
        crl = load_revocations(revocations) if revocations else None
    except (OSError, ValueError) as error:
        raise Unusable("文件不可读。", f"A file cannot be read: {error}.") from error
    return [verify_certificate(each, above, at, crl) for each in found]


@attrs.frozen(kw_only=True)
class _Item:
    record: bytes
    seq: int
    tree_size: int
    path: list[bytes]
    checkpoint: str


def _read(file: Path) -> tuple[dict[str, Any], list[_Item]]:
    try:
        document = _unambiguous(file.read_bytes())
        items = [_item(each) for each in document["evidence"]]
    except OSError as error:
        raise Unusable(f"{file.name} 不可读。", f"It cannot be read: {error}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise Unusable(
            f"{file.name} 不是 GET /v1/instructions/… 的应答或工作台取出的证据，或其中证据残缺。",
            "It is not what GET /v1/instructions/... answered nor what the desk handed out, or its "
            f"evidence is cut: {error}.",
        ) from error
    if not items:
        raise Unusable(
            f"{file.name} 中没有证据：记录尚未入日志，稍后再取。",
            "It holds no evidence: the records are not sealed yet, ask again later.",
        )
    return document, items


def _item(fields: dict[str, Any]) -> _Item:
    item = _Item(
        record=from_b64(fields["record"]),
        seq=fields["seq"],
        tree_size=fields["tree_size"],
        path=[from_b64(node) for node in fields["path"]],
        checkpoint=fields["checkpoint"],
    )
    if type(item.seq) is not int or type(item.checkpoint) is not str or len(fields) != 5:
        raise ValueError("an item is record, seq, tree_size, path and checkpoint")
    return item


def _unambiguous(raw: bytes) -> Any:
    """JSON that no two readers read differently. Raises ValueError: a name stands twice, it is
    nested without end, or it holds what JSON between strangers cannot: half a character, a number
    beyond 64 bits, NaN."""

    def no_number(name: str) -> Any:
        raise ValueError(f"{name} is no number")

    try:
        read = json.loads(raw, object_pairs_hook=once, parse_constant=no_number)
        orjson.dumps(read)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from error
    return read


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


def _only_files(folder: Path) -> None:
    """Raises Unusable for a folder that holds a pipe or a device, or a link to one: whoever handed
    it over would have the check wait for ever, or fill the memory."""
    try:
        for each in sorted(folder.iterdir()) if folder.is_dir() else ():
            if each.exists() and not each.is_file() and not each.is_dir():
                raise Unusable(f"{each.name} 不是文件。", f"{each.name} is no file.")
    except OSError as error:
        raise Unusable("夹不可读。", f"The folder cannot be read: {error}.") from error
