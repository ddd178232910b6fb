"""Facts that are filled by place say what they would say if each were filled by its name."""

import datetime as dt
from enum import StrEnum
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.codes import (
    BusinessType,
    CashReason,
    Exemption,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.facts import Facts, Said
from gateway.domain.instruction import Instruction, InstructionKey
from gateway.domain.money import Fen
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import identify
from tests.examples import examples
from tests.pipeline.fakes import instruction, registers

TODAY = dt.date(2026, 3, 2)
TEXTS = (
    "agency_code", "agency_name", "fund_code", "functional_code", "dept_economic_code",
    "gov_economic_code", "project_code", "purpose", "contract_no", "indicator_id",
)  # fmt: skip
PARTIES = ("payer_account", "payer_name", "payee_account", "payee_name")
BLANK = {"contract_no", "purpose", *(text for text in TEXTS if text.endswith("_code"))}
"""What may be left out: then it is no fact. (An agency's code stays a text.)"""


def one_of(words: type[StrEnum]) -> st.SearchStrategy[Any]:
    return st.sampled_from(words)


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    """No two of its texts and numbers are alike, so that none can stand for another."""
    names = (*TEXTS, *PARTIES, "division", "voucher_type", "voucher_no")
    texts = dict(
        zip(names, draw(st.permutations([f"{n:09}" for n in range(len(names))])), strict=True)
    )
    for name in sorted(BLANK):
        if draw(st.booleans()):
            texts[name] = ""
    numbers = draw(st.lists(st.integers(1, 10**13), min_size=2, max_size=2, unique=True))
    plain = instruction()
    return replace(
        plain,
        key=InstructionKey(
            division=texts["division"], fiscal_year=numbers[0],
            voucher_type=texts["voucher_type"], voucher_no=texts["voucher_no"],
        ),
        voucher_date=TODAY - dt.timedelta(days=draw(st.integers(-40, 400))),
        amount_fen=Fen(numbers[1]),
        payment_method=draw(st.none() | one_of(PaymentMethod)),
        settlement=draw(st.none() | one_of(Settlement)),
        business_type=draw(one_of(BusinessType)),
        exemption=draw(st.none() | one_of(Exemption)),
        cash_reason=draw(st.none() | one_of(CashReason)),
        payer=replace(plain.payer, account=texts["payer_account"], name=texts["payer_name"]),
        payee=replace(
            plain.payee, account=texts["payee_account"], name=texts["payee_name"],
            kind=draw(one_of(PayeeKind)),
        ),
        **{name: texts[name] for name in TEXTS},
    )  # fmt: skip


def by_name(order: Instruction) -> dict[str, object]:
    """What every instruction says, each under its own name."""
    key, said = order.key, {name: getattr(order, name) for name in TEXTS}
    return {
        "division": key.division, "fiscal_year": key.fiscal_year,
        "voucher_type": key.voucher_type, "voucher_age_days": (TODAY - order.voucher_date).days,
        "payment_method": order.payment_method, "settlement": order.settlement,
        "business_type": order.business_type, "amount": order.amount_fen,
        "payer_account": order.payer.account, "payer_name": order.payer.name,
        "payee_kind": order.payee.kind, "payee_account": order.payee.account,
        "payee_name": order.payee.name, "exemption": order.exemption,
        "cash_reason": order.cash_reason, "indicator_id": said.pop("indicator_id"),
        "agency_code": said.pop("agency_code"),
        **{name: text or None for name, text in said.items()},
    }  # fmt: skip


@given(instructions())
@examples(200)
def test_each_fact_stands_under_its_own_name_whatever_is_said(order: Instruction) -> None:
    shelf = registers()
    seen = facts_of(order, identify(order, shelf), shelf, TODAY)
    expected = by_name(order)
    assert set(Said.__struct_fields__) <= set(expected), "a new fact has its place and its name"
    assert {name: getattr(seen, name) for name in expected} == expected
    rest = {name: getattr(seen, name) for name in Facts.__struct_fields__ if name not in expected}
    assert Facts(**expected, **rest) == seen  # type: ignore[arg-type]
