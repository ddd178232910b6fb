"""The counters for the bureau's releases and the bank's refunds: who may, and what is read."""

import datetime as dt
import hashlib
import json
from typing import Any

import attrs
import msgspec
import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Action
from gateway.domain.faults import Conflicting, Fault, FaultCode, Unproven, Unreadable
from gateway.domain.instruction import Received
from gateway.domain.parties import sender_of
from gateway.domain.records import canonical
from gateway.domain.releases import (
    Person,
    PersonRole,
    Verdict,
    decision_bytes,
    order_bytes,
    read_order,
)
from gateway.pipeline.refund import RefundRefused
from gateway.pipeline.returns import Alarm, Returning
from gateway.pipeline.settle import settle
from gateway.pipeline.tell import Origin
from gateway.web.holds import HoldsDesk
from gateway.web.refunds import RefundCounter
from gateway.web.releases import Chancery, Given, ReleaseCounter
from tests.memory.holds import MemoryHolds
from tests.memory.ledger import MemoryLedger
from tests.memory.state import MemoryState
from tests.pipeline.alarms import AlarmBook
from tests.pipeline.fakes import (
    DIVISION,
    NOW,
    FixedClock,
    OpenGate,
    finding,
    instruction,
    received,
)
from tests.pipeline.test_line import Street

BUREAU = f"spiffe://treasury.test/bureau/{DIVISION}"
OTHERS = "spiffe://treasury.test/bureau/220100000"
BANK = "spiffe://treasury.test/bank/103"
LI, WANG = "spiffe://treasury.test/operator/li", "spiffe://treasury.test/operator/wang"
ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")


class Seals:
    """A signature is who signed it and the digest of what: as much as a counter relies on."""

    def verify_document(self, body: bytes, signature: str, at: dt.datetime | None = None) -> str:
        uri, _, digest = signature.partition(" ")
        if digest != hashlib.sha256(body).hexdigest():
            raise Unproven(FaultCode.SIGNATURE_INVALID, "over other bytes")
        return uri


def sealed(uri: str, body: bytes) -> str:
    return f"{uri} {hashlib.sha256(body).hexdigest()}"


def decision(number: str = "1", **changes: Any) -> bytes:
    key = replace(instruction().key, voucher_no=number)
    made = decision_bytes(
        key, bytes(32), Verdict.RELEASE, (), "材料已补齐", (NOW, NOW + dt.timedelta(days=1))
    )
    return canonical(orjson.loads(made) | changes)


def order(
    made: bytes, *, names: tuple[str, str] = ("李经办", "王复核"), signed: bool = False
) -> Any:
    persons = [
        Person(role=role, name=name, uri=uri if signed else "", at=NOW,
               signature=sealed(uri, made) if signed else "")
        for role, name, uri in zip(PersonRole, names, (LI, WANG), strict=True)
    ]  # fmt: skip
    return orjson.loads(order_bytes(made, persons))


def feed(orders: list[Any], version: int = 1, **changes: Any) -> bytes:
    fields = {"division": DIVISION, "kind": "releases", "orders": orders, "version": version}
    return canonical(fields | changes)


@attrs.define
class Desk:
    state: MemoryState = attrs.field(factory=MemoryState)
    officers: tuple[str, ...] = ()

    async def hand_in(self, raw: bytes, party: str = BUREAU, signature: str = "s") -> Any:
        holds = MemoryHolds(self.state, MemoryLedger(self.state, instance="gw"))
        bureaus = {DIVISION: BUREAU, "220100000": OTHERS}
        chancery = Chancery(bureaus=bureaus, officers=self.officers)
        counter = ReleaseCounter(holds, OpenGate(), Seals(), FixedClock(), chancery, ORIGIN)
        told = Received(raw=raw, format="json", signature=signature, party=party)
        return orjson.loads(await counter.take(told, {}))


async def test_a_feed_is_taken_once_and_its_versions_rise_by_one() -> None:
    desk = Desk()
    first = feed([order(decision())])
    for _ in range(2):
        assert (await desk.hand_in(first))["version"] == 1
    assert len(desk.state.open_releases) == 1
    for version, code in ((1, FaultCode.FEED_CONFLICT), (3, FaultCode.FEED_GAP)):
        with pytest.raises(Conflicting) as caught:
            await desk.hand_in(feed([order(decision("2"))], version))
        assert caught.value.code is code
    assert (await desk.hand_in(feed([order(decision("2"))], 2)))["version"] == 2


