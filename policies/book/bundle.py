"""A book as it is signed, stored and sent: canonical JSON, proven by two officers.

The bytes that were signed are the bytes that are kept and read; nothing is written anew. A bundle
without both proofs is refused whatever the configuration: there is no switch for it.
"""

import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from gateway.domain.faults import Unproven
from gateway.domain.once import once
from policies.language.codelist import CodeList, codes_digest
from policies.language.types import schema_digest

BUNDLE_BYTES_MAX = 16 * 1024 * 1024
KIND = "policy_book"

Verify: TypeAlias = Callable[[bytes, str], str]
"""(body, detached JWS) -> the signer's URI. Raises Unproven."""

_FIELDS: Mapping[str, type] = {
    "author": str,
    "codes": str,
    "kind": str,
    "not_before": str,
    "policies": dict,
    "previous": str,
    "revision": int,
    "schema": str,
}


class BundleRefused(ValueError):
    """A bundle that may not take effect; the book in force stays."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh = zh
        self.en = en


@attrs.frozen(kw_only=True)
class Bundle:
    revision: int
    previous: str
    """SHA-256 of the body before it, in hex; empty for the first."""
    not_before: dt.datetime
    schema: str
    codes: str
    author: str
    """The URI of the officer who wrote it and signed first."""
    policies: Mapping[str, str]
    """The documents by file name, as they were written."""
    digest: str
    """SHA-256 of this body, in hex."""
    approver: str = ""
    """The URI of the second officer; known once the signatures are proven."""


def compose(
    texts: Mapping[str, str], codes: Mapping[str, CodeList], *,
    revision: int, previous: str, not_before: dt.datetime, author: str,
) -> bytes:  # fmt: skip
    """The body that both officers sign. `not_before` is aware; whole seconds are kept."""
    moment = not_before.astimezone(dt.UTC).replace(microsecond=0)
    return _canonical(
        {
            "author": author,
            "codes": codes_digest(codes),
            "kind": KIND,
            "not_before": moment.isoformat(),
            "policies": dict(texts),
            "previous": previous,
            "revision": revision,
            "schema": schema_digest(),
        }
    )


def seal(body: bytes, signatures: Sequence[str]) -> bytes:
    """Body and signatures (author's, then approver's) as one file."""
    return _canonical({"bundle": body.decode(), "signatures": list(signatures)})


def open_sealed(sealed: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The body as signed, and the signatures, nothing proven. Raises BundleRefused."""
    fields = _read(sealed)
    body, signatures = fields.get("bundle"), fields.get("signatures")
    whole = set(fields) == {"bundle", "signatures"} and isinstance(body, str)
    if not whole or not isinstance(signatures, list):
        raise BundleRefused("不是签名的规则簿", "is not a signed policy book")
    if not all(isinstance(one, str) for one in signatures):
        raise BundleRefused("签名应为文字", "a signature is text")
    return str(body).encode(), tuple(signatures)


def proven(sealed: bytes, verify: Verify, officers: Collection[str]) -> Bundle:
    """The bundle, once an author and another officer are proven to have signed these very bytes.

    `officers`: URIs of those who may. Raises BundleRefused.
    """
    body, signatures = open_sealed(sealed)
    if len(signatures) != 2:
        raise BundleRefused(
            f"要有两名经办人的签名，却有 {len(signatures)} 个",
            f"two officers sign it, found {len(signatures)} signatures",
        )
    try:
        author, approver = (verify(body, signature) for signature in signatures)
    except Unproven as unproven:
        raise BundleRefused(
            "签名不成立", f"a signature proves nothing: {unproven.detail}"
        ) from None
    for uri in (author, approver):
        if uri not in officers:
            raise BundleRefused(f"{uri} 无权签发规则", f"{uri} may not sign policies")
    if author == approver:
        raise BundleRefused("起草人和审批人不能是同一人", "author and approver are one")
    bundle = read_bundle(body)
    if bundle.author != author:
        raise BundleRefused("第一个签名不是起草人的", "the first signature is not the author's")
    return attrs.evolve(bundle, approver=approver)


def read_bundle(body: bytes) -> Bundle:
    """A body, strictly: every field, no other, in the one canonical spelling."""
    fields = _read(body)
    if set(fields) != set(_FIELDS) or fields["kind"] != KIND:
        raise BundleRefused("字段不全或多余", "fields are missing or unknown")
    for name, kind in _FIELDS.items():
        if type(fields[name]) is not kind:
            raise BundleRefused(f"{name} 类型不对", f"{name} is of another type")
    if _canonical(fields) != body:
        raise BundleRefused("不是规范写法", "is not in canonical form")
    texts = fields["policies"]
    if not texts or not all(isinstance(text, str) for text in texts.values()):
        raise BundleRefused("没有规则", "holds no policies")
    if fields["revision"] < 1:
        raise BundleRefused("版本从 1 起", "revisions begin with 1")
    return Bundle(
        revision=fields["revision"],
        previous=fields["previous"],
        not_before=_moment(fields["not_before"]),
        schema=fields["schema"],
        codes=fields["codes"],
        author=fields["author"],
        policies=texts,
        digest=hashlib.sha256(body).hexdigest(),
    )


def _moment(text: str) -> dt.datetime:
    moment: dt.datetime | None = None
    with contextlib.suppress(ValueError):
        moment = dt.datetime.fromisoformat(text)
    if moment is None or moment.utcoffset() != dt.timedelta(0) or moment.isoformat() != text:
        raise BundleRefused("not_before 不是 UTC 时刻", "not_before is no UTC moment")
    return moment


def _read(raw: bytes) -> dict[str, Any]:
    if len(raw) > BUNDLE_BYTES_MAX:
        raise BundleRefused("规则簿过大", f"over {BUNDLE_BYTES_MAX} bytes")
    try:
        found = json.loads(
            raw.decode("utf-8"), object_pairs_hook=once, parse_constant=_no_number,
            parse_float=_no_number,
        )  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise BundleRefused("不是有效的 JSON", f"is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise BundleRefused("应为 JSON 对象", "is no JSON object")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no whole number")


def _canonical(fields: Mapping[str, Any]) -> bytes:
    """Sorted keys, no white space, UTF-8, whole numbers only (RFC 8785 on such content)."""
    return json.dumps(
        fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()
