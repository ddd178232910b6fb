"""Voucher 8207 (财政批量业务支付明细): a batch's payees, told in the words of 8202 and 5201.

Its interface names the sum and the purpose otherwise, knows no way to pay but a transfer, and has
no element for two codes of Art. 9, which stand in Hold2 beside the references: `EC` (economic
classification) and `DP` (budget project). It names the main voucher whose details it carries; the
two are never both paid (JL-034).
"""

import attrs

from adapters.formats.json.rules import METHOD_OF
from adapters.formats.json.walk import Findings
from adapters.formats.voucher.elements import Texts, VoucherTexts

BATCH = "8207"
_NAMES = {"SumAmt": "PayAmt", "Remark": "PaySummaryName"}
"""Its header's own names for what the others call otherwise."""
_CODES = {"EC": "ExpEcoCode", "DP": "DepProCode"}


def as_others(voucher: VoucherTexts, found: Findings) -> VoucherTexts:
    """The same texts under the names of the other vouchers."""
    header: Texts = {_NAMES.get(name, name): text for name, text in voucher.header.items()}
    header["Hold2"] = _codes_out_of(header.get("Hold2", ""), header, found)
    main = header.get("OriginalVtCode", "")
    if main and main not in METHOD_OF:
        found.note(
            "OriginalVtCode", "code", "主凭证类型应为 8202 或 5201",
            "the main voucher is an 8202 or a 5201",
        )  # fmt: skip
    return VoucherTexts(header=header, details=voucher.details)


def in_own_names(found: Findings, since: int) -> None:
    """Errors of the header noted since then, at the places where its sender finds them."""
    own = {theirs: name for name, theirs in _NAMES.items()}
    found[since:] = [
        attrs.evolve(each, field=own.get(each.field, each.field)) for each in found[since:]
    ]


def _codes_out_of(text: str, header: Texts, found: Findings) -> str:
    rest = []
    for part in text.split(";") if text else ():
        key, _, value = part.partition("=")
        name = _CODES.get(key)
        if name is None:
            rest.append(part)
        elif not (value.isascii() and value.isalnum()) or name in header:
            found.note(
                "Hold2", "reserved_field", f"预留字段格式不符：{key}",
                f"the reserved field is not of the documented form: {key}",
            )  # fmt: skip
        else:
            header[name] = value
    return ";".join(rest)
