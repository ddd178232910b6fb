"""Base cases for embedded tests: whole, lawful instructions that a test changes in a few facts."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from gateway.domain.codes import (
    AccountClass,
    AccountStatus,
    AgencyStatus,
    BusinessType,
    CarryOver,
    CashReason,
    Expenditure,
    PayeeKind,
    PaymentMethod,
    Register,
    Relation,
    Settlement,
)
from gateway.domain.facts import Facts
from gateway.domain.money import Fen, fen
from policies.book.document import Test
from policies.language.errors import Problem, nearest
from policies.language.typed import Window
from policies.language.types import MONEY, SCHEMA, Fact, Kind

_TRANSFER: dict[str, Any] = {
    "division": "220000000",
    "fiscal_year": 2026,
    "voucher_type": "8202",
    "voucher_age_days": 0,
    "payment_method": PaymentMethod.AUTHORIZED,
    "settlement": Settlement.TRANSFER,
    "business_type": BusinessType.SINGLE,
    "amount": Fen(1_280_000),
    "agency_code": "101001",
    "agency_name": "吉林省示例厅本级",
    "payer_account": "0710101011015200001234",
    "payer_name": "吉林省示例厅",
    "payee_kind": PayeeKind.ORGANISATION,
    "payee_account": "22001450100050001234",
    "payee_name": "长春示例科技有限公司",
    "fund_code": "111",
    "functional_code": "2010301",
    "dept_economic_code": "30213",
    "gov_economic_code": "50209",
    "project_code": "220000260000000000001",
    "purpose": "办公楼电梯维修",
    "exemption": None,
    "cash_reason": None,
    "contract_no": None,
    "missing_elements": frozenset(),
    "cash_per_person_max": None,
    "persons_unidentified": 0,
    "agency_registered": True,
    "agency_status": AgencyStatus.ACTIVE,
    "payer_registered": True,
    "payer_class": AccountClass.ZERO_BALANCE,
    "payer_status": AccountStatus.ACTIVE,
    "payer_in_force": True,
    "payer_owned_by_agency": True,
    "payee_account_class": None,
    "payee_is_basic": False,
    "payee_relation": Relation.UNREGISTERED,
    "payee_named_as_payer": False,
    "payee_class": None,
    "persons_unfiled": 0,
    "indicator_exists": True,
    "indicator_executable": True,
    "indicator_of_agency": True,
    "indicator_of_year": True,
    "indicator_mismatches": frozenset(),
    "indicator_carry_over": CarryOver.NONE,
    "indicator_expenditure": Expenditure.BASIC,
    "evidence": frozenset(),
    "approvals": frozenset(),
    "indicator_available": None,
    "on": dt.date(2026, 3, 2),
}
_DIRECT = _TRANSFER | {
    "voucher_type": "5201",
    "payment_method": PaymentMethod.DIRECT,
    "payer_class": AccountClass.FISCAL_ZERO_BALANCE,
    "payer_owned_by_agency": False,
    "payer_name": "吉林省财政厅",
}
_CASH = _TRANSFER | {
    "settlement": Settlement.CASH,
    "amount": Fen(80_000),
    "payee_kind": PayeeKind.PERSON,
    "payee_account": "6228230123456789018",
    "payee_name": "李某某",
    "dept_economic_code": "30226",
    "gov_economic_code": "50205",
    "purpose": "讲课费",
    "cash_reason": CashReason.PERSONAL_LABOUR,
    "payee_person": "220104198506152036",
    "cash_per_person_max": Fen(80_000),
}
_PERSON = _TRANSFER | {
    "payee_kind": PayeeKind.PERSON,
    "payee_account": "6228230123456789018",
    "payee_name": "李某某",
    "payee_account_class": AccountClass.PERSONAL,
    "dept_economic_code": "30226",
    "gov_economic_code": "50205",
    "purpose": "专家讲课费",
    "payee_person": "220104198506152036",
}

CASES: Mapping[str, dict[str, Any]] = {
    "authorized_transfer": _TRANSFER,
    "direct_transfer": _DIRECT,
    "cash_to_person": _CASH,
    "transfer_to_person": _PERSON,
}


def case(
    test: Test, division: str, problems: list[Problem], windows: Mapping[str, Window] | None = None
) -> Facts | None:
    """The facts of a test; None, and the problems told, if it cannot be made.

    `division` is the policy's own: a test of a county's policy happens in that county. `windows`
    are the policy's own by name.
    """
    before = len(problems)
    values = dict(CASES.get(test.base, _TRANSFER))
    if test.base not in CASES:
        _wrong(problems, test, "base", *_unknown(test.base, CASES))
    if not values["division"].startswith(division):
        values["division"] = division.ljust(9, "0")
    for name in test.absent:
        _absent(values, name, test, problems)
    for name, raw in test.facts.items():
        _override(values, name, raw, test, problems)
    unavailable = frozenset(_register(name, test, problems) for name in test.unavailable)
    values["windows"] = _windows(test, windows or {}, problems)
    values["on"] = test.on or values["on"]
    if len(problems) > before:
        return None
    return Facts(**values, unavailable=unavailable)


def _absent(values: dict[str, Any], name: str, test: Test, problems: list[Problem]) -> None:
    fact = SCHEMA.get(name)
    if fact is None:
        _wrong(problems, test, "absent", *_unknown(name, SCHEMA))
    elif not fact.optional:
        _wrong(problems, test, "absent", f"{name} 总是存在", f"{name} is always present")
    else:
        values[fact.attribute] = None


def _override(
    values: dict[str, Any], name: str, raw: Any, test: Test, problems: list[Problem]
) -> None:
    fact = SCHEMA.get(name)
    if fact is None:
        _wrong(problems, test, "facts", *_unknown(name, SCHEMA))
        return
    try:
        values[fact.attribute] = _value(fact, raw)
    except (TypeError, ValueError):
        zh, en = fact.type.spoken()
        known = ", ".join(fact.type.options)
        _wrong(problems, test, f"facts.{name}", f"应为{zh} {known}", f"expected {en} {known}")


def _value(fact: Fact, raw: Any) -> Any:
    """A TOML value as the fact's own type: money is "1000.00", a set is a list of options."""
    kind = fact.type.kind
    if kind is Kind.SET:
        assert fact.type.enum is not None
        if not isinstance(raw, list):
            raise TypeError
        return frozenset(fact.type.enum(one) for one in raw)
    if kind is Kind.ENUM:
        assert fact.type.enum is not None
        return fact.type.enum(raw)
    makers: dict[Kind, tuple[type, Callable[[Any], Any]]] = {
        Kind.MONEY: (str, fen),
        Kind.COUNT: (int, int),
        Kind.BOOL: (bool, bool),
        Kind.DATE: (dt.date, lambda day: day),
    }
    wanted, make = makers.get(kind, (str, str))
    if type(raw) is not wanted:
        raise TypeError
    return make(raw)


