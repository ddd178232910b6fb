"""What the bureau's vouchers 5106, 5108, 5901 and 5951 change in the registers.

A limit notice (5106 authorized, 5108 direct) adds to the plan of an indicator for one month and one
payment method, or takes back from it; base data puts codes; a list of agencies puts agencies. All
vouchers of an envelope are applied together or not at all, every line that cannot be is named.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from gateway.domain.codes import AgencyKind, AgencyStatus, PaymentMethod, Register
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.money import FEN_MAX, Fen
from gateway.domain.register_feed import pack, plan_key
from gateway.domain.registers import Agency, Code, Indicator, Plan, Row, code_key, plan_scope
from gateway.domain.vouchers import (
    AgencyList,
    AgencyRow,
    BaseData,
    CodeRow,
    QuotaLine,
    QuotaNotice,
    Voucher,
)

METHODS = {"5106": PaymentMethod.AUTHORIZED, "5108": PaymentMethod.DIRECT}
TYPES = frozenset({*METHODS, "5901", "5951"})
_KINDS = {"1": AgencyKind.ADMINISTRATIVE, "2": AgencyKind.INSTITUTION}
_ELEMENTS = (
    ("fund_code", "FundType"), ("functional_code", "ExpFunc"),
    ("economic_code", "ExpEco"), ("project_code", "DepPro"),
)  # fmt: skip
"""A line's codes, and the element (`DataEle`) that the base data keep them under."""
_FIELDS = {
    "agency": "AgencyCode", "fund_code": "FundTypeCode", "functional_code": "ExpFuncCode",
    "economic_code": "ExpEcoCode", "project_code": "DepProCode",
}  # fmt: skip

Note = Callable[[str, str, str, str], None]
"""Field, code, Chinese, English."""


@attrs.frozen(kw_only=True)
class Handed:
    """An envelope of vouchers as the bureau handed it in."""

    vouchers: tuple[Voucher, ...]
    """Of one division, of TYPES."""
    raw: bytes
    signature: str
    party: str


@attrs.frozen(kw_only=True)
class Standing:
    """What stands in the registers of what the vouchers speak of."""

    indicators: Sequence[Indicator]
    plans: Mapping[str, Plan]
    """By `plan_key`."""
    agencies: Mapping[str, Agency]
    codes: Mapping[str, Code]
    """By `code_key`."""


def lines_of(vouchers: Sequence[Voucher]) -> Iterator[tuple[QuotaNotice, QuotaLine]]:
    """Every line of every limit notice."""
    for voucher in vouchers:
        if isinstance(voucher, QuotaNotice):
            yield from ((voucher, line) for line in voucher.lines)


def codes_of(line: QuotaLine) -> Iterator[str]:
    """The keys that its codes have in the base data."""
    for attribute, element in _ELEMENTS:
        if code := getattr(line, attribute):
            yield code_key(element, code)


def puts_of(
    vouchers: Sequence[Voucher], standing: Standing
) -> Mapping[Register, Mapping[str, bytes]]:
    """The rows to put, packed. Raises Unreadable (FEED_INVALID) with every line that is wrong."""
    errors: list[FieldError] = []
    changes = _Changes(standing)
    for number, voucher in enumerate(vouchers, 1):
        body = f"VoucherBody[{number}]." if len(vouchers) > 1 else ""
        changes.apply(voucher, body, errors)
    if errors:
        raise Unreadable(
            FaultCode.FEED_INVALID,
            f"the vouchers have {len(errors)} error(s); nothing was applied"
            f" (凭证有 {len(errors)} 处错误，未作任何变更)",
            tuple(errors),
        )  # fmt: skip
    return {
        register: {key: pack(row) for key, row in rows.items()}
        for register, rows in changes.rows.items()
    }


def _noting(place: str, errors: list[FieldError]) -> Note:
    def note(field: str, code: str, zh: str, en: str) -> None:
        errors.append(FieldError(field=f"{place}{field}", code=code, zh=zh, en=en))

    return note


