"""Proves one record to the desk, step by step, from the bytes that are stored here."""

from collections.abc import Sequence

import msgspec

from bureau.desk.interceptions import Line
from bureau.inbox.hashes import inclusion_of
from bureau.inbox.keys import auditing_keys, own_keys
from bureau.ports import LogPlace, LogStore
from certs.log.note import cosignatures, open_checkpoint
from certs.log.paths import verify_inclusion
from certs.log.proof import format_proof
from certs.log.report import Step
from certs.signing.encoding import b64
from certs.trust import Trust
from gateway.domain.instruction import InstructionKey
from gateway.domain.legal_day import SHANGHAI
from gateway.domain.log import tree_digest
from gateway.domain.records import canonical
from gateway.domain.tree import leaf_hash


class Prover:
    """Proofs of records in the logs of `places`. Raises StoreUnavailable."""

    def __init__(self, store: LogStore, places: Sequence[LogPlace], trust: Trust) -> None:
        self._store = store
        self._places = {(place.division, place.bank): place for place in places}
        self._trust = trust

    async def steps(self, line: Line) -> list[Step]:
        """Nothing if the record has not come yet; otherwise each check and whether it holds."""
        place = self._places.get((line.division, line.bank))
        if place is None or line.record_seq is None:
            return []
        steps = await self._record(place, line.record_seq)
        if line.noticed_at is not None:
            steps.append(
                Step(
                    holds=not line.disagrees,
                    zh="通知原文与监控信息所载摘要一致",
                    en="the notice is the one whose digest the record carries",
                )
            )
        return steps

    async def proof_text(self, place: LogPlace, seq: int) -> tuple[bytes, str] | None:
        """A record's bytes and its `c2sp.org/tlog-proof@v1`, for checking without us."""
        head, cosigned = await self._store.held(place.division, place.bank)
        record = await self._store.record(place.division, place.bank, seq)
        if record is None or seq >= head.size:
            return None
        path = await inclusion_of(self._store, place, seq, head.size)
        return record.body, format_proof(seq, path, cosigned.checkpoint)

    async def evidence(self, line: Line) -> bytes | None:
        """All records of its payment that its bank has told, each with its proof up to the newest
        checkpoint that we cosigned, for `treasury-gateway verify record`. What the bank answered is
        not ours to hand out. None: no record has come."""
        place = self._places.get((line.division, line.bank))
        if place is None:
            return None
        head, cosigned = await self._store.held(place.division, place.bank)
        key = InstructionKey(
            division=line.division, fiscal_year=line.fiscal_year,
            voucher_type=line.voucher_type, voucher_no=line.voucher_no,
        )  # fmt: skip
        told = await self._store.of_subject(place.division, place.bank, str(key), head.size)
        items = [
            {
                "checkpoint": cosigned.checkpoint,
                "path": [
                    b64(node) for node in await inclusion_of(self._store, place, one.seq, head.size)
                ],
                "record": b64(one.body),
                "seq": one.seq,
                "tree_size": head.size,
            }
            for one in told
        ]
        document = {
            "evidence": items, "held_by": self._trust.own.uri,
            "instruction": msgspec.structs.asdict(key),
        }  # fmt: skip
        return canonical(document) if items else None

    async def _record(self, place: LogPlace, seq: int) -> list[Step]:
        head, cosigned = await self._store.held(place.division, place.bank)
        record = await self._store.record(place.division, place.bank, seq)
        if record is None or seq >= head.size:
            return [Step(holds=False, zh=f"第 {seq} 条不在日志中", en=f"record {seq} is not there")]
        try:
            path = await inclusion_of(self._store, place, seq, head.size)
            keys = auditing_keys(self._trust, place)
            checkpoint, signed = open_checkpoint(cosigned.checkpoint, keys)
            seals = cosignatures(signed, own_keys(self._trust))
        except ValueError as error:
            return [Step(holds=False, zh="检查点或路径无效", en=str(error))]
        digest = tree_digest(place.origin)
        included = verify_inclusion(
            seq, checkpoint.size, leaf_hash(record.body, digest), path, checkpoint.root, digest
        )
        when = f"{seals[0].at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" if seals else ""
        return [
            Step(
                holds=included,
                zh=f"原文在日志中：第 {seq} 条，共 {checkpoint.size} 条",
                en=f"its bytes are number {seq} of {checkpoint.size} in the log",
            ),
            Step(
                holds=checkpoint.origin == place.origin,
                zh="检查点由代理银行签名",
                en="the bank signed the checkpoint",
            ),
            Step(
                holds=bool(seals),
                zh=f"财政部门已签收（北京时间 {when}）" if when else "财政部门未签收",
                en=f"the bureau cosigned it ({when} Beijing time)" if when else "not cosigned",
            ),
        ]
