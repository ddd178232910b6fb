"""What lies beside a day's records, held against them: the notices and the bureau's receipts."""

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson

from certs.bundled import acknowledges, read_receipt
from certs.certified import Certificate
from certs.log.day import CLOSE, MISSING_NAMED_MAX, NOTICES, RECORDS
from certs.log.report import Exit, Walk
from certs.signing.encoding import from_b64
from certs.signing.jws import read_compact, verify_compact
from certs.signing.signer import thumbprint_of
from certs.signing.suites import public_of
from gateway.domain.day import bounds
from gateway.domain.decision import Outcome
from gateway.domain.records import RecordKind

Fields = dict[str, Any]


@attrs.frozen(kw_only=True)
class Beside:
    """The folder's records, proven and of one reading each, and where they stand in the log."""

    folder: Path
    start: int
    end: int

    def verdicts(self) -> Iterator[Fields]:
        return self.told(RecordKind.VERDICT)

    def told(self, *kinds: RecordKind) -> Iterator[Fields]:
        """Records of these kinds in order; what only holds such a word inside is none of them."""
        marks = [b'"kind":"%b"' % kind.encode() for kind in kinds]
        with (self.folder / RECORDS).open("rb") as file:
            for line in file:
                if any(mark in line for mark in marks):
                    fields: Fields = orjson.loads(line)
                    if fields.get("kind") in kinds:
                        yield fields


def name_of(record: Fields) -> str:
    """The instruction that a record is about."""
    names = ("division", "fiscal_year", "voucher_type", "voucher_no")
    return "/".join(str(record[name]) for name in names)


def check_notices(walk: Walk, beside: Beside, bureau: Sequence[Certificate], division: str) -> None:
    """Each receipt is the bureau's, for a notice that a verdict of the log names."""
    file = beside.folder / NOTICES
    if not file.exists():
        return
    known = {thumbprint_of(each): each for each in bureau}
    named = {verdict.get("notice_sha256") for verdict in beside.verdicts()}
    told, untold, strange = 0, 0, 0
    for line in _lines(walk, file):
        notice, receipt = from_b64(line["notice"]), line["receipt"]
        strange += hashlib.sha256(notice).hexdigest() not in named
        if receipt is None:
            untold += 1
            continue
        told += 1
        if not _is_receipt(receipt, known, division, notice):
            raise walk.fail(
                f"第 {told} 份拦截通知的回执不是财政部门对该通知的签名。",
                f"The receipt of notice {told} is not the bureau's for that very notice.",
            )
    walk.facts |= {"notices_received": told, "notices_untold": untold, "notices_elsewhere": strange}
    walk.expect(
        True,
        f"拦截通知 {told + untold} 份，财政部门签收 {told} 份，未签收 {untold} 份；"
        f"{strange} 份的判定记录不在本夹。",
        f"{told + untold} notices, {told} with the bureau's receipt, {untold} without; "
        f"the verdicts of {strange} are not in this folder.",
    )


def check_told(walk: Walk, beside: Beside, on: str | None) -> None:
    """Each interception names its notice, and of the day each named notice is here.

    The signed list alone would let the bank sign one without the notices, and a verdict that names
    none would never miss it. A folder of the whole log (`on` None) carries none. Whether a day was
    closed stands in later records, so it is only said.
    """
    silent = [name_of(each) for each in beside.verdicts() if _names_no_notice(each)]
    if silent:
        walk.facts["intercepted_silently"] = silent[:MISSING_NAMED_MAX]
    walk.found(
        not silent,
        "每条拦截或挂起的判定均指明其通知。" if not silent
        else f"有 {len(silent)} 条拦截或挂起的判定未指明通知，首条 {silent[0]}。",
        "Every verdict that intercepts names its notice." if not silent
        else f"{len(silent)} verdicts intercept and name no notice, the first {silent[0]}.",
    )  # fmt: skip
    if on is None:
        walk.expect(
            beside.start == 0,
            "清单写明为整本日志，自第 0 条起。",
            f"The signed list says the whole log, and it begins at 0 (found {beside.start}).",
        )
        return
    closed = (beside.folder / CLOSE).exists()
    if not closed:
        walk.expect(
            True,
            "导出时该日尚无日终汇总（清单未列）。",
            "The day had no close when it was exported (the signed list names none).",
        )
    since, until = (round(m.timestamp() * 1_000_000) for m in bounds(dt.date.fromisoformat(on)))
    file = beside.folder / NOTICES
    lines = _lines(walk, file) if file.exists() else []
    held = {hashlib.sha256(from_b64(line["notice"])).hexdigest() for line in lines}
    lacking = [
        name_of(verdict)
        for verdict in beside.verdicts()
        if (digest := verdict.get("notice_sha256")) and digest not in held
        and since <= verdict["recorded_at"] < until
    ]  # fmt: skip
    if lacking:
        walk.facts["notices_missing"] = lacking[:MISSING_NAMED_MAX]
    walk.found(
        not lacking,
        "该日判定所指的拦截通知均在。" if not lacking
        else f"判定记录所指的拦截通知缺 {len(lacking)} 份，首份 {lacking[0]}。",
        "Every notice that the day's verdicts name is here." if not lacking
        else f"{len(lacking)} notices that the verdicts name are absent, the first {lacking[0]}.",
        Exit.GAP,
    )  # fmt: skip


def _names_no_notice(verdict: Fields) -> bool:
    """The bureau learns at once of whatever is held or refused, whole or in part (Art. 28(3))."""
    intercepts = verdict["outcome"] != Outcome.PASS or bool(verdict.get("withheld"))
    return intercepts and not verdict.get("notice_sha256")


def _is_receipt(receipt: str, known: dict[str, Certificate], division: str, notice: bytes) -> bool:
    try:
        token, place = read_receipt(receipt)
        header, _ = read_compact(token)
        certificate = known.get(header.thumbprint or "")
        if certificate is None:
            return False
        payload = verify_compact(public_of(certificate), token)
    except ValueError:
        return False
    return acknowledges(payload, place, division, notice)


def _lines(walk: Walk, file: Path) -> list[Fields]:
    try:
        lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
        for line in lines:
            from_b64(line["notice"])
            if line["receipt"] is not None and not isinstance(line["receipt"], str):
                raise ValueError("a receipt is a text")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _unreadable(walk, file, error) from error
    return lines


def _unreadable(walk: Walk, file: Path, error: Exception) -> Exception:
    return walk.fail(f"{file.name} 不可读。", f"{file.name} cannot be read: {error}.", Exit.USAGE)
