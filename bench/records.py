"""Records: what numbering, hashing, the tree and the signature cost for each, in both suites."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from bench.results import median, show
from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key
from certs.log.note import log_origin
from certs.log.sealer import Sealer
from certs.signing.libcrypto import SuiteUnavailable
from certs.signing.signer import Signer, in_both_suites, signer
from certs.signing.sm2 import generate_sm2
from certs.signing.suites import public_of, suite_of
from certs.sm2_certificate import create_sm2_authority, issue_sm2, sm2_request
from gateway.domain.log import LogHead, PendingRecord, tree_digest
from gateway.domain.records import numbered, unnumbered
from gateway.domain.tree import extend, leaf_hash, root_of

BATCH = 256
DIVISION = "220000000"
GATEWAY = "spiffe://treasury.example/gateway/bench"
MILLION = 1_000_000
BODY_BYTES = 1_500
"""What a verdict of an ordinary purchase has."""


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs.

    Each figure stands beside what the same would cost if every record were signed by itself.
    """
    figures = _suite(_signer(), "", quick=quick)
    try:
        figures |= _suite(_signer(sm2=True), "sm2_", quick=quick)
    except SuiteUnavailable as reason:
        figures["sm2_unavailable"] = str(reason)
    show("records 监控信息", ("figure", "value"), list(figures.items()))
    return figures


def _suite(party: Signer, prefix: str, *, quick: bool) -> dict[str, Any]:
    runs, audited = (3, MILLION // 100) if quick else (15, MILLION)
    sealer, pending, at = Sealer(party), _pending(BATCH), _now()
    head = sealer.seal(None, DIVISION, pending, at).head
    batch = [_cpu(lambda: sealer.seal(head, DIVISION, pending, at)) for _ in range(runs)]
    last, message = party.each[-1], b"x" * BODY_BYTES
    suite, public, signature = suite_of(last._key), public_of(last.certificate), last.raw(message)
    singly = median([_cpu(lambda: last.raw(message)) * 1e6 for _ in range(runs * 10)])
    proved = median(
        [_cpu(lambda: suite.verify_raw(public, signature, message)) * 1e6 for _ in range(runs * 10)]
    )
    audit = _audit_seconds(audited, party.suite) * MILLION / audited
    figures = {
        "cpu_us_per_record_256": median([s * 1e6 / BATCH for s in batch]),
        "cpu_us_per_record_256_min": round(min(batch) * 1e6 / BATCH, 3),
        "sign_each_us": singly,
        "audit_million_s": round(audit, 3),
        "audit_million_signed_singly_s": round(proved * MILLION / 1e6, 1),
        "verify_each_us": proved,
        "audited_records": audited,
        "runs": runs,
    }
    return {f"{prefix}{name}": value for name, value in figures.items()}


def _signer(*, sm2: bool = False) -> Signer:
    """In GW1-SM2-SM3 a checkpoint is signed twice: both signatures are in its figure."""
    at, key = _now(), generate_key()
    evidence = create_subordinate(create_root("bench", at), Purpose.EVIDENCE, "bench", at)
    first = signer(issue(evidence, request(key, GATEWAY), at), key)
    if not sm2:
        return first
    authority, second = create_sm2_authority("bench", generate_sm2(), at), generate_sm2()
    return in_both_suites(
        first, signer(issue_sm2(authority, sm2_request(second, GATEWAY), at), second)
    )


def _pending(count: int) -> list[PendingRecord]:
    """Verdicts of one agency, each with its number among the agency's."""
    body = unnumbered(
        {
            "agency": {"code": "101001", "name": "单位"},
            "agency_no": None,
            "kind": "verdict",
            "text": "国" * (BODY_BYTES // 3),
        }
    )
    return [
        PendingRecord(
            id=n, kind="verdict", subject=f"s/{n}", body=body, disclosures=None, agency_no=n + 1
        )
        for n in range(count)
    ]


def _audit_seconds(count: int, suite: str) -> float:
    """Hash every record anew and find the root of the tree: CPU seconds."""
    body = _pending(1)[0].body
    head = LogHead(
        division=DIVISION, origin=log_origin(GATEWAY, DIVISION, suite), size=0, frontier=()
    )
    size, frontier, digest = head.size, head.frontier, tree_digest(head.origin)
    began = time.process_time()
    for start in range(0, count, 4096):
        stop = min(start + 4096, count)
        leaves = [leaf_hash(numbered(body, seq, seq + 1), digest) for seq in range(start, stop)]
        growth = extend(size, frontier, leaves, digest)
        size, frontier = growth.size, growth.frontier
    root_of(frontier, digest)
    return time.process_time() - began


def _cpu(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
