"""The alerts on the bank's conduct in words: what the bureau and the bank read, and what shows it.

Accounts are masked and names shortened: an alert travels further than the payment did.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.domain.bank import BOOKED_AS, BOOKS, BankOutcome, disputed_word
from gateway.domain.conduct import (
    AccountTask,
    Alert,
    BankEntry,
    ClearingTotal,
    ContradictionEnd,
    Correction,
    DayOfAccount,
    Overpaid,
    TakenBack,
    Unbacked,
    Unbooked,
    Unreturned,
    Untold,
)
from gateway.domain.conduct_rules import RULES, Allowances
from gateway.domain.instruction import Instruction, InstructionKey
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.legal_day import legal_day
from gateway.domain.masking import masked
from gateway.domain.money import yuan
from gateway.domain.records import RecordKind, canonical, unnumbered
from gateway.domain.workdays import workdays_since
from gateway.pipeline.tell import Origin, contradiction_ended, correction, microseconds

_FIELDS_ZH = {
    "payer.account": "付款账号",
    "amount": "金额",
    "payee.account": "收款账号",
    "payee.name": "收款人名称",
}
PAID_AFTER_ALL = "经查实已支付，请勿重报 (found out: it was paid; do not send it anew)"
NOT_PAID_AFTER_ALL = (
    "经查实未支付，可换凭证号重报"
    " (found out: it was not paid; may be sent anew under another number)"
)
_TASKS_ZH = {"open": "开立", "change": "变更", "close": "注销"}


def alert_record(alert: Alert, origin: Origin, at: dt.datetime) -> tuple[RecordDraft, bytes]:
    """The alert as a record of the log, and as a notice that the bureau gets at once."""
    fields = {
        "article": alert.article,
        "bank": origin.bank,
        "division": alert.division,
        "evidence": dict(alert.evidence),
        "kind": RecordKind.CONDUCT_ALERT,
        "light": alert.light,
        "origin": origin.uri,
        "policy": alert.policy,
        "reason_en": alert.reason_en,
        "reason_zh": alert.reason_zh,
        "recorded_at": microseconds(at),
        "remedy_zh": alert.remedy_zh,
        "subject": alert.subject,
        "title_en": alert.title_en,
        "title_zh": alert.title_zh,
    }
    subject = f"conduct/{alert.subject}"
    record = RecordDraft(kind=RecordKind.CONDUCT_ALERT, subject=subject, body=unnumbered(fields))
    return record, canonical(fields)


def without_voucher(entry: BankEntry, standing: Standing | None) -> Alert:
    if standing is not None:
        zh = f"第 {standing.key.voucher_no} 号凭证未获放行（{standing.outcome}），账上却已划款"
        en = f"{standing.key} was {standing.outcome} and its money moved all the same"
    elif entry.key is not None:
        zh = f"划款所称的第 {entry.key.voucher_no} 号凭证从未经网关核验"
        en = f"the voucher that it names, {entry.key}, never came before the gateway"
    else:
        zh, en = "划款没有支付凭证", "no voucher is named for it"
    return alert(
        entry.division, "JL-100", f"entry/{entry.id}",
        f"流水 {entry.id} 从账户 {masked(entry.account)} 划出 {yuan(entry.amount_fen)} 元：{zh}",
        f"movement {entry.id}: {en}",
        entry_facts(entry) | {"outcome": str(standing.outcome) if standing else None},
    )  # fmt: skip


def paid_before(entry: BankEntry, passed_at: dt.datetime) -> Alert:
    """On the day that it is booked on no voucher had passed; or its day was written so that nobody
    looks at it any more."""
    assert entry.key is not None
    passed, booked = legal_day(passed_at).isoformat(), legal_day(entry.booked_at).isoformat()
    return alert(
        entry.division, "JL-100", f"entry/{entry.id}/before",
        f"第 {entry.key.voucher_no} 号凭证 {passed} 放行，账上记为 {booked} 划款，早于放行",
        f"{entry.key} passed on {passed} and is booked on {booked}, before it had passed",
        entry_facts(entry) | {"passed": passed, "booked": booked},
    )  # fmt: skip


def not_as_ordered(entry: BankEntry, differences: list[dict[str, object]]) -> Alert:
    words = "；".join(
        f"{_FIELDS_ZH[str(d['field'])]}指令为 {d['ordered']}，实付为 {d['paid']}"
        for d in differences
    )
    assert entry.key is not None
    return alert(
        entry.division, "JL-101", f"entry/{entry.id}",
        f"第 {entry.key.voucher_no} 号凭证实付与指令不符：{words}",
        f"{entry.key} was not paid as ordered: "
        + ", ".join(f"{d['field']} {d['ordered']} -> {d['paid']}" for d in differences),
        entry_facts(entry) | {"differences": differences},
    )  # fmt: skip


def paid_him_again(entry: BankEntry, ordered_fen: int, paid_fen: int) -> Alert:
    """One payee of a batch has more than was ordered for him, whatever became of the others."""
    assert entry.key is not None
    who, was, now = masked(entry.counter_account), yuan(ordered_fen), yuan(paid_fen)
    return alert(
        entry.division, "JL-101", f"entry/{entry.id}/payee",
        f"第 {entry.key.voucher_no} 号凭证应付账户 {who} {was} 元，账上累计已付 {now} 元",
        f"{entry.key} orders {was} yuan for {who}, and the books show {now} paid to it",
        entry_facts(entry) | {"ordered_fen": ordered_fen, "paid_fen": paid_fen},
    )  # fmt: skip


def paid_all_the_same(entry: BankEntry, standing: Standing, ordered: Instruction) -> Alert:
    """What was given back on the limits when it was settled as not paid is set aside again in the
    transaction that keeps the movement, unless the bank has taken it back already."""
    return alert(
        entry.division, "JL-101", f"entry/{entry.id}/denied",
        f"第 {standing.key.voucher_no} 号凭证已按未支付了结，"
        f"账上却已划款 {yuan(entry.amount_fen)} 元；"
        f"其额度（指标 {ordered.indicator_id}）当时已退回，"
        "现由网关重新预留，查实前不得使用，无须另行冻结",
        f"{standing.key} was settled as not paid, and the bank's books show a debit; what it had"
        f" reserved (indicator {ordered.indicator_id}) was given back then and is set aside again"
        " until it is found out; it need not be frozen",
        entry_facts(entry) | {
            "answered": str(standing.bank), "given_back_fen": int(ordered.amount_fen),
            "indicator": ordered.indicator_id,
        },
    )  # fmt: skip


def told_by_books(entry: BankEntry, standing: Standing, origin: Origin, at: dt.datetime) -> (
    Correction
):  # fmt: skip
    """Both words, and what the agency must know before it sends the payment anew."""
    facts = {"how": BOOKS, "reference": entry.reference} | _booked(entry)
    told = {
        **msgspec.structs.asdict(standing.key), **facts, "held": standing.bank,
        "kind": "contradiction", "reason": disputed_word(facts).reason,
        "recorded_at": microseconds(at), "said": BankOutcome.ACCEPTED,
    }  # fmt: skip
    return Correction(
        key=standing.key, agency_code=standing.agency_code, notification=canonical(told),
        record=correction(standing, origin, at, facts, BankOutcome.ACCEPTED),
    )  # fmt: skip


def taken_back(back: TakenBack, origin: Origin, at: dt.datetime) -> ContradictionEnd:
    """The bank's books take their own word back: it was not paid, as it was settled."""
    facts = {"how": BOOKS, "reference": back.entry.reference} | _booked(back.entry)
    return contradiction_end(back.key, back.agency_code, facts, (back.held, back.held), origin, at)


