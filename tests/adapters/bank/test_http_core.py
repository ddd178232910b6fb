"""What the bank says becomes an outcome; what it does not say clearly becomes UNKNOWN."""

import asyncio
import socket

import pytest

from adapters.bank.http_core import FULL
from gateway.domain.bank import BankOutcome, EnquiryOutcome, LeftOut
from tests.adapters.bank.scripted import (
    Heard,
    accept,
    accepted,
    core,
    dialogue,
    http,
    key,
    say_nothing,
    saying,
)
from tests.patience import soon

NAME = "220000000/2026/8202/V00001"
YES = b'{"key":"KEY","outcome":"accepted","reference":"JH1"}'
NO = b'{"key":"KEY","outcome":"rejected","reason":"closed"}'


def answer(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    """An HTTP answer whose `KEY` will grow to the real key."""
    length = len(body) + body.count(b"KEY") * (len(NAME) - 3)
    return http(b"x" * length, status, extra)[: -length or None] + body


async def test_the_same_bytes_arrive_under_their_key_and_media_type() -> None:
    raw = "金额".encode("gbk") + b"\x00\r\n\r\n"
    async with dialogue(accept) as (bank, scripted):
        await bank.submit(key(), raw, "voucher")
        await bank.submit(key(2), b"{}", "json")
    first, second = scripted.heard
    assert first.line == "POST /v1/payments HTTP/1.1"
    assert (first.body, first.key) == (raw, NAME)
    assert first.headers["content-type"] == "application/xml; charset=GBK"
    assert second.headers["content-type"] == "application/json"


async def test_what_is_withheld_stands_beside_the_bytes_and_never_in_them() -> None:
    raw = b"<MOF>whole</MOF>"
    async with dialogue(accept) as (bank, scripted):
        await bank.submit(key(), raw, "voucher", LeftOut(places=(2, 7), paid_fen=1_234_500))
        await bank.submit(key(2), raw, "voucher")
    partial, whole = scripted.heard
    assert partial.body == whole.body == raw
    assert (partial.headers["withheld-details"], partial.headers["paid-fen"]) == ("2,7", "1234500")
    assert "withheld-details" not in whole.headers


async def test_an_accepted_payment_carries_the_banks_reference() -> None:
    async with dialogue(accept) as (bank, _):
        got = await bank.submit(key(), b"{}", "json")
    assert (got.outcome, got.reference) == (BankOutcome.ACCEPTED, "JH1")


async def test_a_rejected_payment_carries_the_banks_reason() -> None:
    said = answer('{"key":"KEY","outcome":"rejected","reason":"户名不符"}'.encode())
    async with dialogue(saying(said)) as (bank, _):
        got = await bank.submit(key(), b"{}", "json")
    assert (got.outcome, got.reason) == (BankOutcome.REJECTED, "户名不符")


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


@pytest.mark.parametrize(
    "said",
    [(CONTINUE, answer(YES)), (CONTINUE + HINTS + answer(YES),), (HINTS, CONTINUE + answer(YES))],
    ids=["apart", "in one breath", "several"],
)
async def test_what_comes_before_an_answer_is_none_and_the_answer_counts(
    said: tuple[bytes, ...],
) -> None:
    async with dialogue(saying(*said)) as (bank, scripted):
        for number in (1, 2):
            got = await bank.submit(key(number), b"{}", "json")
            assert (got.outcome, got.reference) == (BankOutcome.ACCEPTED, "JH1")
    assert len(scripted.heard) == 2


UNCLEAR = {
    "server error": (answer(YES, "500 Internal Server Error"),),
    "unavailable": (answer(YES, "503 Service Unavailable"),),
    "created is not ok": (answer(YES, "201 Created"),),
    "continue, and nothing": (b"HTTP/1.1 100 Continue\r\n\r\n", None),
    "moved": (answer(YES, "302 Found"),),
    "not json": (answer(b"accepted"),),
    "nothing": (answer(b""),),
    "a list": (answer(b"[]"),),
    "not utf-8": (answer(b'{"key":"KEY","outcome":"rejected","reason":"\xbb\xa7"}'),),
    "unknown outcome": (answer(b'{"key":"KEY","outcome":"done","reference":"JH1"}'),),
    "accepted without a reference": (answer(b'{"key":"KEY","outcome":"accepted"}'),),
    "no key": (answer(b'{"outcome":"accepted","reference":"JH1"}'),),
    "another key": (answer(b'{"key":"KEY9","outcome":"accepted","reference":"JH1"}'),),
    "reference a number": (answer(b'{"key":"KEY","outcome":"accepted","reference":1}'),),
    "reference endless": (
        answer(b'{"key":"KEY","outcome":"accepted","reference":"%b"}' % (b"J" * 501)),
    ),
    "a reason with a NUL": (answer(rb'{"key":"KEY","outcome":"rejected","reason":"a\u0000b"}'),),
    "a reason with two lines": (answer(rb'{"key":"KEY","outcome":"rejected","reason":"a\nb"}'),),
    "a reason written backwards": (
        answer(rb'{"key":"KEY","outcome":"rejected","reason":"\u202eb"}'),
    ),
    "a reference with a NUL": (
        answer(rb'{"key":"KEY","outcome":"accepted","reference":"JH\u0000"}'),
    ),
    "half a character": (answer(rb'{"key":"KEY","outcome":"rejected","reason":"\ud800"}'),),
    "yes and no at once": (answer(YES) + answer(NO),),
    "half an answer, then gone": (answer(YES)[:-5], None),
    "no length, then gone": (b"HTTP/1.1 200 OK\r\n\r\n" + YES, None),
    "not http": (b"220 mail.example ESMTP\r\n",),
    "upgrade": (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",),
    "too long": (http(b" " * 70_000 + YES),),
    "gone": (None,),
}


@pytest.mark.parametrize("said", UNCLEAR.values(), ids=UNCLEAR.keys())
async def test_whatever_is_not_clear_is_unknown_and_is_sent_once(
    said: tuple[bytes | None, ...],
) -> None:
    async with dialogue(saying(*said)) as (bank, scripted):
        got = await bank.submit(key(), b"{}", "json")
        assert got.outcome is BankOutcome.UNKNOWN
        assert len(scripted.heard) == 1
        assert (bank.sent, bank.unknown, bank.not_sent, bank.in_use) == (1, 1, 0, 0)


async def test_silence_until_the_deadline_is_unknown_and_ends_the_connection() -> None:
    async def only_once(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(scripted.heard) == 1:
            writer.write(accepted(heard.key))

    async with dialogue(only_once, connections=1) as (bank, scripted):
        # The first opens the connection: the second's deadline cannot pass while connecting.
        await bank.submit(key(), b"{}", "json")
        bank.deadline_s = 0.5
        got = await bank.submit(key(2), b"{}", "json")
        await asyncio.wait_for(scripted.gone.wait(), 60)
    assert got.outcome is BankOutcome.UNKNOWN
    assert (len(scripted.heard), scripted.connections) == (2, 1)


async def test_an_answer_given_twice_in_one_breath_counts_once() -> None:
    async with dialogue(saying(answer(YES) + answer(YES))) as (bank, scripted):
        first = await bank.submit(key(), b"{}", "json")
        second = await bank.submit(key(2), b"{}", "json")
    assert first.outcome is second.outcome is BankOutcome.ACCEPTED
    assert scripted.connections == 2


async def test_a_second_answer_that_comes_later_is_nobodys() -> None:
    again = asyncio.Event()

    async def twice(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(accepted(heard.key))
        if len(scripted.heard) == 1:
            await again.wait()
            writer.write(accepted(heard.key))

    async with dialogue(twice, connections=1) as (bank, scripted):
        await bank.submit(key(), b"{}", "json")
        again.set()
        await asyncio.wait_for(scripted.gone.wait(), 60)
        got = await bank.submit(key(2), b"{}", "json")
        assert (got.outcome, scripted.connections) == (BankOutcome.ACCEPTED, 2)


async def test_the_start_of_a_second_answer_ends_the_connection() -> None:
    async with dialogue(saying(answer(YES) + b"HTTP/1.1 200 OK\r\nX-")) as (bank, scripted):
        for number in (1, 2):
            got = await bank.submit(key(number), b"{}", "json")
            assert got.outcome is BankOutcome.ACCEPTED
    assert scripted.connections == 2


async def test_a_hundred_payments_share_one_kept_connection() -> None:
    async with dialogue(accept) as (bank, scripted):
        for number in range(100):
            got = await bank.submit(key(number), b"{}", "json")
            assert got.outcome is BankOutcome.ACCEPTED
    assert scripted.connections == 1


async def test_a_connection_that_the_bank_ends_is_not_used_again() -> None:
    async with dialogue(saying(answer(YES, extra="Connection: close\r\n"))) as (bank, scripted):
        for number in (1, 2):
            got = await bank.submit(key(number), b"{}", "json")
            assert got.outcome is BankOutcome.ACCEPTED
    assert scripted.connections == 2


async def test_a_kept_connection_found_closed_before_writing_is_replaced() -> None:
    async with dialogue(accept) as (bank, scripted):
        await bank.submit(key(), b"{}", "json")
        scripted.hang_up()
        await asyncio.wait_for(scripted.gone.wait(), 60)
        await soon(lambda: not bank._payments._idle[0].usable)
        got = await bank.submit(key(2), b"{}", "json")
    assert (got.outcome, scripted.connections) == (BankOutcome.ACCEPTED, 2)
    assert len(scripted.heard) == 2


async def test_an_idle_connection_past_its_age_is_replaced_before_writing() -> None:
    async with dialogue(accept) as (bank, scripted):
        bank._payments.idle_s_max = 0.0
        for number in (1, 2):
            await bank.submit(key(number), b"{}", "json")
    assert scripted.connections == 2


async def test_a_bank_that_cannot_be_reached_is_proof_that_nothing_was_taken() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        bank = core(closed.getsockname()[1])
        got = await bank.submit(key(), b"{}", "json")
    assert (got.outcome, bank.sent, bank.not_sent) == (BankOutcome.NOT_TAKEN, 0, 1)


async def test_a_full_pool_says_so_beforehand_and_writes_nothing() -> None:
    release = asyncio.Event()

    async def slowly(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(accepted(heard.key))

    async with dialogue(slowly, connections=2, waiting_max=1) as (bank, scripted):
        assert not bank.strain
        calls = [asyncio.create_task(bank.submit(key(n), b"{}", "json")) for n in range(3)]
        await soon(lambda: bank.waiting == 1)
        assert bank.strain == FULL
        assert (await bank.submit(key(9), b"{}", "json")).outcome is BankOutcome.NOT_TAKEN
        release.set()
        assert {(await call).outcome for call in calls} == {BankOutcome.ACCEPTED}
        assert (bank.in_use, bank.waiting, bank.strain) == (0, 0, "")
    assert sorted(each.key[-1] for each in scripted.heard) == ["0", "1", "2"]


@pytest.mark.slow
async def test_who_waits_for_half_the_deadline_is_not_sent_in_the_last_moment() -> None:
    release = asyncio.Event()

    async def slowly(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(accepted(heard.key))

    async with dialogue(slowly, connections=1, deadline_s=6.0) as (bank, scripted):
        first = asyncio.create_task(bank.submit(key(1), b"{}", "json"))
        await soon(lambda: scripted.heard)
        second = await bank.submit(key(2), b"{}", "json")
        assert (second.outcome, first.done()) == (BankOutcome.NOT_TAKEN, False)
        release.set()
        assert (await first).outcome is BankOutcome.ACCEPTED
        assert (bank.in_use, bank.waiting) == (0, 0)
    assert len(scripted.heard) == 1


async def test_cancelling_gives_the_place_back_and_the_late_answer_to_nobody() -> None:
    async def late_for_the_first(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(scripted.heard) > 1:
            writer.write(accepted(heard.key))

    async with dialogue(late_for_the_first, connections=1) as (bank, scripted):
        call = asyncio.create_task(bank.submit(key(1), b"{}", "json"))
        await soon(lambda: scripted.heard)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert bank.in_use == 0
        await asyncio.wait_for(scripted.gone.wait(), 60)
        got = await bank.submit(key(2), b"{}", "json")
        assert (got.outcome, scripted.connections) == (BankOutcome.ACCEPTED, 2)


async def test_cancelling_who_waits_loses_no_place() -> None:
    release = asyncio.Event()

    async def slowly(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(accepted(heard.key))

    async with dialogue(slowly, connections=1, waiting_max=9) as (bank, _):
        calls = [asyncio.create_task(bank.submit(key(n), b"{}", "json")) for n in range(5)]
        await soon(lambda: bank.waiting == 4)
        calls[1].cancel()
        calls[3].cancel()
        release.set()
        got = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(each, asyncio.CancelledError) for each in got) == 2
        assert (bank.in_use, bank.waiting) == (0, 0)
        assert (await bank.submit(key(9), b"{}", "json")).outcome is BankOutcome.ACCEPTED


async def test_cancelled_in_the_very_moment_of_being_handed_a_place_passes_it_on() -> None:
    async with dialogue(say_nothing, connections=1, deadline_s=0.2) as (bank, _):
        pool = bank._payments
        calls = [asyncio.create_task(bank.submit(key(n), b"{}", "json")) for n in range(3)]
        await soon(lambda: bank.waiting == 2)
        pool._hand_on()  # as the first call's end does; the second one now holds the place
        pool.in_use += 1  # which the first still holds as well
        calls[1].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert (bank.in_use, bank.waiting) == (0, 0)


async def test_closing_refuses_who_waits_and_keeps_nothing_open() -> None:
    release = asyncio.Event()

    async def slowly(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(accepted(heard.key))

    async with dialogue(slowly, connections=1) as (bank, scripted):
        calls = [asyncio.create_task(bank.submit(key(n), b"{}", "json")) for n in range(2)]
        await soon(lambda: bank.waiting and scripted.heard)
        await bank.aclose()
        assert (await calls[1]).outcome is BankOutcome.NOT_TAKEN
        release.set()
        assert (await calls[0]).outcome is BankOutcome.ACCEPTED
        await asyncio.wait_for(scripted.gone.wait(), 60)
        assert bank.strain


NOT_FOUND = b'{"key":"KEY","outcome":"not_found"}'

ENQUIRIES = {
    "accepted": (answer(YES), EnquiryOutcome.ACCEPTED),
    "rejected": (answer(NO), EnquiryOutcome.REJECTED),
    "pending": (answer(b'{"key":"KEY","outcome":"pending"}'), EnquiryOutcome.PENDING),
    "not found": (answer(NOT_FOUND, "404 Not Found"), EnquiryOutcome.NOT_FOUND),
    "a proxy's 404": (answer(b"<html>404</html>", "404 Not Found"), EnquiryOutcome.SILENT),
    "404 of another key": (
        answer(b'{"key":"KEY9","outcome":"not_found"}', "404 Not Found"),
        EnquiryOutcome.SILENT,
    ),
    "404 that says accepted": (answer(YES, "404 Not Found"), EnquiryOutcome.SILENT),
    "200 that says not found": (answer(NOT_FOUND), EnquiryOutcome.SILENT),
    "server error": (answer(YES, "500 Oh"), EnquiryOutcome.SILENT),
    "accepted without reference": (
        answer(b'{"key":"KEY","outcome":"accepted"}'),
        EnquiryOutcome.SILENT,
    ),
    "a reason with a NUL": (
        answer(rb'{"key":"KEY","outcome":"rejected","reason":"a\u0000b"}'),
        EnquiryOutcome.SILENT,
    ),
    "gone": (None, EnquiryOutcome.SILENT),
}


@pytest.mark.parametrize(("said", "meant"), ENQUIRIES.values(), ids=ENQUIRIES.keys())
async def test_an_enquiry_believes_only_the_bank_about_this_key(
    said: bytes | None, meant: EnquiryOutcome
) -> None:
    async with dialogue(saying(said)) as (bank, scripted):
        got = await bank.enquire(key())
    assert got.outcome is meant
    assert scripted.heard[0].line == f"GET /v1/payments/{NAME} HTTP/1.1"


async def test_an_enquiry_gets_through_when_payments_fill_their_pool() -> None:
    async def only_enquiries(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.line.startswith("GET"):
            writer.write(accepted(heard.key))

    async with dialogue(only_enquiries, connections=1, waiting_max=0, deadline_s=2) as (bank, _):
        stuck = asyncio.create_task(bank.submit(key(), b"{}", "json"))
        await asyncio.sleep(0)
        assert bank.strain
        assert (await bank.enquire(key(2))).outcome is EnquiryOutcome.ACCEPTED
        stuck.cancel()
        await asyncio.gather(stuck, return_exceptions=True)


async def test_an_enquiry_of_an_unreachable_bank_is_silence() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        got = await core(closed.getsockname()[1]).enquire(key())
    assert got.outcome is EnquiryOutcome.SILENT
