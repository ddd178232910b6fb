"""The counter for the bureau's questions about policies: `POST /v1/feeds/questions`.

    {"by","division","documents","kind":"questions","number","since","subject","what"}

`what`: `backtest` and `shadow` put a candidate (`documents`) on trial, since a day; `stop` ends the
shadow; `replay` decides a recorded instruction (`subject`) again under its own book, `try` under a
candidate. `tell` asks how far question `number` has come, and for what it found after record
`after`. Nothing of this is enforced, and payments never wait for it. The same bytes again are the
same question.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import msgspec
import orjson
import structlog

from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import Received
from gateway.domain.legal_day import dawn
from gateway.domain.once import read_once
from gateway.domain.past import Question, Wanted
from gateway.ports import Clock, Gatekeeper
from gateway.web.entitled import bureau_of, expect_own

PATH = "/v1/feeds/questions"
KIND = "questions"
DOCUMENTS_MAX = 2000
QUESTION_BYTES_MAX = 4 << 20
"""All documents of a province are some 250 KB; a question is kept, and so are they."""
SINCE_MIN = dt.date(2000, 1, 1)
_SUBJECT = re.compile(r"([0-9]{9})/20[0-9]{2}/[0-9A-Za-z]{1,8}/[0-9A-Za-z-]{1,42}")

log = structlog.get_logger()


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    division: Annotated[str, msgspec.Meta(pattern="^[0-9]{9}$")]
    kind: str
    number: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    what: str
    since: dt.date | None = None
    documents: dict[str, str] = {}
    subject: Annotated[str, msgspec.Meta(max_length=200)] = ""
    after: Annotated[int, msgspec.Meta(ge=-1, le=2**53)] = -1


class Desk(Protocol):
    """Where questions are kept and their answers found."""

    async def ask(self, question: Question, now: dt.datetime) -> None:
        """Keep one. Raises Conflicting (its number means another), Unreadable (one of its kind
        runs already), Unready (too many wait), LedgerUnavailable."""
        ...

    async def state(self, division: str, number: int, after: int) -> dict[str, Any] | None:
        """How far it has come, with what was found after that record; None: never asked."""
        ...


class QuestionCounter:
    def __init__(
        self, desk: Desk, gatekeeper: Gatekeeper, clock: Clock, bureaus: Mapping[str, str]
    ) -> None:
        """`bureaus`: by division, the URI of its bureau."""
        self._desk = desk
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._bureaus = bureaus

    async def take(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """Raises Unproven, Unreadable, Conflicting, Unready, LedgerUnavailable."""
        now = self._clock.now()
        sender = bureau_of(received, now, self._gatekeeper, self._bureaus.values())
        asked = _read(received.raw)
        expect_own(sender, [asked.division], self._bureaus)
        if asked.what != "tell":
            await self._desk.ask(_question(asked, received.raw), now)
            log.info("question.taken", division=asked.division, number=asked.number,
                     what=asked.what)  # fmt: skip
        state = await self._desk.state(asked.division, asked.number, asked.after)
        if state is None:
            raise Unreadable(FaultCode.FEED_INVALID, f"question {asked.number} was never asked")
        told = {"division": asked.division, "kind": KIND, "state": state, "version": asked.number}
        return orjson.dumps(told)


def _question(asked: _Asked, raw: bytes) -> Question:
    what, single = Wanted(asked.what), asked.what in (Wanted.REPLAY, Wanted.TRY)
    return Question(
        division=asked.division, number=asked.number, digest=hashlib.sha256(raw).digest(),
        what=what, by=asked.by, since=dawn(asked.since) if asked.since else None,
        documents=orjson.dumps(asked.documents), subject=asked.subject if single else "",
    )  # fmt: skip


def _read(raw: bytes) -> _Asked:
    if len(raw) > QUESTION_BYTES_MAX:
        raise Unreadable(FaultCode.FEED_INVALID, f"more than {QUESTION_BYTES_MAX} bytes")
    try:
        asked = read_once(msgspec.json.Decoder(_Asked), raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(FaultCode.FEED_INVALID, f"not a question: {error}") from error
    wrong = _wrong(asked)
    if wrong:
        raise Unreadable(FaultCode.FEED_INVALID, wrong)
    return asked


def _wrong(asked: _Asked) -> str:
    if asked.kind != KIND:
        return f"its kind is not {KIND}"
    if asked.what != "tell" and asked.what not in tuple(Wanted):
        return f"what: one of {', '.join(Wanted)}, tell"
    candidate = asked.what in (Wanted.BACKTEST, Wanted.SHADOW, Wanted.TRY)
    if candidate != bool(asked.documents) or len(asked.documents) > DOCUMENTS_MAX:
        return "documents: those of a candidate, and only with one"
    if not asked.by.isprintable():
        return "by: no control or invisible characters"
    about_one = asked.what in (Wanted.REPLAY, Wanted.TRY)
    named = _SUBJECT.fullmatch(asked.subject)
    fits = named is not None and named[1] == asked.division
    if about_one != fits or (asked.subject and not about_one):
        return "subject: division/year/type/number of an instruction of this division"
    if asked.since and asked.what not in (Wanted.BACKTEST, Wanted.SHADOW):
        return "since: with a back-test or a shadow only"
    if asked.since and asked.since < SINCE_MIN:
        return f"since: {SINCE_MIN} at the earliest"
    return ""
