"""Pages of held instructions (挂起): what waits and why, two persons' decision, its result."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from bureau.desk.aftermath import aftermath
from bureau.desk.interceptions import Card, held_until_of, why_refused
from bureau.desk.people import READERS, Office, Person
from bureau.desk.refusals import ActRefused, Words
from bureau.desk.releases import VALID, Named, ReleaseRefused
from bureau.web.pages import at_bank
from bureau.web.paging import digest_before, line_before, place_query
from bureau.web.rooms import Rooms
from bureau.web.route import FormRefused, Nav, Route, Undone, Visit, get, post, see
from gateway.domain.holds import FindingName
from gateway.domain.instruction import InstructionKey
from gateway.domain.releases import LIMIT_POLICIES, Verdict

PAGE_ROWS = 50
NAME_CHARS_MAX = 28
VERDICT_ZH = {"release": "放行", "refuse": "不予放行"}
TO_APPROVE = "待复核"
SENDING, NOT_TAKEN, ACKNOWLEDGED = "已签署，发送中", "网关未接收，重发中", "网关已签收"
VOIDING = "已作废，待网关收讫"
UNDER_WAY = (SENDING, NOT_TAKEN, ACKNOWLEDGED, VOIDING)
"""A signed order may still be carried out."""

REASON_CHARS_MIN = 4


def routes(rooms: Rooms) -> list[Route]:
    pages = _Holds(rooms)
    home = "/desk/{division}/holds"
    one = home + "/{year:[0-9]{4}}/{type}/{no}"
    decided = "/desk/{division}/releases/{digest:[0-9a-f]{64}}"
    return [
        get(home, pages.listed, READERS, Nav(group="work", zh="挂起与放行", en="Holds")),
        get("/desk/{division}/releases", pages.decisions, READERS),
        get(one, pages.one, READERS),
        post(one + "/propose", pages.propose, frozenset({Office.REVIEWER}), again=pages.one),
        post(decided + "/approve", pages.approve, frozenset({Office.APPROVER}), again=pages.again),
        post(decided + "/reject", pages.reject, frozenset({Office.APPROVER}), again=pages.again),
    ]


def with_end(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An open hold with the moment at which it ends by itself."""
    return {**row, "held_until": held_until_of(row["notice_body"])}


class _Holds:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def listed(self, visit: Visit) -> web.Response:
        holds = self._rooms.holds
        now = self._rooms.clock()
        rows = await holds.open_holds(visit.division, line_before(visit), PAGE_ROWS, now - VALID)
        recent = await holds.proposals(visit.division, None, 10)
        return self._rooms.pages(
            "holds", visit=visit, rows=[with_end(row) for row in rows], later=_later(rows),
            now=now, decisions=[_shown(row) for row in recent],
            refused=await self._rooms.voids.refused(visit.division),
            strange=await self._rooms.not_ours.strange(visit.division, "releases"),
        )  # fmt: skip

    async def decisions(self, visit: Visit) -> web.Response:
        rows = await self._rooms.holds.proposals(visit.division, digest_before(visit), PAGE_ROWS)
        older = None
        if len(rows) == PAGE_ROWS:
            last = rows[-1]
            place = {"before": last["proposed_at"].isoformat(), "no": last["digest"].hex()}
            older = "?" + urlencode(place)
        return self._rooms.pages(
            "releases", visit=visit, decisions=[_shown(row) for row in rows], older=older
        )

    async def one(self, visit: Visit, undone: Undone | None = None) -> web.Response:
        return await self._page(visit, *await self._card(visit), undone)

    async def again(self, visit: Visit, undone: Undone) -> web.Response:
        """The hold whose proposal could not be decided on."""
        digest = bytes.fromhex(visit.request.match_info["digest"])
        about = await self._rooms.releases.payment_of(visit.division, digest)
        if about is None:
            raise web.HTTPNotFound()
        return await self._page(visit, *await self._card_of(visit.division, *about), undone)

    async def _page(
        self, visit: Visit, key: InstructionKey, card: Card, undone: Undone | None
    ) -> web.Response:
        rows = await self._rooms.holds.proposals_of(
            visit.division,
            card.line.bank,
            (key.fiscal_year, key.voucher_type, key.voucher_no),
            PAGE_ROWS,
        )
        ends = aftermath(await self._rooms.holds.ends(visit.division, card.line.bank, str(key)))
        ended = any(each.final for each in ends)
        decisions = [_shown(row) for row in rows]
        return self._rooms.pages(
            "hold", visit=visit, card=card, line=card.line, path=_path(key), ended=ended, ends=ends,
            decisions=decisions, limits=LIMIT_POLICIES,
            waits=_waits(decisions, self._rooms.clock()),
            holding=[] if ended else _spelled(await self._holding(key, card.line.bank)),
            law=self._rooms.law, now=self._rooms.clock(), undone=undone,
        )  # fmt: skip

    async def propose(self, visit: Visit) -> web.StreamResponse:
        """The first person's step. What is not ticked goes on holding the payment."""
        key, card = await self._card(visit)
        asked, reason = visit.text("verdict", 10), visit.text("reason", 500)
        holding = _spelled(await self._holding(key, card.line.bank))
        ticked = set(visit.texts("override"))
        overrides = [finding for name, finding in holding.items() if name in ticked]
        wrong: list[Words] = []
        if ticked - holding.keys():
            wrong.append(
                ("挂起的事项已有变化，请重新核对。", "What holds it has changed: look again.")
            )
        if asked not in set(Verdict):
            wrong.append(("请选择放行或不予放行。", "Release or refuse."))
        if asked == Verdict.RELEASE and holding and not overrides:
            wrong.append(("请勾选准予放行的事项。", "Tick what is overridden."))
        if len(reason) < REASON_CHARS_MIN:
            wrong.append(("请填写理由，不少于4个字。", "Say why, in four characters or more."))
        if wrong:
            raise FormRefused(wrong)
        by, bank = named(visit.person), card.line.bank
        await refused_in_words(
            self._rooms.releases.propose(key, Verdict(asked), reason, by, overrides, bank=bank)
        )
        self._rooms.bell()
        raise see(_path(key) + at_bank(card.line.bank))

    async def approve(self, visit: Visit) -> web.StreamResponse:
        digest = visit.request.match_info["digest"]
        releases = self._rooms.releases
        await refused_in_words(
            releases.approve(visit.division, bytes.fromhex(digest), named(visit.person))
        )
        self._rooms.bell()
        raise see(await self._page_of(visit.division, digest))

    async def reject(self, visit: Visit) -> web.StreamResponse:
        digest, reason = visit.request.match_info["digest"], visit.text("reason", 500)
        if len(reason) < REASON_CHARS_MIN:
            raise ActRefused("reason", "请填写退回理由。", "Say why.")
        await refused_in_words(
            self._rooms.releases.reject(
                visit.division, bytes.fromhex(digest), named(visit.person), reason
            )
        )
        self._rooms.bell()
        raise see(await self._page_of(visit.division, digest))

    async def _page_of(self, division: str, digest: str) -> str:
        """Of the hold that was decided about: there one follows it to the bank."""
        about = await self._rooms.releases.payment_of(division, bytes.fromhex(digest))
        assert about is not None, "it was decided on just now"
        year, kind, number, bank = about
        return f"/desk/{division}/holds/{year}/{kind}/{number}{at_bank(bank)}"

    async def _holding(self, key: InstructionKey, bank: str) -> list[FindingName]:
        """Empty if its record has not come: then nothing can be decided yet."""
        try:
            return await self._rooms.releases.held_findings(key, bank)
        except ReleaseRefused:
            return []

    async def _card(self, visit: Visit) -> tuple[InstructionKey, Card]:
        info = visit.request.match_info
        about = int(info["year"]), info["type"], info["no"], visit.query("bank", 40) or None
        return await self._card_of(visit.division, *about)

    async def _card_of(
        self, division: str, year: int, kind: str, number: str, bank: str | None
    ) -> tuple[InstructionKey, Card]:
        key = division, year, kind, number
        card = await why_refused(self._rooms.desk, *key, bank)
        if card is None or card.line.outcome != "held":
            raise web.HTTPNotFound()
        return InstructionKey(
            division=key[0], fiscal_year=key[1], voucher_type=key[2], voucher_no=key[3]
        ), card


