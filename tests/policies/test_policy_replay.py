# ruff: noqa: E501  documents and sentences are quoted whole
"""Back-test, comparison in words, and one decision replayed bit for bit."""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from gateway.domain.codes import AccountClass, PayeeClass, Relation
from gateway.domain.decision import Decision, Outcome, outcome_of
from gateway.domain.facts import Facts, changed
from gateway.domain.money import Fen
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare
from policies.book.book import Book
from policies.book.breaker import Breaker, BreakerRules
from policies.book.cases import CASES
from policies.book.load import LIBRARY, book_of, load, load_codes, load_texts
from policies.book.read import read_policy
from policies.book.shelf import Bookshelf
from policies.replay.backtest import backtest
from policies.replay.compare import compare
from policies.replay.halves import halves
from policies.replay.memory import WindowMemory
from policies.replay.recorded import AsRecorded, Replayed, compared
from policies.replay.report import Change
from policies.replay.shadow import Shadow
from policies.replay.stored import Stored, read_stored, stored_fields
from tests.policies.dealer import Dealer
from tests.policies.shipped import BOOK
from tests.policies.split_cash import document as windowed_document

CODES = load_codes()
TEXTS = load_texts(LIBRARY / "jilin")
CASH = {p: TEXTS[p] for p in ("JL-042.toml", "JL-004.toml", "JL-093.toml")}
PASSED, HELD, BLOCKED = Outcome.PASS, Outcome.HOLD, Outcome.BLOCK


def lowered(text: str) -> str:
    """JL-042 at 900 yuan: its own tests move with it."""
    for old, new in (("1000.01", "900.01"), ("1000.00", "900.00"), ("999.99", "899.99")):
        text = text.replace(f'"{old}"', f'"{new}"')
    return text


def book(texts: dict[str, str]) -> Book:
    return book_of(texts, CODES)


def rows(*facts: Facts) -> list[Stored]:
    return [Stored(id=f"I{n}", facts=one) for n, one in enumerate(facts)]


def cash(fen: int, **changes: Any) -> Facts:
    values = {"amount": Fen(fen), "cash_per_person_max": Fen(fen)} | changes
    return Facts(**(CASES["cash_to_person"] | values))


def test_a_lower_limit_newly_blocks_what_lies_between() -> None:
    new = CASH | {"JL-042.toml": lowered(TEXTS["JL-042.toml"])}
    past = rows(cash(90_000), cash(90_001), cash(100_000, agency_code="102001"), cash(100_001))
    report = backtest(book(CASH), book(new), past)
    assert report.instructions == 4 and report.changed == 2
    tally = report.changes[Change(PASSED, BLOCKED)]
    assert (tally.count, tally.amount_fen) == (2, 190_001)
    assert dict(tally.policies) == {"JL-042": 2}
    assert dict(tally.agencies_fen) == {"101001": 90_001, "102001": 100_000}
    assert [s.id for s in tally.samples] == ["I1", "I2"]
    assert "900.01元" in tally.samples[0].reason_zh
    assert any("新拦截（原放行）" in line for line in report.lines())
    back = backtest(book(new), book(CASH), past)
    assert list(back.changes) == [Change(BLOCKED, PASSED)]
    assert "900.01元" in back.changes[Change(BLOCKED, PASSED)].samples[0].reason_zh


def test_what_another_policy_blocks_anyway_is_no_change() -> None:
    new = CASH | {"JL-042.toml": lowered(TEXTS["JL-042.toml"])}
    stale = cash(95_000, voucher_age_days=400)
    assert backtest(book(CASH), book(new), rows(stale)).changed == 0


def test_only_what_differs_is_run() -> None:
    new = CASH | {"JL-042.toml": lowered(TEXTS["JL-042.toml"])}
    parts = halves(book(CASH), book(new))
    assert {u.policy.id for u in parts.new.units} == {"JL-042"}
    assert {u.policy.id for u in parts.shared.units} == {"JL-004", "JL-093"}


def test_other_words_alone_run_nothing_anew() -> None:
    worded = (
        TEXTS["JL-042.toml"].replace("\nrevision = ", "\nrevision = 9").replace("超过限额", "超限")
    )
    assert worded != TEXTS["JL-042.toml"]
    parts = halves(book(CASH), book(CASH | {"JL-042.toml": worded}))
    assert not parts.new.units and len(parts.shared.units) == 3


