"""Decisions that a gateway refuses (网关拒收): why, what waits behind them, and their voids."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from bureau.desk.people import READERS, Office
from bureau.desk.refusals import ActRefused
from bureau.desk.releases import VALID
from bureau.web.rooms import Rooms
from bureau.web.route import Route, Undone, Visit, get, post, see
from bureau.web.sections.holds import REASON_CHARS_MIN, TO_APPROVE, named, refused_in_words
from gateway.domain.voids import KIND as VOID

HOME = "/desk/{division}/numbers"


def routes(rooms: Rooms) -> list[Route]:
    pages = _Numbers(rooms)
    one = HOME + "/{digest:[0-9a-f]{64}}"
    reviewer, approver = frozenset({Office.REVIEWER}), frozenset({Office.APPROVER})
    return [
        get(HOME, pages.listed, READERS),
        post(HOME + "/propose", pages.propose, reviewer, again=pages.again),
        post(one + "/approve", pages.approve, approver, again=pages.again),
        post(one + "/reject", pages.reject, approver, again=pages.again),
    ]


class _Numbers:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def listed(self, visit: Visit) -> web.Response:
        return await self._page(visit, None)

    async def again(self, visit: Visit, undone: Undone) -> web.Response:
        return await self._page(visit, undone)

    async def _page(self, visit: Visit, undone: Undone | None) -> web.Response:
        voids, now = self._rooms.voids, self._rooms.clock()
        rows = [_shown(row, now) for row in await voids.voids(visit.division)]
        waiting = {(row["bank"], row["version"]) for row in rows if row["state"][1] == TO_APPROVE}
        refused = [
            {
                **each.row, "may_be_void": each.may_be_void,
                "waits": (each.row["bank"], each.row["version"]) in waiting,
            }
            for each in await voids.refused(visit.division)
        ]  # fmt: skip
        return self._rooms.pages(
            "numbers", visit=visit, refused=refused, voids=rows, undone=undone
        )  # fmt: skip

    async def propose(self, visit: Visit) -> web.StreamResponse:
        bank, number = visit.text("bank", 40), visit.text("number", 16)
        reason = _reason(visit)
        if not (number.isascii() and number.isdigit()):
            raise ActRefused("number", "请从列表中选择。", "Choose one of the list.")
        place = visit.division, bank
        await refused_in_words(
            self._rooms.voids.propose(place, int(number), reason, named(visit.person))
        )
        self._rooms.bell()
        raise see(_home(visit))

    async def approve(self, visit: Visit) -> web.StreamResponse:
        voids = self._rooms.voids
        await refused_in_words(voids.approve(visit.division, _digest(visit), named(visit.person)))
        self._rooms.bell()
        raise see(_home(visit))

    async def reject(self, visit: Visit) -> web.StreamResponse:
        voids, reason = self._rooms.voids, _reason(visit)
        await refused_in_words(
            voids.reject(visit.division, _digest(visit), named(visit.person), reason)
        )
        self._rooms.bell()
        raise see(_home(visit))


def _home(visit: Visit) -> str:
    return HOME.replace("{division}", visit.division)


def _digest(visit: Visit) -> bytes:
    return bytes.fromhex(visit.request.match_info["digest"])


def _reason(visit: Visit) -> str:
    reason = visit.text("reason", 500)
    if len(reason) < REASON_CHARS_MIN:
        raise ActRefused(
            "reason", "请填写理由，不少于4个字。", "Say why, in four characters or more."
        )
    return reason


def _shown(row: Mapping[str, Any], now: Any) -> Mapping[str, Any]:
    """A void with its state in words, and what its decision says."""
    decision = orjson.loads(row["decision"])
    assert decision["kind"] == VOID
    return {
        **row, "hex": row["digest"].hex(), "reason": decision["reason"],
        "refused": decision["refused"], "fiscal_year": decision["fiscal_year"],
        "voucher_type": decision["voucher_type"], "voucher_no": decision["voucher_no"],
        "state": _state(row, now),
    }  # fmt: skip


def _state(row: Mapping[str, Any], now: Any) -> tuple[str, str]:
    """(class, words)."""
    if row["acknowledged_at"]:
        return "passed", "网关已收讫，编号作废"
    if row["stands"]:
        return ("blocked", "网关未接收，重发中") if row["trouble"] else ("held", "已签署，发送中")
    if row["aside"] == "overtaken":
        return "archived", "网关已收原决定，作废不成立"
    if row["aside"]:
        return "archived", "网关拒收，另行作废"
    if row["rejected_by"]:
        return "archived", f"已由{row['rejected_by']}退回"
    if now > row["proposed_at"] + VALID:
        return "archived", "提议已过期"
    return "held", TO_APPROVE
