"""How the simulated core is spoken to, and answers, as a voucher store or in ISO 20022.

It is one core: what comes in another tongue is carried to the place where JSON would have come, and
what it says is put into the tongue that asked. A writing of its own: a core that shared the
gateway's would be wrong with it. What it babbles in JSON stays babble.
"""

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import attrs
import msgspec

_STORED = re.compile(rb"/v1/vouchers/(.+)")
_STATES = {"accepted": 12, "rejected": 5, "pending": 3, "not_found": 13}
_CODES = {"accepted": "ACSC", "rejected": "RJCT", "pending": "PDNG", "not_found": "RJCT"}
_ASKED = tuple(
    re.compile(rb"<(?:\w+:)?%b>([^<]+)</" % name)
    for name in (b"Division", b"FiscalYear", b"VoucherType", b"OrgnlEndToEndId")
)


@attrs.frozen(kw_only=True)
class Request:
    method: bytes
    url: bytes
    key: bytes


class StoreTongue:
    """凭证库: half of what it is put it has only taken, and says later that it is paid."""

    def carried(self, request: Request, body: bytes) -> Request:
        found = _STORED.fullmatch(request.url)
        if found and request.method == b"PUT":
            return Request(method=b"POST", url=b"/v1/payments", key=found[1])
        if found and request.method == b"GET":
            return attrs.evolve(request, url=b"/v1/payments/" + found[1])
        return request

    def put(self, status: int, said: Mapping[str, Any], *, asked: bool) -> tuple[int, bytes]:
        state = _STATES.get(said["outcome"], 99)
        told = {"key": said["key"], "state": state}
        if state == 12 and not asked and not _even(said):
            return status, msgspec.json.encode(told | {"state": 1})
        more = {"reference": said.get("reference"), "message": said.get("reason")}
        return status, msgspec.json.encode(told | {k: v for k, v in more.items() if v})


class IsoTongue:
    """pacs.002: half of them name the payment by its number alone, and of what it does not know
    half are found by a 404 and half by the report alone."""

    def carried(self, request: Request, body: bytes) -> Request:
        if request.url == b"/v1/iso20022/payments":
            return attrs.evolve(request, url=b"/v1/payments")
        if request.url == b"/v1/iso20022/enquiries":
            asked = [each.findall(body) for each in _ASKED]
            key = b"/".join(found[0] for found in asked if len(found) == 1)
            return Request(method=b"GET", url=b"/v1/payments/" + key, key=key)
        return request

    def put(self, status: int, said: Mapping[str, Any], *, asked: bool) -> tuple[int, bytes]:
        division, year, type, number = said["key"].split("/")
        reason, reference = said.get("reason"), said.get("reference")
        code = _CODES.get(said["outcome"], "WHAT")
        if said["outcome"] == "not_found":
            status, reason = (404 if _even(said) else 200), ""
        why = f"<AddtlInf>{escape(reason)}</AddtlInf>" if reason else ""
        rejected = "AC01" if reason else "NOOR"
        told = (
            f"<StsRsnInf><Rsn><Cd>{rejected}</Cd></Rsn>{why}</StsRsnInf>" if code == "RJCT" else ""
        )
        told += f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
        if _even(said):
            told += (
                "<SplmtryData><Envlp><Fiscal xmlns='urn:treasury-gateway:fiscal:1'><Division>"
                f"{division}</Division><FiscalYear>{year}</FiscalYear><VoucherType>{type}"
                "</VoucherType></Fiscal></Envlp></SplmtryData>"
            )
        return status, (
            "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10'><FIToFIPmtStsRpt>"
            "<GrpHdr><MsgId>S1</MsgId><CreDtTm>2026-03-02T10:00:00Z</CreDtTm></GrpHdr>"
            f"<TxInfAndSts><OrgnlEndToEndId>{number}</OrgnlEndToEndId><TxSts>{code}</TxSts>{told}"
            "</TxInfAndSts></FIToFIPmtStsRpt></Document>"
        ).encode()


TONGUES: dict[str, StoreTongue | IsoTongue] = {
    "voucher_store": StoreTongue(),
    "iso20022": IsoTongue(),
}
"""By `bank.wire`; a core without one speaks JSON."""


def put(
    tongue: StoreTongue | IsoTongue | None, status: int, body: bytes, *, asked: bool
) -> tuple[int, bytes]:
    """An answer about a payment, put into `tongue`; whatever else is said stays as it is.
    `asked`: it answers an enquiry."""
    if tongue is None:
        return status, body
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError):
        return status, body
    return tongue.put(status, said, asked=asked) if "outcome" in said else (status, body)


def _even(said: Mapping[str, Any]) -> bool:
    """Of a payment always the same."""
    return str(said["key"]).encode()[-1] % 2 == 0
