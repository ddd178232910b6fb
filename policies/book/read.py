"""Reads one policy document: every field of it, every mistake in it, at once."""

import datetime as dt
import hashlib
import re

from gateway.domain.codes import PaymentMethod
from gateway.domain.decision import SEVERITY, Action, Light
from policies.book.document import (
    Effective,
    Expected,
    Law,
    LowerLevels,
    Mender,
    Policy,
    Remark,
    Scope,
    Test,
    Unless,
    Wording,
)
from policies.book.params import params_of
from policies.book.reader import NAME, Table, matching
from policies.book.rows import causes_of
from policies.book.windows import windows_of
from policies.language.errors import PolicyRefused, Problem
from policies.language.toml import TomlRefused, read_toml

CLAUSES_MAX = 64
BASE_CASE = "authorized_transfer"

_ID = re.compile(r"[A-Z]{2}-[0-9]{3}")
_DIVISION = re.compile(r"[1-9][0-9](?:[0-9]{2}){0,2}|[1-9][0-9]{8}")
_LIGHTS = {
    Action.BLOCK: (Light.RED,),
    Action.HOLD: (Light.ORANGE,),
    Action.WARN: (Light.YELLOW, Light.ORANGE),
    Action.RECORD: (Light.BLUE,),
}


def read_policy(text: str, place: str) -> Policy:
    """One document. `place` is the file's name. Raises PolicyRefused with every problem."""
    problems: list[Problem] = []
    try:
        content = read_toml(text)
    except TomlRefused as error:
        problem = Problem(place=place, column=0, zh=f"不是有效的 TOML：{error}", en=str(error))
        raise PolicyRefused([problem]) from None
    policy = _policy(Table(content, place, problems))
    if problems:
        raise PolicyRefused(problems)
    return policy


def law_digest(text: str) -> str:
    """`sha256:` over the article's words without white space, which printing may change."""
    return "sha256:" + hashlib.sha256("".join(text.split()).encode()).hexdigest()


def _policy(table: Table) -> Policy:
    effective = _effective(table.table("effective"))
    policy = Policy(
        id=matching(table, "id", _ID, "JL-020"),
        revision=table.whole("revision", least=1),
        title=_wording(table.table("title")),
        law=_law(table.table("law")),
        scope=_scope(table.table("scope")),
        effective=effective,
        light=table.option("light", Light),
        action=table.option("action", Action),
        missing_evidence=table.option("missing_evidence", Action, _action(table)),
        on_unavailable=table.option("on_unavailable", Action, Action.HOLD),
        lower_levels_may=table.option("lower_levels_may", LowerLevels),
        mender=table.option("mender", Mender, Mender.AGENCY),
        params=params_of(table.table("params", optional=True), effective.first),
        lists=_lists(table.table("lists", optional=True)),
        windows=windows_of(table.table("window", optional=True)),
        when=_when(table.table("when")),
        causes=causes_of(table, _action(table)),
        unless=tuple(_unless(t) for t in table.tables("unless")),
        reason=_wording(table.table("reason")),
        remedy=_wording(table.table("remedy")),
        remarks=tuple(_remark(t) for t in table.tables("remark")),
        tests=tuple(_test(t) for t in table.tables("test")),
        place=table.place,
        content=table.values,
    )
    table.done()
    _consistent(policy, table)
    return policy


def _action(table: Table) -> Action:
    """The policy's own action, as the default of `missing_evidence`."""
    written = table.values.get("action")
    return Action(written) if written in tuple(Action) else Action.BLOCK


def _wording(table: Table) -> Wording:
    found = Wording(table.text("zh"), table.text("en"))
    table.done()
    return found


def _law(table: Table) -> Law:
    law = Law(
        document=table.text("document"),
        article=table.text("article"),
        text=table.text("text"),
        digest=table.text("digest"),
    )
    table.done()
    if law.text and law.digest and law.digest != law_digest(law.text):
        table.wrong("digest", f"与条文不符，应为 {law_digest(law.text)}", "does not match the text")
    return law


