"""The counter of the bureau's questions: who may ask, what is a question, what is answered."""

import datetime as dt
from typing import Any

import attrs
import orjson
import pytest

from gateway.domain.faults import Unproven, Unreadable, Unready
from gateway.domain.instruction import Received
from gateway.domain.parties import Sender, sender_of
from gateway.domain.past import Question, Wanted
from gateway.policy_books.retrace import CannotReplay, trouble_of
from gateway.serving.questions import OPEN_MAX, Questions
from gateway.web.questions import QUESTION_BYTES_MAX, QuestionCounter

DIVISION = "220000000"
BUREAU = f"spiffe://treasury.test/bureau/{DIVISION}"
DOCUMENTS = {"JL-042.toml": "id = 1"}
KEY = f"{DIVISION}/2026/8202/0000000000001"


@attrs.define
class Desk:
    """Fits gateway.web.questions.Desk."""

    kept: list[Question] = attrs.field(factory=list)

    async def ask(self, question: Question, now: dt.datetime) -> None:
        self.kept.append(question)

    async def state(self, division: str, number: int, after: int) -> dict[str, Any] | None:
        known = any(each.number == number for each in self.kept)
        return {"over": False, "after": after} if known else None


class Gate:
    def authenticate(self, received: Received, now: dt.datetime) -> Sender:
        found = sender_of(received.party)
        assert found is not None
        return found


class Clock:
    def now(self) -> dt.datetime:
        return dt.datetime(2026, 3, 2, tzinfo=dt.UTC)

    def monotonic(self) -> float:
        return 0.0


def asked(party: str = BUREAU, **changes: Any) -> Received:
    fields = {
        "by": "li", "division": DIVISION, "documents": DOCUMENTS, "kind": "questions", "number": 1,
        "what": "backtest", **changes,
    }  # fmt: skip
    raw = orjson.dumps({name: value for name, value in fields.items() if value is not None})
    return Received(raw=raw, format="json", signature="s", party=party)


def counter(desk: Desk) -> QuestionCounter:
    return QuestionCounter(desk, Gate(), Clock(), {DIVISION: BUREAU})


async def test_a_question_of_the_divisions_bureau_is_kept_and_its_state_told() -> None:
    desk = Desk()
    told = orjson.loads(await counter(desk).take(asked(since="2026-01-01"), {}))
    assert (told["version"], told["state"]["after"]) == (1, -1)
    [question] = desk.kept
    assert question.what is Wanted.BACKTEST and orjson.loads(question.documents) == DOCUMENTS
    assert question.since == dt.datetime(2025, 12, 31, 16, tzinfo=dt.UTC), "that day in Beijing"
    tell = asked(what="tell", documents=None, after=41)
    assert orjson.loads(await counter(desk).take(tell, {}))["state"]["after"] == 41
    assert len(desk.kept) == 1, "asking how far it has come is no question of its own"


@pytest.mark.parametrize(
    "party",
    ["spiffe://treasury.test/bureau/220100000", "spiffe://treasury.test/agency/220000000/101001",
     "spiffe://treasury.test/channel/220000000/demo"],
)  # fmt: skip
async def test_nobody_else_may_ask(party: str) -> None:
    desk = Desk()
    with pytest.raises(Unproven):
        await counter(desk).take(asked(party), {})
    assert desk.kept == []


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "releases"}, {"what": "delete"}, {"number": 0}, {"division": "22"}, {"more": 1},
        {"documents": None}, {"what": "stop"}, {"what": "replay", "documents": None},
        {"what": "replay", "subject": KEY}, {"what": "try", "subject": "220100000/2026/8202/1"},
        {"what": "replay", "documents": None, "subject": KEY, "since": "2026-01-01"},
        {"what": "tell", "documents": None, "number": 7}, {"since": "morgen"},
        {"since": "0001-01-01"}, {"by": "li\0"}, {"by": "li\n"},
        {"what": "replay", "documents": None, "subject": f"{DIVISION}/99999999999/8202/1"},
        {"what": "replay", "documents": None, "subject": f"{DIVISION}/2026/8202/1\0"},
        {"documents": {"JL-042.toml": "#" * QUESTION_BYTES_MAX}},
    ],
)  # fmt: skip
async def test_what_is_no_question_is_refused(changes: dict[str, Any]) -> None:
    desk = Desk()
    with pytest.raises(Unreadable):
        await counter(desk).take(asked(**changes), {})
    assert desk.kept == []


async def test_what_names_something_twice_is_no_question() -> None:
    desk, good = Desk(), asked()
    twice = good.raw.replace(b'"number":1', b'"number":2,"number":1')
    with pytest.raises(Unreadable, match="more than once"):
        await counter(desk).take(
            Received(raw=twice, format="json", signature="s", party=good.party), {}
        )
    assert desk.kept == []


class Full:
    """A past in which as many questions wait as may."""

    async def question(self, division: str, number: int) -> None:
        return None

    async def questions_open(self, division: str) -> int:
        return OPEN_MAX


async def test_a_division_whose_questions_wait_is_told_to_ask_later() -> None:
    full: Any = Full()
    question = Question(
        division=DIVISION, number=1, digest=b"", what=Wanted.REPLAY, by="li", subject=KEY
    )
    with pytest.raises(Unready):
        await Questions(full).ask(question, Clock().now())


def test_what_nobody_foresaw_is_told_by_its_kind_only() -> None:
    assert trouble_of(KeyError("张三 220102199003071234")) == "KeyError"
    assert "not kept" in trouble_of(CannotReplay("registers version 7 are not kept"))
