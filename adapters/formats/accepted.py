"""Every format that an instruction may come in, by the name under which it is kept."""

from adapters.formats.iso20022.payments import IsoFormat, IsoPartFormat
from adapters.formats.json.instruction import JsonFormat
from adapters.formats.voucher.payments import VoucherFormat

Accepted = JsonFormat | VoucherFormat | IsoFormat


def accepted_formats() -> dict[str, Accepted]:
    """Fresh readers; `iso20022.part` reads what was cut from a message of many."""
    return {
        "json": JsonFormat(),
        "voucher": VoucherFormat(),
        "iso20022": IsoFormat(),
        "iso20022.part": IsoPartFormat(),
    }
