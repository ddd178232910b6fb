"""Letters as MOF vouchers (`gateway.pipeline.correspondence.Tongue`): refunds 2203, 2204, 8252 and
2252, clearing 2301 and 2302 and receipts, reconciliation 3502 and 3507 answered by 2502 and 2507,
corrections 5253 and 5351. What else is answered is the sender's own envelope as a return copy.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from adapters.formats.json.walk import Findings
from adapters.formats.problem import TITLES
from adapters.formats.voucher.answer import ATTACH_BYTES_MAX, cut_gbk
from adapters.formats.voucher.conduct import statement_of
from adapters.formats.voucher.envelope import RETURNED
from adapters.formats.voucher.paper_write import vouchers_envelope
from adapters.formats.voucher.papers import read_vouchers
from gateway.domain.correspondence import Letter, Matter, Said
from gateway.domain.enquiries import Original, OutcomeItem, PaymentReturn, ReturnItem
from gateway.domain.faults import Fault, FaultCode, Unreadable
from gateway.domain.money import Fen
from gateway.domain.vouchers import (
    Adjustment,
    Clearing,
    Receipt,
    Reconciliation,
    RefundVoucher,
    Voucher,
)

TYPES = frozenset(
    {"2203", "2204", "8252", "2252", "2301", "2302", "3502", "3507", "5253", "5351"}
)  # fmt: skip
"""Beside these, the receipts (VoucherFlag 1) of payments."""
QUESTION_TYPES = ("3502", "3507")

_LOOKED_AT_BYTES = 2048
_TYPE = re.compile(rb"""\sVtCode\s*=\s*["']([0-9]{4})["']""")
_FLAG = re.compile(rb"<VoucherFlag\s*>1</VoucherFlag")
_BODY = re.compile(r"<VoucherBody\b.*?</VoucherBody\s*>", re.DOTALL)
_LEAF = re.compile(r"<(VoucherFlag|Attach)\s*(?:/>|>[^<]*</\1\s*>)")
_REASON_BYTES_MAX = 2000


class VoucherLetters:
    format = "voucher"

    def takes(self, raw: bytes) -> bool:
        head = raw[:_LOOKED_AT_BYTES]
        found = _TYPE.search(head)
        if found is None:
            return False
        return found[1].decode("ascii") in TYPES or _FLAG.search(head) is not None

    def read(self, raw: bytes) -> Letter:
        """Raises Unreadable as `read_vouchers`; for vouchers of different kinds or divisions, and
        kinds that are no letter."""
        vouchers = read_vouchers(raw)
        first = vouchers[0]
        name, division = first.key.voucher_type, first.key.division
        number = f"{name}/{first.key.fiscal_year}/{first.key.voucher_no}"
        several = f"MOF-{hashlib.sha256(raw).hexdigest()[:32]}"
        return Letter(
            id=number if len(vouchers) == 1 else several, name=name, division=division,
            matter=_matter(vouchers, raw), outcomes=tuple(_outcomes(vouchers)),
        )  # fmt: skip

    def reply(self, letter: Letter, raw: bytes, said: Sequence[Said]) -> bytes:
        if isinstance(said[0], Reconciliation):
            return vouchers_envelope([said[0]])
        words = iter(said if isinstance(letter.matter, PaymentReturn) else ())

        def returned(body: re.Match[str]) -> str:
            return _returned(body[0], next(words, said[0]))

        text = _BODY.sub(returned, raw.decode("gbk"))
        lines = [_reason(each) for each in said if isinstance(each, Fault)]
        if lines:
            reason = escape(cut_gbk("\n".join(lines), _REASON_BYTES_MAX))
            text = text.replace("</MOF", f"<Return_Reason>{reason}</Return_Reason></MOF", 1)
        return text.encode("gbk")


def _outcomes(vouchers: Sequence[Voucher]) -> Iterator[OutcomeItem]:
    """A receipt that names the bank's number says that it was paid; one that names a reason and no
    payment, that it was not. Any other only goes to the books."""
    for voucher in vouchers:
        if not isinstance(voucher, Receipt):
            continue
        paid = voucher.whole.paid_fen is not None
        reasons = [each.reason for each in (voucher.whole, *voucher.details) if each.reason]
        if (paid and voucher.whole.reference) or (not paid and reasons):
            yield OutcomeItem(
                original=Original(
                    message_id="", end_to_end_id=voucher.key.voucher_no,
                    amount_fen=voucher.whole.paid_fen,
                ),
                key=voucher.key, accepted=paid, reference=voucher.whole.reference,
                reason="" if paid else "；".join(dict.fromkeys(reasons))[:200],
            )  # fmt: skip


def _matter(vouchers: tuple[Voucher, ...], raw: bytes) -> Matter:
    found = Findings()
    if len({voucher.key.division for voucher in vouchers}) != 1:
        found.note(
            "VoucherBody@AdmDivCode", "contradiction", "一个信封只涉及一个区划",
            "an envelope is about one division",
        )  # fmt: skip
    matter: Matter | None = None
    if all(isinstance(voucher, RefundVoucher) for voucher in vouchers):
        matter = _returns([each for each in vouchers if isinstance(each, RefundVoucher)])
    elif all(isinstance(voucher, Clearing | Receipt) for voucher in vouchers):
        matter = statement_of(vouchers, raw)
    elif len(vouchers) == 1:
        matter = _asked(vouchers[0])
    if matter is None:
        found.note(
            "VoucherBody@VtCode", "voucher_type_unsupported", "此处不受理的凭证类型或组合",
            "is not a voucher, or not together with others, that is taken here",
        )  # fmt: skip
    if found or matter is None:
        raise Unreadable(
            FaultCode.INSTRUCTION_INVALID, f"the envelope has {len(found)} error(s)", tuple(found)
        )
    return matter


def _asked(voucher: Voucher) -> Matter | None:
    if isinstance(voucher, Reconciliation):
        return voucher if voucher.key.voucher_type in QUESTION_TYPES else None
    return voucher if isinstance(voucher, Adjustment) else None


def _returns(vouchers: Sequence[RefundVoucher]) -> PaymentReturn:
    return PaymentReturn(
        id=vouchers[0].key.voucher_no,
        payments=tuple(
            ReturnItem(
                id=each.reference or each.key.voucher_no,
                original=Original(message_id="", end_to_end_id=each.payment_no),
                key=each.key, payment=each.payment, amount_fen=Fen(each.amount_fen), reason="",
                words=each.reason,
            )
            for each in vouchers
        ),
    )  # fmt: skip


def _returned(body: str, said: Said) -> str:
    attach = said.code.value if isinstance(said, Fault) else "SUCCESS"
    replaced = {"VoucherFlag": RETURNED, "Attach": escape(cut_gbk(attach, ATTACH_BYTES_MAX))}
    if not any(leaf[1] == "Attach" for leaf in _LEAF.finditer(body)):
        body = body.replace("</VoucherBody", "<Attach></Attach></VoucherBody", 1)
    return _LEAF.sub(lambda leaf: f"<{leaf[1]}>{replaced[leaf[1]]}</{leaf[1]}>", body)


def _reason(fault: Fault) -> str:
    zh, en = TITLES[fault.code]
    errors = "; ".join(f"{e.field}: {e.zh} / {e.en} [{e.code}]" for e in fault.errors)
    return f"{fault.code.value}: {zh} / {en}: {fault.detail} {errors}".strip()
