"""The desk: pages for the bureau's people and those who must answer it, behind a session."""

from aiohttp import web

from bureau.web.guard import Guard, add_headers
from bureau.web.reception import REFUSING
from bureau.web.rooms import Rooms
from bureau.web.route import UPLOAD_BYTES_MAX, Route
from bureau.web.sections import (
    accounts,
    case_intake,
    case_list,
    cases,
    certificates,
    complaints,
    entry,
    holds,
    home,
    interceptions,
    logs,
    not_ours,
    numbers,
    policies,
    policy_form,
    registers,
    statistics,
    trail,
    trials,
)

SECTIONS = (
    home,
    interceptions,
    holds,
    numbers,
    not_ours,
    case_intake,
    case_list,
    cases,
    complaints,
    registers,
    policies,
    policy_form,
    trials,
    statistics,
    accounts,
    logs,
    certificates,
    trail,
    entry,
)
"""Each gives its routes; the side bar follows this order within a group."""


def table_of(rooms: Rooms) -> list[Route]:
    """Every page of the desk that needs a session."""
    return [route for section in SECTIONS for route in section.routes(rooms)]


def desk_application(rooms: Rooms) -> web.Application:
    guard = Guard(
        rooms.entry, rooms.pages, rooms.divisions, rooms.hosts, rooms.names.follow,
        rooms.certificate_counts,
    )  # fmt: skip
    application = web.Application(middlewares=[guard.middleware], client_max_size=UPLOAD_BYTES_MAX)
    application.on_response_prepare.append(guard.reworded)
    application.on_response_prepare.append(add_headers)
    application.on_shutdown.append(rooms.live.stop)
    table = table_of(rooms)
    rooms.pages.use_ways(*rooms.ways)
    rooms.pages.use_nav(table)
    rooms.pages.use_names(rooms.names)
    for method, path, handler in entry.open_pages(rooms):
        application.router.add_route(method, path, handler)
    for route in table:
        application.router.add_route(route.method, route.path, guard.admitting(route))
    application[REFUSING] = guard.unreadable
    return application
