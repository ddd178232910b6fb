"""The policy language: what it reads, what it refuses, and how it says so."""

from typing import Any

import pytest

from gateway.domain.codes import AccountClass, Evidence, PayeeClass, Register
from gateway.domain.facts import Facts
from gateway.domain.money import Fen
from policies.book.cases import CASES
from policies.book.load import load_codes
from policies.language.checker import check
from policies.language.errors import ClauseError
from policies.language.generate import predicate
from policies.language.interpret import UNAVAILABLE, Truth, truth
from policies.language.literals import Terms
from policies.language.parser import parse
from policies.language.typed import Constant, Expr
from policies.language.types import MONEY, SCHEMA, Kind

CODES = load_codes()
TERMS = Terms(
    facts=SCHEMA,
    params={"limit": Constant(100_000, MONEY), "words": ("酒店", "宾馆")},
    lists={"card": ("30201", "30211")},
    codes=CODES,
    first_year=2022,
    last_year=9999,
)


def checked(clause: str, terms: Terms = TERMS) -> Expr:
    return check(parse(clause)[0], terms).expr


def facts(**changes: Any) -> Facts:
    return Facts(**(CASES["authorized_transfer"] | changes))


def meaning(clause: str, **changes: Any) -> Truth:
    expr, row = checked(clause), facts(**changes)
    found = truth(expr, row)
    if not row.unavailable:
        assert predicate(expr)(row) is found
    return found


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ('amount == yuan("12800.00")', True),
        ('amount % yuan("100.00") == yuan("0.00")', True),
        ('(amount + yuan("0.01")) % yuan("100.00") != yuan("0.00")', True),
        ("(fiscal_year * -1) % 2 == 0", True),
        ('amount > yuan("12800.00")', False),
        ("amount > params.limit", True),
        ("amount - params.limit * 12 < params.limit", True),
        ("amount + -params.limit == params.limit * 2 + amount - params.limit * 3", True),
        ("-fiscal_year < 0", True),
        ("voucher.age_days >= -1 && voucher.age_days < 1", True),
        ("persons.unfiled * 2 + 1 == 1", True),
        ('settlement == "cash"', "absent"),
        ('has(settlement) && settlement == "transfer"', True),
        ('!has(settlement) || settlement != "transfer"', False),
        ('has(settlement) && settlement in ["cash", "transfer"]', True),
        ('has(dept_economic_code) && under(dept_economic_code, "302")', True),
        ("has(dept_economic_code) && under(dept_economic_code, lists.card)", False),
        ('has(dept_economic_code) && dept_economic_code in ["30213"]', True),
        ('has(purpose) && contains_any(purpose, ["电梯", "空调"])', True),
        ("contains_any(payee.name, params.words)", False),
        ("missing_elements == []", True),
        ("missing_elements != []", False),
        ('!("purpose" in missing_elements)', True),
        ('any_of(evidence, ["contract", "invoice"])', False),
        ('all_of(evidence, ["contract"])', False),
        ("true || payee.is_basic", True),
        ("payee.is_basic == false", True),
        ('(((((amount))))) == yuan("12800.00")', True),
        ("!!payee.is_basic // a comment", False),
        ('voucher.type in ["8202", "5201"] && agency.name == "吉林省示例厅本级"', True),
    ],
)
def test_a_clause_means_what_it_says_in_both_readings(clause: str, expected: object) -> None:
    if expected == "absent":
        with pytest.raises(ClauseError, match="may be absent"):
            checked(clause)
    else:
        assert meaning(clause) is expected


@pytest.mark.parametrize(
    ("clause", "column", "says"),
    [
        ("payee.clas == 1", 1, "did you mean payee.class"),
        ('amount % yuan("100.00") == yuan("1.00")', 8, "only compared with 0"),
        ('amount % yuan("100.00") < yuan("0.00")', 8, "only compared with 0"),
        ('amount - amount % yuan("100.00") == amount', 17, "only compared with 0"),
        ('amount % yuan("0.01") == yuan("0.00")', 8, "above 1"),
        ('amount % amount == yuan("0.00")', 8, "above 1"),
        ("amount % 100 == 0", 8, "means nothing"),
        ('payer.class == "zero_balance"', 1, "write has(payer.class)"),
        ('has(payer.class) && payer.class == "zero"', 36, "did you mean zero_balance"),
        ('has(payer.class) || payer.class == "zero_balance"', 21, "may be absent"),
        ("has(amount)", 5, "always present"),
        ("has(evidence)", 5, "ask == []"),
        ("amount > 1000", 10, 'written yuan("1000.00")'),
        ('amount > yuan("1000")', 15, "write 1000.00"),
        ('amount * amount > yuan("1.00")', 8, "means nothing"),
        ("amount + fiscal_year > amount", 8, "means nothing"),
        ("amount == fiscal_year", 8, "the sides differ"),
        ("amount", 1, "expected a condition"),
        ('payee.name < "a"', 12, "have an order"),
        ('has(dept_economic_code) && dept_economic_code == "302"', 50, 'write under(..., "302")'),
        ('has(dept_economic_code) && under(dept_economic_code, "3020")', 54, "has no code 3020"),
        ('has(dept_economic_code) && under(dept_economic_code, "30210")', 54, "not valid in every"),
        ("has(dept_economic_code) && dept_economic_code == 30201", 50, "a code is quoted text"),
        ("amount > params.limt", 10, "did you mean limit"),
        ("payee.name == params.words", 15, "is a list"),
        ("under(payee.name, lists.card)", 7, "does not take text"),
        ('payee.name in ["a", fiscal_year]', 21, "only constants"),
        ("payee.name in []", 15, "the list is empty"),
        ('contains_any(payee.name, [""])', 26, "empty word"),
        ('contains_any(payee.name, ["·—"])', 26, "no letter or digit"),
        ("evidence == evidence", 10, "a set is asked with"),
        ("amount / 2 > amount", 8, "no division"),
        ("amount = amount", 8, "written =="),
        ("amount > 1.5", 10, "no fractions"),
        ("fiscal_year == 030", 16, "no leading zero"),
        ("payee.name.size() == 3", 1, "no method calls"),
        ('matches(payee.name, "x")', 1, "no function"),
        ("payee.is_basic ? true : false", 16, "no ?:"),
        ("payee.is_basic &&", 18, "found 'the end'"),
        ("payee.is_basic payee.is_basic", 16, "expected the end"),
        ("（payee.is_basic", 1, "full-width"),
        ('payee.name == "abc', 15, "has no end"),
        ("exemption == null", 14, "there is no 'null'"),
        ('payee.name == "' + "长" * 65 + '"', 15, "over 64 characters"),
        ("fiscal_year == 9223372036854775808", 16, "beyond 64 bits"),
    ],
)
def test_a_mistake_is_told_with_its_column_and_what_was_expected(
    clause: str, column: int, says: str
) -> None:
    with pytest.raises(ClauseError) as refused:
        checked(clause)
    assert says in refused.value.en
    assert refused.value.column == column
    assert refused.value.zh


