"""Records: what numbering, hashing, the tree and the signature cost for each record."""

import datetime as dt
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.results import median, show
from certs.keys import load_signer
from certs.log.sealer import Sealer
from certs.log.tree import extend, leaf_hash, root_of
from deploy.demo.identities import Identities, uri
from gateway.domain.log import LogHead, PendingRecord
from gateway.domain.records import numbered, unnumbered

BATCH = 256
DIVISION = "220000000"
MILLION = 1_000_000
BODY_BYTES = 1_500
"""What a verdict of an ordinary purchase has."""


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    runs = 3 if quick else 15
    audited = MILLION // 100 if quick else MILLION
    pending = _pending(BATCH)
    with tempfile.TemporaryDirectory() as folder:
        sealer, sign = _signing(Path(folder))
        head = sealer.seal(None, DIVISION, pending, _now()).head
        batch = [_cpu(lambda: sealer.seal(head, DIVISION, pending, _now())) for _ in range(runs)]
        single = [_cpu(lambda: sign(b"x" * BODY_BYTES)) for _ in range(runs * 10)]
    audit = _audit_seconds(audited) * MILLION / audited
    figures = {
        "cpu_us_per_record_256": median([s * 1e6 / BATCH for s in batch]),
        "cpu_us_per_record_256_min": round(min(batch) * 1e6 / BATCH, 3),
        "sign_each_us": median([s * 1e6 for s in single]),
        "audit_million_s": round(audit, 3),
        "audited_records": audited,
        "runs": runs,
    }
    show("records 监控信息", ("figure", "value"), list(figures.items()))
    return figures


def _signing(folder: Path) -> tuple[Sealer, Callable[[bytes], object]]:
    made = Identities.create(folder, _now())
    certificate, key = made.record_key("gateway", uri("gateway", "bench"))
    signer = load_signer(certificate, key, made.passphrase)
    return Sealer(signer), signer.raw


def _pending(count: int) -> list[PendingRecord]:
    body = unnumbered({"kind": "verdict", "text": "国" * (BODY_BYTES // 3)})
    return [
        PendingRecord(id=n, kind="verdict", subject=f"s/{n}", body=body, disclosures=None)
        for n in range(count)
    ]


def _audit_seconds(count: int) -> float:
    """Hash every record anew and find the root of the tree: CPU seconds."""
    body = _pending(1)[0].body
    began = time.process_time()
    head = LogHead(division=DIVISION, origin="", size=0, frontier=())
    size, frontier = head.size, head.frontier
    for start in range(0, count, 4096):
        stop = min(start + 4096, count)
        leaves = [leaf_hash(numbered(body, seq)) for seq in range(start, stop)]
        growth = extend(size, frontier, leaves)
        size, frontier = growth.size, growth.frontier
    root_of(frontier)
    return time.process_time() - began


def _cpu(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
