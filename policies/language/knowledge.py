"""What has been said of one fact so far, and whether all of it can be true at once."""

from typing import Any as Untyped
from typing import TypeAlias

import attrs

from gateway.domain.folding import bare

SMALL = 16
"""A range of at most this many numbers is looked through one by one."""


@attrs.frozen(kw_only=True)
class OfNumber:
    """Of a fact with one value: a number, a text, a code, an option or yes and no."""

    low: int | None = None
    high: int | None = None
    allowed: frozenset[Untyped] | None = None
    barred: frozenset[Untyped] = frozenset()
    under: tuple[tuple[str, ...], ...] = ()
    """Each a choice of prefixes, one of which it has."""
    not_under: tuple[str, ...] = ()
    words: tuple[tuple[str, ...], ...] = ()
    """Each a choice of words, one of which it contains."""
    no_words: tuple[str, ...] = ()

    def and_(self, other: "OfNumber") -> "OfNumber":
        allowed = self.allowed
        if other.allowed is not None:
            allowed = other.allowed if allowed is None else allowed & other.allowed
        return OfNumber(
            low=max((v for v in (self.low, other.low) if v is not None), default=None),
            high=min((v for v in (self.high, other.high) if v is not None), default=None),
            allowed=allowed,
            barred=self.barred | other.barred,
            under=self.under + other.under,
            not_under=self.not_under + other.not_under,
            words=self.words + other.words,
            no_words=self.no_words + other.no_words,
        )

    @property
    def possible(self) -> bool:
        if self.allowed is not None:
            return any(self._fits(value) for value in self.allowed)
        if self.low is not None and self.high is not None and self.high - self.low < SMALL:
            return any(v not in self.barred for v in range(self.low, self.high + 1))
        return self._prefixes_agree() and all(
            any(not self._has_no_word(word) for word in choice) for choice in self.words
        )

    def _fits(self, value: Untyped) -> bool:
        if value in self.barred:
            return False
        if type(value) is int:
            return not (
                (self.low is not None and value < self.low)
                or (self.high is not None and value > self.high)
            )
        if not isinstance(value, str):
            return True
        return (
            all(value.startswith(choice) for choice in self.under)
            and not value.startswith(self.not_under or ("\0",))
            and all(any(word in bare(value) for word in choice) for choice in self.words)
            and not self._has_no_word(bare(value))
        )

    def _has_no_word(self, text: str) -> bool:
        return any(word in text for word in self.no_words)

    def _prefixes_agree(self) -> bool:
        """Each two choices share a code, and some choice is not wholly ruled out."""
        for number, choice in enumerate(self.under):
            left = [p for p in choice if not (self.not_under and p.startswith(self.not_under))]
            if not left:
                return False
            for other in self.under[number + 1 :]:
                if not any(p.startswith(q) or q.startswith(p) for p in left for q in other):
                    return False
        return True


@attrs.frozen(kw_only=True)
class OfSet:
    """Of a fact that is a set of options."""

    options: frozenset[str]
    holds: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    overlaps: tuple[frozenset[str], ...] = ()
    """Each a choice, one of which is in the set."""
    lacks: tuple[frozenset[str], ...] = ()
    """Each a group, one of which is not in the set."""

    @property
    def possible(self) -> bool:
        return (
            self.holds.isdisjoint(self.without)
            and not any(choice <= self.without for choice in self.overlaps)
            and not any(group <= self.holds for group in self.lacks)
        )


Sayings: TypeAlias = OfNumber | OfSet