def found_out(
    standing: Standing, said: BankOutcome, debit: BankEntry | None, facts: dict[str, Any],
    origin: Origin, at: dt.datetime,
) -> ContradictionEnd:  # fmt: skip
    """As officers say. Found paid after all is what the bank's books show, by `debit`, and told
    with its number; what was settled as paid keeps the number that it was settled with."""
    if debit:
        facts = facts | _booked(debit)
    if debit and standing.bank is not BankOutcome.ACCEPTED:
        facts |= {BOOKED_AS: debit.reference}
    words = standing.bank or BankOutcome.UNKNOWN, said
    key, agency, settled_under = standing.key, standing.agency_code, standing.bank_reference
    return contradiction_end(key, agency, facts, words, origin, at, settled_under)


def contradiction_end(
    key: InstructionKey, agency_code: str, facts: dict[str, Any],
    words: tuple[BankOutcome, BankOutcome], origin: Origin, at: dt.datetime,
    settled_under: str | None = None,
) -> ContradictionEnd:  # fmt: skip
    """`facts`: how we know, and more for the record; `words`: how it was settled, what holds now.
    The agency is told neither names nor grounds: those are the record's."""
    paid = words[1] is BankOutcome.ACCEPTED
    reference = facts.get(BOOKED_AS, settled_under) if paid else None
    told = {
        **msgspec.structs.asdict(key), "bank": words[1], "how": facts["how"],
        "kind": "contradiction_ended", "reason": PAID_AFTER_ALL if paid else NOT_PAID_AFTER_ALL,
        "recorded_at": microseconds(at), "reference": reference,
    }  # fmt: skip
    return ContradictionEnd(
        key=key, agency_code=agency_code, paid=paid, reference=reference,
        record=contradiction_ended(key, origin, at, facts, words), notification=canonical(told),
    )  # fmt: skip


