"""What is wrong with a policy, said so that the officer who wrote it can mend it."""

import difflib
from collections.abc import Iterable

import attrs


@attrs.frozen(kw_only=True)
class Problem:
    """One thing wrong at one place: file, key (`when.own`) and column of the clause (1-based)."""

    place: str
    column: int
    """0 when the problem is not inside a clause's text."""
    zh: str
    en: str

    def __str__(self) -> str:
        at = f" 第 {self.column} 列 (column {self.column})" if self.column else ""
        return f"{self.place}{at}: {self.zh} / {self.en}"


class ClauseError(Exception):
    """A clause that cannot be read or checked; the document's reader adds the place."""

    def __init__(self, column: int, zh: str, en: str) -> None:
        super().__init__(en)
        self.column = column
        self.zh = zh
        self.en = en

    def at(self, place: str) -> Problem:
        return Problem(place=place, column=self.column, zh=self.zh, en=self.en)


class PolicyRefused(ValueError):
    """A set of policies that may not take effect; carries every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


def nearest(word: str, known: Iterable[str]) -> tuple[str, str]:
    """The Chinese and English tail that names the nearest known word, or two empty texts."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    if not found:
        return "", ""
    return f"，是否为 {found[0]}？", f"; did you mean {found[0]}?"
