"""All that stands, issued as a whole file: the way on where a gateway takes a change no more."""

from typing import Any

import attrs
import orjson
import pytest

from adapters.formats.registers.feed import read_feed
from bureau.desk.people import Office
from bureau.desk.publish import Publishing
from bureau.desk.refusals import ActRefused
from bureau.desk.registers.whole import document_of
from gateway.domain.faults import FeedRefused, Unreadable
from gateway.domain.register_feed import FeedKind
from tests.bureau.desks import Desk, Seated
from tests.bureau.test_registers import AGENCY, HOME, PERSON, form_of, loaded, snapshot
from tests.bureau.words import BANK, DIVISION, Bureau

pytestmark = pytest.mark.postgres
UNSEEN = "某厅\u3164本级"
"""Holds a Hangul filler. Bureaus of releases before 29 November let it pass."""
WHOLE = {"reason": "网关拒收，重新签发"}


class Gateway:
    """Reads what it is sent as a gateway does, and takes deltas in turn only."""

    def __init__(self) -> None:
        self.holds: dict[str, Any] = {}

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        try:
            feed = read_feed(body, lambda person: (person.id_number, person))
        except Unreadable as wrong:
            raise FeedRefused(
                f"400 feed_invalid: {wrong.errors[0].field}", "feed_invalid"
            ) from None
        held = self.holds.get("version", 0)
        if feed.kind is FeedKind.DELTA and feed.version != held + 1:
            raise FeedRefused(f"409 feed_gap: must be {held + 1}", "feed_gap")
        self.holds = orjson.loads(body)
        return feed.version


@attrs.frozen
class OldPen:
    """Of a bureau of an older release: it signs what a gateway of this one refuses."""

    pen: Any

    def check(self, body: bytes) -> None:
        pass

    def sign(self, body: bytes) -> str:
        return str(self.pen.sign(body))


async def renamed(reviewer: Seated, approver: Seated, name: str) -> None:
    form = form_of("agencies", AGENCY | {"name": name})
    _, path = await reviewer.post(f"{HOME}/agencies/edit", form)
    assert (await approver.post(f"{path}/approve"))[0] == 303


async def told(desk: Desk, gateway: Gateway) -> None:
    publishing = Publishing(
        desk.rooms.registers, {(DIVISION, BANK): gateway}, desk.hands, "registers"
    )
    while await publishing.publish_all(patient=False):
        pass


