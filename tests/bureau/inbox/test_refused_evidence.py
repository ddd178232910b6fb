"""What was kept of a refused delivery can be taken out again, byte for byte, by one who may."""

import hashlib
import io
import json
import zipfile

import pytest

from adapters.bureau.frame import framed
from bureau.desk.people import Office
from bureau.inbox.receive import DeliveryRefused
from bureau.web.sections import logs
from tests.bureau.desks import Desk
from tests.bureau.words import BANK, DIVISION, GATEWAY, Bureau, Chain, House, verdict

pytestmark = pytest.mark.postgres
LOG = f"/desk/{DIVISION}/log"


async def test_an_approver_takes_the_evidence_out_as_it_came_and_the_trail_says_so(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    chain.seal([verdict(1)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    other = Chain(house.gateway)
    other.seal([verdict(2)], b'{"payee.name":["salt","name"]}')
    raw = framed(other.delivery())
    with pytest.raises(DeliveryRefused):
        await bureau.inbox.receive(GATEWAY, raw)
    digest = hashlib.sha256(raw).hexdigest()
    path = f"{LOG}/refused/{BANK}/{digest}.zip"
    approver, reviewer = await desk.seat(Office.APPROVER), await desk.seat(Office.REVIEWER)
    assert f'href="{path}"' in (await approver.get(LOG))[1]
    assert path not in (await reviewer.get(LOG))[1]
    assert (await reviewer.get(path))[0] == 403, "its openings are not for everybody's eyes"
    status, body, headers = await approver.bytes(path)
    assert status == 200 and "attachment" in headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(body)) as folder:
        assert hashlib.sha256(folder.read("delivery.bin")).hexdigest() == digest
        told = json.loads(folder.read("refusal.json"))
        assert (told["reason"], told["party"], told["delivery_kept"]) == ("fork", GATEWAY, True)
        assert folder.read("checkpoint-shown.txt").decode() == other.sealed[0].checkpoint
        assert folder.read("checkpoint-held.txt").decode().startswith(chain.sealed[0].checkpoint)
    watcher = await desk.seat(Office.SECURITY)
    _, trail = await watcher.get(f"/desk/{DIVISION}/trail?what=delivery.taken_out")
    assert f"{BANK}/{digest}" in trail and "调取被拒收报送的证据" in trail


async def test_a_list_that_is_not_all_says_so(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "SHOWN", 2)
    chain.seal([verdict(1)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    security = await desk.seat(Office.SECURITY)
    for number in (2, 3):
        assert "只列最近" not in (await security.get(LOG))[1]
        other = Chain(house.gateway)
        other.seal([verdict(number)])
        with pytest.raises(DeliveryRefused):
            await bureau.inbox.receive(GATEWAY, framed(other.delivery()))
    assert "只列最近的 2 项" in (await security.get(LOG))[1]


async def test_what_was_not_refused_is_not_there(desk: Desk) -> None:
    approver = await desk.seat(Office.APPROVER)
    status, text = await approver.get(f"{LOG}/refused/{BANK}/{'0' * 64}.zip")
    assert status == 404 and "没有这一页" in text
