"""What lies beside a day's records, held against them: the day's close, the bureau's receipts."""

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson

from certs.bundled import acknowledges, read_receipt
from certs.certified import Certificate
from certs.log.day import MISSING_NAMED_MAX, RECORDS
from certs.log.report import Exit, Report, Walk
from certs.signing.encoding import from_b64
from certs.signing.jws import read_compact, verify_compact
from certs.signing.signer import thumbprint_of
from certs.signing.suites import public_of
from gateway.domain.day import bounds
from gateway.domain.records import RecordKind

CLOSE, NOTICES = "day_close.json", "notices.ndjson"
COUNTED = ("verdicts", "amount_fen", "passed", "passed_fen", "held", "blocked")
"""Of a line of the close: what the day's verdicts alone decide. The bank's part may come later."""
Fields = dict[str, Any]
Totals = dict[tuple[str, str | None], dict[str, int]]


@attrs.frozen(kw_only=True)
class Beside:
    """The folder's records, proven, and where they stand in the log."""

    folder: Path
    start: int
    end: int

    def verdicts(self) -> Iterator[Fields]:
        with (self.folder / RECORDS).open("rb") as file:
            for line in file:
                if b'"kind":"verdict"' in line:
                    yield orjson.loads(line)


def check_close(walk: Walk, beside: Beside, prove: Callable[[Fields], Report]) -> None:
    """The close stands in the log itself, and its sums are those of the verdicts at hand."""
    file = beside.folder / CLOSE
    if not file.exists():
        return
    parts = [_proven_part(walk, item, prove) for item in _items(walk, file)]
    walk.expect(
        bool(parts)
        and [part.get("part") for part in parts] == list(range(1, parts[0]["parts"] + 1))
        and len({part["day"] for part in parts}) == 1,
        "日终汇总记录齐全，均在日志中。",
        "All parts of the day's close are here and stand in the log.",
    )
    first, end = parts[0]["first_seq"], parts[0]["end_seq"]
    whole = first >= beside.start and end <= beside.end
    said = {
        (line["agency"], line["account"]): {name: line[name] for name in COUNTED}
        for part in parts for line in part["lines"]
    }  # fmt: skip
    found = _totals(beside, dt.date.fromisoformat(parts[0]["day"]))
    wrong = sorted(key for key in said.keys() | found.keys() if _differs(said, found, key, whole))
    walk.facts |= {"day_close": parts[0]["day"], "day_close_differs": [list(k) for k in wrong]}
    walk.expect(
        not wrong,
        f"日终汇总与判定记录逐户相符：{parts[0]['verdicts']} 笔"
        + (
            "。" if whole else f"（部分判定在第 {first} 至 {end - 1} 条的相邻夹中，仅核对不超出）。"
        ),
        f"The day's close agrees with the verdicts, account by account: {parts[0]['verdicts']}"
        + ("." if whole else f" (some stand in the next folder, up to number {end - 1})."),
    )
    lacking = parts[0]["unrecorded"]
    walk.facts["unrecorded"] = lacking
    walk.expect(
        not lacking and not parts[0]["number_gaps"],
        "日终汇总未指出账本有而日志缺少的判定。",
        f"The close names no verdict that the ledger holds and the log lacks ({len(lacking)}).",
        Exit.GAP,
    )


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
    """Each interception of the day that a verdict names has its notice here.

    The signed list alone would let the bank sign one without the notices. A folder of the whole log
    (`on` None) carries none. Whether a day was closed stands in later records, so it is only said.
    """
    if on is None:
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
        f"{verdict['division']}/{verdict['fiscal_year']}/{verdict['voucher_type']}/"
        f"{verdict['voucher_no']}"
        for verdict in beside.verdicts()
        if (digest := verdict.get("notice_sha256")) and digest not in held
        and since <= verdict["recorded_at"] < until
    ]  # fmt: skip
    if lacking:
        walk.facts["notices_missing"] = lacking[:MISSING_NAMED_MAX]
    walk.expect(
        not lacking,
        "该日判定所指的拦截通知均在。" if not lacking
        else f"判定记录所指的拦截通知缺 {len(lacking)} 份，首份 {lacking[0]}。",
        "Every notice that the day's verdicts name is here." if not lacking
        else f"{len(lacking)} notices that the verdicts name are absent, the first {lacking[0]}.",
        Exit.GAP,
    )  # fmt: skip


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


def _proven_part(walk: Walk, item: Fields, prove: Callable[[Fields], Report]) -> Fields:
    report = prove(item)
    if not report.valid:
        walk.steps += report.steps
        raise walk.fail("日终汇总记录未能证明。", "The day's close is not proven.", report.exit)
    fields: Fields = orjson.loads(from_b64(item["record"]))
    if fields.get("kind") != RecordKind.DAY_CLOSE:
        raise walk.fail("不是日终汇总记录。", "It is no record of a day's close.")
    return fields


def _totals(beside: Beside, day: dt.date) -> Totals:
    since, until = (round(moment.timestamp() * 1_000_000) for moment in bounds(day))
    totals: Totals = defaultdict(lambda: dict.fromkeys(COUNTED, 0))
    seen = set()
    for verdict in beside.verdicts():
        names = ("division", "fiscal_year", "voucher_type", "voucher_no")
        key = tuple(verdict[name] for name in names)
        if since <= verdict["recorded_at"] < until and key not in seen:
            seen.add(key)
            _add(totals[verdict["agency"]["code"], verdict["payer"]["account"]], verdict)
    return totals


def _add(line: dict[str, int], verdict: Fields) -> None:
    amount, outcome = verdict["amount_fen"], verdict["outcome"]
    line["verdicts"] += 1
    line["amount_fen"] += amount
    line[outcome] += 1
    if outcome == "passed":
        line["passed_fen"] += amount


def _differs(said: Totals, found: Totals, key: tuple[str, str | None], whole: bool) -> bool:
    nothing = dict.fromkeys(COUNTED, 0)
    one, other = said.get(key, nothing), found.get(key, nothing)
    if key[1] is None:
        return False  # verdicts that no record holds: named by the close itself
    return one != other if whole else any(other[name] > one[name] for name in COUNTED)


def _items(walk: Walk, file: Path) -> list[Fields]:
    try:
        items: list[Fields] = orjson.loads(file.read_bytes())["evidence"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _unreadable(walk, file, error) from error
    return items


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
