"""The small door for OCSP and lists: answered from the registry, never asked by a payment."""

import asyncio
import base64
import datetime as dt
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.domain.certificates import RevocationList
from gateway.domain.faults import LedgerUnavailable
from gateway.web.ocsp import ANSWER, FRESH_S, REQUEST, Recent, ocsp_application

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
LIST = RevocationList(
    issuer="ab12", number=4, this_update=NOW, next_update=NOW + dt.timedelta(days=7), pem=b"PEM"
)


class Registry:
    def __init__(self) -> None:
        self.down = False

    async def answer(self, question: bytes) -> bytes:
        if self.down:
            raise LedgerUnavailable("down")
        return b"answer to " + question

    async def lists(self) -> list[RevocationList]:
        if self.down:
            raise LedgerUnavailable("down")
        return [LIST]


def _decode(text: bytes) -> bytes:
    return base64.b64decode(text, validate=True)


async def test_questions_come_by_post_and_by_get_and_lists_by_name() -> None:
    registry = Registry()
    application = ocsp_application(registry.answer, registry.lists, _decode)
    async with TestClient(TestServer(application)) as client:
        question = b"\x30\x03\xff\xfe\x00"
        posted = await client.post("/ocsp", data=question, headers={"Content-Type": REQUEST})
        assert (posted.status, posted.content_type) == (200, ANSWER)
        assert await posted.read() == b"answer to " + question
        path = quote(base64.b64encode(question).decode(), safe="")
        got = await client.get(f"/ocsp/{path}")
        assert await got.read() == b"answer to " + question
        assert (await client.post("/ocsp", data=b"x")).status == 415
        assert (await client.get("/ocsp/not_base64!")).status == 400
        assert await (await client.get("/crl/ab12")).read() == b"PEM"
        assert (await client.get("/crl/ffff")).status == 404
        big = await client.post("/ocsp", data=b"x" * 20_000, headers={"Content-Type": REQUEST})
        assert big.status == 413


async def test_a_registry_that_is_down_is_said_to_be_down() -> None:
    """No answer is better than a wrong one: nobody is told `good` from memory."""
    registry = Registry()
    registry.down = True
    application = ocsp_application(registry.answer, registry.lists, _decode)
    async with TestClient(TestServer(application)) as client:
        asked = await client.post("/ocsp", data=b"x", headers={"Content-Type": REQUEST})
        assert asked.status == 503
        assert (await client.get("/crl/ab12")).status == 503


async def test_a_flood_of_questions_asks_the_database_twice_a_second() -> None:
    """Each question of anybody read every case of the registry, certificates and all."""
    now, reads = [0.0], [0]

    async def read() -> int:
        reads[0] += 1
        if reads[0] == 2:
            raise LedgerUnavailable("down")
        await asyncio.sleep(0)
        return reads[0]

    registry = Recent(read, lambda: now[0])
    assert await asyncio.gather(*(registry() for _ in range(100))) == [1] * 100
    now[0] += FRESH_S
    with pytest.raises(LedgerUnavailable):
        await registry()
    assert await registry() == 3, (
        "what could not be read is asked for again, never told from memory"
    )


async def test_a_database_that_hangs_is_not_asked_once_more_for_each_who_waited() -> None:
    """Nobody hangs up a question for its sender: a hundred would have waited a hundred times."""
    reads = [0]

    async def read() -> int:
        reads[0] += 1
        await asyncio.sleep(0)
        raise LedgerUnavailable("no answer in time")

    registry = Recent(read)
    asked = await asyncio.gather(*(registry() for _ in range(100)), return_exceptions=True)
    assert {type(each) for each in asked} == {LedgerUnavailable} and reads[0] == 1
    with pytest.raises(LedgerUnavailable):
        await registry()
    assert reads[0] == 2, "who asks later asks anew"
