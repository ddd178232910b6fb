"""Code lists with the years in which each code is valid: a policy cannot name a dead code."""

import hashlib
from collections.abc import Mapping

import attrs

YEAR_MAX = 9999


@attrs.frozen(kw_only=True)
class Code:
    code: str
    name: str
    year_from: int
    year_to: int
    """Inclusive; YEAR_MAX while it is in force."""


@attrs.frozen(kw_only=True)
class CodeList:
    """One list: its own segment lengths (3 and 5 for 302, 30201) and its codes by year.

    An `open` list names only its categories; any code of a segment length under a known category
    is valid, because the year's leaves come from the bureau's feed.
    """

    name: str
    title_zh: str
    segments: tuple[int, ...]
    open: bool
    leaf_min: int
    """Codes shorter than this are classes, whether or not the list names what is under them."""
    codes: Mapping[str, tuple[Code, ...]]

    def valid(self, code: str, first: int, last: int) -> bool:
        """Whether the code exists in every year from first to last."""
        if code in self.codes:
            return self._covered(code, first, last)
        return (
            self.open
            and code.isascii()
            and code.isdigit()
            and len(code) in self.segments
            and self._covered(code[: self.segments[0]], first, last)
        )

    def has_children(self, code: str, year: int) -> bool:
        """Whether it is a class, which no voucher carries: an equality with it could never hold."""
        return len(code) < self.leaf_min or any(
            other != code and other.startswith(code) and self._covered(other, year, year)
            for other in self.codes
        )

    def name_of(self, code: str, year: int) -> str:
        """The code's name in that year; empty if the list does not know it."""
        for entry in self.codes.get(code, ()):
            if entry.year_from <= year <= entry.year_to:
                return entry.name
        return ""

    def _covered(self, code: str, first: int, last: int) -> bool:
        year = first
        for entry in sorted(self.codes.get(code, ()), key=lambda c: c.year_from):
            if entry.year_from <= year <= entry.year_to:
                year = entry.year_to + 1
        return year > last


def codes_digest(codes: Mapping[str, CodeList]) -> str:
    """SHA-256 over every code with its name and years."""
    lines = [
        f"{listed.name}\t{c.code}\t{c.name}\t{c.year_from}\t{c.year_to}"
        for listed in codes.values()
        for entries in listed.codes.values()
        for c in entries
    ]
    shapes = [f"{c.name}\t{c.segments}\t{c.open}\t{c.leaf_min}" for c in codes.values()]
    return hashlib.sha256("\n".join(sorted(lines) + sorted(shapes)).encode()).hexdigest()
