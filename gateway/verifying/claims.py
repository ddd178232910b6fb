"""What an evidence file says beside its records, held against what the records prove.

The records are signed; the fields around them are not. So each of those is compared with a proven
record of this very instruction, and what no record can prove is not called valid.
"""

import datetime as dt
from typing import Any

import attrs
import msgspec
import orjson

from certs.log.note import log_origins
from certs.log.report import Exit, Report, Stopped, Walk
from gateway.domain.bank import BOOKED_AS, ENDED, BankOutcome, contradiction_in, disputed_word
from gateway.domain.decision import restored
from gateway.domain.holds import HoldEnding
from gateway.domain.instruction import InstructionKey
from gateway.domain.money import yuan
from gateway.domain.parties import Role, sender_of
from gateway.domain.records import RecordKind, paid_fen
from gateway.pipeline.tell import Origin, bank_outcome, brief

FIELDS = {
    "bank", "bank_reason", "bank_reference", "book", "decided_at", "digest", "evidence",
    "findings", "hold", "instruction", "outcome", "settled_at",
}  # fmt: skip
"""All that `GET /v1/instructions/...` answers (gateway/web/evidence.py)."""
IN_PART = {"withheld"}
"""And what it answers only of a batch that is paid in part."""
HELD = {"evidence", "held_by", "instruction"}
"""All that the bureau's desk hands out (bureau/desk/proof.py): records, and no answer."""
_SETTLED = (BankOutcome.ACCEPTED, BankOutcome.REJECTED, BankOutcome.NOT_TAKEN)
Fields = dict[str, Any]


@attrs.frozen(kw_only=True)
class Proven:
    """A record that its proof has shown to stand in the log of `origin`."""

    origin: str
    fields: Fields


def verify_claims(document: Fields, records: list[Proven]) -> Report:
    """Whether every field of the file is what its proven records say. Exit 1, or 2 if one lacks."""
    if document.keys() == HELD:
        return _verify_held(document, records)
    walk = Walk()
    try:
        _check_fields(walk, document)
        key, verdict = _check_identity(walk, document, records)
        kinds = walk.facts["kinds"]
        _check_verdict(walk, document, verdict)
        _check_hold(walk, document, records)
        _check_bank(walk, document, records, key)
        outcome, bank = document["outcome"], document["bank"]
        walk.facts |= {"outcome": outcome, "bank": bank}
        walk.expect(
            True,
            f"支付指令 {key}：判定 {outcome}{_in_part(verdict)[0]}，银行 {bank or '未转交'}，"
            f"记录 {len(records)} 条。"
            "未交出的记录未作判断。",
            f"Instruction {key}: {outcome}{_in_part(verdict)[1]}, bank {bank or 'never asked'}, "
            f"{len(records)} records "
            f"({', '.join(kinds)}). Records that were not handed over are not judged.",
        )
        return walk.report()
    except Stopped as stopped:
        return walk.report(stopped.exit)


def _verify_held(document: Fields, records: list[Proven]) -> Report:
    """What the bureau holds of one instruction: the records say it all, and nothing stands beside
    them that could be held against them."""
    walk = Walk()
    try:
        key, verdict = _check_identity(walk, document, records)
        settled = _only(walk, records, RecordKind.BANK_OUTCOME, "银行结果", "bank outcome")
        outcome, bank = verdict.get("outcome"), settled and settled.get("bank_outcome")
        by, number = document["held_by"], len(records)
        named = sender_of(by) if isinstance(by, str) else None
        walk.expect(
            named is not None and named.role is Role.BUREAU,
            "写明由哪个财政部门取出。",
            "`held_by` is a bureau's URI, and no words of its own.",
            Exit.USAGE,
        )
        walk.facts |= {"outcome": outcome, "bank": bank, "held_by": by}
        walk.expect(
            True,
            f"支付指令 {key}：记录写明判定 {outcome}{_in_part(verdict)[0]}，"
            f"银行 {bank or '无记录'}，共 {number} 条。",
            f"Instruction {key}: the records say {outcome}{_in_part(verdict)[1]}, "
            f"bank {bank or 'not recorded'}, "
            f"{number} records ({', '.join(walk.facts['kinds'])}).",
        )
        walk.expect(
            True,
            f"文件只有记录，没有代理银行的答复（自称由 {by} 取出，无从证明）：银行对外如何答复、"
            "收妥回执、未交出的记录均未作判断。",
            f"The file holds records and no answer of the bank (taken out by {by}, as it says "
            "itself): what the bank answered, its receipts, and records that were not handed over "
            "are not judged.",
        )
        return walk.report()
    except Stopped as stopped:
        return walk.report(stopped.exit)