def test_depth_and_size_are_bounded() -> None:
    for clause in ("(" * 49 + "true" + ")" * 49, "1" + "+1" * 60 + "==1", "!" * 60 + "true"):
        with pytest.raises(ClauseError, match="deep"):
            parse(clause)
    with pytest.raises(ClauseError, match=r"nodes|characters"):
        parse("||".join(["true"] * 2_001))
    assert parse("(" * 40 + "true" + ")" * 40)


def test_presence_flows_through_and_or_and_not() -> None:
    checked('!(!has(payer.class) || payer.class != "zero_balance")')
    checked('(has(payer.class) && has(payee.class)) && payer.class == "zero_balance"')
    checked('!has(payer.class) || (payer.class == "zero_balance" || payer.class == "real_fund")')
    for clause in (
        '(has(payer.class) || has(payee.class)) && payer.class == "zero_balance"',
        '!has(payer.class) && payer.class == "zero_balance"',
        '!(has(payer.class) && has(payee.class)) || payer.class == "zero_balance" || '
        '(true && payee.class == "tax" && exemption == "student_aid")',
    ):
        with pytest.raises(ClauseError, match="absent"):
            checked(clause)


def test_unavailable_is_neither_true_nor_false_unless_the_rest_decides() -> None:
    lost = {"unavailable": frozenset({Register.ACCOUNTS})}
    owned = "payer.owned_by_agency"
    assert meaning(owned, **lost) is UNAVAILABLE
    assert meaning(f"!{owned}", **lost) is UNAVAILABLE
    assert meaning(f"{owned} && false", **lost) is False
    assert meaning(f"false && {owned}", **lost) is False
    assert meaning(f"{owned} || true", **lost) is True
    assert meaning(f"{owned} && true", **lost) is UNAVAILABLE
    assert meaning('has(payer.class) && payer.class == "zero_balance"', **lost) is UNAVAILABLE
    guarded = 'has(payer.class) && has(payee.class) && payer.class == "zero_balance"'
    assert meaning(guarded, **lost) is False


def test_absent_is_not_unavailable() -> None:
    assert meaning("has(payee.class)", payee_class=None) is False
    assert meaning("has(payee.class)", payee_class=PayeeClass.TAX) is True
    lost = frozenset({Register.PAYEE_CLASSES})
    assert meaning("has(payee.class)", payee_class=None, unavailable=lost) is UNAVAILABLE


def test_every_fact_has_a_policy_type_and_the_schema_follows_the_class() -> None:
    assert SCHEMA["amount"].type == MONEY and not SCHEMA["amount"].optional
    assert SCHEMA["cash_per_person_max"].type == MONEY and SCHEMA["cash_per_person_max"].optional
    assert SCHEMA["payer.class"].type.enum is AccountClass
    assert SCHEMA["evidence"].type.kind is Kind.SET and SCHEMA["evidence"].type.enum is Evidence
    assert SCHEMA["dept_economic_code"].type.codes == "dept_economic"
    assert SCHEMA["payer.class"].register is Register.ACCOUNTS
    assert "unavailable" not in SCHEMA and "on" not in SCHEMA
    assert {f.type.codes for f in SCHEMA.values()} - {""} == set(CODES)


def test_a_code_must_exist_in_every_year_in_force() -> None:
    listed = CODES["dept_economic"]
    assert listed.valid("30217", 2010, 2030)
    assert not listed.valid("30240", 2017, 2020)
    assert listed.name_of("30217", 2012) == "招待费"
    assert listed.name_of("30217", 2026) == "公务接待费"
    functional = CODES["functional"]
    assert functional.valid("2019999", 2026, 2026)
    assert not functional.valid("2989999", 2026, 2026)
    assert not functional.valid("20199", 2026, 2026) or functional.has_children("20199", 2026)


def test_a_money_list_is_compared_in_fen() -> None:
    clause = 'amount in [yuan("12800.00"), params.limit]'
    assert meaning(clause) is True
    assert meaning(clause, amount=Fen(1)) is False
