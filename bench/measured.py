"""What one run over the line has measured, before anything is made of it."""

import attrs

from bench.admission import AdmissionRun
from bench.arena import Burst
from bench.machine import load_average
from bench.results import median


@attrs.define(kw_only=True)
class Measured:
    """Everything one run of the programme has measured."""

    rest_mib: float = 0.0
    bursts: dict[tuple[str, int], list[Burst]] = attrs.field(factory=dict)
    """By kind of work (`spread`, `hot`, `refused`, `two processes`) and number of clients."""
    gateway_ms: list[list[float]] = attrs.field(factory=list)
    """Of each window of the open loop; the bank alone has one beside each."""
    bank_ms: list[list[float]] = attrs.field(factory=list)
    open_loop_rate: float = 0.0
    pgbench: dict[str, list[tuple[float, dict[str, float]]]] = attrs.field(factory=dict)
    admission: dict[int, list[AdmissionRun]] = attrs.field(factory=dict)
    loads: list[float] = attrs.field(factory=list)

    def best_rate(self, kind: str) -> float:
        """The best median over the numbers of clients, a second."""
        return max(
            median([b.rate for b in bursts])
            for (name, _), bursts in self.bursts.items()
            if name == kind
        )

    def note(self, kind: str, burst: Burst) -> None:
        self.bursts.setdefault((kind, burst.clients), []).append(burst)
        self.loads.append(load_average())
