"""Policies: what one decision of the book in force costs, lawful, forbidden and mixed."""

import time
from collections.abc import Sequence
from typing import Any

from bench.results import median, show
from gateway.domain.facts import Facts
from policies.book.book import Book
from policies.book.load import load
from policies.book.workload import blocked, decide_all, passing

SECONDS = 0.1
"""Of CPU for one run."""


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    runs = 3 if quick else 9
    began = time.process_time()
    book = load()
    loaded = time.process_time() - began
    lawful, forbidden = list(passing()), [blocked()]
    mix = [*lawful] * 9 + forbidden * len(lawful)
    figures = {
        "policies": len(book.units),
        "book": book.revision,
        "load_ms": round(loaded * 1000, 1),
        "decision_lawful_us": median([_us(book, lawful) for _ in range(runs)]),
        "decision_blocked_us": median([_us(book, forbidden) for _ in range(runs)]),
        "decision_mix_us": median([_us(book, mix) for _ in range(runs)]),
        "runs": runs,
    }
    show("policies 监控规则", ("figure", "value"), list(figures.items()))
    print("Ratios to other engines, and growth to ten times the policies, come with a later issue.")
    return figures


def _us(book: Book, rows: Sequence[Facts]) -> float:
    """CPU microseconds of one decision."""
    rounds, began = 0, time.process_time()
    while (spent := time.process_time() - began) < SECONDS:
        decide_all(book, rows)
        rounds += 1
    return spent * 1e6 / (rounds * len(rows))
