"""A small division's registers as the bureau writes them, and a vault to read them with."""

import copy
import json
from functools import partial
from typing import Any

from adapters.formats.registers.feed import FeedReading
from certs.people import PeopleVault
from gateway.domain.people import concealed
from gateway.domain.register_feed import RegisterFeed

DIVISION = "220000000"
VAULT = PeopleVault(b"k" * 32)
CONCEAL = partial(concealed, vault=VAULT)
ID_NUMBER = "220104198506152036"

AGENCY = {"code": "101", "name": "某厅", "parent": None, "kind": "administrative",
          "status": "active"}  # fmt: skip
ACCOUNT = {
    "account": "0710101011015200001234", "bank_code": "103241001000", "name": "某厅",
    "agency": "101", "class": "zero_balance", "is_basic": False, "status": "active",
    "finance_approval": "号", "central_bank_approval": None, "valid_from": "2023-01-01",
    "valid_to": None, "change_notice_date": None,
}  # fmt: skip
INDICATOR = {
    "id": "IND-1", "agency": "101", "fiscal_year": 2026, "fund_code": "111",
    "functional_code": "2010301", "dept_economic_code": "30213", "gov_economic_code": "50209",
    "project_code": "P", "granted": "100.00", "posted": "0.00", "frozen": "0.00",
    "executable": True, "carry_over": "none", "plan_controlled": True, "expenditure": "basic",
}  # fmt: skip
PERSON = {
    "id_number": ID_NUMBER, "name": "李某某", "employer": "院", "position": "员", "title": None,
    "accounts": ["6228230123456789018"], "official_cards": [],
}  # fmt: skip
FILING = {"filing_no": "BA-1", "kind": "service_purchase", "agency": "101", "project_code": "P",
          "contract_no": None, "date": "2026-01-01"}  # fmt: skip

_SNAPSHOT: dict[str, Any] = {
    "division": DIVISION, "as_of": "2026-03-02T08:00:00+08:00", "version": 1,
    "agencies": [AGENCY], "accounts": [ACCOUNT], "indicators": [INDICATOR],
    "plans": [{"indicator_id": "IND-1", "month": 1, "amount": "60.00"},
              {"indicator_id": "IND-1", "month": 3, "amount": "40.00"}],
    "persons": [PERSON],
    "payee_classes": [{"account": "2200", "name": "社保", "class": "social_insurance"}],
    "contracts": [], "approvals": [], "filings": [FILING], "three_public_budgets": [],
    "lists": {"blacklist_accounts": ["666"], "designated_vendors": []},
    "calendar": [{"date": "2026-10-10", "is_workday": True}],
}  # fmt: skip


def snapshot(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(_SNAPSHOT) | changes


def delta(version: int, **lists: Any) -> dict[str, Any]:
    return {"division": DIVISION, "as_of": "2026-03-03T08:00:00+08:00", "version": version, **lists}


def put(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"op": "put", **row, **changes}


def remove(**key: Any) -> dict[str, Any]:
    return {"op": "remove", **key}


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def feed(document: dict[str, Any]) -> RegisterFeed:
    """Read as the gateway reads it. Raises Unreadable."""
    reading = FeedReading(encoded(document), CONCEAL)
    for _ in reading.steps():
        pass
    return reading.result
