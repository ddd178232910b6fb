"""The words of a case: stages, means of verification, measures, moves. Stored, never renamed."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from bureau.desk.people import BUREAU, OUTSIDE, Office


class Origin(StrEnum):
    FINDING = "finding"
    GROUPED = "grouped"
    SCREENING = "screening"
    COMPLAINT = "complaint"


class Against(StrEnum):
    AGENCY = "agency"
    BANK = "bank"


class Stage(StrEnum):
    SUSPECTED = "suspected"
    VERIFYING = "verifying"
    TO_DECIDE = "to_decide"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    HANDLING = "handling"
    RECTIFYING = "rectifying"
    RECTIFIED = "rectified"
    ARCHIVED = "archived"


class Means(StrEnum):
    """Ways of verification, Art. 11(2)."""

    PHONE_CALL = "phone_call"
    DOCUMENT_REQUEST = "document_request"
    INTERVIEW = "interview"
    ONSITE_VERIFICATION = "onsite_verification"
    LETTER_OF_CONCERN = "letter_of_concern"
    JOINT_INVESTIGATION = "joint_investigation"


class Measure(StrEnum):
    """Handling by paragraph: Art. 21 for agencies, Art. 22 for banks."""

    WARN = "21(1)"
    RETURN_AND_ADJUST = "21(2)"
    ORDER_RECTIFICATION = "21(3)"
    SUSPEND = "21(4)"
    BULLETIN = "21(5)"
    BANK_RETURN = "22(1)"
    BANK_REMEDY = "22(2)"
    BANK_PENALTY = "22(3)"


class Move(StrEnum):
    VERIFY = "verify"
    REPLY = "reply"
    RECORD = "record"
    RETURN = "return"
    ACCEPT = "accept"
    OBSTRUCTED = "obstructed"
    PROPOSE = "propose"
    DECIDE = "decide"
    SEND_BACK = "send_back"
    PROPOSE_HANDLING = "propose_handling"
    APPROVE_HANDLING = "approve_handling"
    REPORT = "report"
    ACCEPT_REPORT = "accept_report"
    REJECT_REPORT = "reject_report"
    REMIND = "remind"
    ESCALATE = "escalate"
    PROPOSE_REFERRAL = "propose_referral"
    APPROVE_REFERRAL = "approve_referral"
    RETURN_REFERRAL = "return_referral"
    REFER = "refer"
    """By one person: of before record 0059, only read."""
    DISPUTE = "dispute"
    DISPUTE_END = "dispute_end"
    NOTE = "note"
    ARCHIVE = "archive"


PROGRAM = "program"
"""Who reminds and escalates: no person."""
REVIEWER = frozenset({Office.REVIEWER})
APPROVER = frozenset({Office.APPROVER})
CONCERNED = OUTSIDE - {Office.DEPARTMENT}

WHO: Mapping[Move, frozenset[Office]] = {
    Move.VERIFY: REVIEWER,
    Move.REPLY: CONCERNED,
    Move.RECORD: REVIEWER,
    Move.RETURN: REVIEWER,
    Move.ACCEPT: REVIEWER,
    Move.OBSTRUCTED: REVIEWER,
    Move.PROPOSE: REVIEWER,
    Move.DECIDE: APPROVER,
    Move.SEND_BACK: APPROVER,
    Move.PROPOSE_HANDLING: REVIEWER,
    Move.APPROVE_HANDLING: APPROVER,
    Move.REPORT: CONCERNED,
    Move.ACCEPT_REPORT: REVIEWER,
    Move.REJECT_REPORT: REVIEWER,
    Move.REMIND: frozenset(),
    Move.ESCALATE: frozenset(),
    Move.PROPOSE_REFERRAL: REVIEWER,
    Move.APPROVE_REFERRAL: APPROVER,
    Move.RETURN_REFERRAL: APPROVER,
    Move.REFER: frozenset(),
    Move.DISPUTE: REVIEWER,
    Move.DISPUTE_END: REVIEWER,
    Move.NOTE: BUREAU,
    Move.ARCHIVE: BUREAU,
}
"""Which office makes a move; nobody makes those of the program by hand."""

_LIVING = frozenset(Stage) - {Stage.ARCHIVED}
_HANDLED = frozenset({Stage.RECTIFYING, Stage.RECTIFIED})
_SERIOUS = _HANDLED | {Stage.CONFIRMED}
FROM: Mapping[Move, frozenset[Stage]] = {
    Move.VERIFY: frozenset({Stage.SUSPECTED, Stage.VERIFYING}),
    Move.REPLY: frozenset({Stage.VERIFYING}),
    Move.RECORD: frozenset({Stage.VERIFYING}),
    Move.RETURN: frozenset({Stage.VERIFYING}),
    Move.ACCEPT: frozenset({Stage.VERIFYING}),
    Move.OBSTRUCTED: frozenset({Stage.VERIFYING}),
    Move.PROPOSE: frozenset({Stage.SUSPECTED, Stage.VERIFYING}),
    Move.DECIDE: frozenset({Stage.TO_DECIDE}),
    Move.SEND_BACK: frozenset({Stage.TO_DECIDE, Stage.HANDLING}),
    Move.PROPOSE_HANDLING: frozenset({Stage.CONFIRMED, Stage.RECTIFYING}),
    Move.APPROVE_HANDLING: frozenset({Stage.HANDLING}),
    Move.REPORT: frozenset({Stage.RECTIFYING}),
    Move.ACCEPT_REPORT: frozenset({Stage.RECTIFYING}),
    Move.REJECT_REPORT: frozenset({Stage.RECTIFYING}),
    Move.REMIND: frozenset({Stage.VERIFYING, Stage.RECTIFYING}),
    Move.ESCALATE: frozenset({Stage.RECTIFYING}),
    Move.PROPOSE_REFERRAL: _SERIOUS,
    Move.APPROVE_REFERRAL: _SERIOUS | {Stage.HANDLING},
    Move.RETURN_REFERRAL: _SERIOUS | {Stage.HANDLING},
    Move.REFER: frozenset(),
    Move.DISPUTE: _HANDLED | {Stage.ARCHIVED},
    Move.DISPUTE_END: _HANDLED | {Stage.CONFIRMED, Stage.HANDLING},
    Move.NOTE: _LIVING,
    Move.ARCHIVE: frozenset({Stage.CLEARED, Stage.CONFIRMED, Stage.RECTIFIED}),
}
"""The stages at which a move is legal: everything else is refused (I19)."""

DECIDING = frozenset(
    {
        Move.DECIDE, Move.SEND_BACK, Move.APPROVE_HANDLING, Move.APPROVE_REFERRAL,
        Move.RETURN_REFERRAL,
    }
)  # fmt: skip
"""Moves upon what another person proposed."""
REFERRING = frozenset(
    {Move.PROPOSE_REFERRAL, Move.APPROVE_REFERRAL, Move.RETURN_REFERRAL, Move.REFER}
)
_ON_REQUEST = frozenset({Move.REPLY, Move.RECORD, Move.RETURN, Move.ACCEPT, Move.OBSTRUCTED})
"""Moves that name a request by its number."""
_INTERNAL = REFERRING | {Move.PROPOSE, Move.SEND_BACK, Move.PROPOSE_HANDLING, Move.NOTE}


def internal(move: str, body: Mapping[str, Any]) -> bool:
    """What people outside the bureau are not shown: its own counsel, and what it asks of other
    departments about them (Art. 11(2)5, 23), and reminds them of."""
    of_others = body.get("means") == Means.JOINT_INVESTIGATION or "others" in body
    return move in _INTERNAL or of_others


def told_to_party(moves: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of a case's moves, from the first, those that people outside are shown: nor is what came of a
    request to another department theirs, though its moves name it by its number only."""
    asked, of_others, told = 0, set[int](), []
    for each in moves:
        move, body = each["move"], each["body"]
        if move == Move.VERIFY:
            asked += 1
            if internal(move, body):
                of_others.add(asked)
        about_others = move in _ON_REQUEST and body.get("number") in of_others
        if not (internal(move, body) or about_others):
            told.append(each)
    return told


