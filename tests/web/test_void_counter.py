"""A void at the gateway's counter: it stands where something was refused, and nowhere else."""

import datetime as dt
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.faults import Conflicting, Fault, FaultCode, Unreadable
from gateway.domain.records import canonical
from gateway.domain.releases import Person, PersonRole, order_bytes
from gateway.domain.voids import void_bytes
from tests.pipeline.fakes import DIVISION, NOW, instruction
from tests.web.test_release_counter import LI, WANG, Desk, decision, feed, order, sealed


def void(
    version: int = 1, names: tuple[str, str] = ("李经办", "王复核"), *, signed: bool = False,
    **changes: Any,
) -> Any:  # fmt: skip
    key = replace(instruction().key, voucher_no="1")
    made = void_bytes(key, version, (bytes(32), bytes(32), "400 feed_invalid"), "永远不能接收", NOW)
    made = canonical(orjson.loads(made) | changes)
    persons = [
        Person(role=role, name=name, uri=uri if signed else "", at=NOW,
               signature=sealed(uri, made) if signed else "")
        for role, name, uri in zip(PersonRole, names, (LI, WANG), strict=True)
    ]  # fmt: skip
    return orjson.loads(order_bytes(made, persons))


def void_feed(told: Any, version: int = 1, **changes: Any) -> bytes:
    fields = {"division": DIVISION, "kind": "releases", "version": version, "void": told}
    return canonical(fields | changes)


async def test_a_void_takes_a_number_once_is_recorded_once_and_what_follows_goes_on() -> None:
    desk = Desk()
    first = void_feed(void())
    for _ in range(2):
        assert (await desk.hand_in(first))["version"] == 1
    assert (await desk.hand_in(feed([order(decision())], 2)))["version"] == 2
    records = [orjson.loads(draft.body) for draft in desk.state.pending[DIVISION]]
    assert [record["what"] for record in records] == ["voided"]
    assert len(desk.state.open_releases) == 1


async def test_what_was_taken_is_never_made_void_and_no_number_is_skipped() -> None:
    desk = Desk()
    await desk.hand_in(feed([order(decision())]))
    for version, code in ((1, FaultCode.FEED_CONFLICT), (3, FaultCode.FEED_GAP)):
        with pytest.raises(Conflicting) as caught:
            await desk.hand_in(void_feed(void(version), version))
        assert caught.value.code is code
    assert len(desk.state.open_releases) == 1 and desk.state.pending == {}


LATER = int((NOW + dt.timedelta(days=1)).timestamp() * 1_000_000)
BAD: dict[str, bytes] = {
    "another number": void_feed(void(2)),
    "another division": void_feed(void(division="220100000")),
    "one person": void_feed(void(names=("李经办", " 李 经办"))),
    "another kind": void_feed(void(kind="release_decision")),
    "decided tomorrow": void_feed(void(decided_at=LATER)),
    "no reason": void_feed(void(reason="")),
    "nothing that was said": void_feed(void(refused="")),
    "a field too many": void_feed(void(more=1)),
    "an order": void_feed(order(decision())),
    "beside an order": void_feed(void(), orders=[order(decision())]),
    "null": void_feed(None),
    "a number of no kind": void_feed({"decision": {"a": "NUMBER"}}).replace(b'"NUMBER"', b"9" * 30),
    "endless": void_feed({"a": "NEST"}).replace(b'"NEST"', b"[" * 900 + b"]" * 900),
    "endless at once": void_feed({"a": "NEST"}).replace(b'"NEST"', b"[" * 90_000 + b"]" * 90_000),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
async def test_what_is_no_void_of_this_number_is_refused(what: str) -> None:
    desk = Desk()
    with pytest.raises(Unreadable) as caught:
        await desk.hand_in(BAD[what])
    assert caught.value.code is FaultCode.FEED_INVALID
    assert desk.state.release_feeds.get(DIVISION, []) == [] and desk.state.pending == {}


async def test_where_officers_are_named_both_sign_a_void_themselves() -> None:
    desk = Desk(officers=(LI, WANG))
    for bad in (void(), void() | {"persons": void(signed=True)["persons"][:1] * 2}):
        with pytest.raises(Fault):
            await desk.hand_in(void_feed(bad))
    assert (await desk.hand_in(void_feed(void(signed=True))))["version"] == 1
