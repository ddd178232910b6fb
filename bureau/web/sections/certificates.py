"""The page of certificates (证书): what the bureau holds and trusts, how long each still lasts."""

import asyncio

from aiohttp import web

from bureau.desk.certificates import URGENT_DAYS, WARN_DAYS
from bureau.desk.people import READERS, Office
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Visit, get


def routes(rooms: Rooms) -> list[Route]:
    async def page(visit: Visit) -> web.Response:
        now = rooms.clock()
        held = await asyncio.to_thread(rooms.shelf.held)
        return rooms.pages(
            "certificates", visit=visit, warn=WARN_DAYS, urgent=URGENT_DAYS,
            held=[(each, each.days_left(now)) for each in held],
        )  # fmt: skip

    return [
        get(
            "/desk/{division}/certificates", page, READERS | {Office.SECURITY},
            Nav(group="rule", zh="证书", en="Certificates"),
        ),
    ]  # fmt: skip
