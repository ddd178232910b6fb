"""The measurement of the desk leaves no page out: a new route must be one that it can fill in."""

import pytest

from bench.desk import _paths
from bureau.desk.people import Office
from bureau.web.desk import table_of
from tests.bureau.desks import Desk

pytestmark = pytest.mark.postgres
KNOWN = {
    "case": "2026/1", "file": "ab" * 32, "paper": "2026/1", "complaint": "2026/1", "change": "1",
    "draft": "1", "refused": "cd" * 32, "trial": "1",
}  # fmt: skip


async def test_the_bench_knows_what_to_put_into_every_path_of_the_desk(desk: Desk) -> None:
    asked = {path.partition("?")[0] for o in Office for path in _paths(desk.rooms, o, KNOWN)}
    pages = [route for route in table_of(desk.rooms) if route.method == "GET"]
    assert len(asked) >= len([page for page in pages if not page.path.endswith("/events")])
