"""Alarms: each threshold once, by one process, until the webhook has taken it."""

import asyncio
import datetime as dt

import attrs
import orjson
import pytest

from adapters.postgres.certificates.watchbook import PostgresWatchbook
from gateway.domain.certificates import RevocationList
from gateway.domain.faults import Undelivered
from gateway.domain.inventory import Bound, Seen
from gateway.web.certificates import Certificates
from gateway.workers.alarm import Address, Alarming

NOW = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
pytestmark = pytest.mark.postgres


@attrs.define
class Clock:
    at: dt.datetime = NOW

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@attrs.define
class Office:
    held: bool = True


@attrs.define
class Receiver:
    """Takes what it is sent, unless it is down."""

    down: bool = False
    got: list[dict] = attrs.field(factory=list)

    async def send(self, url: str, body: bytes) -> None:
        assert url == "https://alerts.test/x"
        if self.down:
            raise Undelivered("status 500")
        self.got.append(orjson.loads(body))


@pytest.fixture
async def book(migrated: str):
    book = PostgresWatchbook(migrated, "p1")
    yield book
    await book.close()


def _seen(ends: dt.datetime, serial: str = "ab") -> Seen:
    return Seen(
        issuer="cd", serial=serial, place="tls", holder="spiffe://treasury.test/gateway/ABC",
        not_before=ends - 90 * DAY, not_after=ends,
    )  # fmt: skip


def _alarming(book, clock, receiver, office=None) -> Alarming:
    address = Address(url="https://alerts.test/x", sender=receiver)
    return Alarming(office or Office(), book, clock, "spiffe://treasury.test/gateway/ABC", address)


async def test_each_threshold_is_told_once_on_the_way_to_the_end(book) -> None:
    clock, receiver = Clock(), Receiver()
    alarming = _alarming(book, clock, receiver)
    ends = NOW + 90 * DAY
    for left in (89, 60, 45, 30, 30, 14, 7, 1, 0, -1):
        clock.at = ends - left * DAY
        await book.note([_seen(ends)], {}, clock.at)
        await alarming.look()
    assert [one["days"] for one in receiver.got] == [60, 30, 14, 7, 1, 0]
    assert receiver.got[0]["holder"] == "spiffe://treasury.test/gateway/ABC"
    assert alarming.troubles


async def test_what_the_webhook_does_not_take_is_tried_again_later(book) -> None:
    clock, receiver = Clock(), Receiver(down=True)
    alarming = _alarming(book, clock, receiver)
    await book.note([_seen(NOW + 10 * DAY)], {}, NOW)
    await alarming.look()
    receiver.down = False
    await alarming.look()
    assert receiver.got == [], "not at once: a receiver that is down is not hammered"
    receiver.down, clock.at = True, NOW + dt.timedelta(seconds=31)
    await alarming.look()
    receiver.down, clock.at = False, clock.at + dt.timedelta(seconds=31)
    await alarming.look()
    assert receiver.got == [], "the pause doubles"
    clock.at += dt.timedelta(seconds=30)
    await alarming.look()
    await alarming.look()
    assert len(receiver.got) == 1


async def test_what_ended_beside_its_successor_among_the_parties_alarms_no_more(book) -> None:
    """A record or witness certificate stays in the folder for ever: it proves what it signed."""
    clock, receiver = Clock(), Receiver()
    alarming = _alarming(book, clock, receiver)
    old, new = (
        attrs.evolve(_seen(NOW + days * DAY, serial), place="parties")
        for days, serial in ((5, "a1"), (85, "b2"))
    )
    await book.note([old], {}, NOW)
    await alarming.look()
    assert [told["days"] for told in receiver.got] == [7]
    clock.at = NOW + 6 * DAY
    await book.note([old, new], {}, clock.at)
    await alarming.look()
    assert [told["days"] for told in receiver.got] == [7] and alarming.troubles == {}


async def test_only_the_offices_holder_tells(book) -> None:
    receiver = Receiver()
    await book.note([_seen(NOW + 10 * DAY)], {}, NOW)
    await _alarming(book, Clock(), receiver, Office(held=False)).look()
    assert receiver.got == []
    await asyncio.gather(*(_alarming(book, Clock(), receiver).look() for _ in range(2)))
    assert len({orjson.dumps(one) for one in receiver.got}) == 1


async def test_a_loaded_list_alarms_before_its_end_though_no_registry_made_it(book) -> None:
    clock, receiver = Clock(), Receiver()
    alarming = _alarming(book, clock, receiver)
    made = RevocationList(
        issuer="ee", number=3, this_update=NOW, next_update=NOW + 7 * DAY, pem=b""
    )
    alarming.lists = lambda: [made]
    await alarming.look()
    assert receiver.got == []
    clock.at = NOW + 4 * DAY
    await alarming.look()
    assert [(one["what"], one["days"]) for one in receiver.got] == [("revocation_list", 3)]


async def test_the_end_of_the_authority_over_the_record_key_is_told_as_the_record_keys(
    book,
) -> None:
    clock, receiver = Clock(), Receiver()
    alarming = _alarming(book, clock, receiver)
    ends = NOW + 90 * DAY
    alarming.bound = lambda: Bound(
        holder="spiffe://treasury.test/gateway/ABC", by="CN=evidence (ee)", serial="ee",
        not_before=ends - 1825 * DAY, not_after=ends,
    )  # fmt: skip
    for left in (89, 60, 30, 14, 7, 1, 0):
        clock.at = ends - left * DAY
        await alarming.look()
    told = [(one["what"], one["days"], one["by"]) for one in receiver.got]
    assert told == [("record_key", days, "CN=evidence (ee)") for days in (60, 30, 14, 7, 1, 0)]
    assert (
        "with the authority CN=evidence (ee) over it has ended"
        in alarming.troubles["record_key/ee"]
    )


async def test_the_inventory_says_where_certificates_are_and_who_was_refused(book) -> None:
    door = attrs.evolve(_seen(NOW + 40 * DAY), place="door")
    await book.note([_seen(NOW + 40 * DAY), door], {"certificate_revoked": 2}, NOW)
    await book.note([], {"certificate_revoked": 1, "crl_has_expired": 1}, NOW)
    page = Certificates(book.inventory, lambda: NOW)
    told = orjson.loads((await page._tell(None)).body)
    assert told["certificates"][0]["loaded"] == ["door", "tls"]
    assert told["certificates"][0]["days_left"] == 40
    assert {one["reason"]: one["count"] for one in told["handshakes_refused"]} == {
        "certificate_revoked": 3, "crl_has_expired": 1,
    }  # fmt: skip
    shown = (await page._show(None)).text
    assert "证书清单" in shown and "certificate_revoked" in shown
    assert "src=" not in shown and "http" not in shown.replace("http-equiv", "")
    later = NOW + dt.timedelta(hours=2)
    await book.note([], {}, later)
    assert (await book.inventory(later)).entries == ()


async def test_a_name_that_is_markup_is_shown_as_text(book) -> None:
    bad = attrs.evolve(_seen(NOW + 40 * DAY), holder="<script>alert(1)</script>")
    await book.note([bad], {}, NOW)
    shown = (await Certificates(book.inventory, lambda: NOW)._show(None)).text
    assert "<script>" not in shown and "&lt;script&gt;" in shown
