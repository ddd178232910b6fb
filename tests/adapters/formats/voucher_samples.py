"""A complete voucher envelope as text, easy to spoil in one place."""

import base64
import datetime as dt

from gateway.domain.answer import Answer
from gateway.domain.bank import BankOutcome
from gateway.domain.decision import Action, Decision, Finding, Light, Outcome
from gateway.domain.instruction import InstructionKey

DECLARATION = '<?xml version="1.0" encoding="GBK"?>'
ATTRIBUTES = 'AdmDivCode="220000000" StYear="2026" VtCode="8202" VoucherNo="101001-1"'

DETAIL = (
    "<Detail><Id>D-1</Id><VoucherBillId>V-1</VoucherBillId><VoucherBillNo>101001-1</VoucherBillNo>"
    "<VoucherNo>SQ-1</VoucherNo><FundTypeCode>111</FundTypeCode><FundTypeName>一般公共预算资金"
    "</FundTypeName><AgencyCode>101001</AgencyCode><AgencyName>示例预算单位</AgencyName>"
    "<ExpFuncCode>2010301</ExpFuncCode><ExpFuncName>行政运行</ExpFuncName>"
    "<ExpEcoCode>30201</ExpEcoCode><ExpEcoName>办公费</ExpEcoName>"
    "<PayeeAcctNo>4200223009200012345</PayeeAcctNo><PayeeAcctName>长春示例公司</PayeeAcctName>"
    "<PayeeAcctBankName>示例银行</PayeeAcctBankName><PayAmt>3560.00</PayAmt><Remark></Remark>"
    "<XAddWord/></Detail>"
)

INNER = (
    f"{DECLARATION}\n<Voucher>\n<Id>V-1</Id><AdmDivCode>220000000</AdmDivCode><StYear>2026</StYear>"
    "<VtCode>8202</VtCode><VouDate>20261123</VouDate><VoucherNo>101001-1</VoucherNo>\r\n"
    "<FundTypeCode>111</FundTypeCode><AgencyCode>101001</AgencyCode>"
    "<AgencyName>示例预算单位</AgencyName><ExpFuncCode>2010301</ExpFuncCode>"
    "<PayTypeCode>12</PayTypeCode><PayTypeName>财政授权支付</PayTypeName>"
    "<ExpEcoCode>30201</ExpEcoCode><DepProCode>P1</DepProCode>"
    "<SetModeCode>1</SetModeCode><SetModeName>电子转账支付</SetModeName>"
    "<PayeeAcctNo>4200223009200012345</PayeeAcctNo><PayeeAcctName>长春示例公司</PayeeAcctName>"
    "<PayeeAcctBankName>示例银行</PayeeAcctBankName><PayeeAcctBankNo>103241001000</PayeeAcctBankNo>"
    "<PayAcctNo>42002201</PayAcctNo><PayAcctName>示例预算单位</PayAcctName>"
    "<PayAcctBankName>代理银行</PayAcctBankName><PaySummaryName>购打印纸和硒鼓</PaySummaryName>"
    "<PayAmt>3560.00</PayAmt><BusinessTypeCode>1</BusinessTypeCode>"
    "<BusinessTypeName>单笔业务</BusinessTypeName><CheckNo></CheckNo><XPayDate></XPayDate>"
    "<XPayAmt/><Hold1>ZB-1</Hold1><Hold2></Hold2>"
    f"<DetailList>{DETAIL}</DetailList>\n</Voucher>"
)


def envelope(
    inner: str | bytes = INNER, attributes: str = ATTRIBUTES, *, flag: str = "0", count: int = 1
) -> bytes:
    raw = inner.encode("gbk") if isinstance(inner, str) else inner
    return around(base64.b64encode(raw).decode(), attributes, flag=flag, count=count)


def around(encoded: str, attributes: str = ATTRIBUTES, *, flag: str = "0", count: int = 1) -> bytes:
    body = (
        f"<VoucherBody {attributes}><VoucherFlag>{flag}</VoucherFlag><Attach>附言</Attach>"
        f"<Voucher>{encoded}</Voucher></VoucherBody>"
    )
    text = f"{DECLARATION}\n<MOF><VoucherCount>{count}</VoucherCount>{body * count}</MOF>"
    return text.encode("gbk")


def finding(reason_zh: str) -> Finding:
    return Finding(
        policy="JL-020", revision=1, article="13(3)", light=Light.RED, action=Action.BLOCK,
        title_zh="题", title_en="title", reason_zh=reason_zh, reason_en="reason",
    )  # fmt: skip


def answered(
    outcome: Outcome = Outcome.PASS,
    bank: BankOutcome | None = None,
    *findings: Finding,
    voucher_type: str = "8202",
    bank_reason: str | None = None,
) -> Answer:
    return Answer(
        key=InstructionKey(
            division="220000000", fiscal_year=2026, voucher_type=voucher_type,
            voucher_no="101001-1",
        ),
        decision=Decision(
            outcome=outcome, findings=findings, book_revision="r", registers_version=1
        ),
        bank=bank,
        bank_reference="B<&>20261123",
        bank_reason=bank_reason,
        receipt="a.b.c",
        settled_at=dt.datetime(2026, 11, 23, 17, 30, tzinfo=dt.UTC),
    )  # fmt: skip