def _in_part(verdict: Fields) -> tuple[str, str]:
    """`passed` alone would say that all of it may be paid."""
    withheld = verdict.get("withheld")
    if not withheld:
        return "", ""
    paid, whole = yuan(paid_fen(verdict)), yuan(verdict["amount_fen"])
    return f"（部分：{whole} 元中 {paid} 元）", f" (in part: {paid} of {whole} yuan)"


def _check_fields(walk: Walk, document: Fields) -> None:
    unknown = sorted(document.keys() - FIELDS - IN_PART)
    lacking = sorted(FIELDS - document.keys())
    walk.expect(
        not unknown and not lacking,
        f"字段齐全且皆可比对{_named('，多出', unknown)}{_named('，缺少', lacking)}。",
        "All fields are there and can be compared"
        f"{_named('; unknown:', unknown)}{_named('; lacking:', lacking)}.",
        Exit.USAGE,
    )


def _check_identity(
    walk: Walk, document: Fields, records: list[Proven]
) -> tuple[InstructionKey, Fields]:
    """Whose the file is, each record too; and its verdict."""
    try:
        key = InstructionKey(**document["instruction"])
    except TypeError as error:
        raise walk.fail(
            "支付指令标识不可读。", "The instruction's identity cannot be read.", Exit.USAGE
        ) from error
    for record in records:
        number = record.fields.get("seq")
        logs = log_origins(str(record.fields.get("origin")), key.division)
        walk.expect(
            _says(record.fields, msgspec.structs.asdict(key)) and record.origin in logs,
            f"第 {number} 条属于支付指令 {key} 及其区划的日志。",
            f"Record {number} is about instruction {key}, in its division's log.",
        )
    kinds = [str(record.fields.get("kind")) for record in records]
    walk.facts |= {"instruction": str(key), "records": len(records), "kinds": kinds}
    verdict = _only(walk, records, RecordKind.VERDICT, "判定", "verdict")
    walk.expect(
        verdict is not None,
        "判定记录在内。",
        "The record of the verdict is among them.",
        Exit.USAGE,
    )
    assert verdict
    return key, verdict


def _check_verdict(walk: Walk, document: Fields, verdict: Fields) -> None:
    for name, proven, zh in (
        ("outcome", "outcome", "判定结果"), ("digest", "digest", "指令摘要"),
        ("book", "book", "规则库版本"), ("decided_at", "recorded_at", "判定时间"),
    ):  # fmt: skip
        _equal(walk, name, zh, document[name], verdict.get(proven))
    said, proven_part = (each.get("withheld", []) for each in (document, verdict))
    _equal(walk, "withheld", "不付的明细", said, proven_part)
    walk.expect(
        _same(_briefs(document, verdict), verdict.get("findings")),
        "疑点与签名记录一致；英文措辞、处理办法、材料名称不在记录中，未作判断。",
        "`findings` is what the signed record says; English words, remedies and papers' titles "
        "stand in no record and are not judged.",
    )


