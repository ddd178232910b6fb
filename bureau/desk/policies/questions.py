"""What the desk asks the gateways about policies: back-test, shadow, replay, a trial.

The bureau keeps no instruction's facts; a gateway has them, and answers from its own records. A
question is signed like a feed, and brought there by `asking`. What comes back advises whoever
signs: nothing of it is enforced, and nothing of it is a record.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from bureau.desk.people import Person
from bureau.desk.policies.drafts import Policies
from bureau.desk.refusals import ActRefused
from bureau.desk.trail import Act
from bureau.ports import Clock, LogPlace
from gateway.domain.legal_day import legal_day
from gateway.domain.records import canonical

KIND = "questions"
HITS_AGE = dt.timedelta(minutes=1)

_SUBJECT = re.compile(r"([0-9]{9})/20[0-9]{2}/[0-9A-Za-z]{1,8}/[0-9A-Za-z-]{1,42}")


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

    async def replay(self, division: str, subject: str, bank: str) -> Mapping[str, Any] | None: ...

    async def changes(
        self, division: str, number: int, by: str = ""
    ) -> Sequence[Mapping[str, Any]]: ...

    async def flips(
        self, division: str, number: int, after: tuple[str, int], limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def hits(self, division: str, since: dt.datetime) -> Mapping[str, tuple[int, int]]: ...

    async def banks_of(self, division: str, subject: str) -> Sequence[str]: ...


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
        self._hits: dict[tuple[str, int], tuple[dt.datetime, Mapping[str, tuple[int, int]]]] = {}

    async def candidate(
        self, division: str, seq: int, what: str, by: Person, since: dt.date | None
    ) -> int:
        """Put a draft on trial over the past (`backtest`) or from now on (`shadow`)."""
        draft = await self._draft(division, seq)
        documents = await self._documents(division, draft)
        fields: dict[str, Any] = {"documents": documents}
        if since is not None:
            if since > legal_day(self._clock()):
                raise ActRefused("since", "起始日期不能晚于今天。", "The day is yet to come.")
            fields["since"] = since.isoformat()
        values = (what, draft["policy"], seq, "", since)
        return await self._ask(division, self._banks(division), values, fields, by)

    async def attempt(self, division: str, seq: int, named: str, by: Person) -> int:
        """One recorded instruction under a draft. `named`: its number, with `@bank` or without."""
        draft = await self._draft(division, seq)
        subject, banks = await self._whose(division, named)
        fields = {"documents": await self._documents(division, draft), "subject": subject}
        values = ("try", draft["policy"], seq, subject, None)
        return await self._ask(division, banks, values, fields, by)

    async def attempt_on(
        self, division: str, policy: str, text: str, named: str, by: Person
    ) -> int:
        """One recorded instruction under a document that nobody has handed on yet. Raises
        LookupError for a policy that is not there."""
        standing, _ = await self._policies.policy(division, policy)
        if (await self._policies.check(division, policy, text)).problems:
            raise ActRefused("trial", "规则有错误，先改正再试算。", "Mend the policy first.")
        subject, banks = await self._whose(division, named)
        documents = {**await self._policies.documents(division), standing.place: text}
        fields = {"documents": documents, "subject": subject}
        values = ("try", policy, None, subject, None)
        return await self._ask(division, banks, values, fields, by)

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

    async def hits(self, division: str, days: int = 30) -> Mapping[str, tuple[int, int]]:
        """How often each policy found something in the last days, and how often of that it warned
        only; a minute old at most."""
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

    async def _whose(self, division: str, named: str) -> tuple[str, list[str]]:
        """The instruction, and the banks that recorded it, or the one that is named. Of a number
        that is in no record here nobody knows whose it is: every gateway is asked."""
        subject, _, bank = named.partition("@")
        _check(division, subject)
        own = self._banks(division)
        if bank and bank not in own:
            raise ActRefused("bank", "没有这家代理银行的网关。", "No gateway of that bank.")
        told = [bank] if bank else await self.store.banks_of(division, subject)
        return subject, [each for each in own if each in told] or own

    def _banks(self, division: str) -> list[str]:
        return sorted({place.bank for place in self._places if place.division == division})


def _check(division: str, subject: str) -> None:
    named = _SUBJECT.fullmatch(subject)
    if named is None or named[1] != division:
        raise ActRefused(
            "subject", "指令写作 区划/年度/凭证类型/凭证号。", "division/year/type/number"
        )