def _scope(table: Table) -> Scope:
    division = matching(table, "division", _DIVISION, "22, 2201, 220102 / 220100000")
    scope = Scope(
        division=division,
        payment_methods=table.options("payment_methods", PaymentMethod),
        voucher_types=frozenset(table.texts("voucher_types")),
        funds=frozenset(table.texts("funds")),
    )
    table.done()
    return scope


def _effective(table: Table) -> Effective:
    first, last = table.day("from"), table.day("to", optional=True)
    table.done()
    if first and last and last < first:
        table.wrong("to", "早于 from", "is before 'from'")
    return Effective(first=first or dt.date.min, last=last)


def _lists(table: Table) -> dict[str, tuple[str, ...]]:
    return {name: table.texts(name) for name, _ in table.entries()}


def _when(table: Table) -> tuple[tuple[str, str], ...]:
    found = []
    for name, clause in table.entries():
        if not NAME.fullmatch(name):
            table.wrong(name, "条款名称用小写字母和下划线", "a clause is named in lower_case")
        if not isinstance(clause, str):
            table.wrong(name, "条款应为文字", "a clause is text")
        else:
            found.append((name, clause))
    if not found:
        table.wrong("", "至少要有一个条款", "holds no clause")
    return tuple(found)


def _unless(table: Table) -> Unless:
    title = table.table("title")
    unless = Unless(
        id=matching(table, "id", NAME, "service_purchase"),
        article=table.text("article"),
        title=_wording(title),
        when=table.text("when"),
        evidence=table.text("evidence", optional=True),
        approvals=table.text("approvals", optional=True),
        place=table.place,
    )
    table.done()
    return unless


def _remark(table: Table) -> Remark:
    remedy = table.table("remedy", optional=True)
    remark = Remark(
        id=matching(table, "id", NAME, "student_aid"),
        when=table.text("when"),
        reason=_wording(table.table("reason")),
        remedy=_wording(remedy) if remedy.values else None,
        place=table.place,
    )
    table.done()
    return remark


def _test(table: Table) -> Test:
    facts = table.table("facts", optional=True)
    test = Test(
        name=table.text("name"),
        base=table.text("base", optional=True) or BASE_CASE,
        facts=dict(facts.entries()),
        absent=table.texts("absent"),
        unavailable=table.texts("unavailable"),
        windows=dict(table.table("windows", optional=True).entries()),
        on=table.day("on", optional=True),
        outcome=table.option("outcome", Expected),
        exception=table.text("exception", optional=True),
        missing=table.texts("missing"),
        place=table.place,
    )
    table.done()
    return test


def _consistent(policy: Policy, table: Table) -> None:
    if policy.light not in _LIGHTS[policy.action]:
        known = ", ".join(_LIGHTS[policy.action])
        table.wrong("light", f"{policy.action} 对应 {known}", f"{policy.action} goes with {known}")
    if policy.missing_evidence is Action.RECORD and policy.action is not Action.RECORD:
        table.wrong("missing_evidence", "缺材料不能只作记录", "missing papers may not only record")
    mildest = min(SEVERITY[policy.action], SEVERITY[Action.HOLD])
    if SEVERITY[policy.on_unavailable] < mildest:
        table.wrong("on_unavailable", "不得轻于本规则或 hold", "is milder than the policy or hold")
    clauses = len(policy.when) + len(policy.causes) + len(policy.unless)
    if clauses > CLAUSES_MAX:
        table.wrong("", f"条款超过 {CLAUSES_MAX} 条", f"over {CLAUSES_MAX} clauses")
    named = (("cause", policy.causes), ("unless", policy.unless), ("remark", policy.remarks))
    for key, rows in named:
        ids = [row.id for row in rows]
        for twice in {i for i in ids if ids.count(i) > 1}:
            table.wrong(key, f"{twice} 重复", f"{twice} stands there twice")
