"""A backlog across an ended or revoked record key: its successor signs the same checkpoints anew.

It is taken record for record, nothing is accused, and nothing is signed so that is not of our tree.
"""

import asyncio
import datetime as dt

import attrs
import pytest

from certs.acknowledged import BureauWitness
from certs.log.note import Checkpoint, log_key, log_origin, sign_checkpoint
from certs.log.sealer import Sealer
from certs.log.witness import Refusal, Witness, WitnessRefused
from certs.own_log import OwnLog
from certs.signatories import signatories
from certs.signing.signer import Signer
from certs.trust import Trust
from gateway.domain.faults import BureauUnavailable, BureauUnproven
from gateway.domain.ledger import RecordDraft
from gateway.domain.log import Cosigned, Delivery, LogHead
from gateway.domain.records import unnumbered
from gateway.workers import deliver
from gateway.workers.deliver import Delivering, Inbox
from gateway.workers.office import Office
from tests.certs.conftest import NOW, Pki
from tests.memory.ledger import MemoryLedger
from tests.memory.recordlog import MemoryRecordLog
from tests.memory.state import MemoryState

HERE = "220000000"
BETWEEN = NOW + dt.timedelta(weeks=4)
"""Both keys live."""
LATER = NOW + dt.timedelta(days=400)
"""The old key has ended after 13 months, its successor lives."""
BATCH = 3


@attrs.define
class Clock:
    at: dt.datetime = BETWEEN

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


@attrs.define
class Bureau:
    """A true witness that was handed both certificates; `accused` are refusals that it keeps."""

    own: Signer
    trust: Trust
    origin: str
    clock: Clock
    head: LogHead | None = None
    cosigned: Cosigned = Cosigned(size=0, checkpoint="")
    accused: list[str] = attrs.field(factory=list)
    asked: int = 0

    async def deliver(self, delivery: Delivery) -> Cosigned:
        self.asked += 1
        table = self.trust.table
        keys = [
            log_key(party.certificate, self.origin)
            for party in table.by_thumbprint.values()
            if party.sender.uri.endswith("/gateway/103") and not table.is_revoked(party)
        ]
        try:
            taken = Witness(self.own, {HERE: keys}).verify(self.head, delivery, self.clock.at)
        except WitnessRefused as refused:
            if refused.reason in (Refusal.GAP, Refusal.DUPLICATE):
                return self.cosigned
            self.accused.append(refused.detail)
            raise BureauUnavailable(refused.detail) from refused
        self.head, self.cosigned = taken.head, taken.cosigned
        return self.cosigned


class Post:
    """A log under an old key, a backlog of several deliveries, and the key to come."""

    def __init__(self, pki: Pki, suite: str) -> None:
        self.clock = Clock()
        three_weeks = dt.timedelta(weeks=3)
        self.old = pki.party("gateway/103", NOW, suite)
        self.fresh = pki.party("gateway/103", NOW + three_weeks, suite)
        self.witness_key = pki.party(f"bureau/{HERE}", NOW + three_weeks, suite)
        authorities = [pki.evidence.certificate]
        if self.old.sm2:
            authorities.append(pki.sm2.certificate)
        held = [
            (f"{number}", one.certificate)
            for number, party in enumerate((self.old, self.fresh, self.witness_key))
            for one in party.each
        ]
        self.trust = Trust(signatories(authorities, held), self.old)
        self.origin = log_origin(self.old.uri, HERE, suite)
        self.state = MemoryState()
        self.records = MemoryRecordLog(self.state)
        self.ledger = MemoryLedger(self.state, instance="here")
        self.sealer = Sealer(self.old)
        self.bureau = Bureau(self.witness_key, self.trust, self.origin, self.clock)
        witness = BureauWitness(trust=self.trust, bureau=self.witness_key.uri, origin=self.origin)
        self.worker = Delivering(
            Office(self.records), self.records,
            {HERE: Inbox(bureau=self.bureau, witness=witness, own=witness)},
            self.trust, self.clock, asyncio.Event(),
        )  # fmt: skip

    async def write(self, batches: int) -> None:
        for number in range(batches * BATCH):
            body = unnumbered({"kind": "verdict", "n": number})
            draft = RecordDraft(kind="verdict", subject=f"{number}", body=body)
            await self.ledger.record(HERE, draft)
            if number % BATCH == BATCH - 1:
                assert await self.records.seal(HERE, 100, self.clock.at, self.sealer.seal)

    def end(self, how: str) -> None:
        """The old key's word is over."""
        if how == "ended":
            self.clock.at = LATER
        else:
            table = attrs.evolve(self.trust.table, revoked=frozenset({self.old.thumbprint}))
            self.trust.replace(table)
            self.bureau.trust = self.trust

    def succeed(self) -> None:
        self.trust.replace(self.trust.table, self.fresh)
        self.sealer.sign_with(self.fresh)

    @property
    def acknowledged(self) -> int:
        return self.state.logs[HERE].acknowledged_size


