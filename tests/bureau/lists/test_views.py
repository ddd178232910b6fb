"""A search that is saved is that search, and whoever saves it stays with it."""

import re

import pytest

from bureau.desk.people import Office
from tests.bureau.desks import Desk
from tests.bureau.words import DIVISION

pytestmark = pytest.mark.postgres
LIST = f"/desk/{DIVISION}/interceptions"


async def test_a_view_saved_again_is_the_new_search_and_leads_back_to_it(desk: Desk) -> None:
    """The old one stayed, without a word, and the list came back without the search."""
    reviewer = await desk.seat(Office.REVIEWER)
    for query in ("规则:JL-020", "规则:JL-042 金额:>10万"):
        page = (await reviewer.get(f"{LIST}?q={query}"))[1]
        form = page.partition('action="/me/views"')[2].partition("</form>")[0]
        fields = dict(re.findall(r'name="(division|query)" value="([^"]*)"', form))
        fields["query"] = fields["query"].replace("&gt;", ">")
        status, where = await reviewer.post("/me/views", {"name": "大额", **fields})
        assert status == 303 and where.startswith(f"{LIST}?q=")
        assert query in (await reviewer.get(where))[1].replace("&gt;", ">")
    (view,) = await desk.rooms.people.views(reviewer.person.login)
    assert view["query"] == "规则:JL-042 金额:>10万"
    page = (await reviewer.get(LIST))[1]
    assert 'value="大额"' in page
    assert (await reviewer.post("/me/views/drop", {"name": "大额"}))[1] == LIST
    assert not await desk.rooms.people.views(reviewer.person.login)


async def test_a_view_that_cannot_be_kept_is_told(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for number in range(50):
        form = {"name": f"v{number}", "query": "规则:JL-020"}
        assert (await reviewer.post("/me/views", form))[0] == 303
    status, page = await reviewer.post("/me/views", {"name": "w", "query": "规则:JL-042"})
    assert status == 409 and "已保存的视图太多" in page
    status, _ = await reviewer.post("/me/views", {"name": "v7", "query": "规则:JL-042"})
    assert status == 303
    status, page = await reviewer.post("/me/views", {"name": " ", "query": "规则:JL-042"})
    assert status == 409 and "请填写视图名称" in page


async def test_who_looks_into_a_city_saves_a_view_and_stays_there(desk: Desk) -> None:
    province = await desk.seat(Office.PROVINCE)
    form = {"name": "x", "query": "规则:JL-020", "division": "220100000"}
    status, where = await province.post("/me/views", form)
    expected = "220100000" if "220100000" in desk.rooms.divisions else DIVISION
    assert status == 303 and where.startswith(f"/desk/{expected}/interceptions?q=")
    _, where = await province.post("/me/views", form | {"division": "110000000"})
    assert where.startswith(f"/desk/{DIVISION}/interceptions?q=")