@pytest.mark.slow
def test_the_short_way_and_the_long_way_agree() -> None:
    """Deciding whole books one by one gives the same changes as running their differing halves."""
    old, new = BOOK, book({p: t for p, t in TEXTS.items() if p not in ("JL-042.toml",)} | {
        "JL-042.toml": lowered(TEXTS["JL-042.toml"])})  # fmt: skip
    without = book({p: t for p, t in TEXTS.items() if p not in ("JL-020.toml", "JL-004.toml")})
    later = {p: t.replace("from = 2022-11-28", "from = 2022-11-29") for p, t in TEXTS.items()}
    past = rows(*_many(old))
    for other in (new, without, old, book(later)):
        report = backtest(old, other, past)
        slow = _changes(old, other, past)
        assert {c: t.count for c, t in report.changes.items()} == slow


def _many(ours: Book) -> Iterable[Facts]:
    dealer = Dealer(ours.units, 7)
    return [changed(dealer.instruction(), windows={}) for _ in range(400)]


def _changes(old: Book, new: Book, past: Iterable[Stored]) -> dict[Change, int]:
    found: dict[Change, int] = {}
    memories = WindowMemory(), WindowMemory()
    for row in past:
        both = []
        for side, memory in zip((old, new), memories, strict=True):
            facts = changed(row.facts, windows=memory.values(side.asks(row.facts)))
            outcome = outcome_of(side.decide(facts))
            memory.add(side.shares(facts, outcome))
            both.append(outcome)
        if both[0] is not both[1]:
            change = Change(*both)
            found[change] = found.get(change, 0) + 1
    return found


def test_windows_are_replayed_with_each_book_s_own_past() -> None:
    """The new book counts over five days: the fourth payment of 900 is held, then two weeks on none."""
    day = CASES["cash_to_person"]["on"]
    days = [day, day, day, day, day, day + dt.timedelta(days=14)]
    past = rows(*(cash(90_000, on=one) for one in days))
    new = book(CASH | {"JL-944.toml": windowed_document()})
    report = backtest(book(CASH), new, past)
    assert {c: t.count for c, t in report.changes.items()} == {Change(PASSED, HELD): 2}
    assert [s.id for s in report.changes[Change(PASSED, HELD)].samples] == ["I3", "I4"]


def test_what_did_not_pass_does_not_count_in_a_window_of_what_passed() -> None:
    day = CASES["cash_to_person"]["on"]
    blocked = [cash(120_000, on=day) for _ in range(5)]
    past = rows(*blocked, cash(90_000, on=day))
    new = book(CASH | {"JL-944.toml": windowed_document()})
    assert backtest(book(CASH), new, past).changed == 0


def test_a_shadow_tells_a_pass_that_is_warned_of_from_one_that_is_not() -> None:
    mild = TEXTS["JL-042.toml"].replace(
        'light = "red"\naction = "block"', 'light = "yellow"\naction = "warn"'
    )
    mild = mild.replace('outcome = "block"', 'outcome = "warn"')
    strict, milder, none = (
        book({p: t for p, t in CASH.items() if p != "JL-042.toml"} | more)
        for more in ({"JL-042.toml": CASH["JL-042.toml"]}, {"JL-042.toml": mild}, {})
    )
    row, small = Stored(id="I", facts=cash(100_001)), Stored(id="I", facts=cash(100_000))
    lived = {
        name: decided(one, row.facts)
        for name, one in (("block", strict), ("warn", milder), ("none", none))
    }
    for live, candidate, wanted in (
        ("block", milder, ("blocked", "warned")), ("warn", strict, ("warned", "blocked")),
        ("warn", none, ("warned", "passed")), ("none", milder, ("passed", "warned")),
    ):  # fmt: skip
        told = Shadow(candidate).compare(row, lived[live])
        assert told is not None and (told.before, told.after) == wanted
        assert told.policies == ("JL-042",) and told.reason_zh
    assert Shadow(milder).compare(row, lived["warn"]) is None
    assert Shadow(milder).compare(small, decided(none, small.facts)) is None


