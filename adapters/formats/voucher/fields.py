"""The elements of vouchers 5201, 8202, 8207: name, Chinese name, whether required, GBK width.

The table `codes/voucher_fields.csv` is the message interface as the central bank's own program
checks it; nothing that does not stand in it may stand in a voucher.
"""

import csv
import datetime as dt
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import attrs

IDENTITY = ("AdmDivCode", "StYear", "VtCode", "VoucherNo")
"""What the envelope's attributes repeat of the voucher's header."""

_IDENTIFYING = frozenset({*IDENTITY, "VouDate"})
_WIDTH_OF_REASON = 42
"""Of XAddWord, whose width only 5201 states; a store keeps both types in the same column."""


@attrs.frozen(kw_only=True)
class VoucherField:
    name: str
    zh: str
    required: bool
    bytes_max: int | None
    """In GBK; None where the interface states none (amounts, AcessAuthGroupCode)."""

    @property
    def of_the_bank(self) -> bool:
        """Whether only the bank fills it, on the way back."""
        return self.name.startswith("X")


Fields = Mapping[str, VoucherField]


@attrs.frozen(kw_only=True)
class VoucherLayout:
    header: Fields
    detail: Fields


def voucher_day(day: dt.date) -> str:
    """As vouchers write days: four digits of the year, however early it is."""
    return day.isoformat().replace("-", "")


@cache
def layouts() -> Mapping[str, VoucherLayout]:
    """Of payment instructions, by VtCode."""
    return _read("voucher_fields.csv")


@cache
def paper_layouts() -> Mapping[str, VoucherLayout]:
    """Of the vouchers beside them, by VtCode; `basis` tells where each element is from."""
    return _read("voucher_papers.csv")


def _read(file: str) -> Mapping[str, VoucherLayout]:
    text = (files(__package__) / "codes" / file).read_text("utf-8")
    rows: dict[str, dict[str, dict[str, VoucherField]]] = {}
    for row in csv.DictReader(text.splitlines()):
        levels = rows.setdefault(row["vt_code"], {"header": {}, "detail": {}})
        levels[row["level"]][row["element"]] = _field(row)
    return MappingProxyType(
        {
            code: VoucherLayout(
                header=MappingProxyType(levels["header"]), detail=MappingProxyType(levels["detail"])
            )
            for code, levels in rows.items()
        }
    )


def _field(row: dict[str, str]) -> VoucherField:
    name = row["element"]
    width = int(row["max_bytes_gbk"]) if row["max_bytes_gbk"] else None
    required = row["db_not_null"] == "Y" or (row["level"] == "header" and name in _IDENTIFYING)
    return VoucherField(
        name=name,
        zh=row["name_cn"],
        required=required,
        bytes_max=width or (_WIDTH_OF_REASON if name == "XAddWord" else None),
    )
