"""The MOF voucher envelope (支付电子化凭证): vouchers 8202, 5201, 8207 and 5207 in,
return copies out."""

from adapters.formats.json.walk import Findings
from adapters.formats.voucher.answer import answer_voucher, problem_voucher
from adapters.formats.voucher.appropriation import TYPE as APPROPRIATION
from adapters.formats.voucher.appropriation import appropriation_of
from adapters.formats.voucher.division_codes import CodeBook, load_codes
from adapters.formats.voucher.elements import texts_of
from adapters.formats.voucher.envelope import Body, only, opened
from adapters.formats.voucher.fields import IDENTITY, layouts
from adapters.formats.voucher.read import instruction_of
from adapters.formats.voucher.xml import parsed
from gateway.domain.answer import Answer
from gateway.domain.faults import Fault, FaultCode, Unreadable
from gateway.domain.instruction import Instruction


class VoucherFormat:
    """`gateway.ports.Format` for one voucher in one envelope."""

    media_type = "application/xml; charset=GBK"
    problem_media_type = "application/xml; charset=GBK"

    def __init__(self, codes: CodeBook | None = None) -> None:
        """Raises CodesInvalid if a division's code file cannot be trusted."""
        self._codes = codes or load_codes()
        self._layouts = layouts()

    def parse(self, raw: bytes) -> Instruction:
        """Read the one voucher of a GBK envelope.

        Raises Unreadable: body_too_large, not_gbk, not_xml, dtd_refused, field_duplicate,
        voucher_type_unsupported or instruction_invalid, with every error in `errors`
        (`PayAmt` is the header's, `Detail[2].PayAmt` the second detail's).
        """
        return self.read(only(opened(raw)))

    def read(self, body: Body) -> Instruction:
        """Read one voucher; raises as `parse` does."""
        found = Findings()
        if body.attributes["VtCode"] == APPROPRIATION:
            ordered = appropriation_of(body, found)
            if ordered is None:
                raise _invalid(found)
            return ordered
        root = parsed(body.voucher, "the voucher", plain_tags=True)
        if root.tag != "Voucher":
            found.note("Voucher", "unknown", "根元素应为 Voucher", "the root is Voucher")
            raise _invalid(found)
        layout = self._layouts.get(body.attributes["VtCode"])
        if layout is None:
            found.note(
                "VtCode", "voucher_type_unsupported", "只受理 8202、5201、8207、5207 凭证",
                "only voucher types 8202, 5201, 8207 and 5207 are taken",
            )  # fmt: skip
            raise Unreadable(
                FaultCode.VOUCHER_TYPE_UNSUPPORTED, "the voucher type is not taken", tuple(found)
            )
        texts = texts_of(root, layout, found)
        for name in IDENTITY:
            if texts.header.get(name, "") != body.attributes[name]:
                found.note(
                    f"VoucherBody@{name}", "contradiction", "信封属性与凭证内容不一致",
                    "is not what the voucher itself says",
                )  # fmt: skip
        codes = self._codes.of(body.attributes["AdmDivCode"])
        instruction = instruction_of(texts, codes, found)
        if instruction is None:
            raise _invalid(found)
        return instruction

    def answer(self, raw_in: bytes, answer: Answer) -> bytes:
        return answer_voucher(raw_in, answer)

    def problem(self, fault: Fault, instance: str) -> bytes:
        return problem_voucher(fault, instance)


def _invalid(found: Findings) -> Unreadable:
    codes = {error.code for error in found}
    if "duplicate" in codes:
        code = FaultCode.FIELD_DUPLICATE
    elif codes == {"not_gbk"}:
        code = FaultCode.NOT_GBK
    else:
        code = FaultCode.INSTRUCTION_INVALID
    return Unreadable(
        code, f"the voucher has {len(found)} error(s) (凭证有 {len(found)} 处错误)", tuple(found)
    )