def _spelled(holding: Sequence[FindingName]) -> dict[str, FindingName]:
    """By what the form sends of each: what was ticked is what was shown, whatever came since."""
    return {
        "/".join((each.policy, str(each.revision), each.detail, ",".join(each.unavailable))): each
        for each in holding
    }


def named(person: Person) -> Named:
    """The name under which an order goes out: two accounts never read as one person."""
    return Named(name=f"{person.name[:NAME_CHARS_MAX]}（{person.login}）", login=person.login)


async def refused_in_words(work: Any) -> Any:
    """What the core refuses, in the desk's words."""
    try:
        return await work
    except ReleaseRefused as refused:
        zh, _, en = str(refused).partition(" / ")
        raise ActRefused("release_refused", zh, en or zh) from refused


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A proposal with its state in words, and what its decision says."""
    decision = orjson.loads(row["decision"])
    valid_until = dt.datetime.fromtimestamp(decision["valid_until"] / 1_000_000, dt.UTC)
    return {
        **row, "verdict": VERDICT_ZH[decision["verdict"]], "reason": decision["reason"],
        "overrides": [each["policy"] for each in decision["overrides"]],
        "valid_until": valid_until, "state": _state(row), "hex": row["digest"].hex(),
    }  # fmt: skip


def _state(row: Mapping[str, Any]) -> tuple[str, str]:
    """(class, words)."""
    if row["rejected_by"]:
        return "archived", f"已由{row['rejected_by']}退回"
    if not row["approver"]:
        return ("held", TO_APPROVE) if row["held"] else ("archived", "挂起已结束，作废")
    if row["order_end"] == "not_carried_out":
        return "blocked", "网关未执行"
    if row["order_end"] == "voided":
        return "archived", "网关拒收，已作废"
    if row["voided"]:
        return "held", VOIDING
    if row["acknowledged_at"]:
        return "passed", ACKNOWLEDGED
    if row["trouble"]:
        return "blocked", NOT_TAKEN
    return "held", SENDING


def _waits(decisions: Sequence[Mapping[str, Any]], now: dt.datetime) -> str:
    """What an open hold waits for: `propose`, `approve`, or the gateway's `carry_out`."""
    if not decisions or now > decisions[0]["valid_until"]:
        return "propose"
    said = decisions[0]["state"][1]
    return "approve" if said == TO_APPROVE else "carry_out" if said in UNDER_WAY else "propose"


def _path(key: InstructionKey) -> str:
    return f"/desk/{key.division}/holds/{key.fiscal_year}/{key.voucher_type}/{key.voucher_no}"


def _later(rows: Any) -> str | None:
    if len(rows) < PAGE_ROWS:
        return None
    named = ("decided_at", "voucher_no", "bank", "voucher_type", "fiscal_year")
    return place_query(tuple(rows[-1][each] for each in named))
