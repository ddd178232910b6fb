"""Letters in ISO 20022 as agencies and banks write them, each valid by its published schema."""

from gateway.domain.bank import RecallOrder
from tests.adapters.formats.iso_messages import document

_AT = "<CreDtTm>2026-03-02T17:00:00+08:00</CreDtTm>"
_AGENT = "<Agt><FinInstnId><Nm>示例银行</Nm></FinInstnId></Agt>"


def _named(number: str, more: str = "", message: str = "") -> str:
    group = (
        f"<OrgnlGrpInf><OrgnlMsgId>{message}</OrgnlMsgId>"
        "<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInf>"
        if message
        else ""
    )
    return f"{group}<OrgnlEndToEndId>{number}</OrgnlEndToEndId>{more}"


def enquiry(*numbers: str, id: str = "Q-1", exact: str = "", message: str = "") -> bytes:
    more = f"<OrgnlTxId>{exact}</OrgnlTxId>" if exact else ""
    rows = "".join(
        f"<TxInf><StsReqId>{place}</StsReqId>{_named(number, more, message)}</TxInf>"
        for place, number in enumerate(numbers, 1)
    )
    return document(
        "pacs.028.001.03",
        f"<FIToFIPmtStsReq><GrpHdr><MsgId>{id}</MsgId>{_AT}</GrpHdr>{rows}</FIToFIPmtStsReq>",
    )


def recall(*numbers: str, id: str = "A-1", reason: str = "DUPL", amount: str = "") -> bytes:
    sum_ = f'<OrgnlIntrBkSttlmAmt Ccy="CNY">{amount}</OrgnlIntrBkSttlmAmt>' if amount else ""
    rows = "".join(
        f"<TxInf><CxlId>X-{place}</CxlId>{_named(number)}{sum_}"
        f"<CxlRsnInf><Rsn><Cd>{reason}</Cd></Rsn><AddtlInf>重复录入</AddtlInf></CxlRsnInf></TxInf>"
        for place, number in enumerate(numbers, 1)
    )
    assignment = (
        f"<Assgnmt><Id>{id}</Id><Assgnr>{_AGENT}</Assgnr><Assgne>{_AGENT}</Assgne>{_AT}</Assgnmt>"
    )
    return document(
        "camt.056.001.08",
        f"<FIToFIPmtCxlReq>{assignment}<Undrlyg>{rows}</Undrlyg></FIToFIPmtCxlReq>",
    )


def resolution(
    order: RecallOrder | str, number: str, status: str, *, id: str = "B-1", words: str = "已办理",
    division: str = "220000000",
) -> bytes:  # fmt: skip
    case = order.id if isinstance(order, RecallOrder) else order
    ours = f"<Pty><Id><OrgId><Othr><Id>{division}</Id></Othr></OrgId></Id></Pty>"
    assignment = (
        f"<Assgnmt><Id>{id}</Id><Assgnr>{_AGENT}</Assgnr><Assgne>{ours}</Assgne>{_AT}</Assgnmt>"
    )
    return document(
        "camt.029.001.09",
        f"<RsltnOfInvstgtn>{assignment}<RslvdCase><Id>{case}</Id><Cretr>{_AGENT}</Cretr></RslvdCase>"
        f"<Sts><Conf>PDCR</Conf></Sts><CxlDtls><TxInfAndSts>{_named(number)}"
        f"<TxCxlSts>{status}</TxCxlSts><CxlStsRsnInf><Rsn><Cd>CUST</Cd></Rsn>"
        f"<AddtlInf>{words}</AddtlInf></CxlStsRsnInf></TxInfAndSts></CxlDtls></RsltnOfInvstgtn>",
    )


def returned(number: str, amount: str, *, id: str = "R-1", refund: str = "TH-1") -> bytes:
    division = "<InstdAgt><FinInstnId><Othr><Id>220000000</Id></Othr></FinInstnId></InstdAgt>"
    return document(
        "pacs.004.001.09",
        f"<PmtRtr><GrpHdr><MsgId>{id}</MsgId>{_AT}<NbOfTxs>1</NbOfTxs>"
        f"<SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf>{division}</GrpHdr><TxInf>"
        f"<RtrId>{refund}</RtrId>{_named(number)}"
        f'<RtrdIntrBkSttlmAmt Ccy="CNY">{amount}</RtrdIntrBkSttlmAmt>'
        "<RtrRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>账户已销户</AddtlInf></RtrRsnInf></TxInf></PmtRtr>",
    )


def report(number: str, status: str, more: str = "", *, id: str = "S-1") -> bytes:
    """What the bank learnt later, of its own accord."""
    division = "<InstdAgt><FinInstnId><Othr><Id>220000000</Id></Othr></FinInstnId></InstdAgt>"
    why = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>账户已销户</AddtlInf></StsRsnInf>"
    reference = "<AcctSvcrRef>JH-9</AcctSvcrRef>"
    end = why if status == "RJCT" else reference if status.startswith("ACS") else ""
    return document(
        "pacs.002.001.10",
        f"<FIToFIPmtStsRpt><GrpHdr><MsgId>{id}</MsgId>{_AT}{division}</GrpHdr><TxInfAndSts>"
        f"{_named(number)}<TxSts>{status}</TxSts>{end}{more}</TxInfAndSts></FIToFIPmtStsRpt>",
    )