def _booked(entry: BankEntry) -> dict[str, object]:
    return {
        "booked_at": microseconds(entry.booked_at), "booked_fen": int(entry.amount_fen),
        "entry": entry.id,
    }  # fmt: skip


def late(entry: BankEntry, due: dt.date, paid: dt.date) -> Alert:
    assert entry.key is not None
    return alert(
        entry.division,
        "JL-104",
        f"payment/{entry.key}",
        f"第 {entry.key.voucher_no} 号凭证应于 {due} 支付，实际于 {paid} 支付",
        f"{entry.key} was due on {due} and paid on {paid}",
        entry_facts(entry) | {"due": due.isoformat(), "paid": paid.isoformat()},
    )


def never_paid(division: str, unbooked: Unbooked) -> Alert:
    due = legal_day(unbooked.decided_at).isoformat()
    answered, part = unbooked.bank or "unknown", unbooked.booked_fen
    shown_zh = f"只划出 {yuan(part)} 元" if part else "未见划款"
    shown_en = f"{yuan(part)} of {yuan(unbooked.amount_fen)}" if part else "nothing"
    return alert(
        division, "JL-104", f"payment/{unbooked.key}",
        f"第 {unbooked.key.voucher_no} 号凭证 {due} 已放行，金额 {yuan(unbooked.amount_fen)} 元，"
        f"银行答复 {answered}，日终账上{shown_zh}",
        f"{unbooked.key} passed on {due}, the bank answered {answered}, and {shown_en} was booked",
        {
            "agency": unbooked.agency_code,
            "amount_fen": unbooked.amount_fen,
            "answered": answered,
            **({"booked_fen": part} if part else {}),
            "decided_at": microseconds(unbooked.decided_at),
            "instruction": str(unbooked.key),
        },
    )  # fmt: skip


def paid_again(division: str, overpaid: Overpaid) -> Alert:
    return alert(
        division, "JL-100", f"payment/{overpaid.key}/again",
        f"第 {overpaid.key.voucher_no} 号凭证金额 {yuan(overpaid.ordered_fen)} 元，"
        f"账上 {len(overpaid.entries)} 笔共划出 {yuan(overpaid.booked_fen)} 元，超出部分无凭证",
        f"{overpaid.key}: {len(overpaid.entries)} movements come to {yuan(overpaid.booked_fen)},"
        f" more than the {yuan(overpaid.ordered_fen)} that was ordered",
        {
            "booked_fen": overpaid.booked_fen,
            "entries": list(overpaid.entries),
            "instruction": str(overpaid.key),
            "ordered_fen": overpaid.ordered_fen,
        },
    )  # fmt: skip


def never_returned(division: str, owed: Unreturned) -> Alert:
    agreed, left = legal_day(owed.agreed_at).isoformat(), yuan(owed.left_fen)
    return alert(
        division, "JL-101", f"payment/{owed.key}/recalled",
        f"银行 {agreed} 同意撤销第 {owed.key.voucher_no} 号凭证，该凭证仍为已付，"
        f"尚有 {left} 元未退回",
        f"the bank agreed on {agreed} to the recall of {owed.key}, holds it paid, and {left}"
        " has not come back",
        {
            "agency": owed.agency_code,
            "agreed_at": microseconds(owed.agreed_at),
            "instruction": str(owed.key),
            "left_fen": owed.left_fen,
        },
    )  # fmt: skip


def not_come_back(division: str, told: Unbacked) -> Alert:
    day, left = legal_day(told.told_at).isoformat(), yuan(told.left_fen)
    return alert(
        division, "JL-101", f"return/{told.refund}/unbooked",
        f"银行 {day} 报告第 {told.key.voucher_no} 号凭证退款 {told.refund.voucher_no} 金额 "
        f"{yuan(told.amount_fen)} 元，额度已恢复，日终账上仍缺 {left} 元入账",
        f"the bank told on {day} of {yuan(told.amount_fen)} that came back from {told.key}"
        f" ({told.refund}), its limits have it again, and its books lack {left} of it",
        {
            "agency": told.agency_code,
            "amount_fen": int(told.amount_fen),
            "instruction": str(told.key),
            "left_fen": told.left_fen,
            "return": str(told.refund),
            "told_at": microseconds(told.told_at),
        },
    )  # fmt: skip


