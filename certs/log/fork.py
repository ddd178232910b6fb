"""Two signed histories of one log as a folder that proves itself: what a bureau hands to a court.

Files: `held` and `shown`, the two checkpoints; `proof` where they are of two sizes: what the larger
one's log really held at the smaller size (`old <size>`, root, path). Exit 4 is the proven fork; a
folder that proves none exits 1, so that nobody is accused by mistake.
"""

from collections.abc import Sequence
from pathlib import Path

import attrs

from certs.log.growth import Growth, format_growth, parse_growth
from certs.log.note import Checkpoint
from certs.log.paths import verify_consistency
from certs.log.proof import ProofRefused
from certs.log.report import Exit, Report, Stopped, Walk
from certs.log.verify import AuditKeys, open_signed
from gateway.domain.log import tree_digest

HELD, SHOWN, PROOF = "held", "shown", "proof"


@attrs.frozen(kw_only=True)
class Fork:
    held: str
    """The bureau's, cosigned."""
    shown: str
    """What the bank signed as well."""
    root: bytes | None = None
    """Of two sizes: the larger one's tree had this root at the smaller size, ..."""
    path: Sequence[bytes] = ()
    """... and this path says so."""


def write_fork(folder: Path, fork: Fork) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / HELD).write_bytes(fork.held.encode())
    (folder / SHOWN).write_bytes(fork.shown.encode())
    if fork.root is not None:
        small, large = sorted((fork.held, fork.shown), key=_size)
        text = format_growth(_size(small), [fork.root, *fork.path], large)
        (folder / PROOF).write_bytes(text.encode())


def verify_fork(folder: Path, keys: AuditKeys) -> Report:
    """Whether the folder proves that one log signed two histories: exit 4 if so, else 1 or 2."""
    walk = Walk()
    try:
        held, shown = _read(walk, folder, HELD), _read(walk, folder, SHOWN)
        ours = open_signed(walk, held, keys, "held_")
        theirs = open_signed(walk, shown, AuditKeys(logs=keys.logs), "shown_")
        walk.expect(
            ours.origin == theirs.origin,
            "两个检查点出自同一日志，均由其记录密钥签名。",
            "Both checkpoints are of one log and signed by its record key.",
        )
        if ours.size == theirs.size:
            return _same_size(walk, ours, theirs)
        small, large = sorted((ours, theirs), key=lambda each: each.size)
        proof = _proof(walk, folder, small.size, held if large is ours else shown)
        return _two_sizes(walk, proof, small, large)
    except Stopped as stopped:
        return walk.report(stopped.exit)


def _same_size(walk: Walk, ours: Checkpoint, theirs: Checkpoint) -> Report:
    walk.expect(
        ours.root != theirs.root,
        f"同为 {ours.size} 条，根却不同：两种历史。",
        f"Both are of {ours.size} records, and their roots differ: two histories.",
    )
    return walk.report(Exit.FORK)


def _proof(walk: Walk, folder: Path, old: int, later: str) -> Growth:
    """The one that belongs to these two checkpoints, with at least a root."""
    try:
        proof = parse_growth(_read(walk, folder, PROOF))
    except ProofRefused as refused:
        raise walk.fail("证明文本不可读。", f"The proof cannot be read: {refused}.") from refused
    walk.expect(
        proof.old == old and proof.checkpoint == later and len(proof.path) > 0,
        "证明属于这两个检查点。",
        "The proof belongs to these two checkpoints.",
    )
    return proof


def _two_sizes(walk: Walk, proof: Growth, small: Checkpoint, large: Checkpoint) -> Report:
    root, path = proof.path[0], proof.path[1:]
    digest = tree_digest(large.origin)
    walk.expect(
        verify_consistency(small.size, large.size, path, root, large.root, digest),
        f"{large.size} 条的日志在第 {small.size} 条时的根已由路径证明。",
        f"The path proves which root the log of {large.size} had at size {small.size}.",
    )
    walk.expect(
        root != small.root,
        f"签名的 {small.size} 条检查点是另一个根：两种历史。",
        f"The signed checkpoint of size {small.size} has another root: two histories.",
    )
    return walk.report(Exit.FORK)


def _read(walk: Walk, folder: Path, name: str) -> str:
    try:
        return (folder / name).read_bytes().decode()
    except (OSError, ValueError) as error:
        raise walk.fail(
            f"材料不全：{name} 不可读。", f"`{name}` is missing or unreadable: {error}.", Exit.USAGE
        ) from error


def _size(note: str) -> int:
    return int(note.split("\n", 2)[1])
