"""What the desk asks the gateways about policies, and follows: back-test, shadow, replay, a trial.

The bureau keeps no instruction's facts; a gateway has them, and answers from its own records. A
question is signed like a feed and asked again until its answer is whole. What comes back advises
whoever signs: nothing of it is enforced, and nothing of it is a record.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from bureau.desk.answers import AnswerUnreadable, answer_of, state_of
from bureau.desk.people import Person
from bureau.desk.policies import Policies
from bureau.desk.refusals import ActRefused
from bureau.desk.trail import Act
from bureau.inbox.glance import shown
from bureau.ports import Clock, LogPlace
from gateway.domain.faults import FeedRefused, GatewayUnavailable, StoreUnavailable
from gateway.domain.records import canonical

KIND = "questions"
LOOK_S = 1.0
SHADOW_EVERY = dt.timedelta(seconds=15)
"""How often a shadow that has caught up is asked again."""
REST = dt.timedelta(seconds=5)
"""How long a gateway that could not answer is left alone."""
HITS_AGE = dt.timedelta(minutes=1)
TROUBLE_CHARACTERS_MAX = 500

_log = structlog.get_logger("bureau.questions")


class QuestionStore(Protocol):
    async def add(
        self, division: str, banks: Sequence[str], values: tuple[Any, ...],
        signed: Callable[[int], tuple[bytes, str]], act: Callable[[int], Any],
    ) -> int: ...  # fmt: skip

    async def open(self) -> Sequence[Mapping[str, Any]]: ...

    async def told(
        self, at: tuple[str, int, str], now: dt.datetime, state: bytes, over: bool,
        flips: Sequence[tuple[Any, ...]],
    ) -> None: ...  # fmt: skip

    async def troubled(
        self, at: tuple[str, int, str], now: dt.datetime, trouble: str, over: bool
    ) -> None: ...

    async def question(self, division: str, number: int) -> Sequence[Mapping[str, Any]]: ...

    async def of_draft(
        self, division: str, draft: int, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def shadows(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def replay(self, division: str, subject: str) -> Mapping[str, Any] | None: ...

    async def changes(
        self, division: str, number: int, by: str = ""
    ) -> Sequence[Mapping[str, Any]]: ...

    async def flips(
        self, division: str, number: int, after: tuple[str, int], limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def hits(self, division: str, since: dt.datetime) -> Mapping[str, int]: ...


class Way(Protocol):
    """To one gateway."""

    async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
        """Its whole answer. Raises FeedRefused, GatewayUnavailable."""
        ...


class Questions:
    """Asks. Raises ActRefused, StoreUnavailable; LookupError for a draft that is not there."""

    def __init__(
        self, store: QuestionStore, policies: Policies, sign: Callable[[bytes], str],
        places: Sequence[LogPlace], clock: Clock,
    ) -> None:  # fmt: skip
        self.store = store
        self._policies = policies
        self._sign = sign
        self._places = places
        self._clock = clock
        self._hits: dict[tuple[str, int], tuple[dt.datetime, Mapping[str, int]]] = {}

    async def candidate(
        self, division: str, seq: int, what: str, by: Person, since: dt.date | None
    ) -> int:
        """Put a draft on trial over the past (`backtest`) or from now on (`shadow`)."""
        draft = await self._draft(division, seq)
        documents = await self._documents(division, draft)
        fields: dict[str, Any] = {"documents": documents}
        if since is not None:
            if since > self._clock().date():
                raise ActRefused("since", "起始日期不能晚于今天。", "The day is yet to come.")
            fields["since"] = since.isoformat()
        values = (what, draft["policy"], seq, "", since)
        return await self._ask(division, self._banks(division), values, fields, by)

    async def attempt(self, division: str, seq: int, subject: str, by: Person) -> int:
        """One recorded instruction under a draft."""
        draft = await self._draft(division, seq)
        fields = {"documents": await self._documents(division, draft), "subject": subject}
        _check(division, subject)
        values = ("try", draft["policy"], seq, subject, None)
        return await self._ask(division, self._banks(division), values, fields, by)

    async def stop(self, division: str, number: int, by: Person) -> int:
        """End the shadow that question `number` began."""
        rows = await self.store.question(division, number)
        if not rows or rows[0]["what"] != "shadow":
            raise ActRefused("no_shadow", "这不是影子运行。", "That is no shadow.")
        open_ = [row["bank"] for row in rows if not row["is_over"]]
        if not open_:
            raise ActRefused("shadow_over", "影子运行已经停止。", "It has stopped.")
        values = ("stop", rows[0]["policy"], rows[0]["draft"], "", None)
        return await self._ask(division, open_, values, {}, by)

    async def replay(self, division: str, bank: str, subject: str, by: Person) -> int:
        """Have the gateway decide a recorded instruction again, under the book that decided."""
        _check(division, subject)
        return await self._ask(
            division, [bank], ("replay", "", None, subject, None), {"subject": subject}, by
        )

    async def hits(self, division: str, days: int = 30) -> Mapping[str, int]:
        """How often each policy stopped something in the last days; a minute old at most."""
        now = self._clock()
        known = self._hits.get((division, days))
        if known is None or now - known[0] >= HITS_AGE:
            known = now, await self.store.hits(division, now - dt.timedelta(days=days))
            self._hits[division, days] = known
        return known[1]

    async def _ask(
        self, division: str, banks: Sequence[str], values: tuple[Any, ...],
        fields: Mapping[str, Any], by: Person,
    ) -> int:  # fmt: skip
        what = values[0]

        def signed(number: int) -> tuple[bytes, str]:
            head = {"by": by.login, "division": division, "kind": KIND, "number": number}
            body = canonical(head | {"what": what} | dict(fields))
            return body, self._sign(body)

        def act(number: int) -> Act:
            about = values[3] or (f"草稿{values[2]}" if values[2] else "")
            return Act(division=division, login=by.login, what=f"policy.{what}_asked",
                       subject=f"{number} {about}".strip())  # fmt: skip

        return await self.store.add(
            division, banks, (*values, by.login, self._clock()), signed, act
        )

    async def _draft(self, division: str, seq: int) -> Mapping[str, Any]:
        draft = await self._policies.store.draft(division, seq)
        if draft is None:
            raise LookupError(seq)
        return draft

    async def _documents(self, division: str, draft: Mapping[str, Any]) -> dict[str, str]:
        """All that would be in force: what stands, with the draft in its place."""
        standing = await self._policies.documents(division)
        return {**standing, draft["place"]: draft["document"]}

    def _banks(self, division: str) -> list[str]:
        return sorted({place.bank for place in self._places if place.division == division})


class Asking:
    """Brings questions to the gateways and follows the answers until they are whole."""

    def __init__(
        self, store: QuestionStore, ways: Mapping[tuple[str, str], Way],
        sign: Callable[[bytes], str], clock: Clock, bell: Callable[[], None],
    ) -> None:  # fmt: skip
        self._store = store
        self._ways = ways
        self._sign = sign
        self._clock = clock
        self._bell = bell

    async def run(self) -> None:
        while True:
            try:
                await self.ask_all()
            except StoreUnavailable as lost:
                _log.warning("asking.postponed", reason=str(lost))
            await asyncio.sleep(LOOK_S)

    async def ask_all(self) -> int:
        """One round; how many answered something new."""
        due = [row for row in await self._store.open() if self._due(row)]
        # One gateway that does not answer keeps no other waiting.
        news = sum(await asyncio.gather(*map(self._one, due)))
        if news:
            self._bell()
        return news

    def _due(self, row: Mapping[str, Any]) -> bool:
        if row["looked_at"] is None:
            return True
        state = state_of(row["state"])
        caught_up = row["what"] == "shadow" and state.get("read", -1) >= state.get("last", 0)
        rest = SHADOW_EVERY if caught_up else REST if not row["taken_at"] else dt.timedelta(0)
        due: bool = self._clock() - row["looked_at"] >= rest
        return due

    async def _one(self, row: Mapping[str, Any]) -> bool:
        at = row["division"], row["number"], row["bank"]
        now = self._clock()
        try:
            way = self._ways.get((row["division"], row["bank"]))
            if way is None:
                raise GatewayUnavailable("no [[gateways]] of the settings leads to this bank")
            body, signature = self._body(row)
            answer = answer_of(await way.ask(KIND, body, signature))
        except (FeedRefused, GatewayUnavailable, AnswerUnreadable) as failed:
            # Refused before it was taken, it will be refused again; later answers may come yet.
            over = isinstance(failed, FeedRefused) and row["taken_at"] is None
            trouble = shown(f"{failed}", TROUBLE_CHARACTERS_MAX) or type(failed).__name__
            await self._store.troubled(at, now, trouble, over)
            return over
        await self._store.told(at, now, answer.state, answer.over, answer.flips)
        return answer.over or bool(answer.flips) or answer.state != row["state"]

    def _body(self, row: Mapping[str, Any]) -> tuple[bytes, str]:
        """The question itself until it is taken; then how far it has come."""
        if row["taken_at"] is None:
            return row["body"], row["signature"]
        body = canonical(
            {
                "after": row["last"], "by": "desk", "division": row["division"], "kind": KIND,
                "number": row["number"], "what": "tell",
            }
        )  # fmt: skip
        return body, self._sign(body)


def _check(division: str, subject: str) -> None:
    parts = subject.split("/", 3)
    fits = len(parts) == 4 and parts[0] == division and parts[1].isdecimal() and all(parts)
    if not fits or len(subject) > 200:
        raise ActRefused(
            "subject", "指令写作 区划/年度/凭证类型/凭证号。", "division/year/type/number"
        )
