"""Our engine beside the others: the same rules, the same instructions, CPU time of one process.

Every engine must first give the answer that the neutral rules mean, on every instruction.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from adapters.formats.json.instruction import JsonFormat
from bench.drawn import Drawn, facts_from
from bench.machine import tended
from bench.neutral import Rule, bent, row, row_facts, rules
from bench.peers import agree, ours, peers_of
from bench.results import median, spread_of
from gateway.domain.facts import Facts

FEW, MANY = 44, 440
ORDINARY, BAD = "", "_bad_day"
BREAKING_EACH = {ORDINARY: 50, BAD: 20}
"""One instruction of so many breaks a rule; more only nearly do. A finding takes as long as a dozen
decisions without any, as it is put into words; the others only name the rule."""
HARD_EACH = 2
"""The same where nothing but agreement is looked for."""

Job: TypeAlias = tuple[Callable[[Any], Any], Sequence[Any]]
"""A call, and what it is given one by one."""
Times: TypeAlias = Mapping[tuple[str, str], list[float]]
"""CPU microseconds of one decision in each run, by engine and by what it decided."""


def contest(drawn: Drawn, runs: int) -> dict[str, Any]:
    """Ratios are how many times as long the other engine takes; above 1 ours is faster."""
    jobs: dict[tuple[str, str], Job] = {}
    figures: dict[str, Any] = {"instructions": len(drawn.facts)}
    for count in (FEW, MANY):
        asked = rules(count)
        engines = [ours(asked)[1], *peers_of(asked, cedar=count == FEW)]
        hard = bent(drawn.facts, asked, offender_each=HARD_EACH)
        agree(asked, engines, hard)
        for day, each in BREAKING_EACH.items():
            facts = bent(drawn.facts, asked, offender_each=each)
            share = agree(asked, engines, facts) / len(facts)
            figures[f"refused_share_{count}{day}"] = round(share, 3)
            of = row_facts(asked)
            pairs = [(one, row(one, of)) for one in facts]
            for engine in engines:
                given = [engine.takes(*pair) for pair in pairs]
                jobs[engine.name, f"{count}{day}"] = (engine.decide, given)
    few, many = rules(FEW), rules(MANY)
    jobs |= dict(_lawful(drawn, {str(FEW): few, str(MANY): many}))
    jobs |= dict(_from_json(drawn, few))
    times = timed(jobs, runs)
    return figures | _figures(times)


def _lawful(
    drawn: Drawn, books: Mapping[str, Sequence[Rule]]
) -> Iterator[tuple[tuple[str, str], Job]]:
    for count, asked in books.items():
        yield ("ours", f"{count}_lawful"), (ours(asked)[0].decide, drawn.facts)


def _from_json(drawn: Drawn, asked: Sequence[Rule]) -> Iterator[tuple[tuple[str, str], Job]]:
    """From the same bytes, all facts ready in them; and ours from the instruction as it came in:
    proven field by field, with its facts looked up in the registers."""
    book, engine = ours(asked)
    decoder = msgspec.json.Decoder(Facts)
    facts = bent(drawn.facts, asked, offender_each=BREAKING_EACH[ORDINARY])
    raw = [msgspec.json.encode(one) for one in facts]
    for peer in peers_of(asked, cedar=False, table_only=True):
        for one, bytes_ in zip(facts, raw, strict=True):
            assert peer.fired(peer.decide(bytes_)) == engine.fired(book.decide(one))
        yield (peer.name, "44_from_json"), (peer.decide, raw)
    yield ("ours", "44_from_json"), (lambda each: book.decide(decoder.decode(each)), raw)
    reader, registers = JsonFormat(), drawn.registers
    yield (
        ("ours", "44_from_instruction"),
        (lambda each: book.decide(facts_from(each, reader, registers)), drawn.raw),
    )


def timed(jobs: Mapping[tuple[str, str], Job], runs: int) -> Times:
    """All jobs in turn, so often: what else the machine does meets them alike.

    Each goes through its work once before the clock runs: in a gateway, facts are judged as soon as
    they are made, not fetched from memory that others have used since. Memory is tended as there.
    """
    times: dict[tuple[str, str], list[float]] = {name: [] for name in jobs}
    with tended():
        for _ in range(runs):
            for name, (call, given) in jobs.items():
                _all(call, given)
                began = time.process_time()
                _all(call, given)
                times[name].append((time.process_time() - began) * 1e6 / len(given))
    return times


def _all(call: Callable[[Any], Any], given: Sequence[Any]) -> None:
    for each in given:
        call(each)


def _figures(times: Times) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for (engine, what), values in times.items():
        figures[f"{engine}_{what}_us"] = median(values)
        if ("ours", what) in times and engine != "ours":
            figures[f"ratio_{engine}_{what}"] = _ratio(values, times["ours", what])
        if (engine, what) == ("zen_table", "44_from_json"):
            instruction = times["ours", "44_from_instruction"]
            figures["ratio_zen_table_44_from_instruction"] = _ratio(values, instruction)
    few, many = times["ours", str(FEW)], times["ours", str(MANY)]
    figures[f"growth_{MANY}_to_{FEW}"] = _ratio(many, few)
    figures["spread_us"] = {f"{e}_{what}": spread_of(v, 3) for (e, what), v in times.items()}
    return figures


def _ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """The median of the runs' own ratios: both were measured within the same moments."""
    return median([a / b for a, b in zip(one, other, strict=True)], 2)
