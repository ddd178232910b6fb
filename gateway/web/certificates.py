"""The inventory of certificates on the operators' port: as JSON, and as a page for people."""

import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.domain.certificates import Profile, State
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.inventory import Inventory, fields_of
from gateway.domain.legal_day import SHANGHAI

PROFILES_ZH = {
    Profile.TLS_SERVER: "TLS 服务端",
    Profile.TLS_CLIENT: "TLS 客户端",
    Profile.RECORD: "记录密钥",
    Profile.FEED: "财政下发密钥",
    Profile.SIGNING: "签名密钥",
    Profile.OCSP: "OCSP 应答",
}
STATES_ZH = {
    State.REQUESTED: "已申请",
    State.APPROVED: "已批准",
    State.REFUSED: "已拒绝",
    State.ISSUED: "已签发",
    State.STAGED: "已分发",
    State.ACTIVE: "使用中",
    State.RETIRING: "将退役",
    State.RETIRED: "已退役",
    State.REVOKED: "已吊销",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Certificates:
    def __init__(
        self, inventory: Callable[[dt.datetime], Awaitable[Inventory]],
        now: Callable[[], dt.datetime],
    ) -> None:  # fmt: skip
        self._inventory = inventory
        self._now = now
        pages = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
        )
        pages.filters["clock"] = _clock
        self._page = pages.get_template("certificates.html")

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/certificates", self._show),
            web.get("/certificates.json", self._tell),
        ]

    async def _show(self, _request: web.Request) -> web.Response:
        try:
            found = fields_of(await self._inventory(self._now()))
        except LedgerUnavailable as lost:
            return web.Response(status=503, text=f"数据库不可用 the database is down: {lost}")
        found["certificates"] = [
            one for one in found["certificates"] if one["state"] not in ("retired", "revoked")
        ]
        page = self._page.render(**found, profiles=PROFILES_ZH, states=STATES_ZH)
        return web.Response(text=page, content_type="text/html", headers=HEADERS)

    async def _tell(self, _request: web.Request) -> web.Response:
        try:
            found = await self._inventory(self._now())
        except LedgerUnavailable as lost:
            return web.json_response({"reason": str(lost)}, status=503)
        return web.Response(body=orjson.dumps(fields_of(found)), content_type="application/json")


def _clock(told: str) -> str:
    """A moment as people read it, in Beijing time; JSON has it in UTC, to the microsecond."""
    return f"{dt.datetime.fromisoformat(told).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
