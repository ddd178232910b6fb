"""Policies: what one decision costs, beside other engines on the same rules, and over the past."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bench.contest import BREAKING_EACH, FEW, ORDINARY, Job, contest, timed
from bench.drawn import drawn
from bench.neutral import bent, rules
from bench.peers import PEERS, installed, missing
from bench.results import median, show, spread_of
from gateway.domain.facts import Facts
from policies.book.book import Book
from policies.book.load import LIBRARY, book_of, load, load_codes, load_texts
from policies.book.workload import blocked, decide_all, passing
from policies.replay.backtest import backtest
from policies.replay.stored import Stored

SECONDS = 0.1
"""Of CPU for one run."""
INSTRUCTIONS = 2_000
PAST_TIMES = 25
"""A past is longer, or what is compared were the books' compilation."""
CHANGED = "JL-042.toml"
LIMITS = {"1000.00": "1100.00", "1000.01": "1100.01", "999.99": "1099.99"}
"""What a bureau tries: a little more cash for one person at a time; the tests go with it."""
REVISED = {"\nrevision = ": "\nrevision = 9"}
"""Words and revisions alone: no verdict can differ."""
LATER = {"from = 2022-11-28": "from = 2022-11-29"}
"""Every policy begins a day later: all of both books must be run."""

TARGETS: Mapping[str, tuple[str, float]] = {
    "ratio_zen_table_44": (">=", 6),
    "ratio_cedarpy_44": (">=", 50),
    "ratio_zen_table_440": (">=", 10),
    "ratio_zen_table_44_from_json": (">=", 2.5),
    "growth_440_to_44": ("<=", 3),
    "backtest_per_cpu_s": (">=", 100_000),
    "backtest_all_changed_per_cpu_s": (">=", 100_000),
}


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the figures; `quick` only shows that it runs."""
    runs = 3 if quick else 11
    for name in missing():
        print(f"{name} is not installed: nothing is measured beside it. It is in the `dev` extra.")
    instructions = drawn(INSTRUCTIONS // 10 if quick else INSTRUCTIONS)
    figures = {
        **_library(runs),
        **contest(instructions, runs),
        **_replayed(instructions.facts, runs),
        "versions": {name: found for name in PEERS if (found := installed(name))},
        "runs": runs,
    }
    _show(figures)
    return figures


def _library(runs: int) -> dict[str, Any]:
    """The book that comes with the programs."""
    began = time.process_time()
    book = load()
    loaded = time.process_time() - began
    lawful, forbidden = list(passing()), [blocked()]
    mix = [*lawful] * 9 + forbidden * len(lawful)
    return {
        "policies": len(book.units),
        "book": book.revision,
        "load_ms": round(loaded * 1000, 1),
        "decision_lawful_us": median([_us(book, lawful) for _ in range(runs)]),
        "decision_blocked_us": median([_us(book, forbidden) for _ in range(runs)]),
        "decision_mix_us": median([_us(book, mix) for _ in range(runs)]),
    }


def _us(book: Book, rows: Sequence[Facts]) -> float:
    """CPU microseconds of one decision."""
    rounds, began = 0, time.process_time()
    while (spent := time.process_time() - began) < SECONDS:
        decide_all(book, rows)
        rounds += 1
    return spent * 1e6 / (rounds * len(rows))


def _replayed(facts: Sequence[Facts], runs: int) -> dict[str, Any]:
    """Instructions of the past through the library and its successor, for each CPU second: with one
    policy changed, as when a bureau tries one; with every document
    revised in its words; and with every policy in force a day later."""
    texts, codes = load_texts(LIBRARY / "jilin"), load_codes()
    one = texts | {CHANGED: _replaced(texts[CHANGED], LIMITS)}
    revised = {name: _replaced(text, REVISED) for name, text in texts.items()}
    every = {name: _replaced(text, LATER) for name, text in texts.items()}
    past = bent(facts, rules(FEW), offender_each=BREAKING_EACH[ORDINARY])
    stored = [Stored(id=str(n), facts=each) for n, each in enumerate(past * PAST_TIMES)]
    old = book_of(texts, codes)
    jobs: dict[tuple[str, str], Job] = {
        ("replay", name): (partial(backtest, old, book_of(changed, codes)), [stored])
        for name, changed in (("one", one), ("revised", revised), ("every", every))
    }
    times = timed(jobs, runs)
    rates = {name: [len(stored) * 1e6 / us for us in times["replay", name]] for _, name in jobs}
    return {
        "backtest_per_cpu_s": median(rates["one"], 0),
        "backtest_all_revised_per_cpu_s": median(rates["revised"], 0),
        "backtest_all_changed_per_cpu_s": median(rates["every"], 0),
        "backtest_spread": {name: spread_of(values, 0) for name, values in rates.items()},
    }


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for was, becomes in words.items():
        assert was in text, f"the library says {was} no more"
        text = text.replace(was, becomes)
    return text


def _show(figures: Mapping[str, Any]) -> None:
    plain = [(k, v) for k, v in figures.items() if not isinstance(v, dict) and k not in TARGETS]
    show("policies 监控规则", ("figure", "value"), plain)
    rows = [
        (name, figures.get(name, "not measured"), f"{sign} {wanted:,}", _met(figures, name))
        for name, (sign, wanted) in TARGETS.items()
    ]
    show("targets 目标", ("figure", "value", "target", "met"), rows)


def _met(figures: Mapping[str, Any], name: str) -> str:
    if name not in figures:
        return ""
    sign, wanted = TARGETS[name]
    return "yes" if (figures[name] >= wanted) is (sign == ">=") else "no"
