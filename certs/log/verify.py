"""Verifying evidence offline: one record, or two checkpoints of a log, explained step by step.

Nothing but the texts, the keys and `cryptography` is needed; `certs.log.day` verifies a whole day.
"""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import attrs

from certs.log.note import (
    Checkpoint,
    Cosignature,
    NoteKey,
    NoteRefused,
    cosignatures,
    open_checkpoint,
    suites_wanted,
)
from certs.log.numbering import reads_one_way, sequence_number
from certs.log.paths import verify_consistency, verify_inclusion
from certs.log.proof import Proof, ProofRefused, parse_proof
from certs.log.report import Exit, Report, Stopped, Walk
from gateway.domain.log import tree_digest
from gateway.domain.tree import leaf_hash

_LEGAL_ZONE = ZoneInfo("Asia/Shanghai")


@attrs.frozen(kw_only=True)
class AuditKeys:
    """What an auditor brings along and trusts: never taken from the evidence itself."""

    logs: tuple[NoteKey, ...]
    witnesses: tuple[NoteKey, ...] = ()
    """If there are any, one of them must have cosigned."""


def verify_record(
    body: bytes, proof_text: str, keys: AuditKeys, *, kept_checkpoint: str | None = None
) -> Report:
    """Whether `body` stands in the log, signed by the bank and seen by the bureau.

    `kept_checkpoint`: one that the auditor kept from elsewhere. Of the same size, another root is a
    fork; of another size, one record's path says nothing of it: exit 2, `verify_day` can tell.
    """
    walk = Walk()
    try:
        proof = parse_proof(proof_text)
        walk.expect(True, "证明文本可读。", "The proof is readable.")
        checkpoint = open_signed(walk, proof.checkpoint, keys)
        if kept_checkpoint is not None:
            _same_history(walk, checkpoint, kept_checkpoint, keys)
        _check_place(walk, body, proof.index)
        walk.expect(
            _included(body, proof, checkpoint),
            f"记录的哈希沿 {len(proof.path)} 步路径算到检查点的根：它就是日志第 {proof.index} 条。",
            f"The record hashes along {len(proof.path)} steps to the checkpoint's root: "
            f"it is number {proof.index} of the log.",
        )
        walk.expect(
            reads_one_way(body, proof.index),
            "记录只有一种读法。",
            "The record can be read in one way only.",
        )
        return walk.report()
    except ProofRefused as refused:
        walk.fail("证明文本不可读。", f"The proof cannot be read: {refused}.")
        return walk.report(Exit.INVALID)
    except Stopped as stopped:
        return walk.report(stopped.exit)


def verify_growth(old: str, new: str, path: Sequence[bytes], keys: AuditKeys) -> Report:
    """Whether the log of checkpoint `new` only added to that of `old`. A fork exits 4."""
    walk = Walk()
    try:
        before = open_signed(walk, old, keys, "previous_")
        after = open_signed(walk, new, keys)
        walk.expect(
            before.origin == after.origin,
            "两个检查点出自同一日志。",
            "Both checkpoints are of one log.",
        )
        walk.expect(
            before.size == 0
            or verify_consistency(
                before.size, after.size, path, before.root, after.root, tree_digest(after.origin)
            ),
            f"前 {before.size} 条在新检查点中原样未动。",
            f"The first {before.size} records stand unchanged in the new checkpoint.",
            Exit.FORK,
        )
        return walk.report()
    except Stopped as stopped:
        return walk.report(stopped.exit)


def open_signed(walk: Walk, note: str, keys: AuditKeys, which: str = "") -> Checkpoint:
    """Steps: the bank's signature, the bureau's cosignature, the certificate's life.

    `which` stands before the names of its facts: only the judged checkpoint's have none.
    """
    try:
        checkpoint, signed = open_checkpoint(note, keys.logs)
    except NoteRefused as refused:
        raise walk.fail(
            "检查点没有所给代理银行证书的有效签名；换过记录密钥的，请把新旧证书一并给出"
            "（--bank 可重复）。",
            f"The checkpoint has no valid signature of the bank's record key: {refused}. Where it"
            " has changed, give the old and the new certificate (--bank is repeatable).",
        ) from refused
    walk.facts |= {f"{which}origin": checkpoint.origin, f"{which}size": checkpoint.size}
    walk.expect(
        True,
        f"检查点由代理银行签名：日志 {checkpoint.origin}，共 {checkpoint.size} 条。",
        f"The bank signed the checkpoint: log {checkpoint.origin}, {checkpoint.size} records.",
    )
    if keys.witnesses:
        try:
            found = cosignatures(signed, keys.witnesses)
        except NoteRefused as refused:
            raise walk.fail("财政部门的见证签名无效。", f"{refused}.") from refused
        at = _check_witnessed(walk, found, checkpoint, keys)
        walk.facts[f"{which}cosigned_at"] = at.isoformat()
    return checkpoint


