"""A day of the log as a folder that proves itself: written by either party, verified by anybody.

Files: `checkpoint` (the day's last, signed and cosigned), `records.ndjson` (one record a line, the
exact bytes), `previous` (the checkpoint before, absent on the first day), `frontier` (its hashes,
base64, largest subtree first), `leaves` (base64 leaf hash of each record, to name an altered one).
"""

import operator
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import attrs

from certs.log.note import Checkpoint
from certs.log.numbering import reads_one_way, says_number, sequence_number
from certs.log.report import Exit, Report, Stopped, Walk
from certs.log.verify import AuditKeys, expect_kept_root, open_kept, open_signed
from certs.signing.encoding import b64, from_b64
from gateway.domain.log import tree_digest
from gateway.domain.tree import extend, leaf_hash, root_of

CHECKPOINT, PREVIOUS, FRONTIER = "checkpoint", "previous", "frontier"
RECORDS, LEAVES = "records.ndjson", "leaves"
CLOSE, NOTICES = "day_close.json", "notices.ndjson"
"""What the records do not prove themselves, where the folder is a day's and the bank's."""
MISSING_NAMED_MAX = 1000


@attrs.frozen(kw_only=True)
class Day:
    """What is written: `previous` and `frontier` are where the log stood before."""

    checkpoint: str
    records: Sequence[bytes]
    previous: str | None = None
    frontier: Sequence[bytes] = ()


def write_day(folder: Path, day: Day) -> None:
    """Write the folder's files. Raises ValueError for a record that is not one line."""
    if any(b"\n" in body for body in day.records):
        raise ValueError("a record has a line break")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CHECKPOINT).write_bytes(day.checkpoint.encode())
    (folder / RECORDS).write_bytes(b"".join(body + b"\n" for body in day.records))
    digest = tree_digest(day.checkpoint.partition("\n")[0])
    leaves = "".join(f"{b64(leaf_hash(body, digest))}\n" for body in day.records)
    (folder / LEAVES).write_bytes(leaves.encode())
    if day.previous is not None:
        (folder / PREVIOUS).write_bytes(day.previous.encode())
        (folder / FRONTIER).write_bytes("".join(f"{b64(each)}\n" for each in day.frontier).encode())


def verify_day(folder: Path, keys: AuditKeys, kept: str | None = None) -> Report:
    """Whether the folder's records are all of the log between its two checkpoints, unaltered.

    `kept`: a checkpoint that the auditor has from elsewhere; the folder must reach it and hold its
    root. Without it, an earlier checkpoint or another history that both parties signed is valid.
    Exit 3 names the missing numbers, 4 means that history was rewritten, 2 that files are missing.
    """
    walk = Walk()
    try:
        day = _read(walk, folder)
        walk.expect(True, "材料齐全可读。", "All files are there and readable.", Exit.USAGE)
        last = open_signed(walk, day.checkpoint, keys)
        first = _start(walk, day, last, keys)
        _check_complete(walk, day.records, first, last)
        _check_bytes(walk, day, folder, first, last)
        _check_readings(walk, day.records, first.size)
        if kept is not None:
            _check_kept(walk, day, first, open_kept(walk, last, kept, keys), last)
        return walk.report()
    except Stopped as stopped:
        return walk.report(stopped.exit)


def _read(walk: Walk, folder: Path) -> Day:
    try:
        previous = folder / PREVIOUS
        has_previous = previous.exists()
        records = (folder / RECORDS).read_bytes().split(b"\n")
        if records.pop():
            raise ValueError("the last record is cut off")
        return Day(
            checkpoint=(folder / CHECKPOINT).read_bytes().decode(),
            records=records,
            previous=previous.read_bytes().decode() if has_previous else None,
            frontier=_hashes(folder / FRONTIER) if has_previous else (),
        )
    except (OSError, ValueError) as error:
        raise walk.fail(
            "材料不全或不可读。", f"Files are missing or unreadable: {error}.", Exit.USAGE
        ) from error


def _hashes(path: Path) -> tuple[bytes, ...]:
    return tuple(from_b64(line) for line in path.read_bytes().decode().splitlines())


def _start(walk: Walk, day: Day, last: Checkpoint, keys: AuditKeys) -> Checkpoint:
    """Where the log stood before: its size, and that the frontier handed over is that tree's."""
    if day.previous is None:
        return Checkpoint(origin=last.origin, size=0, root=_root(last.origin, 0, (), ()))
    first = open_signed(walk, day.previous, keys, "previous_")
    walk.expect(
        first.origin == last.origin,
        "前后两个检查点出自同一日志。",
        "Both checkpoints are of one log.",
    )
    rewritten = first.size > last.size or (first.size == last.size and first.root != last.root)
    walk.expect(not rewritten, "日志只增不减。", "The log only grew.", Exit.FORK)
    try:
        fits = _root(first.origin, first.size, day.frontier, ()) == first.root
    except ValueError:
        fits = False
    walk.expect(
        fits,
        f"起点属实：前 {first.size} 条的子树根与前一检查点一致。",
        f"The start is true: the subtree roots of the first {first.size} are the former root's.",
    )
    return first


