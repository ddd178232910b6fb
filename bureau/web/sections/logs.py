"""Pages of the monitoring log (监控日志): how far each bank's is, and deliveries that were refused,
with what was kept of them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bureau.desk.people import READERS, Office
from bureau.web.exports import attachment, zipped
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Visit, get
from bureau.web.telling import tell
from gateway.domain.records import canonical

SHOWN = 100
LOG_READERS = READERS | {Office.SECURITY}
TAKERS = frozenset({Office.APPROVER})
"""A delivery opens what its records hold of people."""
_TOLD = ("bank", "detail", "digest", "division", "held_size", "party", "reason", "seen")
_MOMENTS = ("first_seen_at", "last_seen_at")


def routes(rooms: Rooms) -> list[Route]:
    pages = _Logs(rooms)
    home = "/desk/{division}/log"
    return [
        get(home, pages.log, LOG_READERS, Nav(group="rule", zh="监控日志", en="Log")),
        get(home + "/refused/{bank}/{digest:[0-9a-f]{64}}.{kind:zip}", pages.evidence, TAKERS),
    ]


class _Logs:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def log(self, visit: Visit) -> web.Response:
        desk = self._rooms.desk
        refused = await desk.misbehaviours(visit.division, SHOWN)
        return self._rooms.pages(
            "log", visit=visit, logs=await desk.logs(visit.division), misbehaviours=refused,
            full=len(refused) == SHOWN, takes=visit.person.office in TAKERS,
        )  # fmt: skip

    async def evidence(self, visit: Visit) -> web.Response:
        """A refused delivery as it came, with what was found, as a folder for an auditor. That it
        was taken out is an act."""
        info = visit.request.match_info
        bank, digest = info["bank"], info["digest"]
        kept = await self._rooms.store.misbehaviour(visit.division, bank, bytes.fromhex(digest))
        if kept is None:
            raise web.HTTPNotFound()
        await tell(self._rooms, visit, "delivery.taken_out", f"{bank}/{digest}")
        folder = await asyncio.to_thread(_folder, kept)
        return attachment(folder, "application/zip", f"refused-{digest[:16]}.zip")


def _folder(kept: Mapping[str, Any]) -> bytes:
    """`delivery.bin` hashes to the digest by which it is called; without it only the first were
    kept whole."""
    told = {name: kept[name] for name in _TOLD}
    told |= {name: kept[name].isoformat() for name in _MOMENTS}
    told["delivery_kept"] = kept["delivery"] is not None
    files = {
        "refusal.json": canonical(told), "checkpoint-shown.txt": kept["shown_checkpoint"].encode(),
    }  # fmt: skip
    if kept["held_checkpoint"]:
        files["checkpoint-held.txt"] = kept["held_checkpoint"].encode()
    if kept["delivery"] is not None:
        files["delivery.bin"] = kept["delivery"]
    return zipped(files)
