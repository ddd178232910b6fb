"""Telling the bureaus: only what the bureau itself signed counts, and none waits for another."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import attrs
import pytest
import structlog

from certs.acknowledged import BureauWitness
from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.bundled import notice_receipt, receipts_for
from certs.keys import generate_key
from certs.log.note import log_key, log_origin
from certs.log.sealer import Sealer
from certs.log.witness import Refusal, Witness, WitnessRefused
from certs.signatories import signatories
from certs.signing.signer import Signer, signer
from certs.trust import Trust
from gateway.domain.faults import BureauUnavailable, BureauUnproven
from gateway.domain.ledger import RecordDraft
from gateway.domain.log import Cosigned, Delivery, LogHead, Notice, PendingRecord, Sealed
from gateway.domain.records import unnumbered
from gateway.pipeline.tell import Origin
from gateway.workers.deliver import Delivering, Inbox
from gateway.workers.office import Office
from gateway.workers.seal import Sealing
from tests.memory.ledger import MemoryLedger
from tests.memory.recordlog import MemoryRecordLog
from tests.memory.state import MemoryState
from tests.pipeline.fakes import NOW, FixedClock

HERE, THERE, UNSERVED = "220000000", "220100000", "229900000"
DOMAIN = "spiffe://treasury.test"
GATEWAY = f"{DOMAIN}/gateway/103"


class Keys:
    """One evidence authority, and who has a signing key under it."""

    def __init__(self) -> None:
        root = create_root("root", NOW)
        self.evidence = create_subordinate(root, Purpose.EVIDENCE, "evidence", NOW)
        self.gateway = self.party("gateway/103")
        self.bank = self.party("bank/103")
        self.bureaus = {division: self.party(f"bureau/{division}") for division in (HERE, THERE)}
        every = {"g": self.gateway, "b": self.bank, **self.bureaus}
        named = [(name, each.certificate) for name, each in every.items()]
        self.trust = Trust(signatories([self.evidence.certificate], named), self.gateway)

    def party(self, path: str) -> Signer:
        key = generate_key()
        return signer(issue(self.evidence, request(key, f"{DOMAIN}/{path}"), NOW), key)


@attrs.define
class HonestBureau:
    """A true witness with its own copy of the log; `down` makes it silent, `slow` never answers."""

    key: Signer
    division: str
    log: Signer
    head: LogHead | None = None
    cosigned: Cosigned = Cosigned(size=0, checkpoint="")
    held: list[int] = attrs.field(factory=list)
    """The numbers of the records that it took, in order."""
    asked: int = 0
    down: bool = False
    slow: bool = False

    async def deliver(self, delivery: Delivery) -> Cosigned:
        await self._wait()
        origin = log_origin(GATEWAY, self.division)
        witness = Witness(self.key, {self.division: [log_key(self.log.certificate, origin)]})
        try:
            taken = witness.verify(self.head, delivery, NOW)
        except WitnessRefused as refused:
            if refused.reason not in (Refusal.GAP, Refusal.DUPLICATE):
                raise BureauUnavailable(refused.detail) from refused
            return self.cosigned
        self.head, self.cosigned = taken.head, taken.cosigned
        self.held += [record.seq for record in taken.records]
        return self.cosigned

    def backup(self) -> tuple[LogHead | None, Cosigned, list[int]]:
        return self.head, self.cosigned, list(self.held)

    def restore(self, older: tuple[LogHead | None, Cosigned, list[int]]) -> None:
        self.head, self.cosigned, self.held = older

    async def notify(
        self, division: str, notices: Sequence[tuple[bytes, str]]
    ) -> list[str | BureauUnavailable]:
        await self._wait()
        return [*receipts_for(division, [body for body, _ in notices], self.key.receipt)]

    async def _wait(self) -> None:
        self.asked += 1
        if self.slow:
            await asyncio.Event().wait()
        if self.down:
            raise BureauUnavailable("silent")


class Post:
    """Two divisions with a bureau each, and a third that is not served."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.state = MemoryState()
        self.ledger = MemoryLedger(self.state, instance="here")
        self.records = MemoryRecordLog(self.state)
        self.clock = FixedClock()
        self.sealer = Sealer(self.keys.gateway)
        self.office = Office(self.records)
        self.office.held = True
        self.bureaus = {
            division: HonestBureau(key, division, self.keys.gateway)
            for division, key in self.keys.bureaus.items()
        }
        self.sealed = asyncio.Event()
        self.worker = Delivering(
            self.office, self.records, {d: self.inbox(d) for d in self.bureaus},
            self.keys.trust, self.clock, self.sealed,
        )  # fmt: skip

    def inbox(self, division: str) -> Inbox:
        origin = log_origin(GATEWAY, division)
        uri = f"{DOMAIN}/bureau/{division}"
        witness = BureauWitness(trust=self.keys.trust, bureau=uri, origin=origin)
        return Inbox(bureau=self.bureaus[division], witness=witness)

    async def write(self, division: str = HERE, count: int = 3, at: dt.datetime = NOW) -> None:
        for number in range(count):
            body = unnumbered({"kind": "verdict", "n": number})
            draft = RecordDraft(kind="verdict", subject=f"{number}", body=body)
            await self.ledger.record(division, draft)
        assert await self.records.seal(division, 100, at, self.sealer.seal)
        self.sealed.set()

    def notice(self, division: str = HERE) -> Notice:
        id = self.state.next_id()
        body = b'{"n":%d}' % id
        self.state.notices[id] = Notice(
            id=id, division=division, subject="s", body=body, created_at=NOW, attempts=0
        )
        return self.state.notices[id]

    def acknowledged(self, division: str = HERE) -> int:
        return self.state.logs[division].acknowledged_size

    def answers(self, cosigned: Cosigned, division: str = HERE) -> None:
        async def answer(_: Delivery) -> Cosigned:
            await asyncio.sleep(0)
            return cosigned

        object.__setattr__(self.worker._inboxes[division], "bureau", _Saying(answer))