ORIGIN_ZH = {
    Origin.FINDING: "系统预警", Origin.GROUPED: "重点关注（归并）",
    Origin.SCREENING: "人工排查", Origin.COMPLAINT: "投诉举报",
}  # fmt: skip
STAGE_ZH = {
    Stage.SUSPECTED: "疑点登记", Stage.VERIFYING: "核实中", Stage.TO_DECIDE: "待认定",
    Stage.CLEARED: "已排除", Stage.CONFIRMED: "已确认", Stage.HANDLING: "处理待审批",
    Stage.RECTIFYING: "整改中", Stage.RECTIFIED: "整改完成", Stage.ARCHIVED: "已归档",
}  # fmt: skip
MEANS_ZH = {
    Means.PHONE_CALL: "电话核实", Means.DOCUMENT_REQUEST: "调阅材料", Means.INTERVIEW: "约谈",
    Means.ONSITE_VERIFICATION: "实地核证", Means.LETTER_OF_CONCERN: "关注函",
    Means.JOINT_INVESTIGATION: "部门协查",
}  # fmt: skip
AMOUNT_ZH = {"returned": "退回资金", "adjusted": "调整账目", "other": "补办手续等其他"}
"""What an order may name in yuan."""
APPEAL_TO = {"review_to": "行政复议机关", "court": "管辖人民法院"}
"""Art. 24: to whom a party may turn. The regulation does not say, so whoever proposes does."""
REPORTED_ZH = {"returned": "已退回资金", "adjusted": "已调整账目", "other": "补办手续等其他已办理"}
"""What its party then reports of each."""
MEASURE_ZH = {
    Measure.WARN: "第二十一条（一）警示并立即纠正",
    Measure.RETURN_AND_ADJUST: "第二十一条（二）退回资金、调整账目、补办手续",
    Measure.ORDER_RECTIFICATION: "第二十一条（三）书面责令限期整改并通报上级主管部门",
    Measure.SUSPEND: "第二十一条（四）暂停拨付资金、撤销相关银行账户",
    Measure.BULLETIN: "第二十一条（五）一定范围内通报",
    Measure.BANK_RETURN: "第二十二条（一）按原渠道退回或重新办理，承担赔偿责任",
    Measure.BANK_REMEDY: "第二十二条（二）立即解决信息传输问题",
    Measure.BANK_PENALTY: "第二十二条（三）通报批评、扣减服务费直至终止代理协议",
}
MOVE_ZH = {
    Move.VERIFY: "发起核实", Move.REPLY: "提交回复", Move.RECORD: "登记核实记录",
    Move.RETURN: "退回补充", Move.ACCEPT: "采信回复", Move.OBSTRUCTED: "登记不配合",
    Move.PROPOSE: "提出认定意见", Move.DECIDE: "认定", Move.SEND_BACK: "退回重办",
    Move.PROPOSE_HANDLING: "提出处理意见", Move.APPROVE_HANDLING: "批准处理",
    Move.REPORT: "报送整改结果", Move.ACCEPT_REPORT: "认可整改", Move.REJECT_REPORT: "不认可整改",
    Move.REMIND: "提醒", Move.ESCALATE: "逾期升级", Move.REFER: "移交",
    Move.PROPOSE_REFERRAL: "提出移交意见", Move.APPROVE_REFERRAL: "批准移交",
    Move.RETURN_REFERRAL: "退回移交意见",
    Move.DISPUTE: "登记复议、诉讼、仲裁", Move.DISPUTE_END: "登记复议、诉讼、仲裁结果",
    Move.NOTE: "备注", Move.ARCHIVE: "归档",
}  # fmt: skip
