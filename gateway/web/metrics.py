"""Counts and times of the door, for the operators' Prometheus."""

from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.domain.inventory import Inventory

CERTIFICATES_MEASURED_MAX = 500
"""The soonest to end: a metric for each of a hundred thousand parties helps nobody."""
BUCKETS_S = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 4)


class Metrics:
    """One set per process, on its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        self.bureau_trouble = Gauge(
            "gateway_bureau_trouble", "1 where a division's records need a person to look",
            ("division",), registry=self.registry,
        )  # fmt: skip
        self.troubles: Callable[[], Mapping[str, str]] = dict
        """By division, what is wrong with telling its bureau; set by who wires the workers."""
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
        self.register_trouble = Gauge(
            "gateway_register_stale", "1 where a division's registers are past their age limit",
            ("division",), registry=self.registry,
        )  # fmt: skip
        self.register_ages: Callable[[], Mapping[tuple[str, str], float]] = dict
        self.register_troubles: Callable[[], Mapping[str, str]] = dict
        """By division, which registers are stale; set by who wires the shelf."""
        self.policy_trouble = Gauge(
            "gateway_policy_trouble", "1 where a book was refused or a policy tripped",
            ("what",), registry=self.registry,
        )  # fmt: skip
        self.policy_troubles: Callable[[], Mapping[str, str]] = dict
        """`book`, or a tripped policy's id, and what is wrong; set by who wires the workers."""
        self.conduct_troubles: Callable[[], Mapping[str, str]] = dict
        """`books` or a division, and why the bank's conduct is not looked at there."""
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
        self.key_troubles: Callable[[], Mapping[str, str]] = dict
        """`keys.<what>`: a certificate, key or list that could not be taken up, and why."""
        self.mark_trouble = Gauge(
            "gateway_mark_trouble", "1 where this host cannot remember how far a log had come",
            ("what",), registry=self.registry,
        )  # fmt: skip
        self.mark_troubles: Callable[[], Mapping[str, str]] = dict
        """`mark` or `mark.<division>`, and what is wrong; set by who wires the workers."""
        self.log_troubles: Callable[[], Mapping[str, str]] = dict
        """`log_file`, where lines of the operators' log are lost, and why."""
        self._instructions: dict[tuple[str, str], Counter] = {}
        self._findings: dict[tuple[str, str], Counter] = {}

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


async def _nothing_untold() -> Mapping[tuple[str, str], float]:
    return {}


def _count(family: Counter, children: dict[tuple[str, str], Counter], key: tuple[str, str]) -> None:
    """Children are looked up once: `labels()` costs more than counting."""
    child = children.get(key)
    if child is None:
        child = children[key] = family.labels(*key)
    child.inc()
