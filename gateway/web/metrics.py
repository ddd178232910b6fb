"""Counts and times of the door, for the operators' Prometheus."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Protocol

import attrs
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from gateway.domain.inventory import Inventory

CERTIFICATES_MEASURED_MAX = 500
"""The soonest to end: a metric for each of a hundred thousand parties helps nobody."""
BUCKETS_S = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 4)


class Metrics:
    """One set per process, on its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.ready = Gauge(
            "gateway_ready", "1 while this process may take instructions", registry=self.registry
        )
        self.unready = Gauge(
            "gateway_unready", "1 for each reason of /readyz why it may not", ("what",),
            registry=self.registry,
        )  # fmt: skip
        self.warning = Gauge(
            "gateway_warning", "1 for each warning of /readyz: payments go on, a person must look",
            ("what",), registry=self.registry,
        )  # fmt: skip
        self.policy_book = Gauge(
            "gateway_policy_book", "1 for the book in force in this process", ("revision",),
            registry=self.registry,
        )  # fmt: skip
        self.book_in_force: Callable[[], str] = str
        """Its revision; set by who wires the line."""
        self.instructions = Counter(
            "gateway_instructions", "Instructions answered, by outcome and by the bank's answer",
            ("outcome", "bank"), registry=self.registry,
        )  # fmt: skip
        self.faults = Counter(
            "gateway_faults", "Requests that never became an instruction", ("code",),
            registry=self.registry,
        )  # fmt: skip
        self.findings = Counter(
            "gateway_findings", "Findings, by policy and action", ("policy", "action"),
            registry=self.registry,
        )  # fmt: skip
        self.contradictions = Counter(
            "gateway_contradictions", "Bank answers that contradict how a payment was settled",
            registry=self.registry,
        )  # fmt: skip
        self.conflicts_unrecorded = Counter(
            "gateway_conflicts_unrecorded",
            "Conflicts without a record: content seen before, or too many of one number",
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "gateway_answer_seconds", "Time from the first byte read to the answer",
            buckets=BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "gateway_in_flight", "Instructions on the line now", registry=self.registry
        )
        self.unwritten = Gauge(
            "gateway_unwritten_words", "Words of the bank that the database did not take yet",
            registry=self.registry,
        )  # fmt: skip
        self.words_lost = Gauge(
            "gateway_words_lost", "Words of the bank dropped since the start: too many waited",
            registry=self.registry,
        )  # fmt: skip
        self.handshakes_refused = Counter(
            "gateway_handshakes_refused", "TLS handshakes refused, by reason", ("reason",),
            registry=self.registry,
        )  # fmt: skip
        self.connections_refused = Counter(
            "gateway_connections_refused", "Connections closed for their number or slowness",
            ("reason",), registry=self.registry,
        )  # fmt: skip
        self.backlog = Gauge(
            "gateway_backlog", "What is under way in the ledger", ("what",), registry=self.registry
        )
        self.log_size = Gauge(
            "gateway_log_size", "Records of the log, sealed and acknowledged by the bureau",
            ("division", "state"), registry=self.registry,
        )  # fmt: skip
        self.untold_age = Gauge(
            "gateway_untold_age_seconds",
            "How long the oldest record or notice waits for the bureau to acknowledge it",
            ("division", "what"), registry=self.registry,
        )  # fmt: skip
        self.untold: Callable[[], Awaitable[Mapping[tuple[str, str], float]]] = _nothing_untold
        """By division and what, seconds; set by who wires the workers. Raises LedgerUnavailable."""
        self.postponed: Callable[[], Mapping[str, str]] = dict
        """By division, why its bureau cannot be told now, where this process is the one to tell."""
        self.register_age = Gauge(
            "gateway_register_age_seconds", "Since the bureau last spoke of a register",
            ("division", "register"), registry=self.registry,
        )  # fmt: skip
        self.register_ages: Callable[[], Mapping[tuple[str, str], float]] = dict
        self.certificate_days_left = Gauge(
            "gateway_certificate_days_left", "Days until a certificate ends, below 0 once it has",
            ("holder", "profile", "serial"), registry=self.registry,
        )  # fmt: skip
        self.list_seconds_left = Gauge(
            "gateway_revocation_list_seconds_left", "Seconds until a list ends, and refuses all",
            ("issuer",), registry=self.registry,
        )  # fmt: skip
        self.cases_pending = Gauge(
            "gateway_certificate_cases_pending", "Cases that wait for a person",
            registry=self.registry,
        )  # fmt: skip
        self.inventory: Callable[[], Inventory | None] = lambda: None
        """As it was last looked at; set by who wires the workers."""
        self._instructions: dict[tuple[str, str], Counter] = {}
        self._findings: dict[tuple[str, str], Counter] = {}

    def watch_bank(self, bank: "BankFigures") -> None:
        """From now on its connections and calls are told as well."""
        connections = Gauge(
            "gateway_bank_connections", "Calls to the bank core that have a connection or wait",
            ("state",), registry=self.registry,
        )  # fmt: skip
        connections.labels("in_use").set_function(lambda: bank.in_use)
        connections.labels("waiting").set_function(lambda: bank.waiting)
        self.registry.register(_BankCalls(bank))

    def measure_certificates(self) -> None:
        found = self.inventory()
        if found is None:
            return
        self.certificate_days_left.clear()
        for entry in found.entries[:CERTIFICATES_MEASURED_MAX]:
            if entry.state not in ("retired", "revoked"):
                labels = entry.holder, entry.profile, entry.serial
                self.certificate_days_left.labels(*labels).set(entry.days_left(found.at))
        self.list_seconds_left.clear()
        for one in found.lists:
            left = (one.next_update - found.at).total_seconds()
            self.list_seconds_left.labels(one.issuer).set(left)
        self.cases_pending.set(len(found.pending))

    def count_instruction(self, outcome: str, bank: str) -> None:
        _count(self.instructions, self._instructions, (outcome, bank))

    def count_finding(self, policy: str, action: str) -> None:
        _count(self.findings, self._findings, (policy, action))


class BankFigures(Protocol):
    """What a bank adapter counts of itself; since its start."""

    @property
    def in_use(self) -> int: ...

    @property
    def waiting(self) -> int: ...

    @property
    def sent(self) -> int: ...

    @property
    def unknown(self) -> int:
        """Of those sent: without a clear answer."""
        ...

    @property
    def not_sent(self) -> int: ...


@attrs.frozen(eq=False)
class _BankCalls(Collector):
    """Read when asked: the adapter counts in plain numbers, on the hot path."""

    _bank: BankFigures

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "gateway_bank_calls", "Instructions handed to the bank core, by its answer", None,
            ("answer",),
        )  # fmt: skip
        bank = self._bank
        family.add_metric(("clear",), bank.sent - bank.unknown)
        family.add_metric(("unknown",), bank.unknown)
        family.add_metric(("not_sent",), bank.not_sent)
        yield family


async def _nothing_untold() -> Mapping[tuple[str, str], float]:
    return {}


def _count(family: Counter, children: dict[tuple[str, str], Counter], key: tuple[str, str]) -> None:
    """Children are looked up once: `labels()` costs more than counting."""
    child = children.get(key)
    if child is None:
        child = children[key] = family.labels(*key)
    child.inc()
