"""What hypothesis draws for the formats: instructions, JSON texts with every liberty, samples."""

import datetime as dt
import json
from typing import Any

from hypothesis import strategies as st

from gateway.domain.codes import (
    BusinessType,
    CashReason,
    Exemption,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.instruction import (
    Detail,
    Document,
    Instruction,
    InstructionKey,
    Item,
    Payee,
    Payer,
    Person,
)
from gateway.domain.money import Fen


def sample() -> dict[str, Any]:
    """A complete, unremarkable JSON instruction, fresh each time."""
    return {
        "division": "220000000",
        "fiscal_year": 2026,
        "voucher_type": "8202",
        "voucher_no": "2026030200001",
        "voucher_date": "2026-03-02",
        "agency": {"code": "101001", "name": "吉林省示例厅本级"},
        "payment_method": "authorized",
        "settlement": "transfer",
        "business_type": "single",
        "amount": "12800.00",
        "payer": {"account": "0710101011", "name": "吉林省示例厅", "bank_code": "103241001000"},
        "payee": {
            "kind": "organisation",
            "account": "2200145010",
            "name": "长春示例科技有限公司",
            "bank_code": "105241000022",
            "bank_name": "示例银行长春分行",
        },
        "indicator_id": "2200002026101001000001",
        "fund_code": "111",
        "functional_code": "2010301",
        "dept_economic_code": "30213",
        "gov_economic_code": "50209",
        "project_code": "220000260000000000001",
        "purpose": "办公楼电梯维修",
        "exemption": None,
        "approvals": [],
        "contract_no": None,
        "documents": [{"kind": "invoice", "number": "24222", "sha256": "0" * 64}],
        "items": [],
        "details": [],
    }


def batch() -> dict[str, Any]:
    """A payroll of two persons."""
    return sample() | {
        "business_type": "payroll",
        "amount": "3000.00",
        "details": [
            {"id": "1", "payee": {"kind": "person", "account": "A1", "name": "张三",
             "person": {"id_number": "220104198506152036", "title": None}}, "amount": "1000.00"},
            {"id": "2", "payee": {"kind": "person", "account": "A2", "name": "李四"},
             "amount": "2000.00", "purpose": "三月工资"},
        ],
    }  # fmt: skip


def encoded(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


# what an instruction may hold ---------------------------------------------------------------

digits = st.text("0123456789", min_size=1, max_size=20)
accounts = st.text("0123456789ABCXYZ-", max_size=32)
words = st.text(
    "吉林省示例厅财政局长春甲乙丙丁0123 ABCabc（）《》，。<>&'\"/\\:{}[]", max_size=20
).filter(lambda text: not text or bool(text.strip()))
amounts = st.integers(1, 10**12).map(Fen)
people = st.builds(Person, id_number=digits, employer=words, position=words, title=words)


@st.composite
def payees(draw: st.DrawFn, account: st.SearchStrategy[str] = accounts) -> Payee:
    kind = draw(st.sampled_from(PayeeKind))
    person = draw(st.none() | people) if kind is PayeeKind.PERSON else None
    return Payee(
        kind=kind, account=draw(account), name=draw(words), bank_code=draw(digits),
        bank_name=draw(words), person=person,
    )  # fmt: skip


items = st.builds(
    Item,
    kind=st.sampled_from(["meeting", "training", "reception", "lecture", "consulting", "travel"]),
    class_=words,
    persons=st.none() | st.integers(0, 1000),
    days=st.none() | st.integers(0, 30),
    hours=st.none() | st.integers(0, 30),
    guests=st.none() | st.integers(0, 30),
    companions=st.none() | st.integers(0, 30),
    unit_price_fen=st.none() | amounts,
    reference=words,
)
documents = st.builds(
    Document,
    kind=st.sampled_from(["invoice", "contract"]),
    number=words,
    sha256=st.just("") | st.text("0123456789abcdef", min_size=64, max_size=64),
)


@st.composite
def keys(draw: st.DrawFn) -> InstructionKey:
    return InstructionKey(
        division=draw(st.text("0123456789", min_size=9, max_size=9)),
        fiscal_year=draw(st.integers(2000, 2099)),
        voucher_type=draw(st.sampled_from(["8202", "5201"])),
        voucher_no=draw(st.text("0123456789abcXYZ-", min_size=1, max_size=20)),
    )


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    """Any instruction that JSON can say."""
    key = draw(keys())
    kind = draw(st.sampled_from(BusinessType))
    details: tuple[Detail, ...] = ()
    if kind is not BusinessType.SINGLE:
        rows = draw(st.lists(st.tuples(payees(), amounts, words), max_size=4))
        details = tuple(
            Detail(id=str(n), payee=payee, amount_fen=amount, purpose=purpose)
            for n, (payee, amount, purpose) in enumerate(rows)
        )
    total = Fen(sum(detail.amount_fen for detail in details)) if details else draw(amounts)
    method = PaymentMethod.AUTHORIZED if key.voucher_type == "8202" else PaymentMethod.DIRECT
    return Instruction(
        key=key,
        voucher_date=draw(st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))),
        agency_code=draw(digits),
        agency_name=draw(words),
        payment_method=draw(st.sampled_from([None, method])),
        settlement=draw(st.none() | st.sampled_from(Settlement)),
        business_type=kind,
        amount_fen=total,
        payer=Payer(account=draw(accounts), name=draw(words), bank_code=draw(digits)),
        payee=draw(payees()),
        indicator_id=draw(digits),
        fund_code=draw(words),
        functional_code=draw(digits),
        dept_economic_code=draw(digits),
        gov_economic_code=draw(digits),
        project_code=draw(digits),
        purpose=draw(words),
        exemption=draw(st.none() | st.sampled_from(Exemption)),
        cash_reason=draw(st.none() | st.sampled_from(CashReason)),
        approvals=tuple(draw(st.lists(digits, max_size=3))),
        contract_no=draw(words),
        documents=tuple(draw(st.lists(documents, max_size=2))),
        items=tuple(draw(st.lists(items, max_size=2))),
        details=details,
    )