def cleared_otherwise(total: ClearingTotal, before: int) -> Alert:
    place = f"{total.voucher_no}/{total.day}/{total.account}"
    return alert(
        total.division, "JL-102", f"clearing/{place}/changed",
        f"清算凭证 {total.voucher_no} 两次报送金额不一致："
        f"{yuan(before)} 元，{yuan(total.amount_fen)} 元",
        f"clearing voucher {total.voucher_no} was told twice, of {yuan(before)} and of"
        f" {yuan(total.amount_fen)}",
        {
            "account": masked(total.account), "day": total.day.isoformat(),
            "first_fen": before, "now_fen": int(total.amount_fen), "voucher_no": total.voucher_no,
        },
    )  # fmt: skip


def cleared_wrongly(
    division: str, day: DayOfAccount, calendar: Mapping[dt.date, bool], today: dt.date
) -> Alert:
    cleared = "未清算" if day.cleared_fen is None else f"清算 {yuan(day.cleared_fen)} 元"
    back = day.cleared_fen is not None and day.cleared_fen < 0
    return alert(
        division, "JL-103", f"clearing/{day.day}/{day.account}{'/back' if back else ''}",
        f"账户 {masked(day.account)} {day.day} 实付 {yuan(day.booked_fen)} 元，{cleared}",
        f"account {masked(day.account)} on {day.day}: paid {yuan(day.booked_fen)}, cleared "
        + ("nothing" if day.cleared_fen is None else yuan(day.cleared_fen)),
        {
            "account": masked(day.account),
            "booked_fen": day.booked_fen,
            "cleared_fen": day.cleared_fen,
            "day": day.day.isoformat(),
            "workdays_since": workdays_since(day.day, today, calendar),
        },
    )  # fmt: skip


def untold_records(division: str, untold: Untold) -> Alert:
    return alert(
        division, "JL-102", f"log/{untold.subject}",
        f"第 {untold.subject} 条起 {untold.count} 条监控信息超时未获财政部门确认",
        f"{untold.count} records from {untold.subject} on are not acknowledged in time",
        {"count": untold.count, "from": untold.subject,
         "waiting_since": microseconds(untold.waiting_since)},
    )  # fmt: skip


def untold_notice(division: str, untold: Untold) -> Alert:
    return alert(
        division,
        "JL-106",
        f"notice/{untold.subject}",
        f"{untold.subject} 的拦截通知超时未获财政部门确认",
        f"the interception notice of {untold.subject} is not acknowledged in time",
        {"instruction": untold.subject, "waiting_since": microseconds(untold.waiting_since)},
    )


def slow_service(task: AccountTask, taken: int, allowances: Allowances) -> Alert:
    done = f"于 {task.done_on} 办结" if task.done_on else "至今未办结"
    return alert(
        task.division, "JL-105", f"task/{task.id}",
        f"预算单位 {task.agency} {task.asked_on} 申请{_TASKS_ZH[task.kind]}账户 "
        f"{masked(task.account)}，{done}，历时 {taken} 个工作日",
        f"task {task.id} ({task.kind}) has taken {taken} working days",
        {
            "agency": task.agency,
            "allowed_workdays": allowances.task_workdays,
            "asked_on": task.asked_on.isoformat(),
            "done_on": task.done_on.isoformat() if task.done_on else None,
            "task": task.id,
            "workdays": taken,
        },
    )  # fmt: skip


def entry_facts(entry: BankEntry) -> dict[str, object]:
    return {
        "account": masked(entry.account),
        "amount_fen": entry.amount_fen,
        "booked_at": microseconds(entry.booked_at),
        "counter_account": masked(entry.counter_account),
        "entry": entry.id,
        "instruction": str(entry.key) if entry.key else None,
        "reference": entry.reference,
    }


def alert(
    division: str, policy: str, subject: str, zh: str, en: str, evidence: dict[str, object]
) -> Alert:
    rule = RULES[policy]
    return Alert(
        division=division, policy=policy, subject=subject, article=rule.article, light=rule.light,
        title_zh=rule.title_zh, title_en=rule.title_en, reason_zh=zh, reason_en=en,
        remedy_zh=rule.remedy_zh, evidence=evidence,
    )  # fmt: skip
