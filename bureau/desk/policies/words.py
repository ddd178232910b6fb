"""A policy read out in Chinese, its values filled in: on its page, and where a draft changes it."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from gateway.domain.codes import ApprovalKind, Evidence
from policies.book.document import Policy
from policies.book.load import load_codes
from policies.book.names import option_zh
from policies.form.conditions import kinds_of
from policies.form.words import money, sentence
from policies.language.types import SCHEMA

_PLACE = re.compile(r"\{([a-z_0-9.]+)(?:\|([^{}]*))?\}")
_PAPERS = (Evidence, ApprovalKind)
_OWN = {"causes": "上述情形", "exemption": "例外情形", "window": "累计"}


def read_out(policy: Policy) -> dict[str, str]:
    """By place (`when.cash`, `cause.listed`, `unless.tax`): the clause in words, else as text."""
    kinds = kinds_of(policy.content)
    clauses = {f"when.{name}": clause for name, clause in policy.when}
    clauses |= {f"unless.{one.id}": one.when for one in policy.unless}
    clauses |= {f"window.{one.name}": one.where for one in policy.windows}
    params = values_of(policy)
    said = {
        place: sentence(clause, kinds, _name_of, params) or clause
        for place, clause in clauses.items()
    }
    for one in policy.causes:
        values = params | _row(policy, one.id)
        said[f"cause.{one.id}"] = sentence(one.when, kinds, _name_of, values) or one.when
    return said


def wordings(policy: Policy) -> dict[str, str]:
    """What people are told (`cause.listed`, `reason`), with the values that stand; a fact of the
    payment, which only a payment has, is named in 〔〕."""
    params = values_of(policy)
    said = {"reason": _filled(policy.reason.zh, params)}
    for one in policy.causes:
        said[f"cause.{one.id}"] = _filled(one.wording.zh, params | _row(policy, one.id))
    return said


def papers_zh(text: str) -> str:
    """`a & b | c` of papers or approvals: 甲、乙，或者丙."""
    groups = [[paper_zh(one.strip()) for one in each.split("&")] for each in text.split("|")]
    return "，或者".join("、".join(group) for group in groups)


def paper_zh(kind: str) -> str:
    """One of them; as it came if it is none that we know."""
    return next((option_zh(each(kind)) for each in _PAPERS if kind in set(each)), kind)


def values_of(policy: Policy) -> dict[str, str]:
    """`params.least` -> 1,000.00元; of a dated one every value with its first day."""
    found = {}
    for name, param in policy.content.get("params", {}).items():
        kind = param.get("type", "")
        if "value" in param:
            found[f"params.{name}"] = _value(param["value"], kind)
        else:
            dated = [f"{each['from']}起{_value(each['value'], kind)}" for each in param["dated"]]
            found[f"params.{name}"] = f"（{'、'.join(dated)}）"
    return found


def _row(policy: Policy, cause: str) -> dict[str, str]:
    """The columns of the table's row that is this cause: `row.limit` -> 500,000.00元."""
    table = policy.content.get("table", {})
    rows: dict[str, Mapping[str, Any]] = {each["id"]: each for each in table.get("row", ())}
    row = rows.get(cause, {})
    columns = table.get("columns", {})
    return {f"row.{n}": _value(row[n], kind) for n, kind in columns.items() if n in row}


def _value(value: Any, kind: str) -> str:
    if isinstance(value, list | tuple):
        return f"（{'、'.join(f'“{_value(each, kind)}”' for each in value)}）"
    if isinstance(value, bool):
        return "是" if value else "否"
    return money(value) if kind == "money" else str(value)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: _said(place[1], place[2] or "", values), text)


def _said(path: str, way: str, values: Mapping[str, str]) -> str:
    if path in values:
        value = values[path].removesuffix("元")
        minutes = int(value) if way == "clock" and value.isdecimal() else None
        return value if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"
    if path in SCHEMA:
        return f"〔{SCHEMA[path].zh}〕"
    return f"〔{_OWN.get(path.partition('.')[0], path)}〕"


def _name_of(table: str, code: str) -> str:
    return _names(table).get(code, "")


@cache
def _names(table: str) -> Mapping[str, str]:
    return {code: entries[-1].name for code, entries in load_codes()[table].codes.items()}
