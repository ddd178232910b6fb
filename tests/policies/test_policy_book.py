"""The policy book: what is refused at loading, what decides, and how it fails closed."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import attrs
import pytest
from typer.testing import CliRunner

from gateway.commands.command_line import app
from gateway.domain.codes import ApprovalKind, PaymentMethod, Register
from gateway.domain.decision import Action, Light
from gateway.domain.facts import Facts
from gateway.ports import Book as BookPort
from policies.book.book import Book
from policies.book.cases import CASES
from policies.book.load import LIBRARY, book_of, load, load_codes
from policies.book.read import law_digest
from policies.book.resolve import level
from policies.language.errors import PolicyRefused
from policies.language.typed import Constant, Expr, Negate, Read
from policies.language.types import BOOL, SCHEMA

CODES = load_codes()

DOCUMENT = """
id = "JL-900"
revision = 3
light = "red"
action = "block"
on_unavailable = "hold"
lower_levels_may = "{levels}"
title = {{ zh = "大额", en = "Large" }}
law = {{ document = "{law}", article = "13(3)", text = "不得超过。", digest = "{digest}" }}
scope = {{ division = "{division}", payment_methods = {methods} }}
effective = {{ from = 2024-01-01 }}
reason = {{ zh = "{{amount}}元超过{{params.limit}}元", en = "{{amount}} over {{params.limit}}" }}
remedy = {{ zh = "减少", en = "less" }}

[params.limit]
type = "money"
stricter = "lower"
[[params.limit.dated]]
from = 2024-01-01
value = "20000.00"
[[params.limit.dated]]
from = 2026-07-01
value = "10000.00"

[when]
over = 'amount > params.limit'

[[unless]]
id = "approved"
article = "13(3)6"
title = {{ zh = "经批准", en = "approved" }}
when = 'payee.is_basic'
approvals = "other_transfer"