# JSON texts with every liberty that a sender can take ------------------------------------------

_SPACES = st.sampled_from(["", "", "", " ", "\n", "\t ", "  "])
_ODD_TEXTS = st.sampled_from(
    ["", " ", "\u3000", "a\u0000b", "a\x7f", "a\u200bb", "\u202eabc", "\ud800", "：", ":", '":',
     '"', "\\", "，（）“”", "é", "\U0001f600", "12800.00", "1e3", "-5", "1.1", "单笔"]
)  # fmt: skip
_ODD_VALUES = (
    _ODD_TEXTS | st.integers(-5, 5) | st.sampled_from([1.1, 10**30, True, None, [], {}, [None]])
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A good instruction with a few things done to it: most are bad, some still good."""
    tree = _pairs(draw(st.sampled_from([sample, batch]))())
    for _ in range(draw(st.integers(0, 3))):
        _mangle(draw, tree)
    text = _text(draw, tree, draw(st.booleans()), draw(st.booleans()))
    return text.encode("utf-8", "surrogatepass")


def _pairs(value: Any) -> Any:
    """Objects as lists of [name, value], so that a name can stand twice."""
    if isinstance(value, dict):
        return ("object", [[name, _pairs(member)] for name, member in value.items()])
    return [_pairs(row) for row in value] if isinstance(value, list) else value


def _objects(value: Any) -> list[list[Any]]:
    if isinstance(value, tuple):
        return [value[1], *(o for _, member in value[1] for o in _objects(member))]
    return [o for row in value for o in _objects(row)] if isinstance(value, list) else []


def _mangle(draw: st.DrawFn, tree: Any) -> None:
    members = draw(st.sampled_from([o for o in _objects(tree) if o] or [[["x", 1]]]))
    place = draw(st.integers(0, len(members) - 1))
    act = draw(st.sampled_from(["repeat", "drop", "replace", "add", "repeat_other"]))
    if act == "repeat":
        members.insert(draw(st.integers(0, len(members))), list(members[place]))
    elif act == "repeat_other":
        members.append([members[place][0], _pairs(draw(_ODD_VALUES))])
    elif act == "drop":
        del members[place]
    elif act == "replace":
        members[place][1] = _pairs(draw(_ODD_VALUES))
    else:
        members.append([draw(_ODD_TEXTS), 1])


def _text(draw: st.DrawFn, value: Any, spaced: bool, escaped: bool) -> str:
    def space() -> str:
        return draw(_SPACES) if spaced else ""

    if isinstance(value, tuple):
        inner = ",".join(
            f"{space()}{_string(name, escaped)}{space()}:{space()}"
            f"{_text(draw, member, spaced, escaped)}{space()}"
            for name, member in value[1]
        )
        return "{" + inner + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(draw, row, spaced, escaped) for row in value) + "]"
    return _string(value, escaped) if isinstance(value, str) else json.dumps(value)


def _string(text: str, escaped: bool) -> str:
    return json.dumps(text, ensure_ascii=escaped or "\ud800" in text)