@pytest.fixture
def post(pki: Pki, suite: str, monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr(deliver, "DELIVERY_RECORDS_MAX", BATCH)
    return Post(pki, suite)


@pytest.mark.parametrize("how", ["ended", "revoked"])
async def test_a_backlog_of_several_deliveries_passes_under_the_successor(
    post: Post, how: str
) -> None:
    await post.write(4)
    post.end(how)
    post.succeed()
    await post.write(1)
    assert await post.worker.deliver(HERE) == 5 * BATCH
    assert post.bureau.accused == [] and post.acknowledged == 5 * BATCH
    assert post.bureau.asked == 5, "in pieces, as always"
    own = OwnLog(trust=post.trust, origin=post.origin)
    for size, kept in post.state.logs[HERE].checkpoints.items():
        assert kept.cosigned and own.counts(kept.cosigned, post.clock.at)
        assert kept.cosigned.startswith(kept.text.partition("\n\n")[0]), f"{size}: the same text"


@pytest.mark.parametrize("how", ["ended", "revoked"])
async def test_a_bureau_is_greeted_with_what_it_acknowledged_under_the_old_key(
    post: Post, how: str
) -> None:
    """At a restart: refused, it would keep the door shut and accuse an honest gateway."""
    await post.write(1)
    await post.worker.deliver(HERE)
    post.end(how)
    post.succeed()
    assert await post.worker.greet(HERE)
    assert post.bureau.accused == []


@pytest.mark.parametrize("how", ["ended", "revoked"])
async def test_without_a_successor_nothing_is_offered_and_it_is_said_why(
    post: Post, how: str
) -> None:
    await post.write(2)
    post.end(how)
    await post.worker.guarded("records", HERE, post.worker.deliver)
    assert "nothing that we sign counts: the record certificate" in post.worker.postponed[HERE]
    assert post.bureau.asked == 0 and post.worker.troubles == {}


async def test_a_living_key_is_not_signed_over_though_another_is_in_use(post: Post) -> None:
    await post.write(1)
    post.succeed()
    first = post.state.logs[HERE].checkpoints[BATCH]
    await post.worker.deliver(HERE)
    assert first.cosigned and first.cosigned.startswith(first.text)


@pytest.mark.parametrize("whose", ["the old key", "a stranger"])
async def test_nothing_is_signed_anew_that_is_not_of_our_own_tree(
    post: Post, pki: Pki, suite: str, whose: str
) -> None:
    """Also with the stolen key: what the successor signs is the stored tree, whose later sizes it
    signs anyway; another text in its place is refused and nothing is offered."""
    await post.write(2)
    thief = post.old if whose == "the old key" else pki.party("gateway/103", NOW, suite)
    other = Checkpoint(origin=post.origin, size=BATCH, root=bytes(32))
    post.state.logs[HERE].checkpoints[BATCH].text = sign_checkpoint(thief, other)
    post.end("revoked")
    post.succeed()
    with pytest.raises(BureauUnproven, match=r"not of the stored tree|no checkpoint of ours"):
        await post.worker.deliver(HERE)
    assert post.bureau.asked == 0
