"""Where a case stands, finer than its stage: the words of headers and lists, and what waits."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from bureau.desk.casework.state import OURS, Asked, Case, Done
from bureau.desk.casework.words import STAGE_ZH, Against, Stage


class Phase(StrEnum):
    """Stored beside a case for its lists, never renamed."""

    TO_VERIFY = "to_verify"
    REPLY_DUE = "reply_due"
    RECORD_DUE = "record_due"
    REPLIED = "replied"
    VERIFIED = "verified"
    TO_DECIDE = "to_decide"
    CLEARED = "cleared"
    TO_HANDLE = "to_handle"
    REFERRED = "referred"
    HANDLING = "handling"
    RECTIFYING = "rectifying"
    REPORTED = "reported"
    TO_ESCALATE = "to_escalate"
    RECTIFIED = "rectified"
    ARCHIVED = "archived"


PHASE_ZH = {
    Phase.TO_VERIFY: "疑点登记，待核实", Phase.REPLY_DUE: "待答复",
    Phase.RECORD_DUE: "待登记核实记录", Phase.REPLIED: "已回复，待采信",
    Phase.VERIFIED: "核实完毕，待认定意见", Phase.TO_DECIDE: "认定意见待复核",
    Phase.CLEARED: "已排除，待归档", Phase.TO_HANDLE: "已确认，待处理意见",
    Phase.REFERRED: "已确认并移交", Phase.HANDLING: "处理意见待复核",
    Phase.RECTIFYING: "整改中", Phase.REPORTED: "已报送整改，待认可",
    Phase.TO_ESCALATE: "未按要求整改，待升级处理", Phase.RECTIFIED: "整改完成，待归档",
    Phase.ARCHIVED: "已归档",
}  # fmt: skip
_TOLD_APART = (
    Stage.SUSPECTED, Stage.VERIFYING, Stage.TO_DECIDE, Stage.CLEARED, Stage.CONFIRMED,
    Stage.HANDLING, Stage.RECTIFYING, Phase.REPORTED, Stage.RECTIFIED, Stage.ARCHIVED,
)  # fmt: skip
STAGES_ZH: Mapping[StrEnum, str] = {
    each: PHASE_ZH[each] if isinstance(each, Phase) else STAGE_ZH[each] for each in _TOLD_APART
}
"""The stages as lists and figures tell cases apart: whose rectification was reported, and waits for
the bureau's word, is in rectification no more."""
_OUTSIDE = frozenset({Phase.REPLY_DUE, Phase.RECTIFYING})
"""Somebody outside has the next word: past its day it is 逾期."""
_PARTYS = frozenset({Phase.RECTIFYING, Phase.REPORTED})
_OF_STAGE = {
    Stage.SUSPECTED: Phase.TO_VERIFY, Stage.TO_DECIDE: Phase.TO_DECIDE,
    Stage.CLEARED: Phase.CLEARED, Stage.CONFIRMED: Phase.TO_HANDLE,
    Stage.HANDLING: Phase.HANDLING, Stage.RECTIFIED: Phase.RECTIFIED,
    Stage.ARCHIVED: Phase.ARCHIVED,
}  # fmt: skip


def phase(case: Case) -> Phase:
    if case.stage is Stage.VERIFYING:
        return _verifying(case)
    if case.stage is Stage.RECTIFYING:
        return _rectifying(case)
    if case.stage is Stage.CONFIRMED and case.referred:
        return Phase.REFERRED
    return _OF_STAGE[case.stage]


def _verifying(case: Case) -> Phase:
    if any(each.status is Asked.REPLIED for each in case.requests):
        return Phase.REPLIED
    waiting = [each for each in case.requests if each.waits_outside]
    if not waiting:
        return Phase.VERIFIED
    return Phase.RECORD_DUE if waiting[-1].means in OURS else Phase.REPLY_DUE


def _rectifying(case: Case) -> Phase:
    """That of the order which has come least far: one order's report carries out no other."""
    at = {each.status for each in case.orders}
    if Done.FAILED in at or (Done.OPEN in at and case.escalation):
        return Phase.TO_ESCALATE
    return Phase.RECTIFYING if Done.OPEN in at else Phase.REPORTED


def partly_reported(row: Mapping[str, Any]) -> bool:
    """An order is open and another reported, so that the bureau has the next word beside the party.
    `row`: phase, awaits."""
    return bool(row["phase"] == Phase.RECTIFYING and row["awaits"] == "reviewer")


def standing_zh(row: Mapping[str, Any], today: dt.date, *, inside: bool) -> str:
    """A case in a list or header: `已回复，待采信`. `row`: stage, phase, awaits, due, escalation,
    referring. People outside the bureau read what they themselves owe, and nothing of its counsel.
    """
    party = row["awaits"] in (Against.AGENCY, Against.BANK)
    found = _told(row["stage"], party)
    if row["phase"] in _PARTYS:  # its own doing, no counsel of the bureau's
        found = Phase(row["phase"])
    elif inside:  # a case that was not moved yet has no phase of its own
        found = Phase(row["phase"]) if row["phase"] else found or _OF_STAGE.get(row["stage"])
    words = PHASE_ZH[found] if found else STAGE_ZH[Stage(row["stage"])]
    if row["due"] and row["due"] < today and found in _OUTSIDE:
        words += "，已逾期"
    if partly_reported(row):
        words += "；另有事项已报送，待认可"
    if row["escalation"] and found is not Phase.TO_ESCALATE:
        words += "，应升级处理"
    return words + ("；移交意见待复核" if inside and row["referring"] else "")


def _told(stage: str, party: bool) -> Phase | None:
    return {Stage.VERIFYING.value: Phase.REPLY_DUE, Stage.RECTIFYING.value: Phase.RECTIFYING}.get(
        stage if party else ""
    )
