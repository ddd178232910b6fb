"""The bureau's registers (登记): one proposes, another approves, the gateways get it signed.

What was approved becomes one delta under the next version; a snapshot comes from a file and is sent
as it was received. Bodies are sealed at rest: they hold numbers of people.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs
import orjson

from bureau.desk.people import Person
from bureau.desk.refusals import ActRefused, check_proposer
from bureau.desk.registers.late_notices import late_of
from bureau.desk.registers.opened import OpenedFeeds, opened_or_nothing, opened_rows
from bureau.desk.registers.store import Pen, RegisterStore, Sealing
from bureau.desk.registers.ways import Standing, standings
from bureau.desk.registers.whole import (
    called_in,
    document_of,
    expect_newer,
    file_of,
    standing_of,
)
from bureau.desk.registers.words import SHEETS, Sheet
from bureau.desk.trail import Act
from bureau.ports import Clock, LogPlace
from gateway.domain.codes import Register
from gateway.domain.faults import Unreadable
from gateway.domain.records import canonical

SNAPSHOT = "snapshot"
REASON_CHARS_MIN = 4
ERRORS_SHOWN = 20
_ZONE = dt.timezone(dt.timedelta(hours=8))


@attrs.frozen(kw_only=True)
class Proposal:
    """What one person asks to have changed."""

    register: str
    op: str
    row: Mapping[str, Any]
    reason: str
    changed_on: dt.date | None = None
    wish: int | None = None
    upon: int | None = None
    """The version at which the row was opened to be changed; None: whichever stands."""


@attrs.frozen(kw_only=True)
class Decided:
    """All that a decision writes."""

    by: str
    at: dt.datetime
    approved: bool
    said: str
    act: Act
    version: int | None = None
    whole: bool = False
    puts: tuple[tuple[str, str, str, bytes], ...] = ()
    """register, key, agency, sealed row"""
    gone: tuple[tuple[str, str], ...] = ()
    banks: tuple[str, ...] = ()
    body: bytes = b""
    signature: str = ""
    wish: int | None = None
    late: bool | None = None
    """Of an account's change: told after its five working days (Art. 13(1))."""


