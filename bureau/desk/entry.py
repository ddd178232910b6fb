"""Signing in (登录): invitations, password with one-time code, certificate, OIDC; and sessions.

There is no default password: an account begins with a link that opens one session, once, within an
hour; in it the person sets a password and enrols an authenticator. Only digests are stored.
"""

import asyncio
import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import attrs

from bureau.desk.people import Office, Person
from bureau.desk.trail import Act
from bureau.ports import Clock, PeopleStore
from certs.one_time import new_secret, step_of
from certs.passwords import hash_password, matches, weakness
from certs.seal import Seal

TOKEN_BYTES = 32
TOKEN_CHARS_MAX = 64
LINK_LIFE = dt.timedelta(hours=1)
SESSION_LIFE = dt.timedelta(hours=10)
IDLE_MAX = dt.timedelta(minutes=30)
SEEN_STEP = dt.timedelta(minutes=1)
"""How coarsely the last visit is kept, so that reading a page is not a write."""
FAILURES_MAX = 5
LOCK = dt.timedelta(minutes=15)
CHECKS_AT_ONCE = 2
"""Password derivations at a time: each takes 64 MiB."""
FIRST = "admin"


class EntryRefused(ValueError):
    """Signing in failed. The words do not tell which part was wrong."""


@attrs.frozen(kw_only=True)
class Seat:
    """A living session and who sits in it."""

    person: Person
    token: str = attrs.field(repr=False)
    way: str
    equipped: bool
    """Whether the person has set a password and enrolled an authenticator."""

    @property
    def csrf(self) -> str:
        """What every form of this session carries; nobody learns the session's token from it."""
        return hashlib.sha256(b"csrf:" + self.token.encode()).hexdigest()


