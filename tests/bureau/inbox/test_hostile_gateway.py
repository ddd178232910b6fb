"""A bank's gateway that tells the bureau whatever it likes: what it says of others does not count,
and nothing that it says ends the program or a page of the division's other banks."""

import datetime as dt
from typing import Any

import attrs
import msgspec
import orjson
import pytest

from adapters.bureau.frame import framed
from adapters.postgres.bureau.statistics import BureauStatistics
from bureau.desk.people import Office
from bureau.desk.policies.answers import AnswerUnreadable, answer_of, state_of
from bureau.desk.publish import Publishing
from bureau.inbox.receive import Inbox
from certs.keys import pem_of
from gateway.domain.faults import FeedRefused, StoreUnavailable
from gateway.domain.money import FEN_MAX
from gateway.domain.records import unnumbered
from tests.bureau.desks import Desk
from tests.bureau.policies.test_policy_trials import HOME, Gateway, asking, drafted, flip
from tests.bureau.words import BANK, DIVISION, GATEWAY, Bureau, Chain, House, finding, told, verdict

pytestmark = pytest.mark.postgres
LAST_MOMENT = int(dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC).timestamp()) * 1_000_000
WHOLE = {"over": True, "what": "backtest", "flips": [flip(0)]}


class Liar(Gateway):
    def __init__(self, state: Any) -> None:
        super().__init__()
        self.told = state

    def state(self, asked: dict[str, Any]) -> Any:
        return self.told


