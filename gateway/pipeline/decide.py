"""Step 4, decide: facts before the policy book give all findings; the most severe one wins.

A voucher with details is judged as a whole and detail by detail; one bad detail stops it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import msgspec
from msgspec.structs import replace

from gateway.domain.decision import (
    NO_BASIS,
    SEVERITY,
    Action,
    Basis,
    Decision,
    Finding,
    Light,
    Outcome,
    outcome_of,
)
from gateway.domain.facts import Facts, as_detail, changed
from gateway.domain.holds import FindingName, name_of
from gateway.domain.ledger import Demand, LimitKey, LimitKind, Moved, Short
from gateway.domain.money import Fen, yuan
from gateway.domain.registers import Registers
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare, of_whole_alone
from gateway.ports import Book

_T = TypeVar("_T")

LIMIT_ID = "LIMIT"
"""The policy id of the finding that a limit did not suffice and no policy refused for it."""

_FACT_OF = {
    LimitKind.INDICATOR: "indicator_available",
    LimitKind.PLAN: "plan_available",
    LimitKind.CONTRACT: "contract_available",
    LimitKind.APPROVAL: "approval_available",
    LimitKind.THREE_PUBLIC: "three_public_available",
}
_WORDS = {
    LimitKind.INDICATOR: ("预算指标", "budget indicator"),
    LimitKind.PLAN: ("用款计划（截至本月）", "spending plan up to this month"),
    LimitKind.CONTRACT: ("合同", "contract"),
    LimitKind.APPROVAL: ("批准", "approval"),
    LimitKind.THREE_PUBLIC: ("三公经费预算", "three-public budget"),
}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What is judged on its own: a voucher as a whole (no detail), or one of its details."""

    facts: Facts
    detail: str = ""


@attrs.frozen(kw_only=True)
class Known:
    """What the ledger has told of this instruction, each time it refused to admit it, and what is
    sure without asking it."""

    shorts: Mapping[LimitKey, Short] = attrs.field(factory=dict)
    windows: Mapping[WindowKey, int] = attrs.field(factory=dict)

    def learn(self, told: Short | Moved) -> "Known":
        """With what it has told now; the latest word on a limit or window stands."""
        if isinstance(told, Short):
            return attrs.evolve(self, shorts={**self.shorts, told.demand.limit: told})
        return attrs.evolve(self, windows={**self.windows, **told.values})

    def with_sure(self, shorts: Collection[Short]) -> "Known":
        """With those of limits that the ledger has not told of; itself, if there are none."""
        more = {each.demand.limit: each for each in shorts if each.demand.limit not in self.shorts}
        return attrs.evolve(self, shorts={**self.shorts, **more}) if more else self


NOTHING_KNOWN = Known()


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, the windows it rests on, and what the instruction then adds to windows."""

    decision: Decision
    asks: tuple[WindowAsk, ...] = ()
    shares: tuple[WindowShare, ...] = ()


def decide(
    cases: Sequence[Case], known: Known, registers: Registers, book: Book,
    overrides: Collection[FindingName] = (),
) -> Ruling:  # fmt: skip
    """The first case is the whole, those after it its details, if any.

    `overrides`: held findings that the bureau's order sets aside; they stay among the findings.
    Pure: the same cases, knowledge and book give the same decision, then and in a replay.
    """
    whole, details = cases[0], cases[1:]
    asks: dict[WindowKey, WindowAsk] = {}
    facts = short_of(whole.facts, known, registers)
    facts = _looking_back(facts, known, asks, (), book)
    findings = book.decide(facts)
    if details:
        findings += _of_details(details, findings, known, asks, book)
    if known.shorts and _outcome(findings, overrides) is Outcome.PASS:
        findings += tuple(limit_finding(short) for short in known.shorts.values())
    outcome = _outcome(findings, overrides)
    return Ruling(
        decision=Decision(
            outcome=outcome, findings=findings, book_revision=book.revision,
            registers_version=registers.version, basis=basis_of(known, registers, overrides),
        ),
        asks=tuple(asks.values()),
        shares=shares_of_cases(cases, outcome, book),
    )  # fmt: skip


def of_one_book(book: Book, judge: Callable[[], _T]) -> _T:
    """What `judge` says, all of it by the book that it names: a breaker that trips at some detail
    changes what the book says from there on, and a replay would judge the details before it so,
    too."""
    while True:
        revision = book.revision
        found = judge()
        if book.revision == revision:
            return found


def shares_of_cases(cases: Sequence[Case], outcome: Outcome, book: Book) -> tuple[WindowShare, ...]:
    """What it adds to windows: each detail its own, the whole what no detail can be counted in."""
    whole, details = cases[0].facts, [case.facts for case in cases[1:]]
    if not details:
        return book.shares(whole, outcome)
    return (
        *of_whole_alone(book.shares(whole, outcome), book.shares(as_detail(whole), outcome)),
        *(share for facts in details for share in book.shares(facts, outcome)),
    )


def _outcome(findings: tuple[Finding, ...], overrides: Collection[FindingName]) -> Outcome:
    """Only what holds can be set aside: no order overrides a block, or a shortage of money."""
    if not overrides:
        return outcome_of(findings)
    return outcome_of(
        tuple(
            each for each in findings
            if each.action is not Action.HOLD or each.policy == LIMIT_ID
            or name_of(each) not in overrides
        )
    )  # fmt: skip


def basis_of(known: Known, registers: Registers, overrides: Collection[FindingName] = ()) -> Basis:
    """What the decision's record must hold, so that `known_of` can give it back."""
    if not (known.windows or known.shorts or registers.unavailable or overrides):
        return NO_BASIS
    shorts = known.shorts.items()
    return Basis(
        windows=tuple((key.window, key.key, value) for key, value in known.windows.items()),
        shorts=tuple((key.kind.value, key.id, short.available_fen) for key, short in shorts),
        wanted=tuple((short.demand.amount_fen, short.demand.cap_fen) for _, short in shorts),
        unavailable=tuple(sorted(registers.unavailable)),
        overrides=tuple(
            (each.policy, each.revision, each.detail, each.unavailable)
            for each in sorted(overrides)
        ),
    )


