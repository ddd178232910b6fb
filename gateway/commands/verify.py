"""`verify record|day`: check evidence with nothing but files and the certificates one trusts."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from certs.keys import load_certificates
from certs.log.day import verify_day
from certs.log.note import log_key, witness_key
from certs.log.proof import format_proof
from certs.log.report import Report
from certs.log.verify import AuditKeys, verify_record


def audit_keys(bank: Sequence[Path], bureau: Sequence[Path], origin: str) -> AuditKeys:
    """The bank's record certificates and the bureau's witness certificates, as files.

    Raises ValueError (unreadable, or not of this origin), OSError.
    """
    return AuditKeys(
        logs=tuple(log_key(c, origin) for file in bank for c in load_certificates(file)),
        witnesses=tuple(witness_key(c) for file in bureau for c in load_certificates(file)),
    )


def verify_evidence(file: Path, bank: Sequence[Path], bureau: Sequence[Path]) -> list[Report]:
    """Every record in the body of `GET /v1/instructions/...`; one report each.

    Raises ValueError for a file without evidence.
    """
    document = orjson.loads(file.read_bytes())
    items: list[dict[str, Any]] = document.get("evidence") or []
    if not items:
        raise ValueError(f"{file.name} holds no evidence")
    return [_verify_item(item, bank, bureau) for item in items]


def verify_folder(folder: Path, bank: Sequence[Path], bureau: Sequence[Path]) -> Report:
    """A day of the log, exported by either party."""
    origin = (folder / "checkpoint").read_text("utf-8").partition("\n")[0]
    return verify_day(folder, audit_keys(bank, bureau, origin))


def _verify_item(
    item: dict[str, Any], bank: Sequence[Path], bureau: Sequence[Path]
) -> Report:  # fmt: skip
    checkpoint: str = item["checkpoint"]
    path = [base64.b64decode(node, validate=True) for node in item["path"]]
    proof = format_proof(item["seq"], path, checkpoint)
    body = base64.b64decode(item["record"], validate=True)
    return verify_record(body, proof, audit_keys(bank, bureau, checkpoint.partition("\n")[0]))
