"""Everything that must be true once it is quiet, whatever went wrong. The numbers are those of
docs/reliability.md; I1, I2 and the ceilings of I4 are held at each single moment (`bank.py`,
`registrar.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import orjson

from gateway.domain.answer import Answer
from gateway.domain.bank import BOOKS, ENDED, BankOutcome
from gateway.domain.decision import Outcome
from gateway.domain.faults import FaultCode
from gateway.domain.holds import HoldEnding
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import LimitKey
from gateway.domain.log import SealedRecord
from tests.memory.state import MemoryState
from tests.simulation.world import Heard, World


def violations(world: World) -> list[str]:
    """Empty if all holds."""
    return [
        *world.diary.wrong,
        *_of_the_mark(world),
        *_at_the_bank(world),
        *_of_limits(world),
        *_of_returns(world),
        *_of_windows(world.state),
        *_of_records(world),
        *_of_answers(world),
    ]


def _of_the_mark(world: World) -> Iterator[str]:
    """A false alarm shuts the line."""
    if not world.restore.happened and (words := world.mark.forgot):
        yield f"I10 nothing was lost, and it is said: {words}"


def _overspent(world: World) -> Iterator[str]:
    """I4. At each single moment `registrar.py` holds it, also of what was lowered."""
    state = world.state
    beyond = {key for turns in state.set_aside.values() for turn in turns for key in turn.amounts}
    for (_, key), limit in state.limits.items():
        if key in beyond | world.registrar.lowered:  # facts, whatever was left
            continue
        if limit.available_fen < 0 or limit.reserved_fen < 0 or limit.posted_fen < 0:
            yield f"I4 {key.id}: {limit.reserved_fen} and {limit.posted_fen} of {limit.granted_fen}"


def passed(state: MemoryState, key: InstructionKey) -> bool:
    end = state.hold_ends.get(key)
    released = end is not None and end.how is HoldEnding.RELEASED
    return state.instructions[key].outcome is Outcome.PASS or released


def outcome_now(state: MemoryState, key: InstructionKey) -> Outcome:
    if passed(state, key):
        return Outcome.PASS
    return Outcome.BLOCK if key in state.hold_ends else state.instructions[key].outcome


def _at_the_bank(world: World) -> Iterator[str]:
    state = world.state
    for key, handed in world.core.handed.items():
        if handed.paid > 1:
            yield f"I2 {key}: paid {handed.paid} times"
        if handed.lied and (wrong := _believed(world, key)):
            yield wrong
        if key not in state.instructions or not passed(state, key):
            yield f"I1/I3 {key}: at the bank, and no pass"
    for key in state.instructions:
        settled = state.settlements.get(key)
        host, word = world.core.heard.get(key, (None, None))
        taken = world.core.handed.get(key)
        lied = taken is not None and taken.lied  # then its books were believed, and a person asks
        if settled is None and host and not host.dead and not lied:
            yield f"I9 {key}: open, and a process that lives was told {word}"
        if not passed(state, key):
            if settled is not None or key in state.open_payments:
                yield f"I3 {key}: no pass, yet open or settled"
            continue
        became = taken.outcome if taken else None
        if settled is None:
            task = state.open_payments.get(key)
            if task is None or not task.operator_task:
                yield f"I9 {key}: passed, and neither open nor settled"
            elif world.could_tell(key):
                yield f"I9 {key}: left to an operator, and the bank could tell"
        elif settled.bank is not (became or BankOutcome.NOT_TAKEN):
            yield f"I9 {key}: settled {settled.bank} by {settled.evidence}, the bank says {became}"


def _of_limits(world: World) -> Iterator[str]:
    state = world.state
    reserved: Counter[LimitKey] = Counter()
    posted: Counter[LimitKey] = Counter()
    for key, admission in state.instructions.items():
        settled = state.settlements.get(key)
        for demand in admission.demands:
            if key in state.open_payments:
                reserved[demand.limit] += demand.amount_fen
            elif settled is not None and settled.bank is BankOutcome.ACCEPTED:
                posted[demand.limit] += demand.amount_fen
        back = sum(each.amount_fen for each in state.refunds.values() if each.payment == key)
        for demand in admission.demands if back else ():
            posted[demand.limit] -= demand.amount_fen * back // admission.amount_fen
    for turns in state.set_aside.values():
        for turn in turns:
            if turn.posted is None:
                reserved.update(turn.amounts)
            elif turn.posted:
                posted.update(turn.amounts)
    for (_, limit_key), limit in state.limits.items():
        rows = reserved[limit_key], posted[limit_key]
        if (said := (limit.reserved_fen, limit.posted_fen)) != rows:
            yield f"I4 {limit_key.id}: {said}, the rows say {rows}"
    yield from _overspent(world)


def _of_returns(world: World) -> Iterator[str]:
    """What came back is given back once, however often and wherever it was told."""
    counted: dict[InstructionKey, list[int]] = defaultdict(list)
    for each in world.state.refunds.values():
        counted[each.payment].append(each.amount_fen)
    if counted != world.core.given_back:
        yield f"returns: counted {dict(counted)}, the bank gave back {world.core.given_back}"
    told = Counter(each.subject for each in world.bureau.copy if each.kind == "refund")
    if told != Counter({str(key): len(each) for key, each in counted.items()}):
        yield f"I7 returns on record: {told}"


def _of_windows(state: MemoryState) -> Iterator[str]:
    for entries in state.windows.values():
        for key, _ in entries:
            settled = state.settlements.get(key)
            if settled is not None and settled.bank is not BankOutcome.ACCEPTED:
                yield f"I4 {key}: not paid, yet counted in a window"


def _of_records(world: World) -> Iterator[str]:
    state = world.state
    log: list[SealedRecord] = [each for log in state.logs.values() for each in log.records]
    if [each.body for each in log] != [each.body for each in world.bureau.copy]:
        yield "I7 the bureau's copy is not the log"
    lied = {str(key) for key, handed in world.core.handed.items() if handed.lied or handed.slipped}
    words: dict[str, list[dict[str, Any]]] = defaultdict(list)
    told: dict[str, list[str]] = defaultdict(list)
    ended: dict[str, list[str]] = defaultdict(list)
    for record in world.bureau.copy:
        fields = orjson.loads(record.body)
        if record.kind == "verdict":
            told[record.subject].append(fields["outcome"])
        elif record.kind == "bank_outcome":
            told[record.subject].append(fields["bank_outcome"])
        elif record.kind == "release" and fields["what"] != "not_carried_out":
            ended[record.subject].append(fields["what"])
        elif record.kind == "correction" and record.subject not in lied:
            yield f"I9 {record.subject}: two words that contradict one another"
        if record.kind == "correction":
            words[record.subject].append(fields)
    for subject, said in words.items():
        yield from (f"0104 {subject}: {wrong}" for wrong in _of_words(said))
    for key, admission in state.instructions.items():
        settled, end = state.settlements.get(key), state.hold_ends.get(key)
        foretold = [str(admission.outcome)] + ([str(settled.bank)] if settled else [])
        if told.pop(str(key), []) != foretold:
            yield f"I7/I8 {key}: not recorded as {foretold}"
        if ended[str(key)] != ([str(end.how)] if end else []):
            yield f"I7 {key}: its hold ended {ended[str(key)]} on record"
    yield from (f"I7 {subject}: recorded, never decided" for subject in told)
    if len(world.bureau.notices) != len(state.receipts):
        yield f"notices: {len(state.receipts)} acknowledged, {len(world.bureau.notices)} there"
    refused = sum(each.outcome is not Outcome.PASS for each in state.instructions.values())
    refused += sum(end.how is HoldEnding.EXPIRED for end in state.hold_ends.values())
    if len(state.receipts) != refused:
        yield f"notices: {refused} refused, {len(state.receipts)} acknowledged"


def _of_words(corrections: list[dict[str, Any]]) -> Iterator[str]:
    """Each word is on record once while it stands, each letter once for ever, and nothing ends that
    was not there."""
    standing: list[dict[str, Any]] = []
    letters: list[str] = []
    for each in corrections:
        if each["what"] == ENDED:
            if not standing:
                yield "an end of nothing"
            by_books = each["how"] == BOOKS
            standing = [one for one in standing if by_books and one["how"] != BOOKS]
            continue
        word = {**each, "recorded_at": None, "seq": None}
        if word in standing and each["how"] != BOOKS:
            yield "one word recorded twice"
        if (letter := each.get("letter")) in letters:
            yield f"letter {letter} recorded twice"
        letters += [letter] if letter else []
        standing.append(word)


def _of_answers(world: World) -> Iterator[str]:
    for heard in (*world.heard, *world.again):
        if wrong := _untrue(world, heard):
            yield wrong
    for heard in world.again:
        key, said = heard.order.instruction.key, heard.said
        handed = world.core.handed.get(key)
        slipped = isinstance(said, Answer) and handed is not None and handed.slipped
        if slipped and said.bank is not _at_last(world, key):
            yield f"0104 {key}: told {said.bank} after officers have found out"
        if isinstance(heard.said, Answer) and not heard.said.replayed:
            yield f"I5 {heard.said.key}: decided anew when it was asked again"


def _untrue(world: World, heard: Heard) -> str:
    """Why this answer is not true any more; empty if it is."""
    state, key, said = world.state, heard.order.instruction.key, heard.said
    admission = state.instructions.get(key)
    if admission is None:
        return f"I6 {key}: answered, and forgotten"
    first = admission.raw == heard.order.received.raw
    if not isinstance(said, Answer):
        conflict = said.code is FaultCode.INSTRUCTION_CONFLICT
        return "" if conflict and not first else f"I6 {key}: answered {said.code}: {said}"
    if not first:
        return f"I5 {key}: other content was answered {said.decision.outcome}"
    if said.decision.outcome not in (admission.outcome, outcome_now(state, key)):
        return f"I6 {key}: answered {said.decision.outcome}, it is {admission.outcome}"
    handed = world.core.handed.get(key)
    if handed is not None and handed.lied:  # what was told on its word is true no more
        return ""
    if said.bank not in (None, BankOutcome.UNKNOWN) and said.bank is not _at_last(world, key):
        return f"I6 {key}: answered {said.bank}, it is {_at_last(world, key)}"
    return ""


def _believed(world: World, key: InstructionKey) -> str:
    """Whom the bank lied to about this payment to the last; empty if its books were believed."""
    state, turns = world.state, world.state.set_aside.get(key, [])
    now = [each.said for each in world.again if each.order.instruction.key == key]
    told = {said.bank for said in now if isinstance(said, Answer)}
    if key in state.open_payments:
        holds = BankOutcome.UNKNOWN
    elif turns and turns[-1].posted:
        holds = BankOutcome.ACCEPTED
    elif turns and turns[-1].posted is None:
        holds = BankOutcome.UNKNOWN
    else:
        holds = state.settlements[key].bank
        if world.core.net_fen(key) > 0:
            return f"0077 {key}: paid by the bank's books, and settled {holds}"
    return "" if told <= {holds} else f"0077 {key}: told {told}, it is {holds}"


def _at_last(world: World, key: InstructionKey) -> BankOutcome:
    """How it was settled; where a person must still look, what the bank did."""
    if settled := world.state.settlements.get(key):
        return settled.bank
    handed = world.core.handed.get(key)
    return (handed and handed.outcome) or BankOutcome.NOT_TAKEN
