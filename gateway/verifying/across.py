"""Several exported folders of one log held against one another: what no single one can show."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from certs.log.day import CHECKPOINT, MISSING_NAMED_MAX, RECORDS
from certs.log.report import Exit, Report, Stopped, Walk
from gateway.verifying.beside import Beside, name_of
from gateway.verifying.stopped import check_stopped


def verify_across(proven: Sequence[tuple[Path, Report]]) -> Report:
    """`proven`: folders with their reports, each valid by itself, of one log.

    Each number of the log is one record in all of them, each instruction has one verdict, and what
    was stopped in one was not paid in another.
    """
    walk = Walk()
    stretches = sorted((_stretch(*each) for each in proven), key=lambda each: each.start)
    try:
        walk.expect(
            len({_origin(each.folder) for each in stretches}) == 1,
            "各夹出自同一日志。",
            "The folders are of one log.",
            Exit.USAGE,
        )
        _check_records(walk, stretches)
        _check_verdicts(walk, stretches)
        check_stopped(walk, stretches)
        _tell_holes(walk, stretches)
    except Stopped as stopped:
        return walk.report(stopped.exit)
    return walk.report()


def _check_records(walk: Walk, stretches: Sequence[Beside]) -> None:
    """Both signed for both: another record under a number is another history."""
    known: dict[int, bytes] = {}
    other = [
        seq
        for stretch in stretches
        for seq, digest in enumerate(_digests(stretch), stretch.start)
        if known.setdefault(seq, digest) != digest
    ]
    walk.facts |= {"told_otherwise": other[:MISSING_NAMED_MAX]}
    walk.found(
        not other,
        "各夹重叠处的记录相同。" if not other else f"同一序号在两夹中记录不同：{other[0]}。",
        "Where the folders overlap they hold the same records." if not other
        else f"{len(other)} numbers are another record in another folder, the first is {other[0]}.",
        Exit.FORK,
    )  # fmt: skip


def _check_verdicts(walk: Walk, stretches: Sequence[Beside]) -> None:
    first: dict[str, int] = {}
    twice = dict.fromkeys(
        name
        for stretch in stretches
        for verdict in stretch.verdicts()
        if first.setdefault(name := name_of(verdict), verdict["seq"]) != verdict["seq"]
    )
    named = list(twice)[:MISSING_NAMED_MAX]
    walk.facts |= {"judged_twice": named}
    walk.found(
        not twice,
        "各夹合计，每笔支付指令只有一条判定。" if not twice
        else f"各夹合计，有两条判定的支付指令：{named[0]}。",
        "In all folders together no instruction has two verdicts." if not twice
        else f"{len(twice)} instructions have two verdicts in different folders, the first is "
        f"{named[0]}.",
    )  # fmt: skip


def _tell_holes(walk: Walk, stretches: Sequence[Beside]) -> None:
    holes, reached = [], stretches[0].end
    for before, after in pairwise(stretches):
        reached = max(reached, before.end)
        if after.start > reached:
            holes.append([reached, after.start - 1])
    walk.facts |= {"between": holes[:MISSING_NAMED_MAX]}
    walk.expect(
        True,
        "各夹首尾相接。" if not holes
        else f"各夹之间未提供的记录 {len(holes)} 段，首段第 {holes[0][0]} 至 {holes[0][1]} 条。",
        "The folders follow one another without a hole." if not holes
        else f"{len(holes)} stretches between the folders were not given, the first is "
        f"{holes[0][0]} to {holes[0][1]}: nothing is said of them.",
    )  # fmt: skip


def _stretch(folder: Path, report: Report) -> Beside:
    start = report.facts["start"]
    return Beside(folder=folder, start=start, end=start + report.facts["records"])


def _origin(folder: Path) -> str:
    return (folder / CHECKPOINT).read_text().partition("\n")[0]


def _digests(stretch: Beside) -> Iterator[bytes]:
    with (stretch.folder / RECORDS).open("rb") as file:
        for line in file:
            yield hashlib.sha256(line).digest()