async def test_an_order_is_the_bureaus_only_as_its_signed_feed_has_it() -> None:
    """Whoever has the database's rights wrote one with two names that nobody bore, and the gateway
    released and paid by it."""
    desk, forged = Desk(), canonical(order(decision("3")))
    raw = feed([order(decision())])
    await desk.hand_in(raw, signature=sealed(BUREAU, raw))
    [(division, body)] = [(d, body) for (d, _), body in desk.state.open_releases.items()]
    holds = MemoryHolds(desk.state, MemoryLedger(desk.state, instance="gw"))
    given = Given(holds, Seals(), {DIVISION: BUREAU})
    assert division == DIVISION and await given(read_order(body), body) == ""
    assert "no feed" in await given(read_order(forged), forged)
    other = orjson.loads(body)
    other["persons"][0]["name"] = "赵某"
    assert "no feed" in await given(read_order(body), canonical(other)), "not these bytes"
    place = DIVISION, read_order(forged).digest
    false = feed([order(decision("3"))])
    for signature in (sealed(BANK, false), sealed(BUREAU, raw), "", "s"):
        desk.state.given[place] = false, signature
        assert "no feed" in await given(read_order(forged), forged), signature
    desk.state.given[place] = raw, sealed(BUREAU, raw)
    assert "no feed" in await given(read_order(forged), forged), "another feed of the bureau's"


@pytest.mark.parametrize(
    ("changes", "place"),
    [({"version": 2**64}, ""), ({"version": 2**63}, ""),
     ({"orders": [{"decision": "{}"}, {"nonce": 2**70}]}, "orders[1]"),
     ({"orders": [{"deep": [[[]]]}]}, "orders[0]")],
)  # fmt: skip
async def test_a_number_beyond_64_bits_is_refused_by_name_and_breaks_nothing(
    changes: dict[str, Any], place: str
) -> None:
    fields = {"division": DIVISION, "kind": "releases", "orders": [{}], "version": 1} | changes
    raw = json.dumps(fields).replace("[[[]]]", "[" * 900 + "]" * 900).encode()
    with pytest.raises(Unreadable) as caught:
        await Desk().hand_in(raw)
    assert caught.value.code is FaultCode.FEED_INVALID
    assert [error.field for error in caught.value.errors] == ([place] if place else [])


