"""The bureau's own audit trail (操作留痕): every act of every person, each digest over the last."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import orjson

from gateway.domain.records import canonical

START = bytes(32)
"""What the first act of a division follows."""


@attrs.frozen(kw_only=True)
class Act:
    """What somebody did, or tried to. `detail` holds no id-card number and no password."""

    division: str
    login: str
    what: str
    """`noun.participle`: session.opened, case.confirmed, document.issued."""
    subject: str = ""
    detail: Mapping[str, Any] = attrs.field(factory=dict)


def act_bytes(act: Act, seq: int, at: dt.datetime, previous: bytes) -> bytes:
    """What is hashed and kept; `at` to the microsecond, UTC."""
    return canonical(
        {
            "at": int(at.timestamp() * 1_000_000),
            "detail": dict(act.detail),
            "division": act.division,
            "login": act.login,
            "previous": previous.hex(),
            "seq": seq,
            "subject": act.subject,
            "what": act.what,
        }
    )


def digest_of(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


class Following:
    """Whether a trail is whole, told from its rows as they come: nothing of it is kept."""

    def __init__(self) -> None:
        self.rows = 0
        self._previous = START
        self._broken: int | None = None

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """The next ones, as `desk_act` has them, in order from 1."""
        for row in rows:
            body, digest, expected = row["body"], row["digest"], self.rows + 1
            fits = row["seq"] == expected and digest_of(body) == digest
            if self._broken is None and not (fits and _says(row, self._previous)):
                self._broken = expected
            self.rows, self._previous = expected, digest

    def broken(self, head: tuple[int, bytes]) -> int | None:
        """The first number that does not follow from what is before it, or beside whose bytes other
        words were put for lists and searches; None if the trail is whole. `head`: last number and
        digest as kept apart."""
        if self._broken is None and (self.rows, self._previous) != head:
            return self.rows + 1
        return self._broken


def _says(row: Mapping[str, Any], previous: bytes) -> bool:
    """Whether an act's bytes say what its row says, and what was before it."""
    try:
        told = orjson.loads(row["body"])
    except ValueError:
        return False
    kept = {name: row[name] for name in ("division", "seq", "login", "what", "subject")}
    kept |= {"at": int(row["at"].timestamp() * 1_000_000), "previous": previous.hex()}
    return isinstance(told, dict) and kept == {name: told.get(name) for name in kept}
