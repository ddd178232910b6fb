"""A day's close and its times, held against the verdicts and the bank's words in the folder."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import orjson

from certs.log.day import CLOSE, MISSING_NAMED_MAX
from certs.log.report import Exit, Report, Walk
from certs.signing.encoding import from_b64
from gateway.domain.bank import BankOutcome
from gateway.domain.day import bounds
from gateway.domain.legal_day import legal_day
from gateway.domain.records import RecordKind, paid_fen
from gateway.verifying.beside import Beside, name_of

GRACE = dt.timedelta(minutes=5)
"""A close waits so long after midnight for what was judged before it (gateway/workers/close.py)."""
UNCERTAIN = dt.timedelta(minutes=1)
"""Words of the bank sealed so shortly before a close may not have been counted yet."""
COUNTED = ("verdicts", "amount_fen", "passed", "passed_fen", "held", "blocked")
"""Of a line of the close: what the day's verdicts alone decide."""
WHOLE = ("verdicts", "amount_fen")
"""Of the close itself: the sums of its lines."""
Fields = dict[str, Any]
Account = tuple[str, str | None]


def check_times(walk: Walk, beside: Beside, on: str | None) -> None:
    """The folder covers the day it is called after, and no verdict is dated into another day than
    that in which it was sealed; no instruction has two."""
    if on is not None:
        dawn = bounds(dt.date.fromisoformat(on))[0].astimezone(dt.UTC)
        since, until = walk.facts.get("previous_cosigned_at", ""), walk.facts["cosigned_at"]
        walk.expect(
            since < dawn.isoformat() <= until,
            f"本夹自 {on} 之前起，至该日或之后止。",
            f"The folder begins before {on} and reaches that day or further.",
            Exit.USAGE,
        )
    misdated, twice = _order(beside, walk.facts["cosigned_at"])
    if misdated or twice:
        walk.facts |= {"misdated": misdated[:MISSING_NAMED_MAX]}
        walk.facts |= {"judged_twice": twice[:MISSING_NAMED_MAX]}
    walk.found(
        not misdated,
        "判定日期与其在日志中的先后相符。" if not misdated
        else f"判定日期与先后不符 {len(misdated)} 条，首条序号 {misdated[0]}。",
        "The verdicts are dated as they were sealed." if not misdated
        else f"{len(misdated)} verdicts are dated into another day, the first is {misdated[0]}.",
    )  # fmt: skip
    walk.found(
        not twice,
        "本夹内每笔支付指令只有一条判定。" if not twice else f"有两条判定的支付指令：{twice[0]}。",
        "No instruction has two verdicts in this folder." if not twice
        else f"{len(twice)} instructions have two verdicts, the first is {twice[0]}.",
    )  # fmt: skip


def _order(beside: Beside, cosigned_at: str) -> tuple[list[int], list[str]]:
    """Numbers of misdated verdicts, and the instructions that were judged twice.

    Where the night was quiet no verdict of the new day stands before one that is dated back: the
    close of its day does, which has waited GRACE for whatever was judged in it.
    """
    misdated: list[int] = []
    twice: list[str] = []
    seen: set[str] = set()
    latest = closed = dt.datetime.min.replace(tzinfo=dt.UTC)
    end = dt.datetime.fromisoformat(cosigned_at) + GRACE
    for verdict in beside.told(RecordKind.VERDICT, RecordKind.DAY_CLOSE):
        if verdict["kind"] == RecordKind.DAY_CLOSE:
            closed = max(closed, bounds(dt.date.fromisoformat(verdict["day"]))[1])
            continue
        at, name = _at(verdict), name_of(verdict)
        back = latest - at > GRACE and legal_day(at) < legal_day(latest)
        if back or at < closed or at > end:
            misdated.append(verdict["seq"])
        if name in seen:
            twice.append(name)
        seen.add(name)
        latest = max(latest, at)
    return misdated, twice


@attrs.define
class _Found:
    """What the records say of one payer account of one agency on the day."""

    counted: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(COUNTED, 0))
    sent: list[int] = attrs.field(factory=lambda: [0, 0])
    """Count and sum of what passed or was held: more than these the bank cannot have taken."""
    accepted: list[int] = attrs.field(factory=lambda: [0, 0])
    refused: list[int] = attrs.field(factory=lambda: [0, 0])


def check_close(
    walk: Walk, beside: Beside, on: str | None, prove: Callable[[Fields], Report]
) -> None:
    """The close stands in the log itself, is the day's, and says what the records say."""
    file = beside.folder / CLOSE
    if not file.exists():
        return
    parts = [_proven_part(walk, item, prove) for item in _items(walk, file)]
    walk.expect(
        bool(parts)
        and parts[0]["parts"] == len(parts)
        and [part.get("part") for part in parts] == list(range(1, len(parts) + 1))
        and all(_head(one) == _head(other) for one, other in pairwise(parts)),
        "日终汇总记录齐全，均在日志中。",
        "All parts of the day's close are here and stand in the log.",
    )
    first, lines = parts[0], [line for part in parts for line in part["lines"]]
    walk.facts |= {"day_close": first["day"]}
    walk.expect(
        on in (None, first["day"]),
        f"日终汇总为 {first['day']}，与清单所列日期一致。",
        f"The close is of {first['day']}, the day of the signed list.",
    )
    walk.expect(
        all(beside.start <= part["seq"] < beside.end for part in parts),
        "本夹至日终汇总为止的记录俱在。",
        "The folder reaches the close, and so holds all that it counts (else export it anew).",
        Exit.USAGE,
    )
    _check_sums(walk, beside, first, lines)
    lacking = first["unrecorded"]
    walk.facts["unrecorded"] = lacking
    walk.expect(
        not lacking and not first["number_gaps"],
        "日终汇总未指出账本有而日志缺少的判定。",
        f"The close names no verdict that the ledger holds and the log lacks ({len(lacking)}).",
        Exit.GAP,
    )


