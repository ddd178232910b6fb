"""The seven rules on the bank's own conduct, each with what fires it and what does not."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.codes import AccountClass
from gateway.domain.conduct import (
    AccountTask,
    Alert,
    BankEntry,
    DayOfAccount,
    Direction,
    Known,
    TaskKind,
    Unbacked,
    Unbooked,
    Unreturned,
    Untold,
)
from gateway.domain.conduct_rules import RULES, Allowances
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Detail, Instruction
from gateway.domain.ledger import Standing
from gateway.domain.legal_day import dawn, legal_day
from gateway.domain.money import Fen
from gateway.pipeline.conduct import alerts_on_arrears, alerts_on_entry, due_day, owed_since
from gateway.pipeline.conduct_words import alert_record
from gateway.pipeline.tell import Origin
from tests.pipeline.alarms import NOTHING_UNDONE
from tests.pipeline.fakes import BASIC, DIVISION, SUPPLIER, instruction, registers

MONDAY = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
"""Ten o'clock in Changchun."""
ALLOWED = Allowances()
ORDER = instruction()
ACCOUNTS = registers().accounts


def entry(**changes: Any) -> BankEntry:
    true = BankEntry(
        division=DIVISION, id="L-1", booked_at=MONDAY, account=ORDER.payer.account,
        direction=Direction.DEBIT, amount_fen=ORDER.amount_fen, key=ORDER.key, reference="JH-1",
        counter_account=ORDER.payee.account, counter_name=ORDER.payee.name,
    )  # fmt: skip
    return attrs.evolve(true, **changes)


def standing(outcome: Outcome = Outcome.PASS, bank: BankOutcome | None = BankOutcome.ACCEPTED) -> (
    Standing
):  # fmt: skip
    return Standing(
        key=ORDER.key, digest=b"d" * 32, party="", format="json", raw=b"", signature="",
        agency_code=ORDER.agency_code, outcome=outcome, decided_at=MONDAY, decision=b"{}",
        bank=bank, bank_reference=None, bank_reason=None, settled_at=None,
    )  # fmt: skip


def on_entry(
    one: BankEntry, known: Standing | None = None, *, before: Sequence[BankEntry] = (),
    order: Instruction = ORDER,
) -> list[Alert]:  # fmt: skip
    held = Known(
        standings={known.key: known} if known else {},
        booked={(old.division, old.id): old for old in before},
    )
    return list(alerts_on_entry(one, held, ACCOUNTS, {}, ALLOWED, lambda _: order))


def on_arrears(now: dt.datetime = MONDAY, **found: Any) -> list[Alert]:
    return list(
        alerts_on_arrears(DIVISION, attrs.evolve(NOTHING_UNDONE, **found), now, {}, ALLOWED)
    )


def test_what_was_paid_as_ordered_on_the_day_raises_nothing() -> None:
    assert on_entry(entry(), standing()) == []
    assert on_entry(entry(direction=Direction.CREDIT, key=None)) == []
    spelled = entry(counter_name=f" {ORDER.payee.name} ")
    assert on_entry(spelled, standing()) == [], "spaces in a name are no other payee"
    grouped = replace(
        ORDER,
        payer=replace(ORDER.payer, account=f"{ORDER.payer.account[:4]}-{ORDER.payer.account[4:]}"),
        payee=replace(ORDER.payee, account=f"{ORDER.payee.account[:4]}-{ORDER.payee.account[4:]}"),
    )
    assert on_entry(entry(), standing(), order=grouped) == [], "hyphens are for the eye"


@pytest.mark.parametrize(
    ("one", "known"),
    [
        (entry(key=None), None),
        (entry(), None),
        (entry(), standing(Outcome.BLOCK, None)),
        (entry(), standing(Outcome.HOLD, None)),
        (entry(key=None, account="999"), None),
    ],
    ids=["no voucher", "a voucher that never came", "blocked", "held", "an unknown account"],
)
def test_money_that_moved_without_a_passed_voucher_is_jl_100(
    one: BankEntry, known: Standing | None
) -> None:
    (alert,) = on_entry(one, known)
    assert (alert.policy, alert.article) == ("JL-100", "第十条（四）1")
    assert one.account not in alert.reason_zh, "a whole account number"


