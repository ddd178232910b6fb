"""Writes the vouchers beside payment instructions: the inverse of `papers`.

Elements that the value does not hold (names of codes and banks) are left empty, or repeat the code
where the interface requires them.
"""

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from adapters.formats.voucher.fields import IDENTITY, Fields, paper_layouts, voucher_day
from adapters.formats.voucher.tables import TABLES, Column, Kind
from gateway.domain.money import yuan
from gateway.domain.vouchers import Voucher

_DECLARATION = '<?xml version="1.0" encoding="GBK"?>\n'


def vouchers_envelope(vouchers: Sequence[Voucher]) -> bytes:
    """The GBK envelope of these vouchers, VoucherFlag 0.

    Raises ValueError for what the interface cannot say: a text too wide or outside GBK.
    """
    bodies = "".join(_body(voucher) for voucher in vouchers)
    return (
        f"{_DECLARATION}<MOF><VoucherCount>{len(vouchers)}</VoucherCount>{bodies}</MOF>"
    ).encode("gbk")


def _body(voucher: Voucher) -> str:
    key = voucher.key
    table, layout = TABLES[key.voucher_type], paper_layouts()[key.voucher_type]
    stated = (key.division, str(key.fiscal_year), key.voucher_type, key.voucher_no)
    header = {
        **dict(zip(IDENTITY, stated, strict=True)),
        "Id": f"{key.voucher_type}-{key.fiscal_year}-{key.voucher_no}",
        "VouDate": voucher_day(voucher.day),
        **_texts(voucher, table.header),
    }
    rows = "".join(
        f"<Detail>{_elements(_texts(line, table.detail), layout.detail)}</Detail>"
        for line in getattr(voucher, "lines")  # noqa: B009 - every table's head has lines
    )
    inner = (
        f"{_DECLARATION}<Voucher>{_elements(header, layout.header)}"
        f"<DetailList>{rows}</DetailList></Voucher>"
    )
    attributes = " ".join(f"{n}={quoteattr(v)}" for n, v in zip(IDENTITY, stated, strict=True))
    encoded = base64.b64encode(inner.encode("gbk")).decode("ascii")
    return (
        f"<VoucherBody {attributes}><VoucherFlag>0</VoucherFlag><Attach></Attach>"
        f"<Voucher>{encoded}</Voucher></VoucherBody>"
    )


def _texts(value: Any, columns: Mapping[str, Column]) -> dict[str, str]:
    return {
        element: _text(getattr(value, attribute), kind)
        for attribute, (element, kind) in columns.items()
    }


def _text(value: Any, kind: Kind) -> str:
    if kind is Kind.DAY:
        assert isinstance(value, dt.date)
        return voucher_day(value)
    if kind is Kind.FLAG:
        return "1" if value else "2"
    if kind in (Kind.TEXT, Kind.COUNT):
        return str(value)
    return yuan(-value if kind is Kind.BACK else value)


def _elements(texts: Mapping[str, str], fields: Fields) -> str:
    for name, text in texts.items():
        width = fields[name].bytes_max
        if width is not None and len(text.encode("gbk")) > width:
            raise ValueError(f"{name} is wider than the interface allows")
    return "".join(
        f"<{name}>{escape(texts.get(name) or _beside(name, texts, field.required))}</{name}>"
        for name, field in fields.items()
    )


def _beside(name: str, texts: Mapping[str, str], required: bool) -> str:
    """A required name that we do not know repeats its code."""
    return texts.get(name.removesuffix("Name") + "Code", "") if required else ""
