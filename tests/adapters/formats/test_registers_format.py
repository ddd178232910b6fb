"""The registers' file: read whole, strictly, with the place of every error; and sniffing."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.formats.registers.division import read_registers
from adapters.formats.sniff import sniff
from gateway.domain.codes import AccountClass, PayeeClass
from gateway.domain.faults import FaultCode, Unreadable
from tests.adapters.formats.formats_strategies import encoded, sample
from tests.adapters.formats.voucher_samples import envelope
from tests.examples import examples

SHARED = Path(__file__).resolve().parents[3].parent / "shared"


def registers() -> dict[str, Any]:
    return {
        "division": "220000000",
        "as_of": "2026-03-02T08:00:00+08:00",
        "version": 1,
        "agencies": [
            {"code": "101", "name": "某厅", "parent": None, "kind": "administrative",
             "status": "active"},
        ],
        "accounts": [
            {"account": "0710", "bank_code": "103", "name": "某厅", "agency": "101",
             "class": "zero_balance", "is_basic": False, "status": "active",
             "finance_approval": "号", "central_bank_approval": None, "valid_from": "2023-01-01",
             "valid_to": None, "change_notice_date": None},
        ],
        "indicators": [
            {"id": "I1", "agency": "101", "fiscal_year": 2026, "fund_code": "111",
             "functional_code": "2010301", "dept_economic_code": "30213",
             "gov_economic_code": "50209", "project_code": "P", "granted": "500000.00",
             "posted": "1.00", "frozen": "0.00", "executable": True, "carry_over": "none",
             "plan_controlled": True, "expenditure": "basic"},
        ],
        "plans": [{"indicator_id": "I1", "month": 1, "amount": "80000.00"}],
        "persons": [
            {"id_number": "22", "name": "李", "employer": "院", "position": "员", "title": None,
             "accounts": ["6228"], "official_cards": []},
        ],
        "payee_classes": [{"account": "2200", "name": "社保", "class": "social_insurance"}],
        "contracts": [],
        "approvals": [],
        "filings": [],
        "three_public_budgets": [],
        "lists": {"blacklist_accounts": ["666"], "designated_vendors": []},
        "calendar": [{"date": "2026-10-10", "is_workday": True}],
    }  # fmt: skip


def refused(document: Any) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read_registers(encoded(document))
    return caught.value


def test_the_contract_s_own_registers_are_read_whole() -> None:
    path = SHARED / "contract" / "registers.json"
    if not path.exists():
        pytest.skip("the shared contract folder is not beside this checkout")
    read = read_registers(path.read_bytes())
    assert read.superiors("101001") == ("101",)
    assert read.approvals["SP-2026-0102"].amount_fen == 2_000_000


def test_rows_become_the_domain_s_values() -> None:
    read = read_registers(encoded(registers()))
    assert read.as_of == dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    assert read.accounts["0710"].class_ is AccountClass.ZERO_BALANCE
    assert read.accounts["0710"].central_bank_approval == ""
    assert read.accounts["0710"].valid_to is None
    assert read.indicators["I1"].granted_fen == 50_000_000
    assert read.persons["22"].accounts == ("6228",)
    assert read.payee_classes == {"2200": PayeeClass.SOCIAL_INSURANCE}
    assert read.blacklist_accounts == {"666"}
    assert read.calendar == {dt.date(2026, 10, 10): True}
    assert read.unavailable == frozenset()


def test_all_errors_come_at_once_with_their_row() -> None:
    document = registers()
    document["accounts"].append(document["accounts"][0] | {"class": "secret", "valid_to": "soon"})
    document["indicators"][0]["granted"] = 500000.00
    document["plans"][0]["month"] = 13
    document["colour"] = "red"
    document["version"] = 0
    document["as_of"] = "2026-03-02T08:00:00"
    del document["filings"]
    assert {error.field: error.code for error in refused(document).errors} == {
        "accounts[1].class": "code",
        "accounts[1].valid_to": "date",
        "accounts[1].account": "repeated",
        "indicators[0].granted": "type",
        "plans[0].month": "range",
        "colour": "unknown",
        "version": "range",
        "as_of": "date",
        "filings": "required",
    }


@pytest.mark.parametrize("name", ["agencies", "accounts", "indicators", "plans", "persons",
                                  "payee_classes", "calendar"])  # fmt: skip
def test_two_rows_with_one_key_are_refused(name: str) -> None:
    document = registers()
    document[name] *= 2
    assert [error.code for error in refused(document).errors] == ["repeated"]


def test_a_name_that_stands_twice_is_refused() -> None:
    raw = encoded(registers()).replace(
        b'"status": "active"', b'"status" :"closed","status":"active"'
    )
    with pytest.raises(Unreadable) as caught:
        read_registers(raw)
    assert caught.value.code is FaultCode.FIELD_DUPLICATE


@examples(150)
@given(st.binary(max_size=200), st.integers(0, 3000))
def test_reading_raises_nothing_but_unreadable(noise: bytes, place: int) -> None:
    good = encoded(registers())
    for raw in (noise, good[:place] + noise + good[place + len(noise) :]):
        try:
            read_registers(raw)
        except Unreadable as fault:
            assert fault.detail


def test_a_document_s_format_is_told_by_its_content() -> None:
    assert sniff(encoded(sample())) == "json"
    assert sniff(b"\n  {}") == "json"
    assert sniff(envelope()) == "voucher"
    assert sniff(b"<MOF/>") == "voucher"
    assert sniff(b'<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022"/>') is None
    assert sniff(b"") is None
    assert sniff(json.dumps([1]).encode()) is None


def test_the_lists_that_may_be_left_out_are_read_and_may_not_repeat() -> None:
    plain = read_registers(encoded(registers()))
    assert plain.project_items == {} and plain.allowance_standards == {}
    more = registers() | {
        "projects": [{"code": "P", "dept_economic_codes": ["302", "31002"]}],
        "allowance_standards": [
            {"dept_economic_code": "30103", "per_person": "3000.00"},
            {"agency": "101", "dept_economic_code": "30103", "per_person": "2000.00"},
        ],
    }
    read = read_registers(encoded(more))
    assert read.project_items == {"P": frozenset({"302", "31002"})}
    assert read.allowance_standards == {("", "30103"): 300_000, ("101", "30103"): 200_000}
    twice = more | {"projects": more["projects"] * 2}
    assert [error.code for error in refused(twice).errors] == ["repeated"]
    odd = more | {"allowance_standards": [{"dept_economic_code": "1", "per_person": 3}]}
    assert refused(odd).errors
