"""Which format a document is in, from its content: for `explain`, which is given mere files."""

from typing import Literal

_LOOKED_AT_BYTES = 512


def sniff(raw: bytes) -> Literal["json", "voucher", "iso20022"] | None:
    """`json` for an object, `voucher` for a MOF envelope, `iso20022` for a Document of ISO 20022,
    None for anything else."""
    head = raw[:_LOOKED_AT_BYTES].lstrip()
    if head.startswith(b"{"):
        return "json"
    if head.startswith(b"<") and b"<MOF" in head:
        return "voucher"
    if head.removeprefix(b"\xef\xbb\xbf").startswith(b"<") and b"urn:iso:std:iso:20022:" in head:
        return "iso20022"
    return None
