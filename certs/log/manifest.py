"""The manifest of an exported folder: each file's size and digest, signed by whoever exported it.

Records prove themselves; what lies beside them does not, and a file that was taken away says
nothing. File `manifest.jws`: a compact JWS by the bank's record key.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson
from cryptography import x509

from certs.log.report import Exit, Walk
from certs.signing.jws import JwsRefused, read_compact, verify_compact
from certs.signing.signer import Signer, thumbprint_of
from certs.signing.suites import public_of
from gateway.domain.records import canonical

MANIFEST = "manifest.jws"
KIND = "day_manifest"


@attrs.frozen(kw_only=True)
class Listed:
    """A manifest whose signature is proven."""

    origin: str
    files: dict[str, tuple[int, str]]
    """By name: bytes and SHA-256."""
    on: str | None
    """The legal day; None for the whole log."""


def write_manifest(folder: Path, origin: str, on: str | None, signer: Signer) -> None:
    """Lists every file that lies in the folder now. Raises OSError."""
    files = [
        {"bytes": each.stat().st_size, "name": each.name, "sha256": _digest(each)}
        for each in sorted(folder.iterdir())
        if each.name != MANIFEST
    ]
    body = canonical({"files": files, "kind": KIND, "on": on, "origin": origin})
    (folder / MANIFEST).write_text(signer.receipt(body), "utf-8")


def open_manifest(
    walk: Walk, folder: Path, origin: str, certificates: Sequence[x509.Certificate]
) -> Listed:
    """The manifest, proven, and every file that it lists is there. Raises Stopped."""
    try:
        token = (folder / MANIFEST).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        walk.facts["absent"] = [MANIFEST]
        raise walk.fail(
            f"缺少文件清单 {MANIFEST}，无法判断材料是否齐全（早期导出的请用 --no-manifest）。",
            f"{MANIFEST} is absent, so nobody can tell whether files were taken away; for a folder "
            "of an older program: --no-manifest.",
            Exit.USAGE,
        ) from error
    listed = _proven(token, certificates)
    if listed is None:
        raise walk.fail(
            f"文件清单 {MANIFEST} 没有所给代理银行证书的有效签名：清单被改动，或证书给错；"
            "换过记录密钥的，请把新旧证书一并给出（--bank 可重复）。",
            "The list of files has no valid signature of the bank's certificates that were given: "
            "it is altered, or the certificate is another's.",
        )
    if listed.origin != origin:
        raise walk.fail(
            f"文件清单是日志 {listed.origin} 的，检查点首行写的是“{origin}”：二者之一是别处的，"
            "或检查点首行被改动。",
            f"The list of files is of {listed.origin}, the checkpoint's first line says {origin}.",
        )
    absent = sorted(name for name in listed.files if not (folder / name).is_file())
    if absent:
        walk.facts["absent"] = absent
    walk.found(
        not absent,
        "清单所列文件齐全。" if not absent else f"缺少导出时在册的文件：{'、'.join(absent)}。",
        f"All {len(listed.files)} files of the signed list are there."
        if not absent
        else f"Absent, though the signed list names them: {', '.join(absent)}.",
        Exit.USAGE,
    )
    return listed


def check_digests(walk: Walk, folder: Path, listed: Listed, ours: Sequence[str]) -> None:
    """Each listed file is the one that was exported; `ours`: names that may not come unlisted."""
    altered = sorted(
        name for name, (size, digest) in listed.files.items()
        if (folder / name).stat().st_size != size or _digest(folder / name) != digest
    )  # fmt: skip
    altered += [name for name in ours if name not in listed.files and (folder / name).exists()]
    if altered:
        walk.facts["altered_files"] = altered
    walk.found(
        not altered,
        "各文件与清单摘要一致。" if not altered else f"与清单不符的文件：{'、'.join(altered)}。",
        "Each file has the digest of the signed list."
        if not altered
        else f"Not as the signed list has them: {', '.join(altered)}.",
    )


def _proven(token: str, certificates: Sequence[x509.Certificate]) -> Listed | None:
    known = {thumbprint_of(each): each for each in certificates}
    try:
        certificate = known.get(read_compact(token)[0].thumbprint or "")
        if certificate is None:
            return None
        fields: dict[str, Any] = orjson.loads(verify_compact(public_of(certificate), token))
        files = {each["name"]: (each["bytes"], each["sha256"]) for each in fields["files"]}
    except (JwsRefused, ValueError, TypeError, KeyError):
        return None
    # A name that leaves the folder would have us read elsewhere.
    if fields.get("kind") != KIND or any(Path(name).name != name for name in files):
        return None
    return Listed(origin=fields["origin"], files=files, on=fields["on"])


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
