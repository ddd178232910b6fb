"""`policy test|diff|backtest` on folders: each policy tried, two compared, decisions made anew."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson

from policies.book.compile import compile_policy
from policies.book.document import Policy
from policies.book.load import load, load_codes, load_texts
from policies.book.read import read_policy
from policies.book.steps import finished
from policies.language.errors import PolicyRefused, Problem
from policies.proof.trial import KILLED_LEAST_PERCENT, Trial, trial
from policies.replay.backtest import backtest
from policies.replay.compare import Difference, compare
from policies.replay.report import Report as BacktestReport
from policies.replay.stored import Stored, read_stored

PROGRESS_LINES = 5_000


@attrs.frozen(kw_only=True)
class Report:
    """All trials of a folder; what could not even be read stands in `problems`."""

    trials: tuple[Trial, ...]
    problems: tuple[Problem, ...]

    @property
    def passed(self) -> bool:
        return not self.problems and bool(self.trials) and all(t.passed for t in self.trials)


def test_policies(
    folder: Path, only: Sequence[str], on_progress: Callable[[int, int, str], None]
) -> Report:
    """Try each policy; `on_progress` gets how many are done, of how many, and which is next.

    Raises OSError, PolicyRefused (a code list).
    """
    codes = load_codes()
    texts = load_texts(folder)
    trials: list[Trial] = []
    problems: list[Problem] = []
    for done, (place, text) in enumerate(texts.items()):
        on_progress(done, len(texts), place)
        try:
            policy = read_policy(text, place)
            if only and policy.id not in only:
                continue
            trials.append(finished(trial(policy, compile_policy(policy, codes), codes)))
        except PolicyRefused as refused:
            problems += refused.problems
    on_progress(len(texts), len(texts), "")
    for id in sorted(set(only) - {one.policy for one in trials}):
        zh, en = "没有读到这条规则", "no such policy was read"
        problems.append(Problem(place=id, column=0, zh=zh, en=en))
    return Report(trials=tuple(trials), problems=tuple(problems))


test_policies.__test__ = False  # type: ignore[attr-defined]


def trial_fields(one: Trial) -> dict[str, Any]:
    """For `--json`."""
    return {
        "boundaries": one.boundaries,
        "cases": one.cases,
        "killed": one.killed,
        "killed_by_embedded_tests": one.killed_by_author,
        "killed_percent": round(one.killed_percent, 1),
        "mutants": one.mutants,
        "passed": one.passed,
        "policy": one.policy,
        "problems": [str(problem) for problem in one.problems],
        "survivors": list(one.survivors),
        "undecided": list(one.undecided),
        "unseen": list(one.unseen),
    }


def report_lines(report: Report) -> Iterator[str]:
    """For a person: a line per policy, and under it what falls short."""
    yield "policy   result  cases boundaries  mutants killed"
    for one in report.trials:
        word = "pass" if one.passed else "FAIL"
        yield (
            f"{one.policy:8} {word:7} {one.cases:5} {one.boundaries:10}  {one.mutants:7}"
            f" {one.killed_percent:5.1f}%"
        )
        yield from (f"    测试未通过 failed: {problem}" for problem in one.problems)
        yield from (f"    条款未见 clause never seen: {place}" for place in one.unseen)
        yield from (f"    界限未检 threshold decides no case: {at}" for at in one.undecided)
        if not one.passed:
            yield from (f"    未发现的改动 mutant survived: {what}" for what in one.survivors)
    yield from (f"未能读取 refused: {problem}" for problem in report.problems)
    made = sum(one.mutants for one in report.trials)
    killed = sum(one.killed for one in report.trials)
    failing = [one.policy for one in report.trials if not one.passed]
    share = 100 * killed / made if made else 0.0
    yield (
        f"{len(report.trials)} policies, {made} mutants, {share:.1f}% killed"
        f" (least {KILLED_LEAST_PERCENT}% each); falling short: {' '.join(failing) or 'none'}"
    )


def read_folder(folder: Path) -> tuple[Policy, ...]:
    """The documents of a folder, unproven. Raises PolicyRefused, OSError."""
    return tuple(read_policy(text, place) for place, text in load_texts(folder).items())


def differences(old: Path, new: Path) -> tuple[Difference, ...]:
    return compare(read_folder(old), read_folder(new))


def backtest_folders(
    old: Path, new: Path, facts: Path, on_progress: Callable[[int, int], None]
) -> BacktestReport:
    """Both books over a file of stored instructions, one JSON object a line, in time order.

    `on_progress` gets the bytes read and the file's size. Raises PolicyRefused, ValueError with the
    line's number, OSError.
    """
    books = load(old), load(new)
    with facts.open("rb") as lines:
        return backtest(*books, _stored(lines, facts.stat().st_size, on_progress))


def _stored(
    lines: Iterable[bytes], size: int, on_progress: Callable[[int, int], None]
) -> Iterator[Stored]:
    read = 0
    for number, line in enumerate(lines, 1):
        try:
            yield read_stored(orjson.loads(line))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        read += len(line)
        if number % PROGRESS_LINES == 0:
            on_progress(read, size)
    on_progress(size, size)
