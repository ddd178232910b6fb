"""What the simulated core reads off the bytes that it was handed: from where, to whom, how much.

Deliberately a reading of its own: a core that shared the gateway's would be wrong with it.
"""

import base64
import re
from xml.sax.saxutils import unescape

import msgspec

_TEXT = re.compile(r"<(\w+)>([^<]*)</\1>")
_DETAIL = re.compile(r"<Detail>(.*?)</Detail>", re.S)
_VOUCHER = re.compile(rb"<Voucher>([^<]*)</Voucher>")
_PART = re.compile(rb"GW1-PART sha-256=([0-9a-f]{64}) [^\n]*\n")
_ISO = b"urn:iso:std:iso:20022:"


class Slip(msgspec.Struct, frozen=True):
    """One movement that is to be made; `amount_fen` is what the bytes say."""

    account: str
    counter_account: str
    counter_name: str
    amount_fen: int


def slips_of(body: bytes) -> tuple[Slip, ...]:
    """Every movement that an instruction orders; none where the bytes cannot be read."""
    try:
        if body.lstrip()[:1] == b"{":
            return _json(body)
        return _iso(body) if _ISO in body[:1024] else _voucher(body)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def message_of(body: bytes) -> str | None:
    """The digest of the message whose part this is."""
    found = _PART.match(body)
    return found[1].decode("ascii") if found else None


def _iso(body: bytes) -> tuple[Slip, ...]:
    text = body.decode("utf-8")
    debtor, creditor = (
        re.search(rf"<{name}>.*?<Othr><Id>([^<]*)", text, re.S) for name in ("DbtrAcct", "CdtrAcct")
    )
    name = re.search(r"<Cdtr><Nm>([^<]*)", text)
    amount = re.search(r"<(?:InstdAmt|IntrBkSttlmAmt) Ccy=\"CNY\">([0-9.]+)<", text)
    if not (debtor and creditor and amount):
        return ()
    return (Slip(debtor[1], creditor[1], unescape(name[1]) if name else "", _fen(amount[1])),)


def _json(body: bytes) -> tuple[Slip, ...]:
    tree = msgspec.json.decode(body)
    account = tree["payer"]["account"]
    return tuple(
        Slip(account, part["payee"]["account"], part["payee"]["name"], _fen(part["amount"]))
        for part in tree.get("details") or [tree]
    )


def _voucher(body: bytes) -> tuple[Slip, ...]:
    found = _VOUCHER.search(body)
    if not found:
        return ()
    text = base64.b64decode(found[1]).decode("gbk")
    head = dict(_TEXT.findall(_DETAIL.sub("", text)))
    rows = [dict(_TEXT.findall(detail)) for detail in _DETAIL.findall(text)]
    several = head.get("BusinessTypeCode") not in ("1", "", None)
    return tuple(
        Slip(head["PayAcctNo"], row["PayeeAcctNo"], row["PayeeAcctName"], _fen(row["PayAmt"]))
        for row in (rows if several else [head])
    )


def _fen(text: str) -> int:
    whole, _, rest = text.partition(".")
    return int(whole) * 100 + int(rest.ljust(2, "0"))
