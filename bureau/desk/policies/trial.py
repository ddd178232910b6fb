"""A policy tried on one instruction at the desk: a base case with facts, or an instruction as sent.

No gateway is asked, so no register is either: what the instruction does not say itself is of the
base case, and told.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from msgspec import structs

from bureau.desk.policies.checks import book_of
from bureau.desk.policies.instruction_facts import base_of, not_said, said_by
from bureau.desk.refusals import ActRefused, joined
from gateway.domain.facts import Facts
from gateway.domain.faults import Fault
from gateway.domain.instruction import Instruction
from policies.book.cases import case
from policies.book.document import Expected, Policy, Test
from policies.book.read import read_policy
from policies.form.values import flattened
from policies.language.errors import PolicyRefused, Problem
from policies.language.toml import TomlRefused, read_toml
from policies.language.types import SCHEMA


@attrs.frozen(kw_only=True)
class Tried:
    """One policy on one instruction."""

    outcome: str
    reason_zh: str
    clauses: tuple[tuple[str, str, str], ...]
    """(name, clause, what came of it), as far as they were asked."""
    subject: str = ""
    """The instruction that was pasted: division/year/type/number."""
    base: str = ""
    assumed: tuple[str, ...] = ()
    """Facts that it does not say and no register was asked for: of the base case."""


def instruction_of(read: Callable[[str], Instruction], pasted: str) -> Instruction:
    """Raises ActRefused with every error of what was pasted."""
    try:
        return read(pasted)
    except Fault as fault:
        told = "；".join(f"{one.field} {one.zh}" for one in fault.errors[:5])
        why = told or fault.detail
        raise ActRefused("instruction", f"指令无法读取：{why}。", fault.detail) from fault


def tried_on(text: str, instruction: Instruction, written: str, on: dt.date) -> Tried:
    """On an instruction; what it does not say is the base case's. Raises ActRefused."""
    base, said = base_of(instruction), {**said_by(instruction), "on": on}
    said |= {"voucher_age_days": (on - instruction.voucher_date).days}
    said |= {"year": on.year, "month": on.month}
    came = tried(text, base, written, said)
    return attrs.evolve(
        came, subject=str(instruction.key), base=base,
        assumed=tuple(not_said(text, said | dict.fromkeys(_overridden(written)))),
    )  # fmt: skip


def _overridden(written: str) -> list[str]:
    """The attributes that a person's own facts set."""
    return [SCHEMA[name].attribute for name in flattened(read_toml(written)) if name in SCHEMA]


def tried(text: str, base: str, written: str, said: Mapping[str, Any] | None = None) -> Tried:
    try:
        policy = read_policy(text, "draft.toml")
        book = book_of(policy)
        facts = _facts(policy, base, written)
        if said:
            own = dict.fromkeys(_overridden(written))
            facts = structs.replace(facts, **{n: v for n, v in said.items() if n not in own})
    except PolicyRefused as refused:
        told = joined([(each.zh, each.en) for each in refused.problems[:5]])
        raise ActRefused("trial", *told) from refused
    found = book.explain(facts)
    if not found:
        return Tried(outcome="不适用", reason_zh="不在适用范围或有效期内", clauses=())
    one = found[0]
    when = dict(policy.when)
    clauses = tuple(
        (name, when[name], str(truth))
        for name, (_, truth) in zip(when, one.judgement.clauses, strict=False)
    )
    finding = one.finding
    return Tried(
        outcome=finding.action.value if finding else "none",
        reason_zh=finding.reason_zh if finding else "没有触发", clauses=clauses,
    )  # fmt: skip


def _facts(policy: Policy, base: str, written: str) -> Facts:
    problems: list[Problem] = []
    try:
        values = read_toml(written)
    except TomlRefused as error:
        problem = Problem(place="facts", column=0, zh=f"要素写法不对：{error}", en=str(error))
        raise PolicyRefused([problem]) from error
    test = Test(
        name="试算", base=base, facts=flattened(values), absent=(), unavailable=(), windows={},
        on=None, outcome=Expected.NONE, exception="", missing=(), place="facts",
    )  # fmt: skip
    facts = case(test, policy.scope.division, problems)
    if facts is None:
        raise PolicyRefused(problems)
    return facts