@attrs.frozen
class _Saying:
    deliver: object


async def test_what_the_bureau_cosigned_is_acknowledged_and_its_receipt_kept() -> None:
    post = Post()
    await post.write()
    notice = post.notice()
    assert (await post.worker.deliver(HERE), await post.worker.notify(HERE)) == (3, 1)
    assert post.acknowledged() == 3 and not post.state.notices
    kept = post.state.receipts[notice.id]
    signer, payload = post.keys.trust.verify_receipt(kept)
    assert signer == f"{DOMAIN}/bureau/{HERE}"
    assert payload == notice_receipt(HERE, notice.body)


async def test_no_word_counts_that_the_bureau_did_not_sign() -> None:
    post = Post()
    await post.write()
    real = post.state.logs[HERE].checkpoints[3].text
    bank = HonestBureau(post.keys.bank, HERE, post.keys.gateway)
    delivery = await post.records.next_delivery(HERE, 9)
    assert delivery
    by_the_bank = (await bank.deliver(delivery)).checkpoint
    stranger = HonestBureau(post.keys.party(f"bureau/{HERE}"), HERE, post.keys.gateway)
    lies = ["garbage", "", real, by_the_bank, (await stranger.deliver(delivery)).checkpoint]
    lies.append((await post.bureaus[HERE].deliver(delivery)).checkpoint.replace("\n3\n", "\n2\n"))
    for lie in lies:
        post.answers(Cosigned(size=3, checkpoint=lie))
        with pytest.raises(BureauUnproven):
            await post.worker.deliver(HERE)
    assert post.acknowledged() == 0


async def test_a_cosigned_history_that_is_not_ours_is_not_acknowledged() -> None:
    """Somebody signed another log with our key, and the bureau witnessed that one."""
    post = Post()
    await post.write()
    for count in (3, 4):
        other = _history(post.sealer, count)
        bureau = HonestBureau(post.keys.bureaus[HERE], HERE, post.keys.gateway)
        post.answers(await bureau.deliver(other))
        with pytest.raises(BureauUnproven, match=r"another history|an older copy"):
            await post.worker.deliver(HERE)
    assert post.acknowledged() == 0


async def test_a_notice_counts_only_with_the_bureaus_receipt_for_that_very_notice() -> None:
    post = Post()
    notice = post.notice()
    bank, bureau = post.keys.bank, post.keys.bureaus[HERE]
    lies = [
        "",
        "a.b.c",
        bank.receipt(notice_receipt(HERE, notice.body)),
        bureau.receipt(notice_receipt(HERE, b"another")),
        bureau.receipt(notice_receipt(THERE, notice.body)),
        post.keys.bureaus[THERE].receipt(notice_receipt(HERE, notice.body)),
    ]
    for lie in lies:

        async def notify(division: str, notices: object, lie: str = lie) -> list[str]:
            return [lie]

        object.__setattr__(post.worker._inboxes[HERE], "bureau", _Noticed(notify))
        with pytest.raises(BureauUnproven):
            await post.worker.notify(HERE)
    assert post.state.notices[notice.id].attempts == len(lies) and not post.state.receipts


@attrs.frozen
class _Noticed:
    notify: object


