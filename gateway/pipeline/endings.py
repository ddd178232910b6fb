"""The end of a hold in words: what the log, the bureau and the agency are told, and the decision
from which the agency's answer is given from then on."""

import datetime as dt
from typing import Any

import attrs
import msgspec
from msgspec.structs import replace

from gateway.domain.decision import Action, Decision, Finding, Light, Outcome, restored, stored
from gateway.domain.holds import Ending, HoldEnding
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft, Standing
from gateway.domain.masking import without_numbers
from gateway.domain.records import RecordKind, canonical, unnumbered
from gateway.domain.releases import Order, Person
from gateway.domain.voids import Void
from gateway.pipeline.tell import Origin, brief, microseconds

REFUSED_ID, EXPIRED_ID, WITHDRAWN_ID = "RELEASE", "EXPIRED", "WITHDRAWN"
"""Policy ids of the findings that the bureau refused a release, that nobody released it, and that
whoever sent it took it back."""
NOT_CARRIED_OUT = "not_carried_out"
"""What the log says of an order that ended without an end of its hold."""

_TITLES = {
    HoldEnding.REFUSED: ("财政部门不予放行", "The bureau refuses the release"),
    HoldEnding.EXPIRED: ("挂起逾期", "The hold has expired"),
    HoldEnding.WITHDRAWN: ("申请撤回", "Withdrawn by its sender"),
}
_ARTICLES = {HoldEnding.WITHDRAWN: "9"}
"""Of an end that is no refusal: the instruction was the agency's to give."""


def refusal(order: Order, standing: Standing, origin: Origin, at: dt.datetime) -> Ending:
    """The bureau's 不予放行: the hold ends as blocked, with the bureau's own reason."""
    reason = without_numbers(order.reason)
    finding = _finding(
        REFUSED_ID, HoldEnding.REFUSED,
        f"财政部门审核后不予放行：{reason}", f"refused by the bureau: {reason}",
    )  # fmt: skip
    facts = _of_order(order)
    return _ending(standing, (HoldEnding.REFUSED, order.digest), finding, facts, (origin, at))


def expiry(standing: Standing, days: float, origin: Origin, at: dt.datetime) -> Ending:
    """Nobody has released it in time: it ends as blocked, the bureau is told at once."""
    finding = _finding(
        EXPIRED_ID, HoldEnding.EXPIRED,
        f"挂起满{days:g}天未获放行，本凭证作废，请查明原因后换号重报。",
        f"not released within {days:g} days; send it anew under another number",
    )  # fmt: skip
    ending = _ending(standing, (HoldEnding.EXPIRED, None), finding, {}, (origin, at))
    return _noticed(ending, standing, origin)


def withdrawal(
    standing: Standing, by: tuple[str, str], reason: str, origin: Origin, at: dt.datetime
) -> Ending:
    """Whoever sent it takes it back before anybody released it. `by`: the party and its recall."""
    reason = without_numbers(reason)
    finding = _finding(
        WITHDRAWN_ID, HoldEnding.WITHDRAWN, f"发送方已撤回：{reason or '未说明原因'}",
        f"withdrawn by its sender: {reason or 'no reason was given'}",
    )  # fmt: skip
    facts = {"reason": reason, "recall": by[1], "sender": by[0]}
    ending = _ending(standing, (HoldEnding.WITHDRAWN, None), finding, facts, (origin, at))
    return _noticed(ending, standing, origin)


def released(order: Order, decision: Decision, origin: Origin, at: dt.datetime) -> RecordDraft:
    """放行: every check was made again; `judged` is what they found, the overridden included."""
    facts = _of_order(order) | {
        "book": decision.book_revision,
        "judged": [brief(finding) for finding in decision.findings],
        "registers": decision.registers_version,
    }
    return _record(order.key, HoldEnding.RELEASED, facts, origin, at)


