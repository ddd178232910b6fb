"""The gateway's transport against the real door, over real mutual TLS and a real database."""

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator

import attrs
import pytest
from aiohttp import web
from msgspec.structs import replace

from adapters.bureau.https import HttpsBureau
from bureau.desk.interceptions import searched
from bureau.desk.people import Scope
from bureau.desk.search import Search
from bureau.inbox.keys import receiving_keys
from bureau.web.problems import InboxFault, problem
from bureau.web.reception import site
from certs.bundled import acknowledges, notice_receipt, read_receipt
from certs.log.note import cosignatures, open_checkpoint, witness_key
from certs.tls import client_context, server_context
from gateway.domain.faults import BureauUnavailable
from gateway.domain.log import Delivery
from tests.bureau.words import BANK, DIVISION, DOMAIN, Bureau, Chain, Door, House, notice, verdict

pytestmark = pytest.mark.postgres
RACERS = 8


@pytest.fixture
async def gateway(door: Door) -> AsyncIterator[HttpsBureau]:
    async with HttpsBureau(door.url, door.client(f"gateway/{BANK}")) as client:
        yield client


async def test_a_delivery_comes_back_with_the_bureaus_cosignature(
    gateway: HttpsBureau, chain: Chain, house: House, bureau: Bureau
) -> None:
    chain.seal([verdict(n) for n in range(300)])
    cosigned = await gateway.deliver(chain.delivery())
    assert cosigned.size == 300
    keys = receiving_keys(bureau.trust, bureau.place)
    checkpoint, signed = open_checkpoint(cosigned.checkpoint, keys)
    assert checkpoint.size == 300
    assert cosignatures(signed, [witness_key(house.bureau.certificate)])


async def test_delivery_resumes_from_whatever_size_the_bureau_answers(
    gateway: HttpsBureau, chain: Chain, bureau: Bureau
) -> None:
    for batch in range(12):
        chain.seal([verdict(100 * batch + n) for n in range(37)])
    size = 0
    for last in (2, 3, 7, 11):
        size = (await gateway.deliver(chain.delivery(size, last))).size
        # The answer was lost: the same delivery again, and one from before.
        again = await gateway.deliver(chain.delivery(max(0, size - 37), last))
        assert again.size == size and again.checkpoint
    assert size == 12 * 37
    summary = await bureau.summaries.of(DIVISION)
    assert summary is not None
    assert summary["log_verified"] and summary["records"] == summary["size"] == size


async def test_a_gap_is_answered_with_the_bureaus_own_size_and_nothing_is_stored(
    gateway: HttpsBureau, chain: Chain, bureau: Bureau
) -> None:
    chain.seal([verdict(1), verdict(2)])
    chain.seal([verdict(3)])
    behind = await gateway.deliver(chain.delivery(2))
    assert (behind.size, behind.checkpoint) == (0, "")
    assert (await gateway.deliver(chain.delivery(0))).size == 3
    assert await bureau.desk.misbehaviours(DIVISION, 9) == []


async def test_an_altered_byte_is_refused_and_the_whole_delivery_still_welcome(
    gateway: HttpsBureau, chain: Chain
) -> None:
    chain.seal([verdict(1), verdict(2)])
    with pytest.raises(BureauUnavailable, match="422 delivery_refused"):
        await gateway.deliver(_altered(chain.delivery()))
    assert (await gateway.deliver(chain.delivery())).size == 2


async def test_a_notice_is_received_once_and_its_repetition_absorbed(
    gateway: HttpsBureau, house: House, bureau: Bureau
) -> None:
    body = notice(1)
    for _ in range(2):
        (receipt,) = await gateway.notify(DIVISION, [(body, house.gateway.document(body))])
        assert isinstance(receipt, str)
        signer, payload = bureau.trust.verify_receipt(receipt)
        assert (signer, payload) == (house.bureau.uri, notice_receipt(DIVISION, body))
    assert await bureau.desk.count_notices(DIVISION, BANK) == 1


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"received":true}', b'{"receipt":1}'])
async def test_a_notice_without_a_receipt_is_not_received(
    door: Door, house: House, answer: bytes
) -> None:
    async def lie(_: web.Request) -> web.Response:
        return web.Response(body=answer)

    application = web.Application()
    application.router.add_post("/v1/notices", lie)
    tls = server_context(door.house.credentials(door.folder, "bureau/229900000"))
    body = notice(1)
    async with (
        site(application, "127.0.0.1", 0, tls) as port,
        HttpsBureau(f"https://localhost:{port}", door.client(f"gateway/{BANK}")) as client,
    ):
        signed = (body, house.gateway.document(body))
        assert isinstance((await client.notify(DIVISION, [signed]))[0], BureauUnavailable)
        with pytest.raises(BureauUnavailable):
            await client.notify(DIVISION, [signed, signed])


