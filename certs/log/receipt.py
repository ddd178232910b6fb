"""The intake receipt, held by the sender: that the gateway decided this instruction, signed.

Whoever holds one can show that an instruction was never logged (Art. 10(4)3, 28(4)).
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import attrs
import orjson
from cryptography import x509

from certs.log.report import Exit, Report, Stopped, Walk
from certs.signing.jws import JwsRefused, read_compact, verify_compact
from certs.signing.signer import thumbprint_of, uri_of
from certs.signing.suites import public_of
from gateway.domain.legal_day import SHANGHAI
from gateway.domain.records import canonical

FIELDS = {"decided_at", "digest", "instruction", "kind", "outcome"}
KIND = "intake_receipt"
_OUTCOMES_ZH = {"passed": "放行", "held": "挂起", "blocked": "拦截"}


@attrs.frozen(kw_only=True)
class IntakeReceipt:
    """What the bank's gateway signed and cannot deny."""

    instruction: str
    digest: str
    """SHA-256 of the instruction's exact bytes, hex."""
    outcome: str
    decided_at: dt.datetime


def verify_receipt(
    token: str, bank: Sequence[x509.Certificate], instruction: bytes | None
) -> tuple[Report, IntakeReceipt | None]:
    """`bank`: the gateway's record certificates, from the auditor; `instruction`: the bytes that
    were sent, if at hand. The receipt is None unless it is proven."""
    walk = Walk()
    try:
        receipt = _proven(walk, token.strip(), bank)
        if instruction is not None:
            walk.expect(
                hashlib.sha256(instruction).hexdigest() == receipt.digest,
                "回执所载摘要就是所交指令文件的摘要（逐字节）。",
                "The receipt's digest is that of the instruction file, byte for byte.",
            )
        return walk.report(), receipt
    except Stopped as stopped:
        return walk.report(stopped.exit), None


def _proven(walk: Walk, token: str, bank: Sequence[x509.Certificate]) -> IntakeReceipt:
    try:
        header, _ = read_compact(token)
        known = {thumbprint_of(each): each for each in bank}
        certificate = known.get(header.thumbprint or "")
        if certificate is None:
            raise walk.fail(
                "签名者不是所给的代理银行证书。",
                "It is signed by none of the bank's certificates that you gave.",
            )
        payload = verify_compact(public_of(certificate), token)
    except JwsRefused as refused:
        raise walk.fail(
            "回执不可读或签名无效。", f"The receipt is unreadable or not proven: {refused}."
        ) from refused
    walk.expect(
        True,
        f"回执由代理银行签名（{uri_of(certificate)}）。",
        f"The bank signed the receipt ({uri_of(certificate)}).",
    )
    receipt = _read(walk, payload)
    walk.expect(
        certificate.not_valid_before_utc <= receipt.decided_at <= certificate.not_valid_after_utc,
        "判定当时证书在有效期内。",
        "The certificate was valid when it was decided.",
    )
    return receipt


def _read(walk: Walk, payload: bytes) -> IntakeReceipt:
    try:
        fields: dict[str, Any] = orjson.loads(payload)
        if set(fields) != FIELDS or fields["kind"] != KIND or canonical(fields) != payload:
            raise ValueError("not an intake receipt")
        at = dt.datetime.fromtimestamp(fields["decided_at"] / 1_000_000, dt.UTC)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise walk.fail(
            "内容不是受理回执。", f"What is signed is no intake receipt: {error}.", Exit.INVALID
        ) from error
    outcome, local = fields["outcome"], at.astimezone(SHANGHAI)
    walk.facts |= {"instruction": fields["instruction"], "outcome": outcome}
    walk.facts |= {"digest": fields["digest"], "decided_at": at.isoformat()}
    walk.expect(
        True,
        f"支付指令 {fields['instruction']} 于北京时间 {local:%Y-%m-%d %H:%M:%S} 判定："
        f"{_OUTCOMES_ZH.get(outcome, outcome)}。",
        f"Instruction {fields['instruction']} was decided at {at.isoformat()}: {outcome}.",
    )
    return IntakeReceipt(
        instruction=fields["instruction"], digest=fields["digest"], outcome=outcome, decided_at=at
    )
