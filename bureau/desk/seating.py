"""Seating people (账号开立与重置): one administrator asks, another agrees, each hands over half.

Who asked gets the link, who agreed gets the code that the link needs: neither of them alone can
open the session of an account that may propose or approve payments (docs/decisions/0048).
"""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from bureau.desk.entry import (
    ADMINISTRATORS_MIN,
    LINK_LIFE,
    TOKEN_BYTES,
    digest_of_code,
    digest_of_token,
)
from bureau.desk.people import Person, covers
from bureau.desk.refusals import ActRefused
from bureau.desk.trail import Act
from bureau.ports import Clock, PeopleStore
from gateway.domain.folding import bare

ASKED_FOR = dt.timedelta(hours=24)
"""How long a request waits for another administrator, and his word for the link to be taken."""
REASON_CHARS_MIN = 2
REQUESTS_SHOWN = 100
NAMESAKES_SHOWN = 5
PROGRAM_ACTS_FOR = dt.timedelta(days=30)
"""How long what the command line did to accounts stands at the head of the page."""
PROGRAM_ACTS_SHOWN = 20
CODE_CHARS = 10
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without those that are read wrongly; ten of 32 are 50 bits, for an hour."""


class Kind(StrEnum):
    """Stored as text, never renamed."""

    OPEN = "open"
    RESET = "reset"
    REOPEN = "reopen"


KIND_ZH = {Kind.OPEN: "开立账号", Kind.RESET: "重置并发链接", Kind.REOPEN: "重新启用"}


@attrs.frozen(kw_only=True)
class Wish:
    """What an administrator asks for; `person` as the account is or is to be."""

    kind: Kind
    person: Person
    reason: str
    party: str | None = None
    subject: str | None = None


class Seating:
    """Raises ActRefused, StoreUnavailable."""

    def __init__(self, store: PeopleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def able(self, division: str) -> list[str]:
        """Logins of the administrators of this division who can sign in."""
        rows = await self._store.able_administrators()
        return [row["login"] for row in rows if covers(row["division"], division)]

    async def ask(self, wish: Wish, by: Person) -> int:
        """The request's number; nothing changes before another administrator agrees."""
        person = wish.person
        if len(await self.able(person.division)) < ADMINISTRATORS_MIN:
            raise _too_few()
        if len(wish.reason) < REASON_CHARS_MIN:
            raise ActRefused("reason_missing", "请填写理由。", "Say why.")
        values = (
            wish.kind.value, person.login, person.division, person.office.value, person.name,
            person.code, wish.party, wish.subject, wish.reason, by.login,
        )  # fmt: skip
        detail = {
            "kind": wish.kind.value, "office": person.office.value, "code": person.code,
            "reason": wish.reason,
        }  # fmt: skip
        act = _act(person.division, by.login, "account.requested", person.login, detail)
        return await self._store.ask(values, self._clock(), act)

    async def decide(self, number: int, by: Person, *, agree: bool) -> str:
        """Another administrator's word. Agreed: the code for the new link, said here only once.

        Empty if refused, or if an account was reopened, which needs no link.
        """
        code, now = _new_code(), self._clock()
        kinds = []

        def follow(row: Mapping[str, Any]) -> tuple[list[Act], list[tuple[str, tuple[Any, ...]]]]:
            kinds.append(Kind(row["kind"]))
            return _followed(row, by.login, agree, now)

        decision = (by.login, agree, digest_of_code(code) if agree else None)
        if not await self._store.decide(number, decision, (now, now - ASKED_FOR), follow):
            raise ActRefused(
                "not_yours_to_decide",
                "不能办理：须由申请人以外的另一名账号管理员在 24 小时内办理，"
                "且登录名、证书、统一身份未被占用。",
                "Another administrator than who asked decides, within 24 hours; or it was decided, "
                "or the login is taken.",
            )
        return code if agree and kinds[0] is not Kind.REOPEN else ""

    async def link(self, number: int, by: Person) -> tuple[str, str]:
        """The link's token and whose it is, once, to who asked; it opens only with the code."""
        token, now, whose = secrets.token_urlsafe(TOKEN_BYTES), self._clock(), []

        def follow(row: Mapping[str, Any]) -> tuple[list[Act], list[tuple[str, tuple[Any, ...]]]]:
            login = row["login"]
            whose.append(login)
            values = (digest_of_token(token), login, now + LINK_LIFE, row["link_code"])
            return [_act(row["division"], by.login, "account.invited", login, {})], [
                ("drop_invitations", (login, now)),
                ("add_invitation", values),
            ]

        if not await self._store.take_link(number, by.login, (now, now - ASKED_FOR), follow):
            raise ActRefused(
                "no_link",
                "链接只发给申请人一次，须在批准后 24 小时内领取；如已遗失请重新申请重置。",
                "The link goes once, to who asked, within 24 hours; ask for a reset otherwise.",
            )
        return token, whose[0]

    async def requests(self) -> Sequence[Mapping[str, Any]]:
        """The last day's, newest first; `namesakes`: who has an account of this name, as it is
        read, whatever it is written in."""
        rows = await self._store.requests(self._clock() - ASKED_FOR, REQUESTS_SHOWN)
        named: dict[str, list[str]] = {}
        for each in await self._store.named():
            named.setdefault(bare(each["name"]), []).append(each["login"])
        return [{**row, "namesakes": _others(row, named)} for row in rows]

    async def program_acts(self, divisions: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """What whoever runs the program did to accounts lately, newest first."""
        since = self._clock() - PROGRAM_ACTS_FOR
        return await self._store.program_acts(divisions, since, PROGRAM_ACTS_SHOWN)


def _followed(
    row: Mapping[str, Any], by: str, agree: bool, now: dt.datetime
) -> tuple[list[Act], list[tuple[str, tuple[Any, ...]]]]:
    """What a decision writes beside itself: the trail, and the account's change."""
    kind, login = Kind(row["kind"]), row["login"]
    detail = {
        "asked_by": row["asked_by"], "office": row["office"], "code": row["code"],
    }  # fmt: skip
    if not agree:
        return [_act(row["division"], by, "account.request_refused", login, detail)], []
    steps: dict[Kind, list[tuple[str, tuple[Any, ...]]]] = {
        Kind.OPEN: [("add_person", (
            login, row["division"], row["office"], row["name"], row["code"], row["party"],
            row["subject"], now,
        ))],
        Kind.RESET: [
            ("reset_factors", (login,)), ("end_seats", (login,)),
            ("drop_invitations", (login, now)),
        ],
        Kind.REOPEN: [("set_disabled", (login, False)), ("end_seats", (login,))],
    }  # fmt: skip
    what = {Kind.OPEN: "opened", Kind.RESET: "reset", Kind.REOPEN: "reopened"}[kind]
    return [_act(row["division"], by, f"account.{what}", login, detail)], steps[kind]


def _others(row: Mapping[str, Any], named: Mapping[str, Sequence[str]]) -> list[str]:
    same = [login for login in named.get(bare(row["name"]), ()) if login != row["login"]]
    return same[:NAMESAKES_SHOWN]


def _new_code() -> str:
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(CODE_CHARS))
    return f"{drawn[:5]}-{drawn[5:]}"


def _act(division: str, login: str, what: str, subject: str, detail: Mapping[str, Any]) -> Act:
    return Act(division=division, login=login, what=what, subject=subject, detail=detail)


def _too_few() -> ActRefused:
    return ActRefused(
        "two_administrators_needed",
        "须先有两名能够登录的账号管理员，才能开立、重置或重新启用账号。请系统运行人员打印第二名管理员的"
        "一次性链接（启动时打印，或 --invite 登录名 --office administrator）。",
        "Two administrators who can sign in are needed first: whoever runs the program prints the "
        "second one's link at start, or by --invite LOGIN --office administrator.",
    )