def test_an_agency_s_own_money_is_its_own_business() -> None:
    assert ACCOUNTS[BASIC].class_ is AccountClass.REAL_FUND
    assert on_entry(entry(key=None, account=BASIC)) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_fen": Fen(ORDER.amount_fen + 1)}, "amount"),
        ({"account": "0710101011015200009999"}, "payer.account"),
        ({"counter_account": BASIC}, "payee.account"),
        ({"counter_name": "别的公司"}, "payee.name"),
    ],
)
def test_each_field_that_is_not_as_ordered_is_named_by_jl_101(
    changes: dict[str, Any], field: str
) -> None:
    (alert,) = on_entry(entry(**changes), standing())
    assert alert.policy == "JL-101"
    (difference,) = alert.evidence["differences"]  # type: ignore[misc]
    assert difference["field"] == field
    assert difference["ordered"] != difference["paid"]
    assert ORDER.payee.account not in str(alert.evidence) + alert.reason_zh


def test_a_payroll_is_held_against_the_detail_that_it_is_most_like() -> None:
    person = replace(ORDER.payee, account="6228480000000000018", name="张三")
    details = (
        Detail(id="1", payee=person, amount_fen=Fen(100), purpose=""),
        Detail(id="2", payee=ORDER.payee, amount_fen=Fen(200), purpose=""),
    )
    order = replace(ORDER, details=details, amount_fen=Fen(300))
    first = {"counter_account": person.account, "counter_name": "张三"}
    assert on_entry(entry(**first, amount_fen=Fen(100)), standing(), order=order) == []
    (alert,) = on_entry(entry(**first, amount_fen=Fen(101)), standing(), order=order)
    assert [d["field"] for d in alert.evidence["differences"]] == ["amount"]  # type: ignore[attr-defined]
    (alert,) = on_entry(entry(counter_account="1", amount_fen=Fen(200)), standing(), order=order)
    assert [d["field"] for d in alert.evidence["differences"]] == ["payee.account"]  # type: ignore[attr-defined]


def test_a_payee_of_a_batch_who_is_paid_twice_is_jl_101_though_the_sum_is_right() -> None:
    first = replace(ORDER.payee, account="6228480000000000018", name="张三")
    parts = ((first, 100), (ORDER.payee, 100), (replace(first, account="6228-480000000000018"), 50))
    details = tuple(
        Detail(id=str(number), payee=payee, amount_fen=Fen(fen), purpose="")
        for number, (payee, fen) in enumerate(parts)
    )
    order = replace(ORDER, details=details, amount_fen=Fen(250))
    to = {"counter_account": first.account, "counter_name": "张三", "amount_fen": Fen(100)}
    once, again = entry(id="L-1", **to), entry(id="L-2", **to)
    rest = entry(id="L-3", **{**to, "amount_fen": Fen(50)})
    for one, before in ((once, []), (rest, [once]), (once, [once, rest])):
        assert on_entry(one, standing(), before=before, order=order) == [], "two details are his"
    for before in ([once, rest], [rest, once]):
        (alert,) = on_entry(again, standing(), before=before, order=order)
        assert (alert.policy, alert.subject) == ("JL-101", "entry/L-2/payee")
        assert (alert.evidence["ordered_fen"], alert.evidence["paid_fen"]) == (150, 250)
        assert first.account not in str(alert.evidence) + alert.reason_zh + alert.reason_en
    back = entry(id="L-4", direction=Direction.CREDIT, **to)
    assert on_entry(again, standing(), before=[once, rest, back], order=order) == []


@pytest.mark.parametrize("said", [BankOutcome.REJECTED, BankOutcome.NOT_TAKEN])
def test_a_debit_that_the_bank_had_denied_is_jl_101(said: BankOutcome) -> None:
    (alert,) = on_entry(entry(), standing(bank=said))
    assert (alert.policy, alert.evidence["answered"]) == ("JL-101", said)


def test_a_movement_that_is_reported_with_other_content_is_jl_102() -> None:
    first = entry()
    assert on_entry(first, standing(), before=[first]) == []
    changed = entry(reference="JH-2")
    (alert,) = on_entry(changed, standing(), before=[first])
    assert alert.policy == "JL-102"


