"""Where the bureau's questions about policies are kept and their answers found."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from adapters.postgres.oversight.past import PostgresPast, Span
from gateway.domain.faults import Conflicting, FaultCode, Unreadable, Unready
from gateway.domain.past import Asked, Candidate, Flip, Question, Wanted
from gateway.serving.house import House
from gateway.web.intake import Counter
from gateway.web.policies import PATH as POLICIES
from gateway.web.questions import PATH, QuestionCounter

FLIPS_PAGE = 200
OPEN_MAX = 20
"""Questions about single instructions of one division that wait for their answer."""
BOOKS = frozenset({PATH, POLICIES})
"""Doors that take all documents of a province at once."""


class Questions:
    """Fits gateway.web.questions.Desk."""

    def __init__(self, past: PostgresPast) -> None:
        self._past = past

    async def ask(self, question: Question, now: dt.datetime) -> None:
        known = await self._past.question(question.division, question.number)
        if known is None:
            run = await self._begun(question, now)
            if await self._past.add_question(question, run, now):
                return
            known = await self._past.question(question.division, question.number)
        if known is None or known.digest != question.digest:
            raise Conflicting(
                FaultCode.FEED_CONFLICT, f"question {question.number} was another one"
            )

    async def _begun(self, question: Question, now: dt.datetime) -> int | None:
        division = question.division
        if question.what is Wanted.STOP:
            return await self._past.stop_shadow(division, now)
        if question.what not in (Wanted.BACKTEST, Wanted.SHADOW):
            if await self._past.questions_open(division) >= OPEN_MAX:
                raise Unready(FaultCode.OVERLOADED, "too many questions wait; ask again later")
            return None
        ends = question.what is Wanted.BACKTEST
        span = await self._past.span(division, question.since)
        if not ends and question.since is None:
            span = Span(after_seq=span.last_seq, last_seq=span.last_seq)
        candidate = Candidate(
            revision=hashlib.sha256(question.documents).hexdigest(),
            documents=question.documents, by=question.by,
        )  # fmt: skip
        run = await self._past.start_shadow(division, candidate, span, now, ends=ends)
        if run is None:
            raise Unreadable(
                FaultCode.FEED_INVALID, f"a {question.what} runs in {division} already"
            )
        return run

    async def state(self, division: str, number: int, after: int) -> dict[str, Any] | None:
        asked = await self._past.question(division, number)
        if asked is None:
            return None
        if asked.run is None:
            answer = orjson.loads(asked.answer) if asked.answer else None
            over = asked.what == Wanted.STOP or answer is not None
            return {"answer": answer, "over": over, "what": asked.what}
        return await self._run(asked, after)

    async def _run(self, asked: Asked, after: int) -> dict[str, Any]:
        (run,) = await self._past.shadows(asked.division, asked.run)
        flips = await self._past.flips_after(run, after, FLIPS_PAGE)
        last = run.until_seq
        if last is None:
            last = (await self._past.span(asked.division, None)).last_seq
        return {
            "compared": run.compared, "first": run.from_seq + 1, "last": last,
            "read": run.read_seq, "trouble": run.trouble, "what": asked.what,
            "flips": [_flip_fields(flip) for flip in flips],
            "over": run.stopped_at is not None and len(flips) < FLIPS_PAGE,
        }  # fmt: skip


def _flip_fields(flip: Flip) -> dict[str, Any]:
    return attrs.asdict(flip) | {"decided_at": flip.decided_at.isoformat()}


def question_counter(house: House) -> Mapping[str, Counter]:
    bureaus = {division: bureau.peer for division, bureau in house.settings.bureaus.items()}
    counter = QuestionCounter(Questions(house.past), house.trust, house.clock, bureaus)
    return {PATH: counter.take}
