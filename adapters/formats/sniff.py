"""Which format a document is in, from its content: for `explain`, which is given mere files."""

from typing import Literal

_LOOKED_AT_BYTES = 512


def sniff(raw: bytes) -> Literal["json", "voucher"] | None:
    """`json` for an object, `voucher` for a MOF envelope, None for anything else."""
    head = raw[:_LOOKED_AT_BYTES].lstrip()
    if head.startswith(b"{"):
        return "json"
    if head.startswith(b"<") and b"<MOF" in head:
        return "voucher"
    return None
