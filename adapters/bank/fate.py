"""What the simulated bank core does with a key: decided by seed and key alone, so foreseeable."""

import hashlib
from enum import StrEnum

import attrs


class Fate(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    LATE = "late"
    """No answer; takes effect seconds later. An enquiry meanwhile finds nothing."""
    PENDING = "pending"
    """No answer; takes effect seconds later. An enquiry meanwhile says pending."""
    SILENT_TAKEN = "silent_taken"
    """Takes effect, and never answers."""
    SILENT_LOST = "silent_lost"
    """Does not take effect, and never answers."""
    CRASH_AFTER = "crash_after"
    """Takes effect, then the bank dies before it answers."""
    CRASH_BEFORE = "crash_before"
    """The bank dies before anything took effect."""
    TWICE = "twice"
    """Takes effect once, and answers twice."""
    FORGET = "forget"
    """Takes effect, never answers, and the enquiry desk knows nothing of it for a while."""


REFUSAL_REASONS = (
    "收款账号与户名不符",
    "收款账户已销户",
    "收款账户状态异常，只付不收",
    "收款行行号不存在",
    "收款行未开通大小额支付业务",
)
"""拒付理由 (Art. 28(3)) as a core would give them."""


@attrs.frozen(kw_only=True)
class Habits:
    """Shares of all keys, each 0..1, together at most 1; the rest is accepted."""

    seed: int = 0
    reject_share: float = 0.0
    late_share: float = 0.0
    pending_share: float = 0.0
    silence_share: float = 0.0
    """Half of them take effect."""
    crash_share: float = 0.0
    """Half of them take effect."""
    double_answer_share: float = 0.0
    forget_share: float = 0.0
    late_s: float = 4.0
    """How long a LATE or PENDING payment is parked before it takes effect."""
    forget_s: float = 2.0
    """How long the enquiry desk knows nothing of a FORGET payment."""
    delay_ms: float = 0.0

    def __attrs_post_init__(self) -> None:
        shares = [share for _, share in self._ladder()]
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError("shares are between 0 and 1, and together at most 1")

    def fate(self, key: str) -> Fate:
        """What happens to every submission of `key`, `220000000/2026/8202/...`."""
        place, variant = self._draw(key)
        for (taken, lost), share in self._ladder():
            if place < share:
                return taken if variant % 2 == 0 else lost
            place -= share
        return Fate.ACCEPT

    def refusal_reason(self, key: str) -> str:
        return REFUSAL_REASONS[self._draw(key)[1] % len(REFUSAL_REASONS)]

    def _draw(self, key: str) -> tuple[float, int]:
        digest = hashlib.sha256(f"{self.seed}/{key}".encode()).digest()
        return int.from_bytes(digest[:7]) / 2**56, int.from_bytes(digest[7:11])

    def _ladder(self) -> tuple[tuple[tuple[Fate, Fate], float], ...]:
        return (
            ((Fate.REJECT, Fate.REJECT), self.reject_share),
            ((Fate.LATE, Fate.LATE), self.late_share),
            ((Fate.PENDING, Fate.PENDING), self.pending_share),
            ((Fate.SILENT_TAKEN, Fate.SILENT_LOST), self.silence_share),
            ((Fate.CRASH_AFTER, Fate.CRASH_BEFORE), self.crash_share),
            ((Fate.TWICE, Fate.TWICE), self.double_answer_share),
            ((Fate.FORGET, Fate.FORGET), self.forget_share),
        )
