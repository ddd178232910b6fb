"""A bureau that numbers what it is told, hashes it anew, and may lose its answers or its memory."""

import asyncio
import hashlib
from collections.abc import Sequence
from random import Random

import orjson

from gateway.domain.faults import BureauUnavailable, BureauUnproven
from gateway.domain.log import Cosigned, Delivery, SealedRecord
from gateway.domain.tree import leaf_hash
from tests.memory.recordlog import root
from tests.simulation.database import Host
from tests.simulation.diary import Diary
from tests.simulation.weather import Weather

WAY_S = 0.01


class Bureau:
    def __init__(self, weather: Weather, diary: Diary) -> None:
        self.copy: list[SealedRecord] = []
        self.notices: set[bytes] = set()
        self.down = False
        self.away = False
        """While the gateways' database is an older copy: then nobody tells them but the mark."""
        self.calm = False
        self.lies = False
        self._most = 0
        self._weather = weather
        self._diary = diary
        self._rng = Random(f"bureau/{weather.seed}")

    def reached_by(self, host: Host) -> "Post":
        return Post(self, host, self._rng)

    def loses_answer(self) -> bool:
        return self.down or self.away or (not self.calm and self._rng.random() < self._weather.lost)

    def take(self, delivery: Delivery) -> Cosigned:
        """What it holds afterwards. What it has already must be the same, byte for byte."""
        if delivery.start > self._most:
            self._diary.accuse(
                f"I7 told from {delivery.start}: it never had more than {self._most}"
            )
        if self.lies:
            self._diary.meet("the bureau lied", delivery.start)
            size = delivery.start + len(delivery.records)
            return Cosigned(size=size, checkpoint=hashlib.sha256(b"a lie").hexdigest())
        if delivery.start <= len(self.copy):
            for place, record in enumerate(delivery.records, delivery.start):
                self._take(place, record)
        else:
            self._diary.meet("the bureau is behind", len(self.copy))
        size = len(self.copy)
        return Cosigned(size=size, checkpoint=self.root_of(size).hex())

    def _take(self, place: int, record: SealedRecord) -> None:
        if orjson.loads(record.body)["seq"] != place or record.seq != place:
            self._diary.accuse(f"I7 record {record.seq} came as number {place}")
        if place < len(self.copy):
            self._diary.met["told again to the bureau"] += 1
            if self.copy[place].body != record.body:
                self._diary.accuse(f"I14 record {place} is another than before")
            return
        self.copy.append(record)
        self._most = max(self._most, len(self.copy))

    def root_of(self, size: int) -> bytes:
        """From the bytes alone."""
        leaves = [leaf_hash(record.body) for record in self.copy[:size]]
        return root(leaves, lambda data: hashlib.sha256(data).digest()) if leaves else b""

    def tell_the_truth(self) -> None:
        self.lies = False

    def forget(self, count: int) -> None:
        """Its database comes back from an older copy. Notices are kept apart."""
        if self.copy:
            self._diary.meet("the bureau forgot", min(count, len(self.copy)))
            del self.copy[-count:]


class Post:
    """`gateway.ports.Bureau` and `.BureauWitness` for one process."""

    def __init__(self, bureau: Bureau, host: Host, rng: Random) -> None:
        self._bureau = bureau
        self._host = host
        self._rng = rng

    async def deliver(self, delivery: Delivery) -> Cosigned:
        await self._there()
        told = self._bureau.take(delivery)
        await self._back()
        return told

    async def notify(
        self, division: str, notices: Sequence[tuple[bytes, str]]
    ) -> list[str | BureauUnavailable]:
        await self._there()
        self._bureau.notices.update(body for body, _ in notices)
        await self._back()
        return [hashlib.sha256(body).hexdigest() for body, _ in notices]

    def root_of(self, cosigned: Cosigned, at: object) -> bytes:
        return bytes.fromhex(cosigned.checkpoint)

    def check_receipt(self, division: str, notice: bytes, receipt: str, at: object) -> None:
        if receipt != hashlib.sha256(notice).hexdigest():
            raise BureauUnproven("a receipt for something else")

    async def _there(self) -> None:
        await self._host.awake()
        await asyncio.sleep(self._rng.expovariate(1 / WAY_S))
        if self._bureau.down or self._bureau.away:
            raise BureauUnavailable("no connection")

    async def _back(self) -> None:
        lost = self._bureau.loses_answer()
        await asyncio.sleep(self._rng.expovariate(1 / WAY_S))
        await self._host.awake()
        if lost:
            raise BureauUnavailable("no answer")