@pytest.mark.parametrize(
    ("decided", "due"),
    [
        (dt.datetime(2026, 3, 2, 8, 59, tzinfo=dt.UTC), dt.date(2026, 3, 2)),
        (dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC), dt.date(2026, 3, 3)),
        (dt.datetime(2026, 3, 6, 9, 0, tzinfo=dt.UTC), dt.date(2026, 3, 9)),
        (dt.datetime(2026, 3, 7, 2, 0, tzinfo=dt.UTC), dt.date(2026, 3, 9)),
        (dt.datetime(2026, 12, 31, 9, 0, tzinfo=dt.UTC), dt.date(2027, 1, 4)),
    ],
    ids=["16:59", "17:00", "Friday after hours", "Saturday", "New Year's Eve after hours"],
)
def test_a_payment_is_due_on_its_day_and_after_hours_on_the_next_working_day(
    decided: dt.datetime, due: dt.date
) -> None:
    assert due_day(decided, {}, ALLOWED) == due


def test_what_is_due_after_a_long_holiday_is_looked_back_to() -> None:
    """The Spring Festival of 2026: nine days off, between two Saturdays that are worked."""
    first, off = dt.date(2026, 2, 15), 9
    calendar = {first + dt.timedelta(days=n): False for n in range(off)}
    calendar |= {dt.date(2026, 2, 14): True, dt.date(2026, 2, 28): True}
    evening = dt.datetime(2026, 2, 1, 9, 30, tzinfo=dt.UTC)
    for days in range(28):
        decided = evening + dt.timedelta(days=days)
        over = dawn(due_day(decided, calendar, ALLOWED) + dt.timedelta(days=1))
        assert owed_since(over, calendar, ALLOWED) <= decided


def test_what_is_paid_after_its_day_or_never_is_jl_104() -> None:
    assert on_entry(entry(booked_at=MONDAY + dt.timedelta(hours=13)), standing()) == []
    (late,) = on_entry(entry(booked_at=MONDAY + dt.timedelta(days=1)), standing())
    assert (late.policy, late.evidence["due"]) == ("JL-104", "2026-03-02")
    waiting = Unbooked(
        key=ORDER.key, agency_code="101001", amount_fen=Fen(5), decided_at=MONDAY, bank="accepted"
    )
    assert on_arrears(unbooked=(waiting,)) == [], "its day is not over"
    (never,) = on_arrears(MONDAY + dt.timedelta(days=1), unbooked=(waiting,))
    assert never.policy == "JL-104"
    assert never.subject == late.subject, "late or never: one alert a payment"
    (partly,) = on_arrears(
        MONDAY + dt.timedelta(days=1), unbooked=(attrs.evolve(waiting, booked_fen=Fen(2)),)
    )
    assert (partly.policy, partly.evidence["booked_fen"]) == ("JL-104", 2)
    assert "只划出 0.02 元" in partly.reason_zh and "0.02 of 0.05 was booked" in partly.reason_en
    assert "booked_fen" not in never.evidence


def test_what_was_recalled_and_held_paid_all_the_same_is_jl_101_until_it_has_come_back() -> None:
    owed = Unreturned(key=ORDER.key, agency_code="101001", agreed_at=MONDAY, left_fen=5)
    assert on_arrears(unreturned=(owed,)) == [], "its day is not over"
    (found,) = on_arrears(MONDAY + dt.timedelta(days=1), unreturned=(owed,))
    assert (found.policy, found.evidence["left_fen"]) == ("JL-101", 5)
    assert found.subject == f"payment/{ORDER.key}/recalled"


def test_what_was_told_as_come_back_and_is_not_booked_is_jl_101_once_its_day_is_over() -> None:
    refund = replace(ORDER.key, voucher_type="2204", voucher_no="TH-1")
    told = Unbacked(
        refund=refund, key=ORDER.key, agency_code="101001", told_at=MONDAY, amount_fen=Fen(9),
        left_fen=4,
    )  # fmt: skip
    assert on_arrears(unbacked=(told,)) == [], "its day is not over"
    (found,) = on_arrears(MONDAY + dt.timedelta(days=1), unbacked=(told,))
    assert (found.policy, found.evidence["left_fen"]) == ("JL-101", 4)
    assert found.subject == f"return/{refund}/unbooked"
    assert (
        on_arrears(
            MONDAY + dt.timedelta(days=1),
            unbacked=(attrs.evolve(told, told_at=MONDAY + dt.timedelta(hours=9)),),
        )
        == []
    ), "due the day after"


