"""Whoever waits for a gateway hears that it waits, how long, and why."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import adapters.agency.client
from adapters.agency.client import PAUSE_S, GatewayClient, GatewaySilent
from certs.tls import client_context, server_context
from gateway.commands.submit import _send_all, _unanswered, _waiting
from tests.certs.conftest import make_pki


async def test_each_pause_is_told_with_its_length_and_what_the_last_try_came_to() -> None:
    told: list[tuple[float, str]] = []
    client = GatewayClient(
        "http://127.0.0.1:1", None, lambda raw: "a..b", patience_s=PAUSE_S / 2,
        waiting=lambda wait_s, last: told.append((wait_s, str(last))),
    )  # fmt: skip
    async with client:
        with pytest.raises(GatewaySilent) as silent:
            await client.send(b"{}", "json")
    assert "此文件及其后的未发送" in _unanswered(silent.value)
    ((wait_s, last),) = told
    assert PAUSE_S <= wait_s <= PAUSE_S * 1.3 and "127.0.0.1" in last


def test_submit_says_it_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    _waiting(2.4, TimeoutError())
    said = capsys.readouterr()
    assert "2 秒后重试 waiting for the gateway, retry in 2 s: TimeoutError" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"code":"ledger_unavailable","status":503}', " (ledger_unavailable)"),
        ('{"code":"overloaded","detail":"核心断开"}'.encode(), " (overloaded: 核心断开)"),
        (b'{"code":"busy","detail":"a\\u0007b"}', " (busy)"),
        (b'{"code":"busy","detail":5}', " (busy)"),
        (b"<problem/>", ""), (b"[]", ""), (b"", ""), (b'{"code":"a b"}', ""), (b'{"code":5}', ""),
        (b'{"code":"' + b"x" * 100 + b'"}', ""), (b"\xff", ""),
    ],
)  # fmt: skip
async def test_a_503_is_told_with_its_code(body: bytes, told: str) -> None:
    """Whoever waits tells the bank what it says: the database, the core, or too many at once."""
    heard: list[str] = []

    async def busy(_: web.Request) -> web.Response:
        return web.Response(status=503, body=body, headers={"Retry-After": "1"})

    app = web.Application()
    app.router.add_post("/v1/instructions", busy)
    async with TestServer(app) as server:
        client = GatewayClient(
            str(server.make_url("")), None, lambda raw: "a..b", patience_s=0.0,
            waiting=lambda _wait_s, last: heard.append(str(last)),
        )  # fmt: skip
        async with client:
            with pytest.raises(GatewaySilent) as silent:
                await client.send(b"{}", "json")
    assert str(silent.value).endswith(f"the gateway asks to come again later{told}")


async def test_silence_about_a_later_file_takes_no_answer_away(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first was passed and handed to the bank; whoever typed the command must read that."""
    answers = iter([web.json_response({"outcome": "passed", "bank": "unknown", "findings": []})])

    async def core_fell_silent(_: web.Request) -> web.Response:
        return next(answers, web.Response(status=503))

    app = web.Application()
    app.router.add_post("/v1/instructions", core_fell_silent)
    async with TestServer(app) as server:
        client = GatewayClient(str(server.make_url("")), None, lambda raw: "a..b", patience_s=0.0)
        documents = [(Path("one.json"), b"{}"), (Path("two.json"), b"{}")]
        with pytest.raises(GatewaySilent, match=r"two\.json: no answer"):
            await _send_all(client, documents, None, as_json=False)
    assert "one.json: 放行 passed，银行 bank: unknown" in capsys.readouterr().out


async def test_an_answer_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was kept whole, whatever its length."""
    monkeypatch.setattr(adapters.agency.client, "ANSWER_BYTES_MAX", 1 << 16)

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(64):
            await answer.write(b" " * 4096)
        return answer

    app = web.Application()
    app.router.add_post("/v1/instructions", endless)
    async with TestServer(app) as server:
        client = GatewayClient(str(server.make_url("")), None, lambda raw: "a..b", patience_s=0.0)
        async with client:
            with pytest.raises(GatewaySilent, match="longer than 65536 bytes"):
                await client.send(b"{}", "json")


async def test_a_gateway_that_hangs_up_each_time_does_not_know_our_certificate() -> None:
    """A revoked certificate was two minutes of "Server disconnected", and no word what to do."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = GatewayClient(f"http://127.0.0.1:{port}", None, lambda raw: "a..b", patience_s=0.0)
    with pytest.raises(GatewaySilent) as silent:
        await _send_all(client, [(Path("one.json"), b"{}")], None, as_json=False)
    words = _unanswered(silent.value)
    assert "可能已被受理" in words and "has ended, is revoked" in words
    server.close()
    await server.wait_closed()


async def test_a_gateway_that_does_not_take_our_certificate_says_so_at_the_first_try(
    tmp_path: Path,
) -> None:
    """It was asked for two minutes, and no word came of what was wrong."""
    now = dt.datetime.now(dt.UTC)
    pki = make_pki(now - dt.timedelta(days=1))
    stranger = pki.credentials(tmp_path, "agency/220000000/101001", now, pki.evidence)
    door = server_context(pki.credentials(tmp_path, "gateway/ABC", now))
    tries: list[float] = []
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0, ssl=door)
    client = GatewayClient(
        f"https://localhost:{server.sockets[0].getsockname()[1]}", client_context(stranger),
        lambda raw: "a..b", waiting=lambda wait_s, _last: tries.append(wait_s),
    )  # fmt: skip
    with pytest.raises(GatewaySilent, match="does not take our certificate: unknown ca") as silent:
        await _send_all(client, [(Path("one.json"), b"{}")], None, as_json=False)
    words = _unanswered(silent.value)
    assert not tries and "未受理" in words and "has ended, is revoked" in words
    server.close()
    await server.wait_closed()
