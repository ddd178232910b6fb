"""What may stand in pacs.028, camt.056, camt.029, pacs.004 and pacs.002: no package carries their
schemas. For each, the elements that may stand, and those that must; nothing else is taken.
"""

from collections.abc import Mapping

import attrs

_NAMES = r"OrgnlMsgId|OrgnlMsgNmId|OrgnlCreDtTm"
_PAYMENT = (
    rf"(?:OrgnlGrpInf/(?:{_NAMES})|OrgnlInstrId|OrgnlEndToEndId|OrgnlTxId|OrgnlUETR"
    r"|OrgnlClrSysRef|ClrSysRef|OrgnlIntrBkSttlmAmt|OrgnlIntrBkSttlmDt)"
)
_PARTY = r"(?:Assgnr|Assgne|Cretr)/(?:Agt|Pty)/.+"
_CASE = rf"(?:Case|RslvdCase)/(?:Id|{_PARTY})"
_REASON = r"Rsn/(?:Cd|Prtry)|AddtlInf"


@attrs.frozen(kw_only=True)
class Form:
    root: str
    head: str
    """What may stand beside the payments, as one pattern of paths below the root."""
    required: tuple[str, ...]
    row: str
    """The path of each payment."""
    in_row: str
    row_required: tuple[str, ...]


FORMS: Mapping[str, Form] = {
    "pacs.028.001.03": Form(
        root="FIToFIPmtStsReq",
        head=rf"GrpHdr/(?:MsgId|CreDtTm|Instg?d?Agt/.+)|OrgnlGrpInf/(?:{_NAMES}|OrgnlNbOfTxs)",
        required=("GrpHdr/MsgId", "GrpHdr/CreDtTm"), row="TxInf",
        in_row=rf"StsReqId|{_PAYMENT}|AccptncDtTm", row_required=("OrgnlEndToEndId",),
    ),
    "camt.056.001.08": Form(
        root="FIToFIPmtCxlReq",
        head=rf"Assgnmt/(?:Id|CreDtTm|{_PARTY})|{_CASE}|CtrlData/NbOfTxs",
        required=("Assgnmt/Id", "Assgnmt/CreDtTm"), row="Undrlyg/TxInf",
        in_row=rf"CxlId|{_CASE}|{_PAYMENT}|CxlRsnInf/(?:{_REASON})",
        row_required=("OrgnlEndToEndId",),
    ),
    **dict.fromkeys(
        ("camt.029.001.08", "camt.029.001.09"),
        Form(
            root="RsltnOfInvstgtn",
            head=rf"Assgnmt/(?:Id|CreDtTm|{_PARTY})|{_CASE}|Sts/Conf",
            required=("Assgnmt/Id", "Assgnmt/CreDtTm", "Sts/Conf"), row="CxlDtls/TxInfAndSts",
            in_row=rf"CxlStsId|{_CASE}|{_PAYMENT}|TxCxlSts|CxlStsRsnInf/(?:{_REASON})",
            row_required=("OrgnlEndToEndId", "TxCxlSts"),
        ),
    ),
    "pacs.002.001.10": Form(
        root="FIToFIPmtStsRpt",
        head=rf"GrpHdr/(?:MsgId|CreDtTm|Instg?d?Agt/.+)"
        rf"|OrgnlGrpInfAndSts/(?:{_NAMES}|OrgnlNbOfTxs|GrpSts)",
        required=("GrpHdr/MsgId", "GrpHdr/CreDtTm"), row="TxInfAndSts",
        in_row=rf"StsId|{_PAYMENT}|TxSts|StsRsnInf/(?:{_REASON})|AccptncDtTm|AcctSvcrRef",
        row_required=("OrgnlEndToEndId", "TxSts"),
    ),
    "pacs.004.001.09": Form(
        root="PmtRtr",
        head=rf"GrpHdr/(?:MsgId|CreDtTm|NbOfTxs|CtrlSum|IntrBkSttlmDt|SttlmInf/SttlmMtd"
        rf"|TtlRtrdIntrBkSttlmAmt|Instg?d?Agt/.+)|OrgnlGrpInf/(?:{_NAMES})",
        required=("GrpHdr/MsgId", "GrpHdr/CreDtTm", "GrpHdr/NbOfTxs"), row="TxInf",
        in_row=rf"RtrId|{_PAYMENT}|RtrdIntrBkSttlmAmt|IntrBkSttlmDt|ChrgBr"
        rf"|RtrRsnInf/(?:{_REASON})",
        row_required=("RtrId", "OrgnlEndToEndId", "RtrdIntrBkSttlmAmt"),
    ),
}  # fmt: skip
MESSAGES = tuple(FORMS)
