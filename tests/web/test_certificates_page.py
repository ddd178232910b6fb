"""The inventory of certificates on the operators' port: moments as people read them."""

import datetime as dt
import re

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.domain.certificates import RevocationList
from gateway.domain.inventory import Entry, Inventory, LogState, RefusedHandshakes
from gateway.web.certificates import Certificates

AT = dt.datetime(2026, 11, 30, 16, 30, 5, 123456, dt.UTC)


def inventory(at: dt.datetime) -> Inventory:
    soon = at + dt.timedelta(days=3)
    entry = Entry(
        issuer="aa", serial="01", holder="CN=agency/220000000/101001", profile="tls-client",
        state="active", case="", not_before=at - dt.timedelta(days=30), not_after=soon,
        loaded=("door",), seen_at=at,
    )  # fmt: skip
    crl = RevocationList(issuer="aa", number=1, this_update=at, next_update=soon, pem=b"")
    log = LogState(
        division="220000000", size=2, acknowledged_size=1, sealed_at=at, cosigned_at=None
    )
    refused = RefusedHandshakes(reason="expired", count=1, last_at=at)
    return Inventory(
        at=at, entries=(entry,), pending=(), lists=(crl,), revoked=0, refused=(refused,),
        logs=(log,),
    )  # fmt: skip


async def test_the_page_tells_moments_in_beijing_time_to_the_second_and_json_in_utc() -> None:
    async def found(at: dt.datetime) -> Inventory:
        return inventory(at)

    app = web.Application()
    app.add_routes(Certificates(found, lambda: AT).routes())
    async with TestClient(TestServer(app)) as client:
        page = await (await client.get("/certificates")).text()
        told = await (await client.get("/certificates.json")).json()
    assert "2026-12-01 00:30:05 北京时间" in page, "past midnight here"
    assert "将于 2026-12-04 00:30:05 失效" in page
    assert page.count("2026-12-01 00:30:05") == 4, "seen, refused, sealed, and of the page"
    assert not re.search(r"\d\.\d{3,}|\+00:00|T\d\d:", page)
    assert told["at"] == AT.isoformat()