[[test]]
name = "小额"
outcome = "none"
[[test]]
name = "七月起从严"
on = 2026-07-01
outcome = "block"
[[test]]
name = "七月前"
on = 2026-06-30
outcome = "none"
[[test]]
name = "大额"
facts = {{ amount = "20000.01" }}
outcome = "block"
[[test]]
name = "已批准"
facts = {{ amount = "20000.01", "payee.is_basic" = true, approvals = ["other_transfer"] }}
outcome = "none"
exception = "approved"
[[test]]
name = "未批准"
facts = {{ amount = "20000.01", "payee.is_basic" = true }}
outcome = "block"
exception = "approved"
missing = ["other_transfer"]
"""


def document(**changes: str) -> str:
    values = {
        "levels": "none",
        "law": "吉财库〔2022〕1136号",
        "digest": law_digest("不得超过。"),
        "division": "22",
        "methods": "[]",
    }
    return DOCUMENT.format(**(values | changes))


def book(*texts: str) -> Book:
    return book_of({f"{n}.toml": text for n, text in enumerate(texts)}, CODES)


def facts(**changes: Any) -> Facts:
    return Facts(**(CASES["authorized_transfer"] | changes))


def refused(*texts: str) -> str:
    with pytest.raises(PolicyRefused) as problem:
        book(*texts)
    return str(problem.value)


def test_a_dated_parameter_is_chosen_by_the_day_of_payment() -> None:
    port: BookPort = book(document())
    assert port.decide(facts(on=dt.date(2026, 6, 30))) == ()
    (finding,) = port.decide(facts(on=dt.date(2026, 7, 1)))
    assert finding.reason_zh == "12,800.00元超过10,000.00元"
    assert finding.revision == 3 and finding.light is Light.RED


def test_before_a_policy_is_in_force_or_outside_its_division_nothing_passes_silently() -> None:
    ours = book(document())
    for row in (facts(on=dt.date(2023, 12, 31)), facts(division="110000000")):
        (finding,) = ours.decide(row)
        assert finding.policy == "BOOK" and finding.action is Action.HOLD


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("220000000", "22"),
        ("220100000", "2201"),
        ("220102000", "220102"),
        ("220102998", "220102998"),
        ("22", "22"),
        ("2201", "2201"),
    ],
)
def test_a_division_is_its_own_level(code: str, expected: str) -> None:
    assert level(code) == expected


def test_a_city_policy_reaches_its_counties_and_no_other_city() -> None:
    ours = book(document(division="2201"))
    fired = {
        code: ours.decide(facts(division=code, on=dt.date(2026, 8, 1)))[0].policy
        for code in ("220100000", "220102000", "220102998", "220200000", "220000000")
    }
    assert fired == {
        "220100000": "JL-900",
        "220102000": "JL-900",
        "220102998": "JL-900",
        "220200000": "BOOK",
        "220000000": "BOOK",
    }


def test_an_unstated_payment_method_escapes_no_policy() -> None:
    ours = book(document(methods='["authorized"]'))
    day = dt.date(2026, 8, 1)
    assert ours.decide(facts(on=day, payment_method=None))[0].policy == "JL-900"
    assert ours.decide(facts(on=day, payment_method=PaymentMethod.DIRECT))[0].policy == "BOOK"


def test_a_lower_level_may_only_what_the_higher_allows() -> None:
    city = document(division="2201", law="长财库〔2024〕1号")
    assert "allows no change" in refused(document(), city)
    assert "twice for the same days" in refused(document(), document())
    city = city.replace('"20000.00"', '"12000.00"')
    for name in ("小额", "七月前"):
        small = 'facts = { amount = "12000.00" }'
        city = city.replace(f'name = "{name}"', f'name = "{name}"\n{small}')
    ours = book(document(levels="replace"), city)
    (finding,) = ours.decide(facts(division="220100000"))
    assert finding.reason_en == "12,800.00 over 12,000.00"
    assert ours.decide(facts()) == ()
    same_law = document(division="2201")
    assert "its own law" in refused(document(levels="replace"), same_law)


def test_tightening_cannot_loosen() -> None:
    looser = document(division="2201").replace('value = "10000.00"', 'value = "900000.00"')
    looser = looser.replace('on = 2026-07-01\noutcome = "block"', 'outcome = "none"')
    ours = book(document(levels="tighten"), looser)
    assert [f.policy for f in ours.decide(facts(division="220100000", on=dt.date(2026, 8, 1)))] == [
        "JL-900"
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("revision = 3", "revison = 3", "revision: 缺少这一项"),
        ("revision = 3", "revision = 3\nrevison = 3", "did you mean revision?"),
        ("revision = 3", "revision = true", "expected a whole number"),
        ('light = "red"', 'light = "blue"', "block goes with red"),
        ('light = "red"', 'light = "rad"', "did you mean red?"),
        ('id = "JL-900"', 'id = "JL900"', "JL-020"),
        ('on_unavailable = "hold"', 'on_unavailable = "warn"', "is milder"),
        ("不得超过。", "不得超过！", "does not match the text"),
        ("amount > params.limit", "amount > params.limits", "0.toml.when.over 第 10 列"),
        ("{amount}元", "{amout}元", "did you mean amount?"),
        ('approvals = "other_transfer"', 'approvals = "other"', "unless[1].approvals"),
        ('value = "10000.00"', "value = 10000.00", "quoted amount"),
        ("from = 2026-07-01", "from = 2023-07-01", "in order"),
        ('stricter = "lower"', 'stricter = "lower"\nextra = 1', "params.limit.extra"),
        ('facts = { amount = "20000.01" }', "facts = { amount = 20000 }", "expected money"),
        ('facts = { amount = "20000.01" }', 'facts = { amont = "1.00" }', "did you mean amount"),
        ('facts = { amount = "20000.01" }', 'facts = { amount = "20000.00" }', "应为拦截，"),
        ('name = "未批准"\n', 'name = "未批准"\nunavailable = ["aprovals"]\n', "did you mean appr"),
        ('missing = ["other_transfer"]', "missing = []", "the missing papers are"),
        ('outcome = "none"\nexception = "approved"', 'outcome = "block"', "got none"),
    ],
)
def test_a_mistake_in_a_document_is_refused_with_its_place(old: str, new: str, says: str) -> None:
    text = document()
    assert old in text
    assert says in refused(text.replace(old, new))


def test_all_problems_are_told_at_once() -> None:
    text = document().replace("revision = 3", "revision = 0").replace("= 'amount", "= 'amout")
    told = refused(text.replace("revision = 0", "revision = 0\nextra = 1"), "id = ")
    assert told.count("\n") >= 2


def test_a_policy_without_its_tests_is_refused() -> None:
    before, _, after = document().partition('[[test]]\nname = "未批准"')
    assert after
    assert "a test where approved lacks other_transfer" in refused(before)
    assert "a test in which it fires" in refused(before.split("[[test]]")[0])


def test_a_cause_that_no_test_shows_is_refused() -> None:
    cause = '[[cause]]\nid = "x"\nwhen = "payee.is_basic"\nzh = "a"\nen = "b"\n'
    other = cause.replace('"x"', '"y"').replace("payee.is_basic", "fiscal_year == 2026")
    text = document().replace("[[unless]]", cause + other + "[[unless]]")
    assert book(text).units
    never = other.replace('"y"', '"z"').replace("2026", "1999")
    assert "a test that shows cause z" in refused(text.replace("[[unless]]", never + "[[unless]]"))


def test_a_policy_that_raises_holds_and_is_named() -> None:
    ours = book(document())
    broken: Expr = Negate(Read(SCHEMA["payee.name"]), BOOL)
    unit = ours.units[0]
    clause = attrs.evolve(unit.clauses[0], expr=broken)
    bad = attrs.evolve(unit, clauses=(clause,), condition=broken, predicate=_raises, last=None)
    (finding,) = Book([bad], CODES, "x").decide(facts())
    assert finding.policy == "JL-900" and finding.action is Action.HOLD
    assert "执行出错" in finding.reason_zh


def _raises(_: Facts) -> bool:
    raise ZeroDivisionError


def test_generated_code_that_fires_alone_holds() -> None:
    unit = attrs.evolve(book(document()).units[0], condition=Constant(True, BOOL), last=None)
    (finding,) = Book([unit], CODES, "x").decide(facts())
    assert finding.action is Action.HOLD and finding.policy == "JL-900"


def test_deciding_never_raises_whatever_it_is_given() -> None:
    (finding,) = book(document()).decide(None)  # type: ignore[arg-type]
    assert finding.action is Action.HOLD and finding.policy == "BOOK"


def test_the_revision_follows_the_content_and_nothing_else() -> None:
    first = book(document()).revision
    assert book("# a comment\n" + document()).revision == first
    assert (
        book(
            document().replace('"20000.00"', '"20001.00"').replace('"20000.01"', '"20001.01"')
        ).revision
        != first
    )
    assert len(first) == 64


def test_a_lost_register_holds_only_what_rests_on_it() -> None:
    ours = book(document())
    lost = frozenset({Register.APPROVALS})
    big = {"amount": 3_000_000, "payee_is_basic": True, "unavailable": lost}
    (finding,) = ours.decide(facts(**big))
    assert finding.action is Action.HOLD and finding.unavailable == ("approvals",)
    assert "批准事项登记暂不可用" in finding.reason_zh
    (sure,) = ours.decide(facts(**(big | {"payee_is_basic": False})))
    assert sure.action is Action.BLOCK and sure.unavailable == ()
    assert ours.decide(facts(unavailable=lost)) == ()
    other = frozenset({Register.CALENDAR})
    assert ours.decide(facts(**(big | {"unavailable": other})))[0].action is Action.BLOCK
    held = big | {"approvals": frozenset({ApprovalKind.OTHER_TRANSFER})}
    assert ours.decide(facts(**held))[0].action is Action.HOLD


def test_a_directory_without_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused, match="holds no policy"):
        load(tmp_path)


def test_the_library_loads_and_all_its_tests_pass() -> None:
    assert len(load(LIBRARY / "jilin").units) >= 52


def test_a_directory_that_is_not_there_differs_from_everything(tmp_path: Path) -> None:
    """A mistyped one was "no difference", and 0 policies that pass their tests."""
    for words in (
        ("diff", tmp_path / "mistyped", LIBRARY / "jilin"),
        ("diff", __file__, __file__),
        ("check", "--policies", tmp_path / "mistyped"),
        ("test", "--policies", tmp_path / "mistyped"),
    ):
        done = CliRunner().invoke(app, ["policy", *map(str, words)])
        assert done.exit_code and "no such folder of policies" in done.output, words
    folder = tmp_path / "few"
    folder.mkdir()
    shutil.copy(LIBRARY / "jilin" / "JL-042.toml", folder)
    done = CliRunner().invoke(app, ["policy", "test", "--policies", str(folder), "--only", "JL-42"])
    assert done.exit_code == 1 and "JL-42" in done.output and "no such policy" in done.output
