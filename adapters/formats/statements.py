"""A bank's statement in any form that is taken: JSON, vouchers (2301, 2302, receipts), camt."""

from adapters.formats.iso20022.statement import read_iso_statement
from adapters.formats.json_statement import read_statement
from adapters.formats.sniff import sniff
from adapters.formats.voucher.conduct import read_voucher_statement
from gateway.domain.conduct import Statement


def read_any_statement(raw: bytes) -> tuple[str, Statement]:
    """The division and what it says, by its content. Raises Unreadable."""
    format = sniff(raw)
    if format == "voucher":
        return read_voucher_statement(raw)
    return read_iso_statement(raw) if format == "iso20022" else read_statement(raw)