def _check_witnessed(
    walk: Walk, found: Sequence[Cosignature], checkpoint: Checkpoint, keys: AuditKeys
) -> dt.datetime:
    if not found:
        raise walk.fail(
            "检查点没有所给财政部门证书的见证签名；财政部门换过密钥的，请把新旧证书一并给出"
            "（--bureau 可重复）。",
            "No cosignature of the bureau's certificates that were given; where it has changed its"
            " key, give the old and the new one (--bureau is repeatable).",
        )
    walk.expect(True, "检查点有财政部门的见证签名。", "The bureau cosigned the checkpoint.")
    first = min(found, key=lambda each: each.at)
    local = first.at.astimezone(_LEGAL_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    walk.expect(
        True,
        f"财政部门于北京时间 {local} 见证（{first.name}）。",
        f"The bureau witnessed it at {first.at.isoformat()} ({first.name}).",
    )
    walk.expect(
        _alive(keys.logs, checkpoint.origin, first.at) and first.lived,
        "见证当时双方证书均在有效期内。",
        "Both certificates were valid at that time.",
    )
    return first.at


def _alive(keys: Sequence[NoteKey], origin: str, at: dt.datetime) -> bool:
    """One key of each suite that the log must sign in."""
    living = {key.suite for key in keys if key.name == origin and key.lives(at)}
    return living >= set(suites_wanted(origin))


def open_kept(walk: Walk, checkpoint: Checkpoint, kept: str, keys: AuditKeys) -> Checkpoint:
    """The auditor's own checkpoint of the same log."""
    walk.expect(True, "以下查验留存的检查点。", "What follows is of the kept checkpoint.")
    other = open_signed(walk, kept, keys, "kept_")
    walk.expect(
        other.origin == checkpoint.origin,
        "留存的检查点出自同一日志。",
        "The kept checkpoint is of the same log.",
    )
    return other


def expect_kept_root(walk: Walk, kept: Checkpoint, root: bytes) -> None:
    """`root`: of the tree at hand, at the kept checkpoint's size."""
    walk.expect(
        kept.root == root,
        f"前 {kept.size} 条与留存的检查点是同一历史。",
        f"The first {kept.size} records are the history of the kept checkpoint.",
        Exit.FORK,
    )


def _same_history(walk: Walk, checkpoint: Checkpoint, kept: str, keys: AuditKeys) -> None:
    other = open_kept(walk, checkpoint, kept, keys)
    walk.expect(
        other.size == checkpoint.size,
        f"留存的检查点与证明的检查点大小相同，可以比对（{other.size}、{checkpoint.size}；"
        "大小不同须用 verify day --kept）。",
        "The kept checkpoint has the proof's size and can be compared "
        f"({other.size}, {checkpoint.size}; of another size only verify day --kept can tell).",
        Exit.USAGE,
    )
    expect_kept_root(walk, other, checkpoint.root)


def _included(body: bytes, proof: Proof, checkpoint: Checkpoint) -> bool:
    digest = tree_digest(checkpoint.origin)
    return verify_inclusion(
        proof.index, checkpoint.size, leaf_hash(body, digest), proof.path, checkpoint.root, digest
    )


def _check_place(walk: Walk, body: bytes, index: int) -> None:
    seq = sequence_number(body)
    walk.facts["seq"] = seq
    walk.expect(
        seq == index,
        f"记录自身写明的序号 {seq} 与证明的位置 {index} 一致。",
        f"The record's own number {seq} is the place {index} of the proof.",
    )
