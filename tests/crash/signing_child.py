"""A process that signs, and that kills itself with SIGKILL where it is told to.

`seal`: the gateway's sealer over its log; `witness`: the bureau's inbox, offered two histories at
once. Whatever leaves the process is a line on standard output: size, root.
"""

import asyncio
import datetime as dt
import os
import signal
import sys
from pathlib import Path

from adapters.postgres.bureau.log import BureauStore
from adapters.postgres.bureau.pool import open_pool
from adapters.postgres.log.recordlog import PostgresRecordLog
from bureau.inbox.accept import accepted
from bureau.ports import LogPlace
from certs.keys import load_certificates, load_signer
from certs.log.note import log_key
from certs.log.sealer import Sealer
from certs.log.witness import Witness, WitnessRefused
from certs.signing.signer import Signer
from gateway.domain.faults import LedgerUnavailable, StoreUnavailable
from gateway.domain.log import Delivery, PendingRecord
from gateway.domain.records import unnumbered

DIVISION, BANK = "220000000", "103"
GATEWAY = "spiffe://treasury.test/gateway/103"
ORIGIN = f"{GATEWAY}/log/{DIVISION}"
PASSPHRASE = b"a passphrase for tests"
BATCHES = 4 + 2 * int(os.environ.get("CRASH_LIVES", "1"))
"""More than the lives can use up: each life that dies late takes one."""


def die_at(point: str) -> None:
    if os.environ.get("DIE_AT") == point:
        os.kill(os.getpid(), signal.SIGKILL)


def tell(checkpoint: str) -> None:
    _, size, root = checkpoint.split("\n")[:3]
    os.write(1, f"{size} {root}\n".encode())


async def seal(dsn: str, signer: Signer) -> None:
    """Seal what waits in small batches, and hand each checkpoint out only when it is stored."""
    log, sealer = PostgresRecordLog(dsn), Sealer(signer)

    def make(*given):
        sealed = sealer.seal(*given)
        die_at("signed")
        return sealed

    try:
        while await log.seal(DIVISION, 3, dt.datetime.now(dt.UTC), make):
            die_at("stored")
            delivery = await log.next_delivery(DIVISION, 10_000)
            assert delivery
            tell(delivery.checkpoint)
            die_at("told")
    except LedgerUnavailable:
        pass
    await log.close()


async def witness(dsn: str, gateway: Signer, bureau: Signer) -> None:
    """Two histories of one log, by the same key, offered at the same moment again and again."""
    pool = await open_pool(dsn)
    store = BureauStore(pool)
    place = LogPlace(division=DIVISION, bank=BANK, gateway=GATEWAY, origin=ORIGIN)
    await store.open_log(DIVISION, BANK, ORIGIN)
    judge = Witness(bureau, {DIVISION: [log_key(gateway.certificate, ORIGIN)]})

    async def offer(delivery: Delivery) -> None:
        def judged(head):
            made = accepted(judge, place, head, delivery, dt.datetime.now(dt.UTC))
            die_at("signed")
            return made

        try:
            taken = await store.append(DIVISION, BANK, judged)
        except (WitnessRefused, StoreUnavailable):
            return
        die_at("stored")
        tell(taken.cosigned.checkpoint)
        die_at("told")

    histories = [history(gateway, name) for name in ("a", "b")]
    for batches in zip(*histories, strict=True):
        await asyncio.gather(*(offer(delivery) for delivery in batches for _ in range(3)))
    pool.terminate()


def history(gateway: Signer, name: str) -> list[Delivery]:
    """Deliveries of one history; all begin at 0, so that each is taken whatever is held."""
    sealer, head, records, made = Sealer(gateway), None, (), []
    for batch in range(BATCHES):
        body = unnumbered({"history": name, "kind": "verdict", "batch": batch})
        pending = [PendingRecord(id=n, kind="verdict", subject="", body=body, disclosures=None)
                   for n in range(2)]  # fmt: skip
        sealed = sealer.seal(head, DIVISION, pending, dt.datetime.now(dt.UTC))
        head, records = sealed.head, (*records, *sealed.records)
        made.append(
            Delivery(division=DIVISION, start=0, records=records, checkpoint=sealed.checkpoint)
        )
    return made


def main() -> None:
    what, dsn, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    gateway = load_signer(folder / "gateway.pem", folder / "gateway.key", PASSPHRASE)
    bureau = load_signer(folder / "bureau.pem", folder / "bureau.key", PASSPHRASE)
    assert load_certificates(folder / "gateway.pem")
    asyncio.run(seal(dsn, gateway) if what == "seal" else witness(dsn, gateway, bureau))


if __name__ == "__main__":
    main()
