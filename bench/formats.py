"""Formats measured: one message of many payments against as many single requests, and its memory.

Both carry the same kind of payments as pain.001.001.09, in turn in the same run; what is compared
is decided payments a second from the first byte sent to the last byte answered, and, because on a
busy machine the rate says more about the neighbours, the gateway's CPU for each payment.
"""

import asyncio
import datetime as dt
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import aiohttp
import attrs

from adapters.formats.iso20022.write import written_message
from bench.arena import Arena, Burst, arena
from bench.machine import resident_mib
from bench.results import median, show, spread_of
from bench.workload import Workload, sender_of
from certs.tls import client_context
from deploy.demo.agency import signed_request
from deploy.demo.day import CHANNEL, DIVISION
from deploy.demo.identities import TRUST_DOMAIN
from deploy.demo.stage import HOST
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day

KIND = "pain.001.001.09"
_ROUTE = "/v1/iso20022", "application/xml"
CLIENTS = 64
LOOK_S = 0.02
ANSWER_DEADLINE_S = 300
_CHANNEL_URI = f"spiffe://{TRUST_DOMAIN}/channel/{DIVISION}/{CHANNEL}"
_STATUS = re.compile(rb"<TxSts>([A-Z]{4})</TxSts>")


@attrs.frozen(kw_only=True)
class _Bulk:
    payments: int
    seconds: float
    message_mib: float
    before_mib: float
    peak_mib: float
    cpu_ms: float
    """Of the gateway, a payment, until all is delivered."""

    @property
    def rate(self) -> float:
        return self.payments / self.seconds


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    rounds, payments, singles, warming = (1, 300, 200, 64) if quick else (3, 10_000, 3000, 256)
    workload = Workload(1, legal_day(dt.datetime.now(dt.UTC)))
    drawn = workload.spread((payments + singles + warming) * rounds)
    bulks: list[_Bulk] = []
    singly: list[Burst] = []
    with arena(workload, drawn, channel=_CHANNEL_URI) as staged:
        for number in range(rounds):
            some, drawn = drawn[: singles + warming], drawn[singles + warming :]
            singly.append(_singles(staged, some, warming))
            some, drawn = drawn[:payments], drawn[payments:]
            before = staged.costs()
            bulk = asyncio.run(_bulk(staged, some, f"BULK-{number}"))
            staged.drain()
            spent = staged.costs().since(before).gateway * 1000 / payments
            bulks.append(attrs.evolve(bulk, cpu_ms=spent))
    rates = [burst.rate for burst in singly]
    cpu_ms = [burst.costs.gateway * 1000 / burst.answered for burst in singly]
    figures = {
        "payments": payments,
        "single_per_s": spread_of(rates),
        "bulk_per_s": spread_of([bulk.rate for bulk in bulks]),
        "bulk_to_single": median(
            [bulk.rate / rate for bulk, rate in zip(bulks, rates, strict=True)], 2
        ),
        "single_gateway_cpu_ms": spread_of(cpu_ms, 3),
        "bulk_gateway_cpu_ms": spread_of([bulk.cpu_ms for bulk in bulks], 3),
        "cpu_single_to_bulk": median(
            [ms / bulk.cpu_ms for bulk, ms in zip(bulks, cpu_ms, strict=True)], 2
        ),
        "memory_growth_mib": round(max(bulk.peak_mib - bulk.before_mib for bulk in bulks), 1),
        "message_mib": round(bulks[0].message_mib, 1),
    }
    _show(figures)
    return figures


def _singles(staged: Arena, instructions: Sequence[Instruction], warming: int) -> Burst:
    requests = []
    for number, instruction in enumerate(instructions):
        raw = written_message([instruction], KIND, f"S{number}", dt.datetime.now(dt.UTC))
        signature = staged.sign[sender_of(instruction)](raw)
        requests.append(signed_request(_ROUTE, raw, signature, staged.host))
    burst = staged.burst(requests, CLIENTS, warming=warming)
    if set(burst.report.answers) != {"200"}:
        raise RuntimeError(f"single messages were answered {burst.report.answers}")
    return burst


async def _bulk(staged: Arena, instructions: Sequence[Instruction], name: str) -> _Bulk:
    raw = written_message(instructions, KIND, name, dt.datetime.now(dt.UTC))
    headers = {
        "Content-Type": "application/xml",
        "Signature-JWS": staged.sign[_CHANNEL_URI](raw),
    }
    (pid,) = staged.gateways()
    before, peak = resident_mib(pid), 0.0
    connector = aiohttp.TCPConnector(ssl=client_context(staged.stage.client))
    timeout = aiohttp.ClientTimeout(total=ANSWER_DEADLINE_S)
    url = f"https://{HOST}:{staged.stage.ports.door}/v1/iso20022"
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        started = time.perf_counter()
        asked = asyncio.create_task(_post(session, url, raw, headers))
        while not asked.done():
            peak = max(peak, resident_mib(pid))
            await asyncio.wait({asked}, timeout=LOOK_S)
        status, body = asked.result()
        seconds = time.perf_counter() - started
    told = Counter(match[1].decode() for match in _STATUS.finditer(body))
    if status != 200 or told != {"ACSC": len(instructions)}:
        raise RuntimeError(f"the message was answered {status} {dict(told)} {body[:500]!r}")
    return _Bulk(
        payments=len(instructions), seconds=seconds, message_mib=len(raw) / (1 << 20),
        before_mib=before, peak_mib=peak, cpu_ms=0.0,
    )  # fmt: skip


async def _post(
    session: aiohttp.ClientSession, url: str, raw: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    async with session.post(url, data=raw, headers=headers) as answer:
        return answer.status, await answer.read()


def _show(figures: dict[str, Any]) -> None:
    rows = [
        ("single requests, payments/s", figures["single_per_s"]["median"], ""),
        (f"one message of {figures['payments']}, payments/s", figures["bulk_per_s"]["median"], ""),
        ("bulk to single", figures["bulk_to_single"], ">= 1.5"),
        (
            "gateway's CPU a payment, single to bulk",
            figures["cpu_single_to_bulk"],
            f"{figures['single_gateway_cpu_ms']['median']} / "
            f"{figures['bulk_gateway_cpu_ms']['median']} ms",
        ),
        ("memory growth, MiB", figures["memory_growth_mib"], "< 150"),
    ]
    show(f"formats ({KIND}, {figures['message_mib']} MiB)", ("", "measured", "goal"), rows)
