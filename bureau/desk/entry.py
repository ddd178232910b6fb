"""Signing in (登录): invitations, password with one-time code, certificate, OIDC; and sessions.

There is no default password: an account begins with a link that opens one session, once, within an
hour; in it the person sets a password and enrols an authenticator. Only digests are stored.
"""

import asyncio
import datetime as dt
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from bureau.desk.people import PROGRAM, Office, Person
from bureau.desk.trail import Act
from bureau.inbox.glance import shown
from bureau.ports import Clock, PeopleStore
from certs.one_time import new_secret, step_of
from certs.passwords import hash_password, matches, weakness
from certs.seal import Seal

TOKEN_BYTES = 32
TOKEN_CHARS_MAX = 64
LOGIN_CHARS_MAX = 64
LINK_LIFE = dt.timedelta(hours=1)
SESSION_LIFE = dt.timedelta(hours=10)
IDLE_MAX = dt.timedelta(minutes=30)
SEEN_STEP = dt.timedelta(minutes=1)
"""How coarsely the last visit is kept, so that reading a page is not a write."""
FAILURES_MAX = 5
LOCK = dt.timedelta(minutes=15)
STRANGERS_TOLD_MAX = 30
"""Tries a minute against no account, or a locked one, that are acts of the trail each."""
CHECKS_AT_ONCE = 1
"""Password derivations at a time: each takes 64 MiB, and no two go on together
(`certs/stretching.py`)."""
FIRST = ("admin", "admin2")
"""Logins of the two administrators whom the first start seats."""
ADMINISTRATORS_MIN = 2
"""Fewer of them who can sign in seat and reset nobody at the desk."""