async def test_nesting_without_end_is_no_feed() -> None:
    raw = feed([{}]).replace(b"{}", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    with pytest.raises(Unreadable):
        await Desk().hand_in(raw)


@pytest.mark.parametrize(
    ("party", "is_bureau"),
    [(OTHERS, True), ("spiffe://treasury.test/bureau/220200000", False),
     (f"spiffe://treasury.test/channel/{DIVISION}/x", False),
     ("spiffe://other.test/bureau/220000000", False), (BANK, False)],
)  # fmt: skip
async def test_nobody_but_the_divisions_bureau_releases(party: str, is_bureau: bool) -> None:
    desk = Desk()
    with pytest.raises(Unproven):
        await desk.hand_in(feed([order(decision())]), party)
    assert not desk.state.open_releases
    with pytest.raises(Unreadable if is_bureau else Unproven):
        await desk.hand_in(b"read before it is known who signed it?", party)


BAD: dict[str, Any] = {
    "one person under two spellings": order(decision(), names=("李经办", " 李经 办")),
    "one person under two names": {
        "decision": order(decision())["decision"],
        "persons": [each | {"uri": LI} for each in order(decision())["persons"]],
    },
    "one person only": order(decision()) | {"persons": order(decision())["persons"][:1]},
    "the approver first": order(decision()) | {"persons": order(decision())["persons"][::-1]},
    "bound to another decision": order(decision()) | {"persons": order(decision("9"))["persons"]},
    "another division": order(decision(division="220100000")),
    "a shortage of money": order(
        decision(overrides=[{"detail": "", "policy": "LIMIT", "revision": 0, "unavailable": []}])
    ),
    "a refusal that overrides": order(
        decision(verdict="refuse",
                 overrides=[{"detail": "", "policy": "JL-1", "revision": 0, "unavailable": []}])
    ),
    "decided tomorrow": order(
        decision(decided_at=int((NOW + dt.timedelta(days=1)).timestamp() * 1_000_000))
    ),
    "a field too many": order(decision(extra=1)),
    "no reason": order(decision(reason="")),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
async def test_one_bad_order_of_a_feed_is_named_and_nothing_is_taken(what: str) -> None:
    desk = Desk()
    with pytest.raises(Unreadable) as caught:
        await desk.hand_in(feed([order(decision("7")), BAD[what]]))
    assert caught.value.code is FaultCode.FEED_INVALID
    assert [error.field for error in caught.value.errors] == ["orders[1]"]
    assert not desk.state.open_releases and not desk.state.release_feeds


@pytest.mark.parametrize(
    "raw", [b"{}", b"[]", b"", feed([]), feed([order(decision())], kind="registers")]
)
async def test_what_is_no_feed_of_releases_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        await Desk().hand_in(raw)


async def test_where_officers_are_named_both_must_have_signed_themselves() -> None:
    desk = Desk(officers=(LI, WANG))
    first, second = order(decision(), signed=True)["persons"]
    for bad in (
        order(decision()),
        order(decision()) | {"persons": [first, order(decision())["persons"][1]]},
        order(decision()) | {"persons": [first, second | {"signature": first["signature"]}]},
        order(decision()) | {"persons": [first, second | {"uri": LI}]},
    ):
        with pytest.raises(Unreadable):
            await desk.hand_in(feed([bad]))
    with pytest.raises(Unreadable):
        await Desk(officers=(LI, BANK)).hand_in(feed([order(decision(), signed=True)]))
    assert (await desk.hand_in(feed([order(decision(), signed=True)])))["version"] == 1


def test_an_order_is_known_by_the_digest_of_its_decision() -> None:
    made = decision()
    read = read_order(canonical(order(made)))
    assert read.digest == hashlib.sha256(made).digest()


def money_back(**changes: str) -> bytes:
    fields = {
        "amount": "100.00", "payment": str(instruction().key), "reason": "退6222021234567890",
        "reference": "R-1", "refund": f"{DIVISION}/2026/2203/R1",
    }  # fmt: skip
    return canonical(fields | changes)


async def paid() -> Street:
    street = await Street(instruction(amount=30_000)).open()
    street.bank.outcome = BankOutcome.ACCEPTED
    await street.line.carry(received())
    return street


async def returned(
    street: Street, raw: bytes, party: str = BANK, alarms: AlarmBook | None = None
) -> Any:
    holds = MemoryHolds(street.state, street.ledger)
    alarm = Alarm(store=alarms or AlarmBook(), origin=ORIGIN)
    returning = Returning(
        ledger=street.ledger, refunds=holds, clock=FixedClock(), alarm=alarm, behind={}
    )
    counter = RefundCounter(returning, OpenGate(), FixedClock(), ORIGIN, frozenset({DIVISION}))
    told = Received(raw=raw, format="json", signature="s", party=party)
    return orjson.loads(await counter.take(told, {}))


async def test_a_refund_gives_back_is_recorded_and_told_and_may_be_handed_in_again() -> None:
    street = await paid()
    before = await street.available()
    assert (await returned(street, money_back()))["result"] == "refunded"
    assert (await returned(street, money_back()))["result"] == "repeated"
    assert await street.available() == before + 10_000
    (record,) = [r for r in street.records() if r["kind"] == "refund"]
    assert (record["amount_fen"], record["refund"]) == (10_000, f"{DIVISION}/2026/2203/R1")
    assert "6222021234567890" not in str(record)
    assert len(street.state.notifications) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "300.01", "reference": "R-9", "refund": f"{DIVISION}/2026/2203/R9"},
         FaultCode.REFUND_EXCEEDS),
        ({"amount": "1.00"}, FaultCode.REFUND_CONFLICT),
        ({"payment": f"{DIVISION}/2026/8202/9", "refund": f"{DIVISION}/2026/2203/R9"},
         FaultCode.REFUND_UNPAID),
        ({"amount": "0.00"}, FaultCode.INSTRUCTION_INVALID),
        ({"amount": "1e3"}, FaultCode.INSTRUCTION_INVALID),
        ({"reason": "a\0b"}, FaultCode.INSTRUCTION_INVALID),
        ({"reference": "R\u202e1"}, FaultCode.INSTRUCTION_INVALID),
        ({"refund": "220100000/2026/2203/R9"}, FaultCode.DIVISION_UNKNOWN),
        ({"refund": str(instruction().key)}, FaultCode.INSTRUCTION_INVALID),
    ],
)  # fmt: skip
async def test_a_refund_that_cannot_be_is_refused_and_changes_nothing(
    changes: dict[str, str], code: FaultCode
) -> None:
    street = await paid()
    await returned(street, money_back())
    before, alarms = await street.available(), AlarmBook()
    for _ in range(2):
        with pytest.raises(Fault) as caught:
            await returned(street, money_back(**changes), alarms=alarms)
    assert caught.value.code is code
    refused = code.value.startswith("refund_")
    assert isinstance(caught.value, RefundRefused) == refused
    assert alarms.policies() == (["JL-101"] if refused else []), "told once, and never silently"
    assert await street.available() == before