@pytest.mark.parametrize("lie", [BureauUnavailable("refused"), "a false receipt"])
async def test_a_notice_that_fails_keeps_none_of_the_others_from_being_acknowledged(
    lie: str | BureauUnavailable,
) -> None:
    post = Post()
    notices = [post.notice() for _ in range(7)]
    honest, bad = post.bureaus[HERE], notices[2].body

    async def notify(
        division: str, told: Sequence[tuple[bytes, str]]
    ) -> list[str | BureauUnavailable]:
        receipts = await honest.notify(division, told)
        return [
            lie if body == bad else receipt
            for (body, _), receipt in zip(told, receipts, strict=True)
        ]

    object.__setattr__(post.worker._inboxes[HERE], "bureau", _Noticed(notify))
    if isinstance(lie, str):
        with pytest.raises(BureauUnproven):
            await post.worker.notify(HERE)
    else:
        assert await post.worker.notify(HERE) == 6
    assert len(post.state.receipts) == 6 and list(post.state.notices) == [notices[2].id]
    with pytest.raises(BureauUnavailable):
        await post.worker.notify(HERE)
    assert post.state.notices[notices[2].id].attempts == 2


async def test_a_false_receipt_is_told_whatever_else_was_refused_before_it() -> None:
    """A refusal waits; a word that the bureau did not sign somebody must look into."""
    post = Post()
    notices = [post.notice() for _ in range(2)]

    async def notify(division: str, told: object) -> list[str | BureauUnavailable]:
        return [BureauUnavailable("full"), "a false receipt"]

    object.__setattr__(post.worker._inboxes[HERE], "bureau", _Noticed(notify))
    with pytest.raises(BureauUnproven):
        await post.worker.notify(HERE)
    assert [post.state.notices[each.id].attempts for each in notices] == [1, 1]


async def test_one_request_carries_so_many_bytes_and_a_single_notice_goes_whatever_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post = Post()
    size = len(post.notice().body)
    for _ in range(4):
        post.notice()
    for room, told in ((1, [1]), (2 * size, [2]), (2 * size - 1, [1, 1])):
        monkeypatch.setattr("gateway.workers.notices.NOTICES_BYTES_MAX", room)
        assert [await post.worker.notify(HERE) for _ in told] == told
    assert not post.state.notices


async def test_a_flood_of_notices_goes_in_few_requests() -> None:
    post = Post()
    for _ in range(300):
        post.notice()
    assert [await post.worker.notify(HERE) for _ in range(4)] == [128, 128, 44, 0]
    assert post.bureaus[HERE].asked == 3


async def test_one_silent_or_slow_bureau_keeps_nothing_from_the_others() -> None:
    for trouble in ("down", "slow"):
        post = Post()
        for division in (HERE, THERE):
            await post.write(division)
        for _ in range(70):
            post.notice(HERE)
        post.notice(THERE)
        setattr(post.bureaus[HERE], trouble, True)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            runs = (post.worker.run_records(), post.worker.run_notices())
            tasks = [group.create_task(run) for run in runs]
            while post.acknowledged(THERE) < 3 or any(  # noqa: ASYNC110 (others change the state)
                each.division == THERE for each in post.state.notices.values()
            ):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
        assert post.acknowledged(HERE) == 0 and post.bureaus[HERE].asked <= 2


async def test_what_belongs_to_a_division_not_served_is_told_and_ends_nothing() -> None:
    post = Post()
    await post.write(UNSERVED)
    post.notice(UNSERVED)
    await post.write(HERE)
    with structlog.testing.capture_logs() as told:
        await post.worker.look_for_strays()
    assert [(line["division"], line["log_level"]) for line in told] == [(UNSERVED, "error")]
    assert list(post.worker.troubles) == [UNSERVED]
    assert await post.worker.deliver(HERE) == 3 and await post.worker.notify(HERE) == 0
    assert len(post.state.notices) == 1


async def test_a_division_that_cannot_be_sealed_does_not_stop_the_others() -> None:
    post = Post()
    await post.write(HERE)
    log = post.state.logs[HERE]
    assert log.head
    log.head = attrs.evolve(log.head, origin="spiffe://other/log")
    for division in (HERE, THERE):
        draft = RecordDraft(kind="verdict", subject="s", body=unnumbered({"kind": "verdict"}))
        await post.ledger.record(division, draft)
    sealing = Sealing(
        post.office, post.records, post.sealer, post.ledger, post.clock,
        Origin(bank="103", uri=GATEWAY), (HERE, THERE),
    )  # fmt: skip
    with structlog.testing.capture_logs() as told:
        assert [await sealing.seal_all() for _ in range(3)] == [1, 0, 0]
    assert [line["event"] for line in told] == ["sealing.refused"]
    assert list(sealing.troubles) == [HERE]


def _history(sealer: Sealer, count: int) -> Delivery:
    pending = [
        PendingRecord(
            id=n, kind="verdict", subject="", body=unnumbered({"other": n}), disclosures=None
        )
        for n in range(count)
    ]
    sealed: Sealed = sealer.seal(None, HERE, pending, NOW)
    return Delivery(division=HERE, start=0, records=sealed.records, checkpoint=sealed.checkpoint)