@pytest.mark.parametrize(
    "state",
    [
        None, [], "", 7, {}, {"over": "no"}, {"over": True, "flips": 7},
        {"over": False, "last": "x"}, {"over": False, "read": 2**63},
        {"over": False, "first": None},
        {"over": False, "what": "x" * 5000}, {"over": True, "answer": "x"},
        {"over": True, "answer": {"replays": [{"same": True}]}},
        WHOLE | {"flips": [flip(0) | {"seq": 2**63}]},
        WHOLE | {"flips": [flip(0) | {"amount_fen": FEN_MAX + 1}]},
        WHOLE | {"flips": [flip(0) | {"amount_fen": -1}]},
        WHOLE | {"flips": [flip(0) | {"decided_at": "2026-03-02"}]},
        WHOLE | {"flips": [flip(0) | {"decided_at": "2026-03-02T01:02:03"}]},
        WHOLE | {"flips": [flip(0) | {"decided_at": "9999-12-31T23:00:00+00:00"}]},
        WHOLE | {"flips": [flip(0) | {"policies": "JL-042"}]},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_none(state: object) -> None:
    with pytest.raises(AnswerUnreadable):
        answer_of(orjson.dumps({"version": 1, "state": state}))


def test_what_was_kept_before_answers_were_read_strictly_shows_nothing() -> None:
    assert state_of(b'{"over":true,"last":"x"}') == {} == state_of(None)
    assert state_of(b'{"over":false,"compared":3}')["compared"] == 3


async def test_no_answer_ends_the_program_or_a_page(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    draft = await drafted(desk, reviewer)
    nul = {"subject": "a\0b", "reason_zh": "x\0" * 900, "policies": ["JL\0"], "agency": "\0"}
    for state in (
        WHOLE | {"flips": [flip(seq) | nul | {"amount_fen": FEN_MAX} for seq in range(100)]},
        {"over": False, "first": 5, "last": 1, "read": -1, "trouble": "\0<b>"},
        {"over": True, "answer": {"after": "blocked"}},
        {"over": True, "answer": {"trouble": "<script>"}},
        {"over": False, "last": "x"},
    ):
        status, trial = await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"})
        assert status == 303
        await asking(desk, Liar(state)).ask_all()
        desk.hands.now += dt.timedelta(minutes=1)
        for path in (trial, draft, HOME, f"{trial}.xlsx"):
            assert (await reviewer.bytes(path))[0] == 200, (state, path)
    assert "the answer is not readable" in (await reviewer.get(trial))[1]
    liar = Gateway()
    liar.refuses = "400 \0" + "x" * 4000
    await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"})
    await asking(desk, liar).ask_all()


class Refusing:
    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        raise FeedRefused("400 feed_invalid: a\0b" + "x" * 4000)


async def test_no_refusal_of_a_feed_ends_the_publishing(desk: Desk) -> None:
    waiting = {"division": DIVISION, "bank": BANK, "version": 1, "body": b"", "signature": ""}

    class Feeds:
        async def waiting_feeds(self, resting: object = ()) -> list[dict[str, Any]]:
            return [waiting | {"attempts": 0}]

        attempted = desk.rooms.registers.store.attempted

    ways: Any = {(DIVISION, BANK): Refusing()}
    assert await Publishing(Feeds(), ways, desk.hands).publish_all(patient=False) == 0


async def test_a_record_of_an_activation_speaks_for_the_bank_in_whose_log_it_stands(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    head = {"division": DIVISION, "kind": "policy_activated"}
    told: list[dict[str, Any]] = [
        head | {"what": "activated", "revision": 9, "bank": "102000000001", "seq": 77},
        head | {"what": ["x"], "revision": "x", "digest": 5},
        head | {"what": "tripped", "policy": {"<b>": 1}},
        head,
    ]
    chain.seal([unnumbered(each) for each in told])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    status, page = await (await desk.seat(Office.PROVINCE)).get(HOME)
    assert status == 200 and "第9版" in page
    assert "102000000001" not in page and BANK in page, "the log's bank, not the record's word"


async def test_no_time_that_a_bank_tells_takes_a_page_from_the_division(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    late = {"recorded_at": LAST_MOMENT, "decided_at": LAST_MOMENT}
    ended = {
        "division": DIVISION, "fiscal_year": 2026, "voucher_type": "8202", "kind": "release",
        "voucher_no": f"{2:013d}", "what": "released", "recorded_at": 2**62,
    }  # fmt: skip
    chain.seal([verdict(1, "blocked", **late), verdict(2, "held"), unnumbered(ended)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    home = f"/desk/{DIVISION}"
    for path in (
        "", "/interceptions", "/interceptions/rows", "/interceptions/print", "/interceptions.csv",
        f"/2026/8202/{1:013d}", f"/holds/2026/8202/{2:013d}", "/holds", "/statistics", "/report",
    ):  # fmt: skip
        assert (await reviewer.bytes(home + path))[0] == 200, path


async def test_no_amounts_that_a_bank_tells_end_the_fold(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    """A sum of a hundred amounts of seventeen digits does not fit into eight bytes."""
    for first in range(0, 200, 50):
        numbers = range(first, first + 50)
        chain.seal([verdict(n, "blocked", amount_fen=FEN_MAX) for n in numbers])
        await bureau.inbox.receive(GATEWAY, framed(chain.delivery(start=first)))
    chain.seal([verdict(999, "blocked", amount_fen=2**63 - 1), verdict(998, amount_fen=-(2**63))])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery(start=200)))
    assert await BureauStatistics(bureau.pool).fold() > 0
    reviewer = await desk.seat(Office.REVIEWER)
    for path in ("statistics", "report", f"statistics/banks/{BANK}", "concerns", "bulletin"):
        assert (await reviewer.get(f"/desk/{DIVISION}/{path}"))[0] == 200, path


async def test_a_key_is_learnt_from_a_record_that_was_proven_and_from_no_other(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    """A delivery may repeat records of before; they are not looked at, whatever they say."""
    learnt: list[bytes] = []
    full = [StoreUnavailable("the disk is full")]

    def learn(gateway: str, certificate: bytes) -> None:
        if full:
            raise full.pop()
        learnt.append(certificate)

    inbox = Inbox(
        store=bureau.log, desk=bureau.desk, places=[bureau.place], trust=bureau.trust,
        clock=lambda: dt.datetime.now(dt.UTC), bell=bureau.bell,
        learn=learn,
    )  # fmt: skip
    chain.seal([verdict(0)])
    await inbox.receive(GATEWAY, framed(chain.delivery()))
    chain.seal([verdict(1)])
    honest = chain.delivery()
    pem = pem_of(house.gateway.certificate).decode()
    forged = orjson.dumps({"kind": "key_announced", "certificate": pem, "seq": 0})
    repeated = msgspec.structs.replace(honest.records[0], body=forged)
    await inbox.receive(
        GATEWAY, framed(attrs.evolve(honest, records=(repeated, *honest.records[1:])))
    )
    assert learnt == []
    chain.seal(
        [
            unnumbered({"kind": "key_announced", "division": DIVISION, "certificate": pem}),
            unnumbered({"kind": "key_announced", "division": DIVISION, "certificate": [pem]}),
        ]
    )
    with pytest.raises(StoreUnavailable):
        await inbox.receive(GATEWAY, framed(chain.delivery(start=2)))
    assert (await bureau.log.held(DIVISION, BANK))[0].size == 2, "it was not taken, and comes again"
    await inbox.receive(GATEWAY, framed(chain.delivery(start=2)))
    assert learnt == [pem.encode()]


async def test_a_hold_whose_record_lacks_what_a_decision_names_is_shown_and_not_decided(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    whole = finding(policy="JL-052", action="hold", detail="", unavailable=[])
    bare = {name: value for name, value in whole.items() if name != "detail"}
    for number, (said, more) in enumerate(
        (([bare], {"digest": "ab" * 32}), ([whole], {}), ([whole], {"digest": 5}))
    ):
        await told(bureau, chain, verdict(number, "held", findings=said, **more))
        hold = f"/desk/{DIVISION}/holds/2026/8202/{number:013d}"
        reviewer = await desk.seat(Office.REVIEWER)
        assert (await reviewer.get(hold))[0] == 200, number
        form = {"verdict": "refuse", "reason": "材料不全"}
        status, text = await reviewer.post(f"{hold}/propose", form)
        assert status == 409 and "记录内容不全" in text, number