def test_clearing_that_differs_or_never_came_is_jl_103() -> None:
    sunday = dt.date(2026, 3, 1)
    true, short, none = (
        DayOfAccount(day=sunday, account="0710101011015200001234", booked_fen=5, cleared_fen=fen)
        for fen in (5, 4, None)
    )
    over = MONDAY + dt.timedelta(days=1)
    assert on_arrears(over, days=(true,)) == []
    for wrong in (short, none):
        assert on_arrears(days=(wrong,)) == [], "cleared with Monday's"
        (alert,) = on_arrears(over, days=(wrong,))
        assert alert.policy == "JL-103"


@pytest.mark.parametrize(
    ("day", "until"),
    [
        ("2026-03-02", "2026-03-03 08:30"),  # a Monday: what is cleared in the night is in time
        ("2026-03-06", "2026-03-09 08:30"),  # a Friday
        ("2026-03-07", "2026-03-10 08:30"),  # a Saturday: cleared with Monday's
        ("2026-03-08", "2026-03-10 08:30"),
        ("2026-03-11", "2026-03-16 08:30"),  # the two days after it are off
        ("2026-03-12", "2026-03-17 08:30"),
    ],
)
def test_an_account_is_cleared_by_the_beginning_of_the_next_working_day(
    day: str, until: str
) -> None:
    calendar = {dt.date(2026, 3, off): False for off in (12, 13)}
    none = DayOfAccount(
        day=dt.date.fromisoformat(day), account="0710101011015200001234", booked_fen=5,
        cleared_fen=None,
    )  # fmt: skip
    due = dt.datetime.fromisoformat(f"{until}+08:00").astimezone(dt.UTC)

    def alerted(now: dt.datetime) -> bool:
        undone = attrs.evolve(NOTHING_UNDONE, days=(none,))
        return bool(list(alerts_on_arrears(DIVISION, undone, now, calendar, ALLOWED)))

    assert not alerted(due - dt.timedelta(seconds=1))
    assert alerted(due)
    shortest = attrs.evolve(ALLOWED, look_back=dt.timedelta(days=1))
    assert legal_day(owed_since(due, calendar, shortest)) <= none.day, "it is still looked at"


def test_what_the_bureau_was_not_told_in_time_is_jl_102_and_jl_106() -> None:
    record = Untold(subject="17", waiting_since=MONDAY, count=3)
    notice = Untold(subject=str(ORDER.key), waiting_since=MONDAY, count=1)
    found = on_arrears(records=(record,), notices=(notice,))
    assert [alert.policy for alert in found] == ["JL-102", "JL-106"]


def test_an_account_that_takes_more_than_two_working_days_is_jl_105() -> None:
    friday, monday = dt.date(2026, 2, 27), dt.date(2026, 3, 2)
    task = AccountTask(
        division=DIVISION, id="T-1", kind=TaskKind.CHANGE, agency="101001", account=SUPPLIER,
        asked_on=friday, done_on=None,
    )  # fmt: skip
    assert on_arrears(tasks=(task,)) == [], "one working day, a weekend between: 28 February works"
    (alert,) = on_arrears(MONDAY + dt.timedelta(days=3), tasks=(task,))
    assert alert.policy == "JL-105"
    done = attrs.evolve(task, done_on=monday)
    assert on_arrears(MONDAY + dt.timedelta(days=9), tasks=(done,)) == []


def test_an_alert_is_a_record_and_a_notice_of_the_same_words() -> None:
    (alert,) = on_entry(entry(key=None))
    record, notice = alert_record(alert, Origin(bank="1", uri="spiffe://x/gateway/1"), MONDAY)
    assert record.subject == "conduct/entry/L-1"
    assert record.body == notice.replace(b'"subject"', b'"seq":null,"subject"')


def test_every_rule_has_its_article_and_its_words() -> None:
    assert sorted(RULES) == [f"JL-{number}" for number in range(100, 107)]
    for rule in RULES.values():
        assert rule.article.startswith("第十条（四）") and rule.title_zh and rule.remedy_zh