def overrides_of(basis: Basis) -> tuple[FindingName, ...]:
    """The findings that the bureau's order had set aside."""
    return tuple(
        FindingName(policy=policy, revision=revision, detail=detail, unavailable=lost)
        for policy, revision, detail, lost in basis.overrides
    )


def known_of(basis: Basis) -> Known:
    """What the ledger had told when a recorded decision was made."""
    if basis is NO_BASIS:
        return NOTHING_KNOWN
    shorts = {}
    for (kind, id, left), (wanted, cap) in zip(basis.shorts, basis.wanted, strict=True):
        limit = LimitKey(kind=LimitKind(kind), id=id)
        demand = Demand(limit=limit, amount_fen=Fen(wanted), cap_fen=cap)
        shorts[limit] = Short(demand=demand, available_fen=left)
    windows = {WindowKey(window=window, key=key): value for window, key, value in basis.windows}
    return Known(shorts=shorts, windows=windows)


def _of_details(
    details: Sequence[Case], of_whole: Sequence[Finding], known: Known,
    asks: dict[WindowKey, WindowAsk], book: Book,
) -> tuple[Finding, ...]:  # fmt: skip
    """What is wrong with single details; each sees in its windows the details before it.

    A policy that fires on the whole and on every detail is about the whole, and said once; but of
    a detail for which it asks more than for the whole it is said all the same.
    """
    found: list[tuple[Finding, ...]] = []
    before: list[WindowShare] = []
    for case in details:
        facts = _looking_back(case.facts, known, asks, before, book)
        found.append(tuple(attrs.evolve(each, detail=case.detail) for each in book.decide(facts)))
        before += book.shares(case.facts, Outcome.PASS)
    everywhere = {each.policy: SEVERITY[each.action] for each in of_whole}
    for of_one in found:
        everywhere = {
            each.policy: everywhere[each.policy] for each in of_one if each.policy in everywhere
        }
    return tuple(
        each
        for of_one in found
        for each in of_one
        if SEVERITY[each.action] > everywhere.get(each.policy, -1)
    )


def short_of(facts: Facts, known: Known, registers: Registers) -> Facts:
    """With what was left of each limit that did not suffice, and what a short approval is of."""
    if not known.shorts:
        return facts
    left: dict[str, Any] = {}
    for key, short in known.shorts.items():
        fact, available = _FACT_OF[key.kind], Fen(max(0, short.available_fen))
        if key.kind is LimitKind.PLAN:  # of all methods and of its own: the narrower one counts
            available = min(available, left.get(fact, available))
        left[fact] = available
        if key.kind is LimitKind.APPROVAL:
            row = registers.approvals.get(key.id)
            left |= {"approval_short": key.id, "approval_kind": row.kind if row else None}
    return changed(facts, **left)


def _looking_back(
    facts: Facts, known: Known, asks: dict[WindowKey, WindowAsk],
    before: Sequence[WindowShare], book: Book,
) -> Facts:  # fmt: skip
    """With the values of the windows that matter; `asks` gets what is believed of the ledger."""
    wanted = book.asks(facts)
    if not wanted:
        return facts
    values: dict[str, int] = {}
    for ask in wanted:
        believed = known.windows.get(ask.key, 0)
        asks[ask.key] = ask if ask.believed == believed else replace(ask, believed=believed)
        own = [share for share in before if share.key == ask.key]
        values[ask.key.window] = _with_own(ask.measure, believed, own)
    if not any(values.values()):
        return facts  # a window that is not there is believed to be 0; copying facts is dear
    return changed(facts, windows=values)


def _with_own(measure: Measure, value: int, own: Sequence[WindowShare]) -> int:
    """A window's value with the shares of earlier details of the same voucher.

    Whether a distinct item was counted before is not known here; taken as new, it errs to the
    severe side.
    """
    if measure is Measure.SUM:
        return value + sum(share.value for share in own)
    if measure is Measure.MAX:
        return max([value, *(share.value for share in own)])
    if measure is Measure.DISTINCT:
        return value + len({share.item for share in own})
    return value + len(own)


def limit_finding(short: Short) -> Finding:
    """No policy has refused for this shortage: a person looks, it does not pass."""
    kind, id = short.demand.limit.kind, short.demand.limit.id
    zh, en = _WORDS[kind]
    wanted, left = yuan(short.demand.amount_fen), yuan(max(0, short.available_fen))
    return Finding(
        policy=LIMIT_ID,
        revision=0,
        article="14",
        light=Light.ORANGE,
        action=Action.HOLD,
        title_zh=f"{zh}额度不足",
        title_en=f"Short of {en}",
        reason_zh=f"{zh} {id} 可用额度{left}元，本笔需{wanted}元，本笔支付挂起待人工核对。",
        reason_en=f"{left} yuan is left of {en} {id}, {wanted} yuan is wanted; held for a person.",
        remedy_zh="请核对额度；额度调整后换号重报，或由财政部门处理。",
        remedy_en="Have the limit adjusted and resend under a new number, or ask the bureau.",
    )