def test_what_the_bank_did_not_take_counts_in_no_window() -> None:
    day = CASES["cash_to_person"]["on"]
    past = rows(*(cash(90_000, on=day) for _ in range(4)))
    new = book(CASH | {"JL-944.toml": windowed_document()})
    assert backtest(book(CASH), new, past).changed == 1
    untaken = [attrs.evolve(row, taken=False) for row in past]
    assert backtest(book(CASH), new, untaken).changed == 0


def test_a_voucher_is_replayed_detail_by_detail_each_with_those_before_it() -> None:
    """Four details of 900 are one voucher: the new book's window sees the first three."""
    day = CASES["cash_to_person"]["on"]
    details = tuple(cash(90_000, on=day, is_detail=True) for _ in range(4))
    voucher = Stored(id="V", facts=cash(50_000, on=day), details=details)
    new = book(CASH | {"JL-944.toml": windowed_document()})
    report = backtest(book(CASH), new, [voucher])
    assert {c: t.count for c, t in report.changes.items()} == {Change(PASSED, HELD): 1}
    assert backtest(book(CASH), new, [attrs.evolve(voucher, details=details[:3])]).changed == 0
    line = json.loads(json.dumps(stored_fields(attrs.evolve(voucher, taken=False))))
    assert read_stored(line) == attrs.evolve(voucher, taken=False)


def test_the_memory_measures_as_the_ledger_does() -> None:
    memory, day = WindowMemory(), dt.date(2026, 3, 10)
    key = WindowKey(window="W.w", key="a")
    for back, value, item in ((0, 5, "x"), (1, 7, "y"), (4, 9, "x"), (5, 100, "z")):
        then = day - dt.timedelta(days=back)
        memory.add([WindowShare(key=key, day=then, value=value, item=item)])
    since = day - dt.timedelta(days=4)
    for measure, wanted in (
        (Measure.SUM, 21), (Measure.COUNT, 3), (Measure.MAX, 9), (Measure.DISTINCT, 2),
    ):  # fmt: skip
        ask = WindowAsk(key=key, measure=measure, since=since, believed=0)
        assert memory.values([ask]) == {"W.w": wanted}


def test_a_division_without_any_policy_is_held_in_one_and_judged_in_the_other() -> None:
    city = {p: t.replace('division = "22"', 'division = "2201"') for p, t in CASH.items()}
    report = backtest(book(CASH), book(city), rows(cash(90_000)))
    assert list(report.changes) == [Change(PASSED, HELD)]


def test_a_stored_instruction_is_read_back_as_it_was() -> None:
    for values in CASES.values():
        row = Stored(id="220000000/2026/8202/1", facts=Facts(**values))
        line = json.dumps(stored_fields(row), ensure_ascii=False)
        assert read_stored(json.loads(line)) == row
    for wrong in ({"amount": "5"}, {"amont": 5}, {"payer.class": "x"}, {"on": "x"}):
        with pytest.raises(ValueError, match=r".+"):
            read_stored(stored_fields(row) | wrong)


def policies(texts: dict[str, str]) -> list[Any]:
    return [read_policy(text, place) for place, text in texts.items()]


