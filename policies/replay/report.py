"""What a back-test found: outcomes that changed, by policy, by agency, in sum, with samples."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from gateway.domain.decision import Outcome
from gateway.domain.money import Fen, yuan

SAMPLES_MAX = 5
AGENCIES_SHOWN_MAX = 10

_WORDS = {Outcome.PASS: "放行", Outcome.HOLD: "挂起", Outcome.BLOCK: "拦截"}


@attrs.frozen(order=True)
class Change:
    before: Outcome
    after: Outcome

    @property
    def zh(self) -> str:
        if self.after is Outcome.PASS:
            return f"新放行（原{_WORDS[self.before]}）"
        return f"新{_WORDS[self.after]}（原{_WORDS[self.before]}）"

    @property
    def en(self) -> str:
        name = "released" if self.after is Outcome.PASS else self.after.value
        return f"newly {name} (was {self.before.value})"


@attrs.frozen(kw_only=True)
class Sample:
    id: str
    agency: str
    amount_fen: int
    day: str
    policies: tuple[str, ...]
    reason_zh: str


@attrs.define
class Tally:
    count: int = 0
    amount_fen: int = 0
    policies: Counter[str] = attrs.field(factory=Counter)
    policies_fen: Counter[str] = attrs.field(factory=Counter)
    agencies: Counter[str] = attrs.field(factory=Counter)
    agencies_fen: Counter[str] = attrs.field(factory=Counter)
    samples: list[Sample] = attrs.field(factory=list)

    @property
    def wants_sample(self) -> bool:
        return len(self.samples) < SAMPLES_MAX

    def sample(self, sample: Sample) -> None:
        self.samples.append(sample)


@attrs.define
class Report:
    instructions: int = 0
    what: str = "回溯"
    """What was done, for a person: 回溯 (back-test) or 影子比对 (shadow)."""
    changes: dict[Change, Tally] = attrs.field(factory=dict)

    @property
    def changed(self) -> int:
        return sum(tally.count for tally in self.changes.values())

    def note(
        self, change: Change, agency: str, amount: int, policies: Sequence[str]
    ) -> Tally:  # fmt: skip
        """Count one more; `amount` in fen."""
        tally = self.changes.setdefault(change, Tally())
        tally.count += 1
        tally.amount_fen += amount
        tally.agencies[agency] += 1
        tally.agencies_fen[agency] += amount
        for policy in policies:
            tally.policies[policy] += 1
            tally.policies_fen[policy] += amount
        return tally

    def as_json(self) -> dict[str, Any]:
        return {
            "changed": self.changed,
            "changes": [
                {
                    "after": change.after,
                    "agencies": _rows(tally.agencies, tally.agencies_fen),
                    "amount_fen": tally.amount_fen,
                    "before": change.before,
                    "count": tally.count,
                    "policies": _rows(tally.policies, tally.policies_fen),
                    "samples": [attrs.asdict(sample) for sample in tally.samples],
                }
                for change, tally in sorted(self.changes.items())
            ],
            "instructions": self.instructions,
        }

    def lines(self) -> Iterator[str]:
        """For a person, Chinese first."""
        changed = self.changed
        yield f"{self.what} {self.instructions} 笔，结果改变 {changed} 笔 / {changed} changed"
        for change, tally in sorted(self.changes.items()):
            sum_ = yuan(Fen(tally.amount_fen))
            yield f"{change.zh} / {change.en}: {tally.count} 笔，{sum_} 元"
            for policy, count in tally.policies.most_common():
                amount = yuan(Fen(tally.policies_fen[policy]))
                yield f"  规则 {policy}: {count} 笔，{amount} 元"
            for agency, count in tally.agencies.most_common(AGENCIES_SHOWN_MAX):
                amount = yuan(Fen(tally.agencies_fen[agency]))
                yield f"  单位 {agency}: {count} 笔，{amount} 元"
            for sample in tally.samples:
                amount = yuan(Fen(sample.amount_fen))
                yield f"  例 {sample.day} {sample.id} {sample.agency} {amount} 元"
                yield f"     {sample.reason_zh}"


def _rows(counts: Counter[str], sums: Counter[str]) -> dict[str, dict[str, int]]:
    return {
        name: {"count": count, "amount_fen": sums[name]} for name, count in sorted(counts.items())
    }
