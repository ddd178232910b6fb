"""The words of a case in English, beside the Chinese of `words`."""

from collections.abc import Mapping

from bureau.desk.casework.words import Means, Measure, Move, Stage

STAGE_EN: Mapping[Stage, str] = {
    Stage.SUSPECTED: "suspected", Stage.VERIFYING: "being verified",
    Stage.TO_DECIDE: "verdict to be decided", Stage.CLEARED: "cleared",
    Stage.CONFIRMED: "confirmed", Stage.HANDLING: "handling to be approved",
    Stage.RECTIFYING: "being rectified", Stage.RECTIFIED: "rectified",
    Stage.ARCHIVED: "archived",
}  # fmt: skip
MEANS_EN: Mapping[Means, str] = {
    Means.PHONE_CALL: "by telephone", Means.DOCUMENT_REQUEST: "by papers",
    Means.INTERVIEW: "by interview", Means.ONSITE_VERIFICATION: "on site",
    Means.LETTER_OF_CONCERN: "by letter of concern",
    Means.JOINT_INVESTIGATION: "jointly with other departments",
}  # fmt: skip
MEASURE_EN: Mapping[Measure, str] = {
    Measure.WARN: "Art. 21(1): warn, to be put right at once",
    Measure.RETURN_AND_ADJUST: "Art. 21(2): return the money, adjust the accounts, file what lacks",
    Measure.ORDER_RECTIFICATION:
    "Art. 21(3): order rectification in writing, tell the department above",
    Measure.SUSPEND: "Art. 21(4): suspend payments, close the accounts concerned",
    Measure.BULLETIN: "Art. 21(5): bulletin",
    Measure.BANK_RETURN: "Art. 22(1): return by the way it came or do it anew, and pay damages",
    Measure.BANK_REMEDY: "Art. 22(2): mend what fails in transmission, at once",
    Measure.BANK_PENALTY: "Art. 22(3): criticise, cut the fee, up to ending the contract",
}  # fmt: skip
MOVE_EN: Mapping[Move, str] = {
    Move.VERIFY: "Verify", Move.REPLY: "Reply", Move.RECORD: "Record what was found",
    Move.RETURN: "Send back for more", Move.ACCEPT: "Take the reply as enough",
    Move.OBSTRUCTED: "Record refusal to cooperate", Move.PROPOSE: "Propose a verdict",
    Move.DECIDE: "Decide as proposed", Move.SEND_BACK: "Send back",
    Move.PROPOSE_HANDLING: "Propose the handling", Move.APPROVE_HANDLING: "Approve the handling",
    Move.REPORT: "Report rectification", Move.ACCEPT_REPORT: "Accept the rectification",
    Move.REJECT_REPORT: "Refuse the rectification", Move.REMIND: "Reminded",
    Move.ESCALATE: "Overdue: next measure", Move.REFER: "Referred",
    Move.PROPOSE_REFERRAL: "Propose a referral", Move.APPROVE_REFERRAL: "Approve the referral",
    Move.RETURN_REFERRAL: "Send the referral back",
    Move.DISPUTE: "Record a review, lawsuit or arbitration",
    Move.DISPUTE_END: "Record how it ended", Move.NOTE: "Note", Move.ARCHIVE: "Archive",
}  # fmt: skip
LABELS_EN: Mapping[str, str] = {
    "text": "Explanation", "means": "Means", "due": "Due", "ground": "Reason",
    "concern": "Why of concern", "day": "Day of the interview", "room": "Room",
    "leader": "Led by", "persons": "Persons", "agent": "Accountants",
    "person": "Whom, department", "verdict": "Verdict", "to": "Referred to", "kind": "Kind",
    "result": "Result", "number": "Of", "returned": "Returned", "adjusted": "Adjusted",
    "other": "Other", "review_to": "Who reviews it", "court": "Court",
}  # fmt: skip
"""What a move's body names, as its timeline shows it."""
DISPUTE_EN = {
    "review": "administrative review", "lawsuit": "administrative lawsuit",
    "arbitration": "arbitration", "civil_suit": "civil suit",
}  # fmt: skip
CONCERN_EN = {
    "frequent": "often alarmed", "serious": "serious by nature", "large": "large amounts",
}  # fmt: skip
REFERRAL_EN = {
    "congress": "People's Congress", "audit": "audit", "discipline": "discipline inspection",
    "other": "another department",
}  # fmt: skip
VERDICT_EN = {"confirmed": "violation confirmed", "cleared": "suspicion cleared"}
RESULT_EN = {"upheld": "upheld", "changed": "changed", "revoked": "revoked"}