def _check_sums(walk: Walk, beside: Beside, first: Fields, lines: list[Fields]) -> None:
    said = {(line["agency"], line["account"]): line for line in lines}
    walk.expect(
        len(said) == len(lines)
        and all(first[name] == sum(line[name] for line in lines) for name in WHOLE),
        "日终汇总的合计为其各行之和，每户一行。",
        "The close's totals are the sums of its lines, one for each account.",
    )
    found = _found(beside, first)
    wrong = sorted(key for key in said.keys() | found.keys() if _differs(said, found, key))
    walk.facts |= {"day_close_differs": [list(key) for key in wrong]}
    walk.expect(
        not wrong,
        f"日终汇总与判定记录逐户相符：{first['verdicts']} 笔。",
        f"The day's close agrees with the verdicts, account by account: {first['verdicts']}.",
    )
    wrong = sorted(key for key in found if not _possible(said[key], found[key]))
    walk.facts |= {"bank_part_differs": [list(key) for key in wrong]}
    walk.expect(
        not wrong,
        "日终汇总的银行结果与银行结果记录不矛盾。",
        "What the close says of the bank contradicts no record of the bank's outcome.",
    )


def _head(part: Fields) -> Fields:
    return {name: part[name] for name in part if name not in ("lines", "part", "seq")}


def _proven_part(walk: Walk, item: Fields, prove: Callable[[Fields], Report]) -> Fields:
    report = prove(item)
    if not report.valid:
        walk.steps += report.steps
        raise walk.fail("日终汇总记录未能证明。", "The day's close is not proven.", report.exit)
    fields: Fields = orjson.loads(from_b64(item["record"]))
    if fields.get("kind") != RecordKind.DAY_CLOSE:
        raise walk.fail("不是日终汇总记录。", "It is no record of a day's close.")
    return fields


def _found(beside: Beside, close: Fields) -> dict[Account, _Found]:
    since, until = bounds(dt.date.fromisoformat(close["day"]))
    settled_by = _at(close) - UNCERTAIN
    found: dict[Account, _Found] = defaultdict(_Found)
    open_: dict[str, tuple[_Found, int]] = {}
    settled: dict[str, tuple[list[int], int]] = {}
    for record in beside.told(RecordKind.VERDICT, RecordKind.BANK_OUTCOME, RecordKind.CORRECTION):
        if record["kind"] == RecordKind.VERDICT:
            if since <= _at(record) < until:
                line = found[record["agency"]["code"], record["payer"]["account"]]
                _add(line, record)
                if record["outcome"] != "blocked":
                    open_[name_of(record)] = line, paid_fen(record)
        elif record["kind"] == RecordKind.CORRECTION:
            _doubt(settled.pop(name_of(record), None))
        elif _at(record) < settled_by and (of := open_.pop(name_of(record), None)):
            line, amount = of
            taken = record["bank_outcome"] == BankOutcome.ACCEPTED
            pair = line.accepted if taken else line.refused
            _count(pair, amount)
            settled[name_of(record)] = pair, amount
    return found


def _add(line: _Found, verdict: Fields) -> None:
    amount, outcome = paid_fen(verdict), verdict["outcome"]
    line.counted["verdicts"] += 1
    line.counted["amount_fen"] += amount
    line.counted[outcome] += 1
    if outcome == "passed":
        line.counted["passed_fen"] += amount
    if outcome != "blocked":
        _count(line.sent, amount)


def _doubt(counted: tuple[list[int], int] | None) -> None:
    """A payment of which two words were recorded may count either way: the close tells the one that
    counted when it was written."""
    if counted:
        pair, amount = counted
        pair[0] -= 1
        pair[1] -= amount


def _count(pair: list[int], amount: int) -> None:
    pair[0] += 1
    pair[1] += amount


def _differs(said: dict[Account, Fields], found: dict[Account, _Found], key: Account) -> bool:
    if key[1] is None:
        return False  # verdicts that no record holds: named by the close itself
    nothing = dict.fromkeys(COUNTED, 0)
    counted = found[key].counted if key in found else nothing
    return {name: said.get(key, nothing)[name] for name in COUNTED} != counted


def _possible(line: Fields, found: _Found) -> bool:
    """What the bank said later than the records show is neither proven nor contradicted."""
    taken, refused, unknown = int(line["accepted"]), int(line["rejected"]), int(line["unknown"])
    (least, least_fen), (no, no_fen), (most, most_fen) = found.accepted, found.refused, found.sent
    return (
        least <= taken <= most - no
        and least_fen <= int(line["accepted_fen"]) <= most_fen - no_fen
        and no <= refused <= most - least
        and int(line["passed"]) <= taken + refused + unknown <= most
    )


def _at(record: Fields) -> dt.datetime:
    return dt.datetime.fromtimestamp(record["recorded_at"] / 1_000_000, dt.UTC)


def _items(walk: Walk, file: Path) -> list[Fields]:
    try:
        items: list[Fields] = orjson.loads(file.read_bytes())["evidence"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise walk.fail(
            f"{file.name} 不可读。", f"{file.name} cannot be read: {error}.", Exit.USAGE
        ) from error
    return items
