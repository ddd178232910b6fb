"""Signing in to the desk: a link from the program's own output opens one session, once.

There is no password, so no default one. Only digests of links and sessions are stored.
"""

import datetime as dt
import hashlib
import secrets

from bureau.ports import Clock, SessionStore

TOKEN_BYTES = 32
TOKEN_CHARS_MAX = 64
LINK_LIFE = dt.timedelta(hours=1)
SESSION_LIFE = dt.timedelta(hours=12)


class SigningIn:
    """Links and sessions; every method raises StoreUnavailable."""

    def __init__(self, sessions: SessionStore, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def new_link(self) -> str:
        """A token that opens one session within LINK_LIFE."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await self._sessions.keep_link(_digest(token), self._clock() + LINK_LIFE)
        return token

    async def first_link(self) -> str | None:
        """A token if nobody is signed in, so that a restart shuts nobody out."""
        if await self._sessions.anybody(self._clock()):
            return None
        return await self.new_link()

    async def open(self, token: str) -> str | None:
        """Trade a link's token for a session's; None if it was used, ran out or never was."""
        session = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._clock()
        won = len(token) <= TOKEN_CHARS_MAX and await self._sessions.trade_link(
            _digest(token), _digest(session), now, now + SESSION_LIFE
        )
        return session if won else None

    async def living(self, session: str | None) -> bool:
        if not session or len(session) > TOKEN_CHARS_MAX:
            return False
        return await self._sessions.living(_digest(session), self._clock())

    async def close(self, session: str) -> None:
        await self._sessions.end(_digest(session))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