@pytest.mark.parametrize(
    ("old", "new", "zh", "en", "looser"),
    [
        ('value = "1000.00"', 'value = "900.00"', "参数 per_person：1000.00 → 900.00（从严）", "(stricter)", False),
        ('value = "1000.00"', 'value = "1100.00"', "1000.00 → 1100.00（放宽）", "(looser)", True),
        ('approvals = "cash_finance & cash_bank"', 'approvals = "cash_bank"', "例外 approved_by_both：须有批准 cash_finance & cash_bank → cash_bank", "exception approved_by_both changed: approvals", True),
        ('zh = "书面申请经', 'zh = "申请经', "例外 special_application：名称 书面申请经财政部门和开户银行批准 → 申请经财政部门和开户银行批准", "exception special_application changed: title", False),
        ('en = "Cash to one person over the limit"', 'en = "Cash over the limit"', "英文名称：Cash to one person over the limit → Cash over the limit", "title: Cash to one", False),
        ("has(cash_per_person_max) && ", "true && has(cash_per_person_max) && ", "条款 over_limit：", "clause over_limit changed", True),
        ('on_unavailable = "hold"', 'on_unavailable = "block"', "登记不可用时由挂起改为拦截", "if a register is unavailable: hold -> block", False),
        ('light = "red"\naction = "block"', 'light = "orange"\naction = "hold"', "处理方式由拦截改为挂起", "action: block -> hold", True),
        ('division = "22"', 'division = "2201"', "删除", "removed: Cash", True),
        ("from = 2022-11-28", "from = 2023-11-28", "施行期：2022-11-28 起 → 2023-11-28 起", "days in force", True),
        ("from = 2022-11-28", "from = 2022-11-28\nto = 2026-11-30", "施行期：2022-11-28 起 → 2022-11-28 起至 2026-11-30", "days in force", True),
    ],
)  # fmt: skip
def test_a_difference_is_said_in_words(
    old: str, new: str, zh: str, en: str, looser: bool
) -> None:  # fmt: skip
    text = TEXTS["JL-042.toml"]
    assert old in text
    found = compare(policies(CASH), policies(CASH | {"JL-042.toml": text.replace(old, new)}))
    hits = [d for d in found if zh in d.zh and en in d.en]
    assert [(d.policy, d.looser) for d in hits] == [("JL-042", looser)], found


def test_the_same_policies_differ_in_nothing_and_an_unchanged_revision_is_told() -> None:
    assert compare(policies(CASH), policies(CASH)[::-1]) == ()
    silent = CASH | {"JL-042.toml": lowered(TEXTS["JL-042.toml"])}
    assert any("修订号未变" in d.zh for d in compare(policies(CASH), policies(silent)))


def decided(ours: Book | Bookshelf, facts: Facts) -> Decision:
    findings = ours.decide(facts)
    return Decision(outcome=outcome_of(findings), findings=findings, book_revision=ours.revision,
                    registers_version=3)  # fmt: skip


def replay(book: Book, facts: Facts, recorded: Decision) -> Replayed:
    """`facts` with the windows' values that were proven then."""
    findings = AsRecorded(book, recorded.book_revision).decide(facts)
    return compared(recorded, replace(recorded, findings=findings, outcome=outcome_of(findings)))


OWN = {"payee_account_class": AccountClass.REAL_FUND, "payee_relation": Relation.OWN}


def test_a_recorded_decision_is_replayed_bit_for_bit() -> None:
    ours = BOOK
    facts = Facts(**(CASES["authorized_transfer"] | OWN))
    recorded = decided(ours, facts)
    again = replay(ours, facts, recorded)
    assert again.same and again.recorded == again.now and again.differing == ()
    other = replay(ours, changed(facts, payee_class=PayeeClass.UNION), recorded)
    assert not other.same and "JL-020" in other.differing
    with pytest.raises(ValueError, match="decided by book"):
        replay(book(CASH), facts, recorded)


@pytest.mark.slow
def test_a_decision_under_a_tripped_policy_is_replayed_too() -> None:
    shelf = Bookshelf(load(), breaker=Breaker(BreakerRules(decisions_least=1)))
    facts = Facts(**(CASES["authorized_transfer"] | OWN))
    shelf.decide(facts)
    recorded = decided(shelf, facts)
    assert recorded.outcome is HELD
    assert replay(shelf.current, facts, recorded).same


@pytest.mark.slow
def test_the_commands_compare_and_back_test_folders(tmp_path: Path) -> None:
    for name, text in (("old", TEXTS["JL-042.toml"]), ("new", lowered(TEXTS["JL-042.toml"]))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "JL-042.toml").write_text(text, "utf-8")
    lines = [json.dumps(stored_fields(row)) for row in rows(cash(95_000), cash(50_000))]
    (tmp_path / "facts.jsonl").write_text("\n".join(lines), "utf-8")
    folders = [str(tmp_path / "old"), str(tmp_path / "new")]
    assert "从严" in _command("diff", *folders)
    report = json.loads(_command("backtest", *folders, "--facts", str(tmp_path / "facts.jsonl"), "--json"))  # fmt: skip
    assert report["changed"] == 1 and report["changes"][0]["policies"]["JL-042"]["count"] == 1


def _command(*words: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", "policy", *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ran.stdout