class Registers:
    """Raises ActRefused, StoreUnavailable.

    `name`: a keyed digest, for keys that are secrets.
    """

    def __init__(
        self, store: RegisterStore, seal: Sealing, name: Callable[[str], str], pen: Pen,
        places: Sequence[LogPlace], clock: Clock,
    ) -> None:  # fmt: skip
        self.store = store
        self._seal = seal
        self._name = name
        self._pen = pen
        self._places = places
        self._clock = clock
        self._feeds = OpenedFeeds(store, seal, clock)
        self._caught_up = False

    async def rows(
        self, division: str, sheet: Sheet, after: str, agency: str | None, limit: int
    ) -> list[Mapping[str, Any]]:
        """{key, agency, version, row}: as they stand, by key; `row` is empty if it does not open,
        so that it can be told of and put anew."""
        kept = await self.store.kept(division, sheet.register.value, after, agency, limit)
        return [{**each, "row": opened_or_nothing(each["body"], self._opened)} for each in kept]

    async def version_of(self, division: str) -> int:
        return await self.store.version(division)

    async def agency_names(self, division: str) -> Mapping[str, str]:
        """Every agency's name, by code."""
        bodies = await self.store.bodies(division, Register.AGENCIES)
        rows = await opened_rows(bodies, self._opened, f"{division} {Register.AGENCIES}")
        return {row["code"]: str(row.get("name") or "") for row in rows}

    async def rows_of(
        self, division: str, sheet: Sheet, keys: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Those rows that stand, by key."""
        if not keys:
            return {}
        bodies = await self.store.bodies(division, sheet.register.value, keys)
        rows = await opened_rows(bodies, self._opened, f"{division} {sheet.register.value}")
        return {sheet.key_of(row): row for row in rows}

    async def row(self, division: str, sheet: Sheet, key: str) -> Mapping[str, Any] | None:
        kept = await self.store.row(division, sheet.register.value, key)
        if kept is None:
            return None
        return {**kept, "row": opened_or_nothing(kept["body"], self._opened)}

    async def change(self, division: str, seq: int) -> Mapping[str, Any] | None:
        """A proposal with the row it would put and the one that stands."""
        found = await self.store.change(division, seq)
        if found is None:
            return None
        sheet = SHEETS.get(found["register"])
        now = await self.row(division, sheet, found["key"]) if sheet else None
        row = self._opened(found["body"]) if sheet else {}
        return {**found, "row": row, "now": now["row"] if now else {}}

    async def late(self, division: str, changes: Iterable[Mapping[str, Any]]) -> set[int]:
        """Which of them were told late, by number."""
        return await late_of(self.rows_of, division, list(changes))

    async def _is_late(self, division: str, change: Mapping[str, Any] | None) -> bool | None:
        if change is None or change["register"] != Register.ACCOUNTS or not change["changed_on"]:
            return None
        return change["seq"] in await self.late(division, [change])

    async def propose(self, division: str, proposal: Proposal, by: Person) -> int:
        """The first person's step. Raises ActRefused with everything that is wrong."""
        sheet = SHEETS[proposal.register]
        if len(proposal.reason) < REASON_CHARS_MIN:
            raise ActRefused("reason", "请填写变更理由。", "Say why.")
        await self._check_wish(division, proposal.wish, proposal)
        key = self._key(sheet, proposal.row)
        standing = await self.store.row(division, proposal.register, key)
        if proposal.op == "remove" and standing is None:
            raise ActRefused("row_absent", "没有这一条登记。", "No such row.")
        if standing and proposal.upon is not None and standing["version"] > proposal.upon:
            raise ActRefused(
                "row_moved", "打开本页之后该登记已另有变更，请重新打开后再改。",
                "The row was changed since this page was opened; begin from what stands.",
            )  # fmt: skip
        self._checked(self._feed(division, proposal.register, (proposal.op, proposal.row), 1))
        values = (
            proposal.register, proposal.op, key, str(proposal.row.get(sheet.agency) or ""),
            self._sealed(proposal.row), proposal.reason, proposal.changed_on, proposal.wish,
            by.login, self._clock(),
        )  # fmt: skip
        return await self.store.propose(division, values, self._told(division, proposal, by))

    async def propose_standing(
        self, division: str, reason: str, by: Person, version: int | None = None
    ) -> int:
        """All that stands as a whole file, which overtakes what a gateway does not take.

        `version`: where a gateway holds a higher one than the next here."""
        document = await standing_of(self.store, division, self._opened)
        upon = document["version"]
        document |= {"version": version or upon + 1, "as_of": _now_zh(self._clock())}
        raw = await asyncio.to_thread(file_of, document)
        called = called_in(document)
        return await self.propose_snapshot(division, raw, reason, by, called=called, upon=upon)

    async def propose_snapshot(
        self, division: str, raw: bytes, reason: str, by: Person,
        called: Callable[[str], str] = str, upon: int | None = None,
    ) -> int:  # fmt: skip
        """All registers from a file in the feed's own shape. `called`: its places, for people.
        `upon`: the version that it was made of, if of one."""
        document = document_of(division, raw)
        expect_newer(document, await self.store.version(division))
        proposal = Proposal(register=SNAPSHOT, op=SNAPSHOT, row={}, reason=reason)
        if len(reason) < REASON_CHARS_MIN:
            raise ActRefused("reason", "请填写变更理由。", "Say why.")
        await asyncio.to_thread(self._checked, raw, called)
        values = (
            SNAPSHOT, SNAPSHOT, str(document["version"]), "",
            self._seal.close(raw, "register"), reason, None, None, by.login, self._clock(),
        )  # fmt: skip
        return await self.store.propose(division, values, self._told(division, proposal, by), upon)

    async def approve(self, division: str, seq: int, by: Person) -> None:
        """The second person's step: the next version, signed for every gateway of the division."""
        banks = self._banks(division)
        found = await self.change(division, seq)
        if found is not None and not found["decided_by"]:
            await self._check_wish(division, found["wish"])
        late = await self._is_late(division, found)

        def judge(row: Mapping[str, Any], version: int) -> Decided:
            _check(row, by)
            check_proposer(row["closed"])
            _check_stands(row)
            made = (
                self._whole(division, row, version)
                if row["op"] == SNAPSHOT
                else self._delta(division, row, version)
            )
            act = _act(division, by, "register.approved", row, late, version=made["version"])
            return Decided(
                by=by.login, at=self._clock(), approved=True, said="", act=act, banks=banks,
                wish=row["wish"], late=late, signature=self._pen.sign(made["body"]),
                **made | {"body": self._seal.close(made["body"], "register feed")},
            )  # fmt: skip

        if not await self.store.decide(division, seq, judge):
            raise LookupError(seq)

    async def reject(self, division: str, seq: int, said: str, by: Person) -> None:
        if len(said) < REASON_CHARS_MIN:
            raise ActRefused("reason", "请填写退回理由。", "Say why not.")
        late = await self._is_late(division, await self.store.change(division, seq))

        def judge(row: Mapping[str, Any], _version: int) -> Decided:
            _check(row, by)
            act = _act(division, by, "register.rejected", row, late)
            return Decided(
                by=by.login, at=self._clock(), approved=False, said=said, act=act, late=late
            )

        if not await self.store.decide(division, seq, judge):
            raise LookupError(seq)

    async def waiting_feeds(self, resting: Collection[str] = ()) -> list[Mapping[str, Any]]:
        """For `Publishing`: bodies as they were signed."""
        if not self._caught_up:
            for division in {place.division for place in self._places}:
                await self.store.catch_up(division, self._banks(division))
                unjudged = await self.store.unjudged(division)
                late = await self.late(division, unjudged)
                await self.store.keep_late(division, [each["seq"] for each in unjudged], late)
            self._caught_up = True
        return await self._feeds.waiting(resting)

    async def attempted(
        self, row: Mapping[str, Any], at: dt.datetime, trouble: str | None, refusal: str = ""
    ) -> None:
        await self.store.attempted(row, at, trouble, refusal)

    async def gateways(self, division: str) -> list[Standing]:
        """How each gateway of the settings stands."""
        return standings(await self.store.gateways(division), self._banks(division))

    def _banks(self, division: str) -> tuple[str, ...]:
        return tuple(sorted({p.bank for p in self._places if p.division == division}))

    def _checked(self, body: bytes, called: Callable[[str], str] = str) -> bytes:
        """What a gateway could not read is not proposed: every later change would wait for it."""
        try:
            self._pen.check(body)
        except Unreadable as unreadable:
            errors = unreadable.errors[:ERRORS_SHOWN]
            zh = "；".join(f"{called(each.field)}：{each.zh}" for each in errors) or "内容不合规范"
            more = f"；共{len(unreadable.errors)}处" if len(unreadable.errors) > len(errors) else ""
            raise ActRefused("row_refused", f"网关将拒收：{zh}{more}", unreadable.detail) from None
        return body

    def _feed(
        self, division: str, register: str, change: tuple[str, Mapping[str, Any]], version: int
    ) -> bytes:
        """A delta of one row. An empty field is left out: a gateway of an older release does not
        know every field."""
        op, row = change
        values = {name: value for name, value in row.items() if value is not None}
        fields = {
            "division": division, "as_of": _now_zh(self._clock()), "version": version,
            register: [{"op": op, **values}],
        }  # fmt: skip
        return canonical(fields)

    async def wish(self, division: str, wish: int | None) -> Mapping[str, Any] | None:
        """What a case asks of the registers, if it still does."""
        if wish is None:
            return None
        return next(iter(await self.store.wishes(division, wish)), None)

    async def _check_wish(
        self, division: str, number: int | None, proposal: Proposal | None = None
    ) -> None:
        """A measure of Art. 21(4) is published by the change that it asks for, and by no other."""
        if number is None:
            return
        wish = await self.wish(division, number)
        if wish is None:
            raise ActRefused(
                "wish_over", "该处理措施已发布，或另有案件仍在暂停拨付。",
                "It is published, or another case still suspends this agency.",
            )  # fmt: skip
        asked = ("agencies", "put", wish["agency_code"], wish["status"])
        if proposal is not None and asked != (
            proposal.register, proposal.op, proposal.row.get("code"), proposal.row.get("status")
        ):  # fmt: skip
            raise ActRefused(
                "wish_other", "此变更与案件的处理措施不一致：单位或状态不符。",
                "The change is not the one that the case asks for.",
            )  # fmt: skip

    def _delta(self, division: str, row: Mapping[str, Any], version: int) -> dict[str, Any]:
        if version == 0:
            raise ActRefused(
                "no_snapshot", "请先导入并批准一份完整的登记文件。", "Import a whole file first."
            )
        change = row["op"], self._opened(row["body"])
        body = self._checked(self._feed(division, row["register"], change, version + 1))
        place = (row["register"], row["key"])
        put = row["op"] == "put"
        return {
            "version": version + 1, "body": body,
            "puts": ((*place, row["agency"], row["body"]),) if put else (),
            "gone": () if put else (place,),
        }  # fmt: skip

    def _whole(self, division: str, row: Mapping[str, Any], version: int) -> dict[str, Any]:
        raw = self._seal.open(row["body"], "register")
        document = document_of(division, raw)
        expect_newer(document, version)
        puts = tuple(
            (name, self._key(sheet, each), str(each.get(sheet.agency) or ""), self._sealed(each))
            for name, sheet in SHEETS.items() for each in document.get(name, ())
        )  # fmt: skip
        return {"version": document["version"], "body": raw, "whole": True, "puts": puts}

    def _key(self, sheet: Sheet, row: Mapping[str, Any]) -> str:
        key = sheet.key_of(row)
        return self._name(key) if sheet.sealed else key

    def _sealed(self, row: Mapping[str, Any]) -> bytes:
        return self._seal.close(orjson.dumps(row), "register")

    def _opened(self, body: bytes) -> dict[str, Any]:
        row: dict[str, Any] = orjson.loads(self._seal.open(body, "register"))
        return row

    def _told(self, division: str, proposal: Proposal, by: Person) -> Callable[[int], Act]:
        def act(seq: int) -> Act:
            detail = {"register": proposal.register, "op": proposal.op, "reason": proposal.reason}
            return Act(
                division=division, login=by.login, what="register.proposed",
                subject=f"登记变更{seq}", detail=detail,
            )  # fmt: skip

        return act


def _now_zh(now: dt.datetime) -> str:
    return now.astimezone(_ZONE).isoformat("T", "seconds")


def _check(row: Mapping[str, Any], by: Person) -> None:
    if row["decided_by"]:
        raise ActRefused("decided", f"已由{row['decided_by']}处理。", "Decided before.")
    if row["proposed_by"] == by.login:
        raise ActRefused("same_person", "不能批准自己的提议。", "Proposer and approver are one.")


def _check_stands(row: Mapping[str, Any]) -> None:
    """It says the whole row (or all rows): what was approved since would be taken back unseen."""
    if row["overtaken"]:
        raise ActRefused(
            "overtaken", "提议之后该登记已另有变更，请退回并按现行内容重新提议。",
            "It was changed since this was proposed; send it back and propose it anew.",
        )  # fmt: skip


def _act(
    division: str, by: Person, what: str, row: Mapping[str, Any], late: bool | None, **detail: Any
) -> Act:  # fmt: skip
    if late:
        detail["late"] = "yes"
    return Act(
        division=division, login=by.login, what=what, subject=f"登记变更{row['seq']}",
        detail={"register": row["register"], **detail},
    )  # fmt: skip