def dismissal(
    order: Order, why: str, findings: tuple[Finding, ...], origin: Origin, at: dt.datetime
) -> RecordDraft:
    """An order that is not carried out, and what stands in its way; the hold stays as it is."""
    facts = _of_order(order) | {"judged": [brief(finding) for finding in findings], "why": why}
    return _record(order.key, NOT_CARRIED_OUT, facts, origin, at)


def voided(void: Void, origin: Origin, at: dt.datetime) -> RecordDraft:
    """作废: the number that a refused order had bears a void of two persons; the hold stays."""
    facts = {
        "feed_sha256": void.feed_digest.hex(),
        "order_sha256": void.order_digest.hex(),
        "persons": [_person(void.proposer), _person(void.approver)],
        "reason": without_numbers(void.reason),
        "refused": without_numbers(void.refused),
        "version": void.version,
        "void_sha256": void.digest.hex(),
    }
    return _record(void.key, "voided", facts, origin, at)


def notification(key: InstructionKey, how: HoldEnding, reason: str, at: dt.datetime) -> bytes:
    """What the agency finds when it looks: how its hold ended. The bank's part it asks for."""
    fields = {**_identity(key), "ended_at": microseconds(at), "how": how, "kind": "hold_ended"}
    return canonical(fields | {"reason": without_numbers(reason)})


def _ending(
    standing: Standing, how: tuple[HoldEnding, bytes | None], finding: Finding,
    facts: dict[str, Any], by: tuple[Origin, dt.datetime],
) -> Ending:  # fmt: skip
    held, at = restored(standing.decision), by[1]
    decision = replace(held, outcome=Outcome.BLOCK, findings=(finding, *held.findings))
    return Ending(
        key=standing.key, how=how[0], at=at, order=how[1], decision=stored(decision),
        record=_record(standing.key, how[0], facts, *by), notice=None,
        notification=notification(standing.key, how[0], finding.reason_zh, at),
    )  # fmt: skip


def _noticed(ending: Ending, standing: Standing, origin: Origin) -> Ending:
    """With the notice by which the bureau hears at once of an end that none of its orders made."""
    notice = {
        **_identity(ending.key),
        "agency": standing.agency_code,
        "bank": origin.bank,
        "ended_at": microseconds(ending.at),
        "held_at": microseconds(standing.decided_at),
        "kind": f"hold_{ending.how}",
    }
    return attrs.evolve(ending, notice=canonical(notice))


def _finding(policy: str, how: HoldEnding, reason_zh: str, reason_en: str) -> Finding:
    zh, en = _TITLES[how]
    return Finding(
        policy=policy, revision=0, article=_ARTICLES.get(how, "28(3)"),
        light=Light.BLUE if how in _ARTICLES else Light.RED, action=Action.BLOCK,
        title_zh=zh, title_en=en, reason_zh=reason_zh, reason_en=reason_en,
        remedy_zh="请按理由补正后换号重报。", remedy_en="Mend it and send it under a new number.",
    )  # fmt: skip


def _record(
    key: InstructionKey, what: str, facts: dict[str, Any], origin: Origin, at: dt.datetime
) -> RecordDraft:
    fields = facts | {
        **_identity(key),
        "bank": origin.bank,
        "kind": RecordKind.RELEASE,
        "origin": origin.uri,
        "recorded_at": microseconds(at),
        "what": what,
    }
    return RecordDraft(kind=RecordKind.RELEASE, subject=str(key), body=unnumbered(fields))


def _of_order(order: Order) -> dict[str, Any]:
    return {
        "digest": order.instruction_digest.hex(),
        "order_sha256": order.digest.hex(),
        "overrides": [attrs.asdict(name) for name in sorted(order.overrides)],
        "persons": [_person(order.proposer), _person(order.approver)],
        "reason": without_numbers(order.reason),
    }


def _person(person: Person) -> dict[str, Any]:
    """Officials in their office: their names are the point."""
    return {
        "at": microseconds(person.at), "name": person.name, "role": person.role, "uri": person.uri,
    }  # fmt: skip


def _identity(key: InstructionKey) -> dict[str, Any]:
    return msgspec.structs.asdict(key)
