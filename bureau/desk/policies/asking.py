"""Brings questions to the gateways and follows their answers until they are whole."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bureau.desk.policies.answers import AnswerUnreadable, answer_of, state_of
from bureau.desk.policies.questions import KIND, QuestionStore
from bureau.desk.publish import told_of
from bureau.desk.rounds import rounds
from bureau.ports import Clock
from gateway.domain.faults import FeedRefused, GatewayUnavailable, LedgerUnavailable
from gateway.domain.records import canonical

LOOK_S = 1.0
SHADOW_EVERY = dt.timedelta(seconds=15)
"""How often a shadow that has caught up is asked again."""
REST = dt.timedelta(seconds=5)
"""How long a gateway that could not answer is left alone."""


class Way(Protocol):
    """To one gateway."""

    async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
        """Its whole answer. Raises FeedRefused, GatewayUnavailable."""
        ...


class Asking:
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
        await rounds("asking", self.ask_all, LOOK_S)

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
            trouble = told_of(failed) or type(failed).__name__
            await self._store.troubled(at, now, trouble, over)
            return over
        await self._store.told(at, now, answer.state, answer.over, answer.flips)
        return answer.over or bool(answer.flips) or answer.state != row["state"]

    def _body(self, row: Mapping[str, Any]) -> tuple[bytes, str]:
        """The question itself until it is taken; then how far it has come. Raises
        GatewayUnavailable: our own key is in a token that is away."""
        if row["taken_at"] is None:
            return row["body"], row["signature"]
        body = canonical(
            {
                "after": row["last"], "by": "desk", "division": row["division"], "kind": KIND,
                "number": row["number"], "what": "tell",
            }
        )  # fmt: skip
        try:
            return body, self._sign(body)
        except LedgerUnavailable as unsigned:
            raise GatewayUnavailable(str(unsigned)) from unsigned