def _check_complete(
    walk: Walk, records: Sequence[bytes], first: Checkpoint, last: Checkpoint
) -> None:
    wanted = range(first.size, last.size)
    walk.facts |= {"start": first.size, "records": len(records)}
    numbers = _numbers(records, first.size)
    if len(numbers) == len(wanted) and all(map(operator.eq, numbers, wanted)):
        walk.expect(
            True,
            f"第 {first.size} 至 {last.size - 1} 条一条不缺，序号连续。",
            f"Records {first.size} to {last.size - 1} are all there, in order.",
        )
        return
    held = {each for each in numbers if each is not None and each in wanted}
    lacking = len(wanted) - len(held)
    # Lazily: a signed size may be far beyond the records at hand.
    missing = list(islice((seq for seq in wanted if seq not in held), MISSING_NAMED_MAX))
    if missing:
        walk.facts |= {"missing": missing, "missing_count": lacking}
        raise walk.fail(
            f"缺 {lacking} 条，首条序号 {missing[0]}。",
            f"{lacking} records are missing, the first is {missing[0]}.",
            Exit.GAP,
        )
    raise walk.fail(
        "序号有重复、多余或次序颠倒。",
        "A number stands twice, beyond the signed size, or out of order.",
    )


def _check_bytes(walk: Walk, day: Day, folder: Path, first: Checkpoint, last: Checkpoint) -> None:
    digest = tree_digest(last.origin)
    leaves = [leaf_hash(body, digest) for body in day.records]
    if _root(last.origin, first.size, day.frontier, leaves) == last.root:
        walk.expect(
            True,
            f"{len(leaves)} 条记录逐字节算到检查点的根，未被改动。",
            f"{len(leaves)} records hash, byte for byte, to the checkpoint's root.",
        )
        return
    named = _named_leaves(folder)
    if _signed_leaves(day, named, first, last):
        altered = [
            seq for seq, (found, said) in enumerate(zip(leaves, named, strict=True), first.size)
            if found != said
        ]  # fmt: skip
        walk.facts["altered"] = altered[:MISSING_NAMED_MAX]
        raise walk.fail(
            f"有 {len(altered)} 条被改动，首条序号 {altered[0]}。",
            f"{len(altered)} records are altered, the first is {altered[0]}.",
        )
    raise walk.fail(
        "记录算不到检查点的根：记录被改动或历史被改写。",
        "The records do not hash to the checkpoint's root: altered, or the history rewritten.",
    )


def _check_readings(walk: Walk, records: Sequence[bytes], start: int) -> None:
    doubtful = [seq for seq, body in enumerate(records, start) if not reads_one_way(body, seq)]
    if doubtful:
        walk.facts["two_readings"] = doubtful[:MISSING_NAMED_MAX]
    walk.found(
        not doubtful,
        "每条记录只有一种读法。" if not doubtful
        else f"有 {len(doubtful)} 条可作两种读法，首条序号 {doubtful[0]}。",
        "Each record can be read in one way only." if not doubtful
        else f"{len(doubtful)} records can be read in two ways, the first is {doubtful[0]}.",
    )  # fmt: skip


def _check_kept(
    walk: Walk, day: Day, first: Checkpoint, kept: Checkpoint, last: Checkpoint
) -> None:
    """After the records proved the last root: grown from the folder's start, as large as kept."""
    if kept.size > last.size:
        missing = range(last.size, kept.size)
        walk.facts |= {"missing": [*missing[:MISSING_NAMED_MAX]], "missing_count": len(missing)}
    walk.expect(
        kept.size <= last.size,
        f"交出的记录到达留存检查点的 {kept.size} 条（交出至前 {last.size} 条）。",
        f"The records reach the kept checkpoint's {kept.size} (handed over: up to {last.size}).",
        Exit.GAP,
    )
    walk.expect(
        kept.size >= first.size,
        f"留存的检查点（{kept.size} 条）不早于本夹起点（{first.size} 条），可以比对。",
        f"The kept checkpoint ({kept.size}) is not before this folder's start ({first.size}).",
        Exit.USAGE,
    )
    digest = tree_digest(last.origin)
    leaves = [leaf_hash(body, digest) for body in day.records[: kept.size - first.size]]
    expect_kept_root(walk, kept, _root(last.origin, first.size, day.frontier, leaves))


def _root(origin: str, size: int, frontier: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
    """Of the tree of `size` grown by these leaves. Raises ValueError for another's frontier."""
    digest = tree_digest(origin)
    return root_of(extend(size, frontier, leaves, digest).frontier, digest)


def _signed_leaves(day: Day, named: Sequence[bytes], first: Checkpoint, last: Checkpoint) -> bool:
    """Whether the leaf hashes beside the records are those that the log signed."""
    if len(named) != len(day.records):
        return False
    return _root(last.origin, first.size, day.frontier, named) == last.root


def _named_leaves(folder: Path) -> tuple[bytes, ...]:
    """They only help to name what is altered, so an absent or broken file proves nothing."""
    try:
        return _hashes(folder / LEAVES)
    except (OSError, ValueError):
        return ()


def _numbers(records: Sequence[bytes], start: int) -> list[int | None]:
    """Each record's number: searched for where it should be, parsed only when it is not there."""
    return [
        seq if says_number(body, seq) else sequence_number(body)
        for seq, body in enumerate(records, start)
    ]