async def test_a_notice_with_one_other_byte_than_was_signed_is_refused(
    gateway: HttpsBureau, house: House, bureau: Bureau
) -> None:
    body = notice(1)
    token = house.gateway.document(body)
    for division, refused, why in (
        (DIVISION, (body.replace(b"blocked", b"blockeD"), token), "403 signature_invalid"),
        (DIVISION, (body, ""), "signature_missing"),
        ("229900000", (body, token), "sender_not_entitled"),
    ):
        (answer,) = await gateway.notify(division, [refused])
        assert isinstance(answer, BureauUnavailable) and why in str(answer)
    assert await bureau.desk.count_notices(DIVISION, BANK) == 0


async def test_of_a_bundle_each_notice_is_judged_by_itself_and_the_good_ones_are_kept(
    gateway: HttpsBureau, house: House, bureau: Bureau
) -> None:
    """Known, twice in one bundle, bent, unsigned, signed by another, of one instruction."""
    first, other, again = notice(1), notice(2), notice(1, payee={"name": "张某"})
    (known,) = await gateway.notify(DIVISION, [(first, house.gateway.document(first))])
    stranger = house.signer(f"{DOMAIN}/gateway/999999999999")
    bundle = [
        (first, house.gateway.document(first)),
        (other, house.gateway.document(other)),
        (other, house.gateway.document(other)),
        (notice(3).replace(b"blocked", b"blockeD"), house.gateway.document(notice(3))),
        (notice(4), ""),
        (notice(5), stranger.document(notice(5))),
        (again, house.gateway.document(again)),
        (notice(6), house.gateway.document(notice(6))),
    ]
    answers = await gateway.notify(DIVISION, bundle)
    for place, (body, _) in enumerate(bundle):
        answer = answers[place]
        if place in (3, 4, 5):
            assert isinstance(answer, BureauUnavailable)
        else:
            assert isinstance(answer, str)
            token, found = read_receipt(answer)
            signer, payload = bureau.trust.verify_receipt(token)
            assert signer == house.bureau.uri and found
            assert acknowledges(payload, found, DIVISION, body)
            assert not acknowledges(payload, found, DIVISION, notice(9))
    assert isinstance(known, str)
    assert await bureau.desk.count_notices(DIVISION, BANK) == 4
    lines = await searched(bureau.desk, DIVISION, Scope(), Search())
    assert sorted(line.voucher_no for line in lines) == [f"{n:013d}" for n in (1, 2, 6)]
    with pytest.raises(BureauUnavailable, match="sender_not_entitled"):
        await gateway.notify("229900000", bundle)


async def test_a_bureau_that_knows_no_bundles_gets_its_notices_one_by_one(
    door: Door, house: House
) -> None:
    asked: list[bytes] = []

    async def as_before(request: web.Request) -> web.Response:
        body = await request.read()
        asked.append(body)
        if not request.headers.get("Signature-JWS"):
            return problem(InboxFault.SIGNATURE_MISSING, "no signature")
        receipt = house.bureau.receipt(notice_receipt(request.headers["Division"], body))
        return web.Response(body=b'{"receipt":"%b"}' % receipt.encode())

    application = web.Application()
    application.router.add_post("/v1/notices", as_before)
    tls = server_context(door.house.credentials(door.folder, "bureau/229900000"))
    bundle = [(body, house.gateway.document(body)) for body in map(notice, range(3))]
    async with (
        site(application, "127.0.0.1", 0, tls) as port,
        HttpsBureau(f"https://localhost:{port}", door.client(f"gateway/{BANK}")) as client,
    ):
        for _ in range(2):
            answers = await client.notify(DIVISION, bundle)
            assert all(isinstance(each, str) for each in answers)
    assert len(asked) == 1 + 3 + 3, "it is asked about bundles once"