class _Changes:
    """The rows as they will stand; each line is looked at after those before it."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self.rows: dict[Register, dict[str, Row]] = defaultdict(dict)

    def apply(self, voucher: Voucher, body: str, errors: list[FieldError]) -> None:
        assert isinstance(voucher, QuotaNotice | BaseData | AgencyList), voucher.key
        for place, line in enumerate(voucher.lines, 1):
            note = _noting(f"{body}Detail[{place}].", errors)
            if isinstance(voucher, QuotaNotice) and isinstance(line, QuotaLine):
                self._grant(voucher, line, note)
            elif isinstance(voucher, BaseData) and isinstance(line, CodeRow):
                self._code(voucher.element, line, note)
            elif isinstance(line, AgencyRow):
                self._agency(line, note)

    def _grant(self, notice: QuotaNotice, line: QuotaLine, note: Note) -> None:
        self._refuse_disabled(line, note)
        indicator = self._indicator(notice, line, note)
        if indicator is None:
            return
        method = METHODS[notice.key.voucher_type]
        month = int(notice.month)
        key = plan_key(plan_scope(indicator.id, method), month)
        plans = self.rows[Register.PLANS]
        before = plans.get(key) or self._standing.plans.get(key)
        assert before is None or isinstance(before, Plan)
        amount = (before.amount_fen if before else 0) + line.amount_fen
        if amount < 0:
            note(
                "PayAmt", "below_zero", "收回的额度超过该月已下达的额度",
                "takes back more than was granted for the month",
            )  # fmt: skip
        elif amount > FEN_MAX:
            note("PayAmt", "range", "额度超出范围", "is out of range")
        else:
            plans[key] = Plan(
                indicator_id=indicator.id, month=month, amount_fen=Fen(amount),
                payment_method=method,
            )  # fmt: skip

    def _code(self, element: str, line: CodeRow, note: Note) -> None:
        row = Code(
            element=element, code=line.code, name=line.name, parent=line.parent or None,
            enabled=line.enabled,
        )  # fmt: skip
        self._put_once(Register.CODES, code_key(element, row.code), row, note)

    def _agency(self, line: AgencyRow, note: Note) -> None:
        """A suspension (Art. 21(4)) outlives the list: only the bureau's signed register lifts it.
        Who is not in use is suspended."""
        before = self._standing.agencies.get(line.code)
        kind = _KINDS.get(line.kind) or (before.kind if before and not line.kind else None)
        if kind is None:
            note(
                "AgencyKind", "code", "单位性质应为 1（行政）或 2（事业）",
                "must be 1 (administrative) or 2 (institution)",
            )  # fmt: skip
            return
        active = line.enabled and (before is None or before.status is AgencyStatus.ACTIVE)
        row = Agency(
            code=line.code, name=line.name, parent=line.parent or None, kind=kind,
            status=AgencyStatus.ACTIVE if active else AgencyStatus.SUSPENDED,
            status_basis=before.status_basis if before and not active else None,
        )  # fmt: skip
        self._put_once(Register.AGENCIES, row.code, row, note)

    def _put_once(self, register: Register, key: str, row: Row, note: Note) -> None:
        if key in self.rows[register]:
            note("ChrCode", "repeated", "与前面的行重复", "is the key of an earlier row")
        self.rows[register][key] = row

    def _refuse_disabled(self, line: QuotaLine, note: Note) -> None:
        for attribute, element in _ELEMENTS:
            code = self._standing.codes.get(code_key(element, getattr(line, attribute)))
            if code is not None and not code.enabled:
                note(
                    _FIELDS[attribute], "disabled", "该代码在基础元数据中已停用",
                    "is out of use, as the base data say",
                )  # fmt: skip

    def _indicator(self, notice: QuotaNotice, line: QuotaLine, note: Note) -> Indicator | None:
        """The one that the line is about: named by it (Hold1), or the only one of its codes."""
        year = notice.key.fiscal_year
        known = [row for row in self._standing.indicators if row.fiscal_year == year]
        if line.indicator:
            known = [row for row in known if row.id == line.indicator]
            field, wrong = "Hold1", [name for row in known for name in _differing(row, line)]
        else:
            known = [row for row in known if not _differing(row, line)]
            field, wrong = "AgencyCode", []
        if len(known) == 1 and not wrong:
            return known[0]
        if not known:
            note(
                field, "unknown_indicator", "备案中没有对应的预算指标",
                "there is no such indicator in the registers",
            )  # fmt: skip
        for name in wrong:
            note(
                _FIELDS[name], "contradiction", "与所列预算指标不一致",
                "is not what the indicator says",
            )  # fmt: skip
        if len(known) > 1:
            note(
                field, "ambiguous", "对应的预算指标不止一个，请在 Hold1 填写指标标识",
                "fits several indicators; name one in Hold1",
            )  # fmt: skip
        return None


def _differing(row: Indicator, line: QuotaLine) -> list[str]:
    """What the line says and the indicator says otherwise; what the line leaves out fits."""
    pairs = (
        ("agency", row.agency), ("fund_code", row.fund_code),
        ("functional_code", row.functional_code), ("economic_code", row.dept_economic_code),
        ("project_code", row.project_code),
    )  # fmt: skip
    return [name for name, own in pairs if getattr(line, name) and getattr(line, name) != own]