class Entry:
    """Every method raises StoreUnavailable; those that sign in, EntryRefused."""

    def __init__(self, store: PeopleStore, seal: Seal, clock: Clock, divisions: Sequence[str]):
        self._store = store
        self._seal = seal
        self._clock = clock
        self._home = divisions[0]
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def first_link(self) -> str | None:
        """A link for the first administrator, as long as none could sign in otherwise."""
        if await self._store.any_administrator(self._clock()):
            return None
        return await self.recovery_link()

    async def recovery_link(self) -> str:
        """For whoever runs the program: a link for the account `admin`, opened if need be."""
        person = Person(
            login=FIRST, division=self._home, office=Office.ADMINISTRATOR, name="账号管理员"
        )
        await self.open_account(person, by="program")
        return await self.invite(FIRST, by="program")

    async def open_account(
        self, person: Person, by: str, *, party: str | None = None, subject: str | None = None
    ) -> bool:
        """False: the login, certificate or identity is taken."""
        detail = {"office": person.office, "code": person.code, "of": person.division}
        values = (
            person.login, person.division, person.office.value, person.name, person.code,
            party, subject,
        )  # fmt: skip
        act = Act(
            division=person.division, login=by, what="account.opened", subject=person.login,
            detail=detail,
        )  # fmt: skip
        return await self._store.add_person(values, self._clock(), act)

    async def invite(self, login: str, by: str) -> str:
        """A token that opens one session of this account within LINK_LIFE; earlier ones end.

        Raises EntryRefused if there is no such account.
        """
        row = await self._store.person(login)
        if row is None:
            raise EntryRefused("没有这个账号 / no such account")
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock()
        act = Act(division=row["division"], login=by, what="account.invited", subject=login)
        await self._store.change(
            now, [act],
            ("drop_invitations", (login, now)),
            ("add_invitation", (_digest(token), login, now + LINK_LIFE)),
        )  # fmt: skip
        return token

    async def by_link(self, token: str) -> str:
        """Trade a link for a session; its token. Raises EntryRefused."""
        login = None
        if len(token) <= TOKEN_CHARS_MAX:
            login = await self._store.take_invitation(_digest(token), self._clock())
        if login is None:
            raise EntryRefused("链接已用过或已失效 / the link was used or ran out")
        return await self._sit(login, "link")

    async def by_password(self, login: str, password: str, code: str) -> str:
        """Password and one-time code, both. Raises EntryRefused, in the same words for either.

        A try looks at the account only when its turn has come: of many at once, those behind the
        fifth failure find it locked.
        """
        async with self._checks:
            return await self._by_password(login, password, code)

    async def _by_password(self, login: str, password: str, code: str) -> str:
        now = self._clock()
        row = await self._store.person(login)
        phc = row["password"] if row else None
        right = await asyncio.to_thread(matches, password, phc)
        if row is None or (row["locked_until"] and row["locked_until"] > now):
            await self._refuse(row, login, "locked" if row else "unknown")
        assert row is not None
        step = None
        if right and row["totp"] is not None:
            secret = self._seal.open(row["totp"], login)
            step = step_of(secret, code.replace(" ", ""), now, row["totp_used"])
        if step is None or not await self._store.use_totp(login, step):
            await self._refuse(row, login, "code" if right else "password")
        return await self._sit(login, "password")

    async def by_binding(self, kind: str, value: str) -> str:
        """A client certificate (`party`) or an OIDC identity (`subject`) bound to an account."""
        login = await self._store.person_by(kind, value)
        if login is None:
            await self._refuse(None, value[:100], f"{kind} not bound")
        assert login is not None
        return await self._sit(login, "certificate" if kind == "party" else "oidc")

    async def seat(self, token: str | None) -> Seat | None:
        """Who sits in this session; None if it ended, was idle too long, or never was."""
        if not token or len(token) > TOKEN_CHARS_MAX:
            return None
        now, digest = self._clock(), _digest(token)
        row = await self._store.seat(digest, now, now - IDLE_MAX)
        if row is None:
            return None
        if now - row["seen_at"] > SEEN_STEP:
            await self._store.seen(digest, now)
        return Seat(person=_person(row), token=token, way=row["way"], equipped=row["equipped"])

    async def leave(self, seat: Seat) -> None:
        act = _act(seat.person, "session.ended")
        await self._store.change(self._clock(), [act], ("end_seat", (_digest(seat.token),)))

    def offer(self, seat: Seat) -> tuple[bytes, str]:
        """A new authenticator's secret, and the same sealed for the form that brings it back."""
        secret = new_secret()
        return secret, self._seal.close(secret, f"offer:{seat.person.login}").hex()

    async def equip(self, seat: Seat, password: str, offer: str, code: str) -> str:
        """Set password and authenticator, end every session and open a new one: its token.

        Raises EntryRefused if the code is not of the offered secret, or the password too weak.
        """
        now, login = self._clock(), seat.person.login
        if weak := weakness(password, login):
            raise EntryRefused(weak)
        try:
            secret = self._seal.open(bytes.fromhex(offer), f"offer:{login}")
        except ValueError:
            raise EntryRefused("请重新打开本页 / open this page again") from None
        step = step_of(secret, code.replace(" ", ""), now, 0)
        if step is None:
            raise EntryRefused("动态口令不符，请核对手机时间 / the code does not fit")
        async with self._checks:
            phc = await asyncio.to_thread(hash_password, password)
        await self._store.change(
            now, [_act(seat.person, "account.equipped")],
            ("set_password", (login, phc)),
            ("set_totp", (login, self._seal.close(secret, login), step)),
            ("end_seats", (login,)),
        )  # fmt: skip
        return await self._sit(login, seat.way)

    async def shut(self, login: str, by: Person, *, disabled: bool) -> None:
        """Close an account with all its sessions, or open it again."""
        what = "account.closed" if disabled else "account.reopened"
        act = Act(division=by.division, login=by.login, what=what, subject=login)
        await self._store.change(
            self._clock(), [act], ("set_disabled", (login, disabled)), ("end_seats", (login,))
        )

    async def reset(self, login: str, by: Person) -> str:
        """Forget password and authenticator, end the sessions; a new link."""
        act = Act(division=by.division, login=by.login, what="account.reset", subject=login)
        await self._store.change(
            self._clock(), [act], ("reset_factors", (login,)), ("end_seats", (login,))
        )
        return await self.invite(login, by.login)

    async def _sit(self, login: str, way: str) -> str:
        """A new session: nothing that was there before signing in lives on in it."""
        row, now = await self._store.person(login), self._clock()
        if row is None or row["disabled"]:
            await self._refuse(row, login, "closed")
        assert row is not None
        token = secrets.token_urlsafe(TOKEN_BYTES)
        act = _act(_person(row), "session.opened", way=way)
        await self._store.change(
            now, [act],
            ("drop_seats", (now, now - IDLE_MAX)),
            ("succeeded", (login,)),
            ("add_seat", (_digest(token), login, way, now, now + SESSION_LIFE)),
        )  # fmt: skip
        return token

    async def _refuse(self, row: Any, login: str, why: str) -> None:
        now = self._clock()
        act = Act(
            division=row["division"] if row else self._home, login=login[:100],
            what="session.refused", detail={"why": why},
        )  # fmt: skip
        if row is not None and why in ("code", "password"):
            await self._store.failed(login, (FAILURES_MAX, now + LOCK), now, act)
        else:
            await self._store.change(now, [act])
        raise EntryRefused("登录名、密码或动态口令不正确，或账号已锁定 / sign-in refused")


def _person(row: Any) -> Person:
    return Person(
        login=row["login"],
        division=row["division"],
        office=Office(row["office"]),
        name=row["name"],
        code=row["code"],
    )


def _act(person: Person, what: str, **detail: str) -> Act:
    return Act(division=person.division, login=person.login, what=what, detail=detail)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