async def test_another_banks_gateway_cannot_write_this_log(door: Door, chain: Chain) -> None:
    chain.seal([verdict(1)])
    async with HttpsBureau(door.url, door.client("gateway/999999999999")) as stranger:
        with pytest.raises(BureauUnavailable, match="403 sender_not_entitled"):
            await stranger.deliver(chain.delivery())


async def test_nobody_connects_without_a_certificate(door: Door, chain: Chain) -> None:
    chain.seal([verdict(1)])
    bare = ssl.create_default_context(cafile=str(door.folder / "transport.pem"))
    bare.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    async with HttpsBureau(door.url, bare) as nobody:
        with pytest.raises(BureauUnavailable):
            await nobody.deliver(chain.delivery())


async def test_a_bureau_that_is_not_there_is_unavailable(door: Door, chain: Chain) -> None:
    chain.seal([verdict(1)])
    async with HttpsBureau("https://localhost:1", door.client(f"gateway/{BANK}")) as client:
        with pytest.raises(BureauUnavailable):
            await client.deliver(chain.delivery())


@pytest.mark.parametrize(
    "answer",
    [
        b'{"size":7,"checkpoint":"x"}',
        b'{"size":-1,"checkpoint":"x"}',
        b'{"size":1}',
        b'{"size":"1","checkpoint":"x"}',
        b'{"size":1,"checkpoint":"x","more":1}',
        b"not json",
        b"x" * 70_000,
    ],
)
async def test_an_absurd_answer_is_no_acknowledgement(
    door: Door, chain: Chain, answer: bytes
) -> None:
    chain.seal([verdict(1)])

    async def lie(_: web.Request) -> web.Response:
        return web.Response(body=answer)

    application = web.Application()
    application.router.add_post("/v1/records", lie)
    tls = server_context(door.house.credentials(door.folder, "bureau/229900000"))
    async with (
        site(application, "127.0.0.1", 0, tls) as port,
        HttpsBureau(f"https://localhost:{port}", door.client(f"gateway/{BANK}")) as client,
    ):
        with pytest.raises(BureauUnavailable):
            await client.deliver(chain.delivery())


async def test_another_party_on_the_bureaus_port_is_told_nothing(door: Door, chain: Chain) -> None:
    chain.seal([verdict(1)])
    heard: list[str] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response(body=b"{}")

    application = web.Application()
    application.router.add_post("/v1/records", listen)
    bank = server_context(door.house.credentials(door.folder, "bank/103"))
    us = door.house.credentials(door.folder, f"gateway/{BANK}")
    tls = client_context(us, peer=f"{DOMAIN}/bureau/{DIVISION}")
    async with (
        site(application, "127.0.0.1", 0, bank) as port,
        HttpsBureau(f"https://localhost:{port}", tls) as client,
    ):
        with pytest.raises(BureauUnavailable, match="not spiffe"):
            await client.deliver(chain.delivery())
    assert heard == []


async def test_of_many_histories_racing_to_one_size_only_one_root_is_cosigned(
    door: Door, house: House, bureau: Bureau
) -> None:
    """T13: check and store are one act; the others are kept as forks beside the one we signed."""
    chains = [Chain(house.gateway) for _ in range(RACERS)]
    for number, chain in enumerate(chains):
        chain.seal([verdict(number)])
    tls = door.client(f"gateway/{BANK}")
    async with (
        HttpsBureau(door.url, tls) as one,
        HttpsBureau(door.url, tls) as two,
    ):
        clients = itertools.cycle((one, two))
        answers = await asyncio.gather(
            *(next(clients).deliver(chain.delivery()) for chain in chains),
            return_exceptions=True,
        )
    good = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(good) == 1
    kept = await bureau.desk.misbehaviours(DIVISION, 99)
    assert {one["reason"] for one in kept} == {"fork"}
    assert len(kept) == RACERS - 1
    assert {one["held_checkpoint"] for one in kept} == {good[0].checkpoint}


def _altered(delivery: Delivery) -> Delivery:
    first = delivery.records[0]
    body = first.body.replace(b"1280000", b"1280001")
    return attrs.evolve(delivery, records=(replace(first, body=body), *delivery.records[1:]))