Shows = Callable[[str], Awaitable[bool]]
"""Whether a visitor shows the certificate of this party now, and it counts."""


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
    def bare(self) -> bool:
        """Signed in by a one-time link, and nothing set yet: only that may be done."""
        return self.way == "link" and not self.equipped

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
        self._told = 0
        self._untold = 0
        self._minute = dt.datetime.min.replace(tzinfo=dt.UTC)

    async def first_links(self) -> dict[str, str]:
        """Links for the first two administrators, as many as are missing of two who can sign in.

        Whoever runs the program hands them to two persons: nobody at the desk seats anybody alone.
        """
        able = len(await self._store.able_administrators())
        found: dict[str, str] = {}
        for login in FIRST:
            row = await self._store.person(login)
            taken = row is not None and any(
                row[field] for field in ("disabled", "password", "party", "subject")
            )
            if able + len(found) < ADMINISTRATORS_MIN and not taken:
                found[login] = await self.recovery_link(login)
        return found

    async def recovery_link(self, login: str = FIRST[0], **told: str) -> str:
        """For whoever runs the program: a link for a first account, opened if need be."""
        person = Person(
            login=login, division=self._home, office=Office.ADMINISTRATOR,
            name=f"账号管理员{'一二'[FIRST.index(login)]}",
        )  # fmt: skip
        await self.open_account(person, PROGRAM, **told)
        return await self.invite(login, PROGRAM, **told)

    async def open_account(
        self, person: Person, by: str, *, party: str | None = None, subject: str | None = None,
        **told: str,
    ) -> bool:  # fmt: skip
        """The command line's way; at the desk two administrators do it (`seating`).

        False: the login, certificate or identity is taken. `told`: more for the audit trail.
        """
        detail = {"office": person.office, "code": person.code, "of": person.division, **told}
        values = (
            person.login, person.division, person.office.value, person.name, person.code,
            party, subject,
        )  # fmt: skip
        act = Act(
            division=person.division, login=by, what="account.opened", subject=person.login,
            detail=detail,
        )  # fmt: skip
        return await self._store.add_person(values, self._clock(), act)

    async def invite(self, login: str, by: str, **told: str) -> str:
        """A token that opens one session of this account within LINK_LIFE; earlier ones end.

        Password and authenticator are forgotten, so that a link never stands beside them.
        Raises EntryRefused if there is no such account.
        """
        row = await self._store.person(login)
        if row is None:
            raise EntryRefused("没有这个账号 / no such account")
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock()
        act = Act(
            division=row["division"], login=by, what="account.invited", subject=login, detail=told
        )
        await self._store.change(
            now, [act],
            ("reset_factors", (login,)),
            ("end_seats", (login,)),
            ("drop_invitations", (login, now)),
            ("add_invitation", (digest_of_token(token), login, now + LINK_LIFE, None)),
        )  # fmt: skip
        return token

    async def wants_code(self, token: str) -> bool:
        """Whether this link opens only with the code that another administrator gave."""
        if len(token) > TOKEN_CHARS_MAX:
            return False
        row = await self._store.invitation(digest_of_token(token), self._clock())
        return row is not None and bool(row["wants_code"])

    async def by_link(self, token: str, code: str = "") -> str:
        """Trade a link, and its code if it wants one, for a session. Raises EntryRefused."""
        login = None
        if len(token) <= TOKEN_CHARS_MAX:
            login = await self._store.take_invitation(
                digest_of_token(token), self._clock(), digest_of_code(code)
            )
        if login is None:
            await self._tell_wrong_code(token)
            raise EntryRefused(
                "链接已用过、已失效，或校验码不符 / the link was used or ran out, or a wrong code"
            )
        return await self._sit(login, "link")

    async def _tell_wrong_code(self, token: str) -> None:
        """Whoever holds a link and guesses at its code is seen in the trail."""
        row = None
        if len(token) <= TOKEN_CHARS_MAX:
            row = await self._store.invitation(digest_of_token(token), self._clock())
        if row is not None:
            act = Act(
                division=row["division"], login=row["login"], what="session.refused",
                detail={"why": "link code"},
            )  # fmt: skip
            await self._store.change(self._clock(), [act])

    async def by_password(
        self, login: str, password: str, code: str, still_there: Callable[[], bool] = lambda: True
    ) -> str:
        """Password and one-time code, both. Raises EntryRefused, in the same words for either.

        A try looks at the account only when its turn has come: of many at once, those behind the
        fifth failure find it locked. Who has gone by then is passed over: a crowd that asks and
        hangs up would otherwise be worked for, and everybody wait behind it.
        """
        async with self._checks:
            if not still_there():
                raise EntryRefused("已断开 / hung up")
            return await self._by_password(login, password, code)

    async def _by_password(self, login: str, password: str, code: str) -> str:
        now = self._clock()
        known = len(login) <= LOGIN_CHARS_MAX and login.isprintable()
        row = await self._store.person(login) if known else None
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
        return await self._sit(login, "password", phc)

    async def by_binding(self, kind: str, value: str) -> str:
        """A client certificate (`party`) or an OIDC identity (`subject`) bound to an account."""
        login = await self._store.person_by(kind, value)
        if login is None:
            await self._refuse(None, value[:100], f"{kind} not bound")
        assert login is not None
        return await self._sit(login, "certificate" if kind == "party" else "oidc")

    async def seat(
        self, token: str | None, *, visited: bool = True, shows: Shows | None = None
    ) -> Seat | None:
        """Who sits in this session; None if it ended, was idle too long, or never was, or began by
        a certificate that this visitor does not show. `visited`: whether a person did something; a
        page that keeps itself fresh is nobody's presence."""
        if not token or len(token) > TOKEN_CHARS_MAX:
            return None
        now, digest = self._clock(), digest_of_token(token)
        row = await self._store.seat(digest, now, now - IDLE_MAX)
        if row is None:
            return None
        if row["way"] == "certificate" and not (shows and await shows(row["party"] or "")):
            return None
        if visited and now - row["seen_at"] > SEEN_STEP:
            await self._store.seen(digest, now)
        return Seat(person=_person(row), token=token, way=row["way"], equipped=row["equipped"])

    async def leave(self, seat: Seat) -> None:
        act = _act(seat.person, "session.ended")
        await self._store.change(self._clock(), [act], ("end_seat", (digest_of_token(seat.token),)))

    def offer(self, seat: Seat, kept: str = "") -> tuple[bytes, str]:
        """An authenticator's secret, and the same sealed for the form that brings it back.

        `kept`: what such a form brought: whoever has scanned it need not scan another. Else new.
        """
        try:
            secret = self._seal.open(bytes.fromhex(kept), f"offer:{seat.person.login}")
            return secret, kept
        except ValueError:
            secret = new_secret()
        return secret, self._seal.close(secret, f"offer:{seat.person.login}").hex()

    async def equip(
        self, seat: Seat, password: str, offer: str, code: str, *, present: str = ""
    ) -> str:
        """Set password and authenticator, end every session and open a new one: its token.

        Raises EntryRefused if the code is not of the offered secret, the password too weak, or
        `present` not the password that the account has.
        """
        now, login = self._clock(), seat.person.login
        await self._prove_present(seat, present)
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
        # Deriving takes its time: whom two administrators reset meanwhile sets nothing any more.
        if not await self._store.change(
            now, [_act(seat.person, "account.equipped")],
            ("set_password", (login, phc)),
            ("set_totp", (login, self._seal.close(secret, login), step)),
            ("end_seats", (login,)),
            provided=[
                ("person_stands", (login, None)), ("seat_stands", (digest_of_token(seat.token),)),
            ],
        ):  # fmt: skip
            raise EntryRefused("会话已结束，未作任何改动 / the session has ended; nothing changed")
        return await self._sit(login, "password" if seat.way == "link" else seat.way, phc)

    async def _prove_present(self, seat: Seat, present: str) -> None:
        """A session that somebody left open must not be enough to take the account over: where
        there is no password to ask for, only a link, which two administrators gave, sets one."""
        login = seat.person.login
        async with self._checks:
            row, now = await self._store.person(login), self._clock()
            if row is None or row["password"] is None:
                if seat.way != "link":
                    raise EntryRefused(
                        "本账号以证书或统一身份登录；如需密码，请由账号管理员重置并发一次性链接 "
                        "/ a first password is set by a one-time link only"
                    )
                return
            if row["locked_until"] and row["locked_until"] > now:
                raise EntryRefused("账号已锁定，请稍后再试 / the account is locked for a while")
            if not await asyncio.to_thread(matches, present, row["password"]):
                act = _act(_person(row), "account.equip_refused")
                await self._store.failed(login, (FAILURES_MAX, now + LOCK), now, act)
                raise EntryRefused("现在的密码不正确 / the present password is wrong")

    async def shut(self, login: str, by: Person) -> None:
        """Close an account with all its sessions; one administrator may, it takes rights away."""
        act = Act(division=by.division, login=by.login, what="account.closed", subject=login)
        await self._store.change(
            self._clock(), [act], ("set_disabled", (login, True)), ("end_seats", (login,)),
            ("drop_invitations", (login, self._clock())),
        )  # fmt: skip

    async def _sit(self, login: str, way: str, proven: str | None = None) -> str:
        """A new session: nothing that was there before signing in lives on in it. `proven`: the
        stored password that was; who has another one by now was reset meanwhile."""
        row, now = await self._store.person(login), self._clock()
        if row is None or row["disabled"]:
            await self._refuse(row, login, "closed")
        assert row is not None
        token = secrets.token_urlsafe(TOKEN_BYTES)
        act = _act(_person(row), "session.opened", way=way)
        if not await self._store.change(
            now, [act],
            ("drop_seats", (now, now - IDLE_MAX)),
            ("succeeded", (login,)),
            ("add_seat", (digest_of_token(token), login, way, now, now + SESSION_LIFE)),
            provided=[("person_stands", (login, proven))],
        ):  # fmt: skip
            await self._refuse(row, login, "closed")
        return token

    def _may_tell(self, now: dt.datetime) -> bool:
        """Whether a try that counts against no account is an act of its own: so many a minute, the
        others are counted in the next one. Nobody without an account fills the trail."""
        if now - self._minute >= dt.timedelta(minutes=1):
            self._minute, self._told = now, 0
        self._told += 1
        self._untold += self._told > STRANGERS_TOLD_MAX
        return self._told <= STRANGERS_TOLD_MAX

    async def _refuse(self, row: Any, login: str, why: str) -> None:
        now = self._clock()
        counted = row is not None and why in ("code", "password")
        if counted or self._may_tell(now):
            more = {} if counted or not self._untold else {"more": self._untold}
            act = Act(
                division=row["division"] if row else self._home, login=shown(login, 100),
                what="session.refused", detail={"why": why, **more},
            )  # fmt: skip
            if counted:
                await self._store.failed(login, (FAILURES_MAX, now + LOCK), now, act)
            else:
                self._untold = 0
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


def digest_of_token(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def digest_of_code(code: str) -> bytes:
    """Of a link's code as it was typed: spaces, dashes and case are nothing."""
    return digest_of_token(code.replace("-", "").replace(" ", "").upper())