async def test_nobody_but_this_bank_hands_refunds_in() -> None:
    street = await paid()
    for party in ("spiffe://treasury.test/bank/999", "spiffe://other.test/bank/103", BUREAU):
        with pytest.raises(Unproven):
            await returned(street, money_back(), party)


async def test_what_the_bank_rejected_cannot_come_back() -> None:
    street = await Street(instruction(amount=30_000)).open()
    street.bank.outcome = BankOutcome.REJECTED
    await street.line.carry(received())
    with pytest.raises(RefundRefused):
        await returned(street, money_back())
    evidence: dict[str, str | None] = {"how": "enquiry", "reason": None, "reference": None}
    key = instruction().key
    await settle(key, BankOutcome.REJECTED, street.ledger, ORIGIN, NOW, evidence)
    with pytest.raises(RefundRefused):
        await returned(street, money_back())


async def test_an_agency_reads_its_own_holds_and_what_would_release_them() -> None:
    street = await Street(instruction()).open()
    street.book.findings = (finding("JL-052", Action.HOLD), finding("JL-080", Action.WARN))
    await street.line.carry(received())
    holds = MemoryHolds(street.state, street.ledger)
    desk = HoldsDesk(holds, OpenGate(), FixedClock(), 86_400.0)
    agency = "spiffe://treasury.test/agency"
    for uri, seen in (
        (f"{agency}/{DIVISION}/101001", 1), (f"{agency}/{DIVISION}/101002", 0), (BUREAU, 1),
        (f"{agency}/220100000/101001", 0),
    ):  # fmt: skip
        reader = sender_of(uri)
        assert reader
        shown = orjson.loads(await desk.holds(reader))["holds"]
        assert len(shown) == seen
        if shown:
            (one,) = shown[0]["findings"]
            assert (one["policy"], one["overridable"]) == ("JL-052", True)
            assert one["would_release_zh"]
            assert shown[0]["expires_at"] - shown[0]["held_at"] == 86_400 * 1_000_000
    operator = sender_of("spiffe://treasury.test/operator/x")
    assert operator
    with pytest.raises(Unproven):
        await desk.holds(operator)


async def test_no_order_sets_a_shortage_aside_and_a_list_says_whether_there_is_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.web.holds.SHOWN_MAX", 1)
    street = await Street(instruction()).open()
    street.book.findings = (finding("LIMIT", Action.HOLD),)
    desk = HoldsDesk(MemoryHolds(street.state, street.ledger), OpenGate(), FixedClock(), 86_400.0)
    reader = sender_of(BUREAU)
    assert reader
    for number, more in (("1", False), ("2", True)):
        street.format.instruction = instruction(number)
        await street.line.carry(received(number.encode()))
        told = orjson.loads(await desk.holds(reader))
        assert (len(told["holds"]), told["more"]) == (1, more)
    (said,) = told["holds"][0]["findings"]
    assert said["overridable"] is False and "不能代替额度" in said["would_release_zh"]


@pytest.mark.parametrize("party", [BUREAU, f"spiffe://treasury.test/channel/{DIVISION}/x"])
async def test_nobody_acknowledges_for_an_agency_what_it_was_told(party: str) -> None:
    state = MemoryState()
    holds = MemoryHolds(state, MemoryLedger(state, instance="gw"))
    desk = HoldsDesk(holds, OpenGate(), FixedClock(), 86_400.0)
    told = Received(raw=b'{"ids":[1]}', format="json", signature="s", party=party)
    with pytest.raises(Unproven):
        await desk.acknowledge(told, {})
    mine = msgspec.structs.replace(told, party=f"spiffe://treasury.test/agency/{DIVISION}/101001")
    assert await desk.acknowledge(mine, {}) == b'{"acknowledged":[]}'
