"""What the detail of a single payment says beside the purpose: read, and judged with it."""

from adapters.formats.voucher.payments import VoucherFormat
from gateway.domain.instruction import Instruction
from tests.adapters.formats.voucher_samples import INNER, envelope


def read(remark: str) -> Instruction:
    said = INNER.replace("<Remark></Remark>", f"<Remark>{remark}</Remark>")
    return VoucherFormat().parse(envelope(said))


def test_what_a_single_payments_detail_says_beside_the_purpose_is_read() -> None:
    order = read("茅台酒两箱")
    assert (order.purpose, order.remarks) == ("购打印纸和硒鼓", ("茅台酒两箱",))
    assert order.details == ()


def test_a_remark_that_is_empty_or_the_purpose_again_is_none() -> None:
    assert [read(said).remarks for said in ("", "购打印纸和硒鼓")] == [(), ()]