def _briefs(document: Fields, verdict: Fields) -> object:
    """The file's findings as a record would carry them; None if they are no findings."""
    stored = {
        "book": document["book"], "findings": document["findings"],
        "outcome": document["outcome"], "registers": verdict.get("registers"),
    }  # fmt: skip
    try:
        findings = restored(orjson.dumps(stored)).findings
        return orjson.loads(orjson.dumps([brief(each) for each in findings]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _check_hold(walk: Walk, document: Fields, records: list[Proven]) -> None:
    """How a hold ended is proven by its one record; that it stands, by nothing but silence."""
    said = document["hold"]
    if document["outcome"] != "held":
        _equal(walk, "hold", "挂起（未挂起）", said, None)
        return
    ends = [r.fields for r in records if r.fields.get("kind") == RecordKind.RELEASE]
    ends = [fields for fields in ends if fields.get("what") in set(HoldEnding)]
    walk.expect(
        len(ends) <= 1,
        f"挂起的了结记录至多一条（{len(ends)} 条）。",
        f"There is at most one record of the hold's end ({len(ends)}).",
    )
    if not ends:
        walk.expect(
            said == {"ended_at": None, "state": "held"},
            "挂起的了结有记录为证（尚未入日志或未交出）。",
            "The hold's end is proven by its record (not sealed yet, or not handed over).",
            Exit.USAGE,
        )
        return
    proven = {"ended_at": ends[0].get("recorded_at"), "state": ends[0].get("what")}
    _equal(walk, "hold", "挂起的了结", said, proven)


def _was_forwarded(document: Fields) -> bool:
    hold = document["hold"]
    return document["outcome"] == "passed" or bool(hold and hold["state"] == HoldEnding.RELEASED)


def _check_bank(walk: Walk, document: Fields, records: list[Proven], key: InstructionKey) -> None:
    settled = _only(walk, records, RecordKind.BANK_OUTCOME, "银行结果", "bank outcome")
    said = _word(document)
    passed = _was_forwarded(document)
    corrections = _corrections(records)
    if settled is None:
        walk.expect(
            said["bank"] not in _SETTLED and not _is_disputed(said),
            "银行结果有记录为证（尚未入日志或未交出）。",
            f"The bank's outcome ({said['bank']}) is proven by its record "
            "(not sealed yet, or not handed over).",
            Exit.USAGE,
        )
        nothing = {"bank": "unknown" if passed else None} | dict.fromkeys(
            ("bank_reason", "bank_reference", "settled_at")
        )
        _equal(walk, "bank", "银行部分（无结果）", said, nothing)
    elif _is_disputed(said):
        walk.expect(
            bool(corrections),
            "银行答复与账本不一致有更正记录为证。",
            "The contradiction is proven by a correction record.",
            Exit.USAGE,
        )
        standing = contradiction_in(corrections)
        walk.expect(
            standing is not None and said["bank_reason"] == disputed_word(standing).reason,
            "不一致尚未查实，其说明与更正记录相符。",
            "The contradiction stands, and what is said of it is what the correction record says.",
        )
    else:
        _equal(walk, "bank", "银行结果", said, _concluded_word(document, settled, corrections, key))
        walk.expect(
            contradiction_in(corrections) is None,
            "没有未了结的更正记录与之矛盾。",
            "No correction record that stands contradicts it.",
        )


def _corrections(records: list[Proven]) -> list[Fields]:
    """In the order of the log."""
    found = [each.fields for each in records if each.fields["kind"] == RecordKind.CORRECTION]
    return sorted(found, key=lambda fields: int(fields["seq"]))


def _word(document: Fields) -> Fields:
    return {
        name: document[name] for name in ("bank", "bank_reason", "bank_reference", "settled_at")
    }


def _is_disputed(said: Fields) -> bool:
    """Whoever is told of a contradiction is told a reason; of a payment still open none."""
    return said["bank_reason"] is not None and said == {
        "bank": BankOutcome.UNKNOWN, "bank_reason": said["bank_reason"],
        "bank_reference": None, "settled_at": None,
    }  # fmt: skip


def _concluded_word(
    document: Fields, settled: Fields, corrections: list[Fields], key: InstructionKey
) -> Fields:
    """As it was settled, unless a contradiction ended as paid after all: that counts from then. One
    that ended with the word it was settled with changed nothing."""
    for each in corrections:
        changed = each.get("said") == BankOutcome.ACCEPTED != each.get("held")
        if each.get("what") == ENDED and changed:
            return {
                "bank": each["said"], "bank_reason": None,
                "bank_reference": each.get(BOOKED_AS), "settled_at": each["recorded_at"],
            }  # fmt: skip
    return _proven_word(document, settled, key)


def _proven_word(document: Fields, settled: Fields, key: InstructionKey) -> Fields:
    """The bank's part as its record has it; the reason as far as a record shows a reason."""
    reason, recorded = document["bank_reason"], settled.get("reason")
    shown = reason if _recorded_reason(reason, settled, key) == recorded else recorded
    return {
        "bank": settled.get("bank_outcome"),
        "bank_reason": shown,
        "bank_reference": settled.get("reference"),
        "settled_at": settled.get("recorded_at"),
    }


def _recorded_reason(reason: object, settled: Fields, key: InstructionKey) -> object:
    """Records leave account and identity numbers out of a bank's free words."""
    if not isinstance(reason, str):
        return reason
    origin = Origin(bank=str(settled.get("bank")), uri=str(settled.get("origin")))
    at = dt.datetime.fromtimestamp(0, dt.UTC)
    draft = bank_outcome(key, origin, BankOutcome.REJECTED, at, {"reason": reason})
    return orjson.loads(draft.body)["reason"]


def _only(walk: Walk, records: list[Proven], kind: RecordKind, zh: str, en: str) -> Fields | None:
    found = [each.fields for each in records if each.fields.get("kind") == kind]
    walk.expect(
        len(found) <= 1,
        f"{zh}记录至多一条（{len(found)} 条）。",
        f"There is at most one record of the {en} ({len(found)}).",
    )
    return found[0] if found else None


def _equal(walk: Walk, name: str, zh: str, said: object, proven: object) -> None:
    walk.expect(
        _same(said, proven),
        f"{zh}与签名记录一致。",
        f"`{name}` is what the signed record says.",
    )


def _says(fields: Fields, wanted: Fields) -> bool:
    return all(name in fields and _same(fields[name], wanted[name]) for name in wanted)


def _same(one: object, other: object) -> bool:
    """As bytes: 1, 1.0 and true are three things."""
    return _canonical(one) == _canonical(other)


def _canonical(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _named(word: str, names: list[str]) -> str:
    return f"{word} {', '.join(names)}" if names else ""