def _windows(test: Test, windows: Mapping[str, Window], problems: list[Problem]) -> dict[str, int]:
    """`windows = { cash = "3000.00" }` by the windows' ids."""
    found = {}
    for name, raw in test.windows.items():
        window = windows.get(name)
        if window is None:
            _wrong(problems, test, "windows", *_unknown(name, windows))
            continue
        try:
            found[window.id] = fen(raw) if window.type == MONEY else _whole(raw)
        except (TypeError, ValueError):
            zh, en = window.type.spoken()
            _wrong(problems, test, f"windows.{name}", f"应为{zh}", f"expected {en}")
    return found


def _whole(raw: Any) -> int:
    if type(raw) is not int or raw < 0:
        raise TypeError
    return raw


def _register(name: str, test: Test, problems: list[Problem]) -> Register:
    known = [r.value for r in Register]
    if name not in known:
        _wrong(problems, test, "unavailable", *_unknown(name, known))
        return Register.LISTS
    return Register(name)


def _unknown(name: str, known: Any) -> tuple[str, str]:
    zh, en = nearest(name, known)
    return f"没有 {name}{zh}", f"no {name}{en}"


def _wrong(problems: list[Problem], test: Test, key: str, zh: str, en: str) -> None:
    problems.append(Problem(place=f"{test.place}.{key}", column=0, zh=zh, en=en))
