"""A division's code numbers, mapped to the classes that policies speak of (data, per division)."""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

import attrs

from gateway.domain.codes import BusinessType, PaymentMethod, Settlement

_TABLES = frozenset({"pay_types", "settlements", "settlement_names", "business_types"})
_DEFAULT = "default"


class CodesInvalid(ValueError):
    """A code file cannot be trusted; the program must not start on it."""


@attrs.frozen(kw_only=True)
class DivisionCodes:
    pay_types: Mapping[str, PaymentMethod]
    """PayTypeCode."""
    settlements: Mapping[str, Settlement]
    """SetModeCode."""
    settlement_names: Mapping[str, Settlement]
    """SetModeName: cash is told by its name in many places."""
    business_types: Mapping[str, BusinessType]
    """BusinessTypeCode."""


@attrs.frozen
class CodeBook:
    """The code maps of all divisions; those without their own share the default."""

    divisions: Mapping[str, DivisionCodes]
    default: DivisionCodes

    def of(self, division: str) -> DivisionCodes:
        return self.divisions.get(division, self.default)


def load_codes(folder: Traversable | None = None) -> CodeBook:
    """Read `default.toml` and `<division>.toml` files. Raises CodesInvalid, naming the place."""
    folder = folder or files(__package__) / "codes"
    found = {
        file.name.removesuffix(".toml"): _read(file)
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }
    default = found.pop(_DEFAULT, None)
    if default is None:
        raise CodesInvalid(f"there is no {_DEFAULT}.toml among the code files")
    for name in found:
        if not re.fullmatch("[0-9]{9}", name):
            raise CodesInvalid(f"{name}.toml: a code file is named by its nine-digit division")
    return CodeBook(found, default)


def _read(file: Traversable) -> DivisionCodes:
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except ValueError as cause:
        raise CodesInvalid(f"{file.name}: {cause}") from cause
    if set(tables) != _TABLES or not all(isinstance(table, dict) for table in tables.values()):
        raise CodesInvalid(f"{file.name}: the tables are exactly {', '.join(sorted(_TABLES))}")
    try:
        return DivisionCodes(
            pay_types={code: PaymentMethod(v) for code, v in tables["pay_types"].items()},
            settlements={code: Settlement(v) for code, v in tables["settlements"].items()},
            settlement_names={n: Settlement(v) for n, v in tables["settlement_names"].items()},
            business_types={code: BusinessType(v) for code, v in tables["business_types"].items()},
        )
    except ValueError as cause:
        raise CodesInvalid(f"{file.name}: {cause}") from cause
