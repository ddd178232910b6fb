"""The end of a hold in words: what record, notice and notification say, to the field."""

import datetime as dt
import hashlib
from typing import Any

import attrs
import msgspec
import orjson
import pytest

from gateway.domain.decision import Action, Decision, Outcome, restored, stored
from gateway.domain.holds import Ending, FindingName, HoldEnding
from gateway.domain.ledger import Standing
from gateway.domain.releases import (
    Order,
    Person,
    PersonRole,
    Verdict,
    decision_bytes,
    order_bytes,
    read_order,
)
from gateway.domain.voids import Void
from gateway.pipeline.endings import (
    dismissal,
    expiry,
    notification,
    refusal,
    released,
    voided,
    withdrawal,
)
from gateway.pipeline.tell import Origin, microseconds
from tests.pipeline.fakes import NOW, SENDER, finding, instruction

ORIGIN = Origin(bank="103", uri="spiffe://treasury.test/gateway/103")
KEY = instruction().key
HELD = finding("JL-052", Action.HOLD)
DECISION = Decision(
    outcome=Outcome.HOLD, findings=(HELD,), book_revision="book-1", registers_version=7
)
AT = NOW + dt.timedelta(days=2)
CARD = "6228230123456789018"
REASON, TOLD = f"付{CARD}的材料不全", "付***的材料不全"
STANDING = Standing(
    key=KEY, digest=b"d" * 32, party=SENDER, format="json", raw=b"one", signature="s",
    agency_code="101001", outcome=Outcome.HOLD, decided_at=NOW, decision=stored(DECISION),
    bank=None, bank_reference=None, bank_reason=None, settled_at=None,
)  # fmt: skip
LI = Person(role=PersonRole.PROPOSER, name="李经办", uri="", at=NOW + dt.timedelta(hours=1))
WANG = Person(role=PersonRole.APPROVER, name="王复核", uri="", at=NOW + dt.timedelta(hours=2))
PERSONS = [
    {"at": microseconds(each.at), "name": each.name, "role": each.role, "uri": ""}
    for each in (LI, WANG)
]
IDENTITY = {
    **msgspec.structs.asdict(KEY), "bank": "103", "kind": "release", "origin": ORIGIN.uri,
    "recorded_at": microseconds(AT), "seq": None,
}  # fmt: skip


def order(verdict: Verdict) -> Order:
    overrides = {FindingName(policy="JL-052", revision=1, detail="2", unavailable=("persons",))}
    made = decision_bytes(
        KEY, STANDING.digest, verdict, overrides if verdict is Verdict.RELEASE else (), REASON,
        (NOW, NOW + dt.timedelta(days=3)),
    )  # fmt: skip
    return read_order(order_bytes(made, [LI, WANG]))


def of_order(order: Order) -> dict[str, Any]:
    return {
        "digest": (b"d" * 32).hex(), "order_sha256": hashlib.sha256(order.decision).hexdigest(),
        "overrides": [attrs.asdict(each) | {"unavailable": ["persons"]}
                      for each in order.overrides],
        "persons": PERSONS, "reason": TOLD,
    }  # fmt: skip


def record(body: bytes) -> dict[str, Any]:
    """What it says beside whose it is and when."""
    fields = orjson.loads(body)
    assert CARD not in body.decode(), "no account number in the log"
    assert IDENTITY.items() <= fields.items()
    return {name: value for name, value in fields.items() if name not in IDENTITY}


def ended(ending: Ending, how: HoldEnding, policy: str, article: str) -> None:
    """The answer from then on, and what the agency finds."""
    decision = restored(ending.decision)
    assert (ending.how, ending.at, ending.key) == (how, AT, KEY)
    assert decision.outcome is Outcome.BLOCK and decision.findings[1:] == (HELD,)
    said = decision.findings[0]
    assert (said.policy, said.article, said.action) == (policy, article, Action.BLOCK)
    assert CARD not in said.reason_zh + said.reason_en
    assert orjson.loads(ending.notification) == {
        **msgspec.structs.asdict(KEY), "ended_at": microseconds(AT), "how": how.value,
        "kind": "hold_ended", "reason": said.reason_zh,
    }  # fmt: skip


def test_a_refusal_is_on_record_with_both_persons_and_their_reason() -> None:
    no = order(Verdict.REFUSE)
    ending = refusal(no, STANDING, ORIGIN, AT)
    ended(ending, HoldEnding.REFUSED, "RELEASE", "28(3)")
    assert (ending.order, ending.notice) == (no.digest, None)
    assert record(ending.record.body) == of_order(no) | {"what": "refused"}


@pytest.mark.parametrize("how", [HoldEnding.EXPIRED, HoldEnding.WITHDRAWN])
def test_an_end_that_the_bureau_did_not_order_is_told_to_it_at_once(how: HoldEnding) -> None:
    if how is HoldEnding.EXPIRED:
        ending, facts = expiry(STANDING, 2.5, ORIGIN, AT), {}
        ended(ending, how, "EXPIRED", "28(3)")
        assert "满2.5天" in restored(ending.decision).findings[0].reason_zh
    else:
        ending = withdrawal(STANDING, (SENDER, "recall-1"), REASON, ORIGIN, AT)
        facts = {"reason": TOLD, "recall": "recall-1", "sender": SENDER}
        ended(ending, how, "WITHDRAWN", "9")
    assert ending.order is None and ending.notice
    assert record(ending.record.body) == facts | {"what": how.value}
    assert orjson.loads(ending.notice) == {
        **msgspec.structs.asdict(KEY), "agency": "101001", "bank": "103",
        "ended_at": microseconds(AT), "held_at": microseconds(NOW), "kind": f"hold_{how.value}",
    }  # fmt: skip


def test_a_release_says_what_was_set_aside_and_by_which_book_and_registers() -> None:
    yes = order(Verdict.RELEASE)
    told = record(released(yes, DECISION, ORIGIN, AT).body)
    (judged,) = told.pop("judged")
    assert (judged["policy"], judged["action"]) == ("JL-052", "hold")
    assert told == of_order(yes) | {"book": "book-1", "registers": 7, "what": "released"}
    told = record(dismissal(yes, "findings", (HELD,), ORIGIN, AT).body)
    assert [each["policy"] for each in told.pop("judged")] == ["JL-052"]
    assert told == of_order(yes) | {"why": "findings", "what": "not_carried_out"}
    agency = orjson.loads(notification(KEY, HoldEnding.RELEASED, REASON, AT))
    assert (agency["how"], agency["reason"]) == ("released", TOLD)


def test_a_void_names_the_feed_and_the_order_that_it_stands_in_the_place_of() -> None:
    digests = (bytes([n]) * 32 for n in (1, 2, 3))
    mine, feed, other = digests
    void = Void(
        digest=mine, decision=b"", key=KEY, version=4, feed_digest=feed, order_digest=other,
        refused=f"409 of {CARD}", reason=REASON, decided_at=NOW, proposer=LI, approver=WANG,
    )  # fmt: skip
    assert record(voided(void, ORIGIN, AT).body) == {
        "feed_sha256": feed.hex(), "order_sha256": other.hex(), "persons": PERSONS,
        "reason": TOLD, "refused": "409 of ***", "version": 4, "void_sha256": mine.hex(),
        "what": "voided",
    }  # fmt: skip