async def test_what_an_older_bureau_signed_and_a_gateway_refuses_is_overtaken_by_all_that_stands(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewer, approver = await loaded(desk)
    gateway, registers = Gateway(), desk.rooms.registers
    with monkeypatch.context() as older:
        older.setattr(registers, "_pen", OldPen(registers._pen))
        await renamed(reviewer, approver, UNSEEN)
    await told(desk, gateway)
    assert gateway.holds["version"] == 5
    assert "网关拒收" in (await reviewer.get(HOME))[1]
    # No whole file of these rows either: it is said which row and which column is wrong.
    status, text = await reviewer.post(f"{HOME}/whole", WHOLE)
    assert status == 409 and "预算单位 101001 名称：" in text and "重新签发" in text
    await renamed(reviewer, approver, "某厅")
    await told(desk, gateway)
    assert gateway.holds["version"] == 5, "they go in order"
    status, path = await reviewer.post(f"{HOME}/whole", WHOLE)
    assert (status, path) == (303, f"{HOME}/changes/4")
    assert (await reviewer.post(f"{path}/approve"))[0] == 403
    assert (await approver.post(f"{path}/approve"))[0] == 303
    await told(desk, gateway)
    assert (gateway.holds["version"], gateway.holds["agencies"][0]["name"]) == (8, "某厅")
    [person] = gateway.holds["persons"]
    assert person == {name: value for name, value in PERSON.items() if value is not None}
    await renamed(reviewer, approver, "又一厅")
    await told(desk, gateway)
    assert gateway.holds["version"] == 9


async def test_what_has_no_page_at_the_desk_is_the_last_whole_files(desk: Desk) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    lists = {"blacklist_accounts": ["666"], "designated_vendors": ["某商店"]}
    projects = [{"code": "P-1", "dept_economic_codes": ["302"]}]
    for version, name in ((5, "前"), (7, "后")):
        rows = [AGENCY | {"name": name}, AGENCY | {"code": "100", "name": "上级"}]
        whole = snapshot(version=version, agencies=rows, lists=lists, projects=projects)
        form = {"file": ("r.json", whole), "reason": "年初登记"}
        _, path = await reviewer.post(f"{HOME}/import", form)
        assert (await approver.post(f"{path}/approve"))[0] == 303
        lists = {**lists, "blacklist_accounts": ["777"]}
    _, path = await reviewer.post(f"{HOME}/whole", WHOLE)
    assert (await approver.post(f"{path}/approve"))[0] == 303
    gateway = Gateway()
    await told(desk, gateway)
    made = gateway.holds
    assert [row["name"] for row in made["agencies"]] == ["上级", "后"], "each once, in order"
    assert made["lists"]["blacklist_accounts"] == ["777"] and made["projects"] == projects
    assert made["version"] == 8 and made["as_of"] != orjson.loads(snapshot())["as_of"]


async def test_a_change_approved_since_is_not_taken_back_by_what_stood_before(desk: Desk) -> None:
    reviewer, approver = await loaded(desk)
    _, path = await reviewer.post(f"{HOME}/whole", WHOLE)
    await renamed(reviewer, approver, "某厅")
    status, text = await approver.post(f"{path}/approve")
    assert status == 409 and "已另有变更" in text
    gateway = Gateway()
    await told(desk, gateway)
    assert gateway.holds["version"] == 6


async def test_what_is_approved_while_the_file_is_made_has_overtaken_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a number of one's own nothing else would show it."""
    reviewer, approver = await loaded(desk)
    store = desk.rooms.registers.store
    bodies = store.bodies

    async def meanwhile(division: str, register: str, keys: Any = None) -> Any:
        found = await bodies(division, register, keys)
        if register == "calendar":
            monkeypatch.undo()
            await renamed(reviewer, approver, "某厅")
        return found

    monkeypatch.setattr(store, "bodies", meanwhile)
    status, path = await reviewer.post(f"{HOME}/whole", WHOLE | {"version": "40"})
    assert status == 303
    status, text = await approver.post(f"{path}/approve")
    assert status == 409 and "已另有变更" in text


async def test_a_gateway_that_holds_a_higher_version_gets_one_above_it(desk: Desk) -> None:
    reviewer, approver = await loaded(desk)
    status, text = await reviewer.post(f"{HOME}/whole", WHOLE | {"version": "5"})
    assert status == 409 and "不高于现行版本" in text
    _, path = await reviewer.post(f"{HOME}/whole", WHOLE | {"version": "41"})
    assert (await approver.post(f"{path}/approve"))[0] == 303
    gateway = Gateway()
    await told(desk, gateway)
    assert gateway.holds["version"] == 41


async def test_nothing_is_issued_where_nothing_stands_or_does_not_open(
    desk: Desk, bureau: Bureau
) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    assert f"{HOME}/whole" not in (await reviewer.get(HOME))[1]
    status, text = await reviewer.post(f"{HOME}/whole", WHOLE)
    assert status == 409 and "请先导入并批准一份完整的登记文件" in text
    reviewer, _ = await loaded(desk)
    status, text = await reviewer.post(f"{HOME}/whole", {"reason": "短"})
    assert status == 409 and "请填写变更理由" in text
    async with bureau.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute("UPDATE register_kept SET body = 'x' WHERE register = 'persons'")
    status, text = await reviewer.post(f"{HOME}/whole", WHOLE)
    assert status == 409 and "人员信息：库中有内容无法解封" in text


@pytest.mark.parametrize(
    ("raw", "zh"),
    [
        (b'{"division":"220000000"', "第1行第24列读不下去"),
        (b"hello", "不是完整的 JSON"),
        (b"[]", "division 应为 220000000。"),
        (snapshot(division="220100000"), "文件所载为“220100000”"),
        (snapshot(version="5"), "version 应为正整数"),
        (snapshot(agencies=[{"name": "没有编号"}]), "每行须有编号"),
    ],
)
def test_what_is_no_file_of_registers_is_told_why(raw: bytes, zh: str) -> None:
    with pytest.raises(ActRefused) as refused:
        document_of(DIVISION, raw)
    assert zh in refused.value.words[0], refused.value.words
