"""The same number means another thing elsewhere: code maps are chosen by the voucher's division."""

import pytest

from adapters.formats.voucher.division_codes import load_codes
from adapters.formats.voucher.payments import VoucherFormat
from gateway.domain.codes import BusinessType, Settlement
from gateway.domain.faults import Unreadable
from tests.adapters.formats.voucher_samples import ATTRIBUTES, INNER, envelope


def voucher(division: str, settlement: str, business: str = "1") -> bytes:
    inner = (
        INNER.replace("<AdmDivCode>220000000", f"<AdmDivCode>{division}")
        .replace("<SetModeCode>1<", f"<SetModeCode>{settlement}<")
        .replace("<SetModeName>电子转账支付<", "<SetModeName><")
        .replace("<BusinessTypeCode>1<", f"<BusinessTypeCode>{business}<")
    )
    return envelope(inner, ATTRIBUTES.replace("220000000", division))


@pytest.mark.parametrize(
    ("division", "code", "meant"),
    [
        ("220000000", "1", Settlement.TRANSFER),
        ("310000000", "1", Settlement.TRANSFER_CHEQUE),
        ("310000000", "0", Settlement.CASH_CHEQUE),
        ("530000000", "1", Settlement.TRANSFER),
    ],
)
def test_a_settlement_code_is_read_as_its_division_means_it(
    division: str, code: str, meant: Settlement
) -> None:
    assert VoucherFormat().parse(voucher(division, code)).settlement is meant


def test_a_code_that_the_division_does_not_have_is_refused() -> None:
    for division, code in (("220000000", "0"), ("310000000", "3"), ("530000000", "2")):
        with pytest.raises(Unreadable) as caught:
            VoucherFormat().parse(voucher(division, code))
        assert "SetModeCode" in {error.field for error in caught.value.errors}


def test_business_types_too_are_the_division_s_own() -> None:
    read = VoucherFormat().parse(voucher("530000000", "1", "2"))
    assert read.business_type is BusinessType.OFFICIAL_CARD_REPAYMENT
    with pytest.raises(Unreadable):
        VoucherFormat().parse(voucher("220000000", "1", "2"))
    assert set(load_codes().divisions) >= {"310000000", "530000000"}
