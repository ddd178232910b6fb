"""Adds acts to the bureau's audit trail, inside the transaction of what was done."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from adapters.postgres.bureau.pool import Connection
from adapters.postgres.statements import statements

_SQL = statements("bureau/people")
_START = bytes(32)


class ActLike(Protocol):
    """`bureau.desk.trail.Act` fits it."""

    @property
    def division(self) -> str: ...
    @property
    def login(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def subject(self) -> str: ...


Written = Callable[[Any, int, dt.datetime, bytes], tuple[bytes, bytes]]
"""(act, seq, at, previous digest) -> body and its digest."""


class Trail:
    """`written` makes an act's bytes; it is the bureau's, this room only keeps them."""

    def __init__(self, written: Written) -> None:
        self._written = written

    async def add(self, connection: Connection, at: dt.datetime, acts: Sequence[ActLike]) -> None:
        """Each division's acts follow one another; its head is locked to the end."""
        for act in acts:
            await connection.execute(_SQL["open_trail"], act.division, _START)
            head = await connection.fetchrow(_SQL["lock_trail"], act.division)
            if head is None:
                raise AssertionError("the trail's head was opened a line above")
            seq = head["seq"] + 1
            body, digest = self._written(act, seq, at, head["digest"])
            await connection.execute(
                _SQL["add_act"], act.division, seq, at, act.login, act.what, act.subject, body,
                digest,
            )  # fmt: skip
            await connection.execute(_SQL["advance_trail"], act.division, seq, digest)
