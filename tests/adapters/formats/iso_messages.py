"""Good messages beside payments, each valid by the schema that ISO published for it."""

_NS = "urn:iso:std:iso:20022:tech:xsd:"
_AT = "<CreDtTm>2026-03-02T17:00:00+08:00</CreDtTm>"
_AGENT = "<Agt><FinInstnId><Nm>示例银行</Nm></FinInstnId></Agt>"
_ASSIGNMENT = (
    f"<Assgnmt><Id>A-1</Id><Assgnr>{_AGENT}</Assgnr><Assgne>{_AGENT}</Assgne>{_AT}</Assgnmt>"
)
_GROUP = (
    "<OrgnlGrpInf><OrgnlMsgId>M-1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
    "</OrgnlGrpInf>"
)
_NAMED = f"{_GROUP}<OrgnlEndToEndId>2026030200001</OrgnlEndToEndId>"
_CASE = f"<Id>C-1</Id><Cretr>{_AGENT}</Cretr>"


def document(name: str, body: str) -> bytes:
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{_NS}{name}">{body}</Document>'
    )
    return text.encode()


ENQUIRY = document(
    "pacs.028.001.03",
    f"<FIToFIPmtStsReq><GrpHdr><MsgId>Q-1</MsgId>{_AT}</GrpHdr>"
    f"<TxInf><StsReqId>1</StsReqId>{_NAMED}</TxInf></FIToFIPmtStsReq>",
)
RECALL = document(
    "camt.056.001.08",
    f"<FIToFIPmtCxlReq>{_ASSIGNMENT}<Undrlyg><TxInf><CxlId>X-1</CxlId>{_NAMED}"
    '<OrgnlIntrBkSttlmAmt Ccy="CNY">12800.00</OrgnlIntrBkSttlmAmt>'
    "<CxlRsnInf><Rsn><Cd>DUPL</Cd></Rsn><AddtlInf>重复支付</AddtlInf></CxlRsnInf></TxInf></Undrlyg>"
    "</FIToFIPmtCxlReq>",
)
RESOLUTION = {
    version: document(
        f"camt.029.001.{version}",
        f"<RsltnOfInvstgtn>{_ASSIGNMENT}<RslvdCase>{_CASE}</RslvdCase><Sts><Conf>RJCR</Conf></Sts>"
        f"<CxlDtls><TxInfAndSts>{_NAMED}<TxCxlSts>RJCR</TxCxlSts><CxlStsRsnInf><Rsn><Cd>ARDT</Cd>"
        "</Rsn><AddtlInf>已支付</AddtlInf></CxlStsRsnInf></TxInfAndSts></CxlDtls></RsltnOfInvstgtn>",
    )
    for version in ("08", "09")
}
RETURN = document(
    "pacs.004.001.09",
    f"<PmtRtr><GrpHdr><MsgId>R-1</MsgId>{_AT}<NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>CLRG</SttlmMtd>"
    f"</SttlmInf></GrpHdr><TxInf><RtrId>TH-1</RtrId>{_NAMED}"
    '<RtrdIntrBkSttlmAmt Ccy="CNY">800.5</RtrdIntrBkSttlmAmt>'
    "<RtrRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>账户已销户</AddtlInf></RtrRsnInf></TxInf></PmtRtr>",
)
_REFS = (
    "<Refs><AcctSvcrRef>JH2</AcctSvcrRef><EndToEndId>2026030200001</EndToEndId>"
    "<Prtry><Tp>FiscalYear</Tp><Ref>2026</Ref></Prtry>"
    "<Prtry><Tp>VoucherType</Tp><Ref>8202</Ref></Prtry></Refs>"
)


def _entry(number: int, status: str = "BOOK") -> str:
    return (
        '<Ntry><Amt Ccy="CNY">12800.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>'
        f"<Sts><Cd>{status}</Cd></Sts>"
        f"<BookgDt><Dt>2026-03-02</Dt></BookgDt><AcctSvcrRef>N{number}</AcctSvcrRef><BkTxCd/>"
        f"<NtryDtls><TxDtls>{_REFS.replace('JH2', f'JH{number}')}"
        "<RltdPties><Cdtr><Pty><Nm>长春示例</Nm></Pty></Cdtr><CdtrAcct><Id><Othr><Id>2200145010</Id></Othr></Id></CdtrAcct></RltdPties>"
        "</TxDtls></NtryDtls></Ntry>"
    )


_BALANCE = (
    '<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">0.00</Amt>'
    "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>"
)


def statement(kind: str) -> bytes:
    root, report = {
        "camt.052.001.08": ("BkToCstmrAcctRpt", "Rpt"),
        "camt.053.001.08": ("BkToCstmrStmt", "Stmt"),
        "camt.054.001.08": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }[kind]
    balance = _BALANCE if report == "Stmt" else ""
    division = "<MsgRcpt><Id><OrgId><Othr><Id>220000000</Id></Othr></OrgId></Id></MsgRcpt>"
    return document(
        kind,
        f"<{root}><GrpHdr><MsgId>S-1</MsgId>{_AT}{division}</GrpHdr><{report}><Id>1</Id>"
        f"<Acct><Id><Othr><Id>0710101011</Id></Othr></Id></Acct>{balance}"
        f"{_entry(1)}{_entry(2)}{_entry(3, 'PDNG')}</{report}></{root}>",
    )
