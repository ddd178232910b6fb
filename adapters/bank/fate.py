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
    BABBLE = "babble"
    """Takes effect, and answers what says nothing of it; the enquiry desk as well, for a while."""


class Lie(StrEnum):
    """What the core's books say beside the truth, of a payment that took effect."""

    NONE = "none"
    AMOUNT = "amount"
    """Pays another amount."""
    PAYEE = "payee"
    """Pays somebody else."""
    TWICE = "twice"
    """Books it twice, under two numbers."""
    STRAY = "stray"
    """Books it, and beside it a movement that nobody ordered."""
    LATE = "late"
    """Books it with the value of a later day."""
    NEVER = "never"
    """Said that it was accepted, and books nothing."""


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
    babble_share: float = 0.0
    late_s: float = 4.0
    """How long a LATE or PENDING payment is parked before it takes effect."""
    forget_s: float = 2.0
    """How long the enquiry desk knows nothing of a FORGET payment, and babbles of a BABBLE one."""
    delay_ms: float = 0.0
    lie_amount_share: float = 0.0
    lie_payee_share: float = 0.0
    lie_twice_share: float = 0.0
    lie_stray_share: float = 0.0
    lie_late_share: float = 0.0
    lie_never_share: float = 0.0
    recall_share: float = 0.0
    """Of the paid: so many it agrees to give back when it is asked; the others it refuses."""
    late_days: int = 4
    """How many days later a LATE lie is booked."""

    def __attrs_post_init__(self) -> None:
        for ladder in (self._ladder(), self._lies()):
            shares = [share for _, share in ladder]
            if min(shares) < 0 or sum(shares) > 1:
                raise ValueError("shares are between 0 and 1, and together at most 1")

    def lie(self, key: str) -> Lie:
        """What the books will say of `key`, if it takes effect."""
        place = self._draw(f"lie/{key}")[0]
        for lie, share in self._lies():
            if place < share:
                return lie
            place -= share
        return Lie.NONE

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

    def babbles(self, key: str) -> int:
        """Which of so many sorts of nonsense it says of `key`: a large number, to be divided."""
        return self._draw(f"babble/{key}")[1]

    def gives_back(self, key: str) -> bool:
        return self._draw(f"recall/{key}")[0] < self.recall_share

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
            ((Fate.BABBLE, Fate.BABBLE), self.babble_share),
        )

    def _lies(self) -> tuple[tuple[Lie, float], ...]:
        return (
            (Lie.AMOUNT, self.lie_amount_share),
            (Lie.PAYEE, self.lie_payee_share),
            (Lie.TWICE, self.lie_twice_share),
            (Lie.STRAY, self.lie_stray_share),
            (Lie.LATE, self.lie_late_share),
            (Lie.NEVER, self.lie_never_share),
        )
