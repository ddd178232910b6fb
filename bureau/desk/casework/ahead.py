"""What lies ahead in a case: which move is the expected one now, and why another is not possible.

Nothing is judged twice: a move that is possible is one that `step` does not refuse.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from bureau.desk.casework.ladder import OF
from bureau.desk.casework.made import Made
from bureau.desk.casework.moves import step
from bureau.desk.casework.phase import Phase, phase
from bureau.desk.casework.state import Case, Done
from bureau.desk.casework.words import Move, Stage
from bureau.desk.people import Person
from bureau.desk.refusals import ActRefused

_EXPECTED: Mapping[Phase, Move] = {
    Phase.TO_VERIFY: Move.VERIFY, Phase.REPLY_DUE: Move.REPLY, Phase.RECORD_DUE: Move.RECORD,
    Phase.REPLIED: Move.ACCEPT, Phase.VERIFIED: Move.PROPOSE, Phase.TO_DECIDE: Move.DECIDE,
    Phase.CLEARED: Move.ARCHIVE, Phase.TO_HANDLE: Move.PROPOSE_HANDLING,
    Phase.REFERRED: Move.PROPOSE_HANDLING, Phase.HANDLING: Move.APPROVE_HANDLING,
    Phase.RECTIFYING: Move.REPORT, Phase.REPORTED: Move.ACCEPT_REPORT,
    Phase.TO_ESCALATE: Move.PROPOSE_HANDLING, Phase.RECTIFIED: Move.ARCHIVE,
}  # fmt: skip
_ORDER = (
    Move.APPROVE_REFERRAL, Move.DECIDE, Move.APPROVE_HANDLING, Move.SEND_BACK,
    Move.RETURN_REFERRAL, Move.ACCEPT, Move.RETURN, Move.ACCEPT_REPORT, Move.REJECT_REPORT,
    Move.REPLY, Move.REPORT, Move.RECORD, Move.PROPOSE, Move.VERIFY, Move.OBSTRUCTED,
    Move.PROPOSE_HANDLING, Move.PROPOSE_REFERRAL, Move.ARCHIVE, Move.DISPUTE_END, Move.DISPUTE,
    Move.NOTE,
)  # fmt: skip
_FAIR: Mapping[str, Any] = {"text": "-", "person": "-", "to": "audit"}


def expected(case: Case, day: dt.date) -> frozenset[Move]:
    """The next steps, of whoever may make them. Past its day, what waits outside waits no more."""
    now = phase(case)
    moves = {_EXPECTED[now]} if now in _EXPECTED else set()
    if case.referral is not None:
        moves.add(Move.APPROVE_REFERRAL)
    if case.disputed and case.stage is Stage.RECTIFIED:
        moves = {Move.DISPUTE_END}
    if case.stage is Stage.RECTIFYING:
        moves.add(Move.REPORT)
        if any(order.status is Done.REPORTED for order in case.orders):
            moves.add(Move.ACCEPT_REPORT)
    if now is Phase.REPLY_DUE and case.due is not None and case.due < day:
        moves.add(Move.PROPOSE)
    if now is Phase.RECTIFYING and any(order.missed(day) for order in case.orders):
        moves.add(Move.PROPOSE_HANDLING)
    return frozenset(moves)


def rank(move: Move, awaited: frozenset[Move]) -> tuple[bool, int]:
    """The expected first, then as a case goes; notes last."""
    return move not in awaited, _ORDER.index(move) if move in _ORDER else len(_ORDER)


def objection(case: Case, move: Move, person: Person, day: dt.date) -> ActRefused | None:
    """Why this person cannot make this move now, whatever is typed; None: it is possible."""
    refused: ActRefused | None = None
    for body in _fair(case, move, day):
        try:
            step(case, Made(move=move, by=person.login, office=person.office, day=day, body=body))
        except ActRefused as error:
            refused = refused or error
        else:
            return None
    return refused


def _fair(case: Case, move: Move, day: dt.date) -> Iterator[Mapping[str, Any]]:
    """Bodies with which the move is made if it can be made at all; none: it depends on a number,
    a means or a date, and the form offers only what fits."""
    if move is Move.PROPOSE:
        verdicts = (Stage.CONFIRMED, Stage.CLEARED)
        yield from ({**_FAIR, "verdict": verdict.value} for verdict in verdicts)
    elif move is Move.PROPOSE_HANDLING:
        due = day.isoformat()
        for measure in OF[case.against]:
            yield {**_FAIR, "orders": [{"measure": measure.value, "due": due}]}
    elif move in _JUDGED_WHOLE:
        yield _FAIR


_JUDGED_WHOLE = frozenset(
    {
        Move.DECIDE, Move.SEND_BACK, Move.APPROVE_HANDLING, Move.PROPOSE_REFERRAL,
        Move.APPROVE_REFERRAL, Move.RETURN_REFERRAL, Move.ARCHIVE,
    }
)  # fmt: skip
