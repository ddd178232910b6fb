"""How an ISO 20022 core is asked for a payment back (camt.056) and what it answers (camt.029).

Its answer names the case by our id and the payment by its EndToEndId, with one status for it; what
is not exactly that says nothing. The statuses are ISO's ACCR, RJCR and PDCR.
"""

import datetime as dt
from collections.abc import Callable
from xml.sax.saxutils import escape

from lxml import etree

from adapters.bank.iso_status import STATUS_BYTES_MAX, plain_root, supplement, text_once
from gateway.domain.bank import RecallOrder, RecallReply
from gateway.domain.enquiries import RecallStatus
from gateway.domain.money import yuan

RECALL = "urn:iso:std:iso:20022:tech:xsd:camt.056.001.08"
RESOLUTIONS = "urn:iso:std:iso:20022:tech:xsd:camt.029.001."
_CODES = frozenset(
    {"AC03", "AGNT", "AM09", "COVR", "CURR", "CUST", "CUTA", "DUPL", "FRAD", "TECH", "UPAY"}
)
"""Of ExternalCancellationReason1Code; another word goes as Prtry."""
_WORDS_MAX = 105


class IsoRecalls:
    """Fulfils `adapters.bank.iso_core.Recalls`."""

    def __init__(self, now: Callable[[], dt.datetime], bank: str) -> None:
        self._now = now
        self._bank = escape(bank)

    def written(self, order: RecallOrder) -> bytes:
        """One camt.056.001.08 about one payment: the case's id is ours, and comes back with it."""
        agent = f"<Agt><FinInstnId><Othr><Id>{self._bank}</Id></Othr></FinInstnId></Agt>"
        at = self._now().astimezone(dt.UTC)
        kind = "Cd" if order.reason in _CODES else "Prtry"
        words = escape(order.words[:_WORDS_MAX])
        more = f"<AddtlInf>{words}</AddtlInf>" if words.strip() else ""
        reason = (
            f"<CxlRsnInf><Rsn><{kind}>{escape(order.reason[:35])}</{kind}></Rsn>{more}</CxlRsnInf>"
            if order.reason
            else ""
        )
        named = etree.tostring(supplement(RECALL, order.key), encoding="unicode")
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{RECALL}"><FIToFIPmtCxlReq>'
            f"<Assgnmt><Id>{order.id}</Id><Assgnr>{agent}</Assgnr><Assgne>{agent}</Assgne>"
            f"<CreDtTm>{at:%Y-%m-%dT%H:%M:%SZ}</CreDtTm></Assgnmt><Undrlyg><TxInf>"
            f"<CxlId>{order.id}</CxlId><Case><Id>{order.id}</Id><Cretr>{agent}</Cretr></Case>"
            f"<OrgnlEndToEndId>{escape(order.key.voucher_no)}</OrgnlEndToEndId>"
            f'<OrgnlIntrBkSttlmAmt Ccy="CNY">{yuan(order.amount_fen)}</OrgnlIntrBkSttlmAmt>'
            f"{reason}{named}</TxInf></Undrlyg></FIToFIPmtCxlReq></Document>"
        ).encode()

    def read(self, order: RecallOrder, body: bytes) -> RecallReply | None:
        root = plain_root(body) if len(body) <= STATUS_BYTES_MAX else None
        if root is None or not root.tag.rpartition("}")[0][1:].startswith(RESOLUTIONS):
            return None
        found = root.findall(".//{*}TxInfAndSts")
        cases = {case.text for case in root.iterfind(".//{*}RslvdCase/{*}Id")}
        if len(found) != 1 or cases != {order.id}:
            return None
        (one,) = found
        if text_once(one, "OrgnlEndToEndId") != order.key.voucher_no:
            return None
        try:
            status = RecallStatus(text_once(one, "TxCxlSts") or "")
        except ValueError:
            return None
        return RecallReply(status=status, reason=_reason(one))


def _reason(one: etree._Element) -> str | None:
    parts = [
        (part.text or "").strip()
        for info in one.findall("{*}CxlStsRsnInf")
        for path in ("{*}Rsn/{*}Cd", "{*}Rsn/{*}Prtry", "{*}AddtlInf")
        for part in info.findall(path)
    ]
    return " ".join(filter(None, parts)) or None
