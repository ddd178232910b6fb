"""Vouchers about registers, within the transaction that applies them: what stands, what was."""

from collections.abc import Sequence
from typing import Any

from adapters.postgres.registers.writing import standing
from adapters.postgres.session import Connection
from adapters.postgres.statements import statements
from gateway.domain.codes import Register
from gateway.domain.faults import Conflicting, FaultCode, FieldError
from gateway.domain.register_feed import plan_key
from gateway.domain.register_tables import row_of
from gateway.domain.register_vouchers import METHODS, Handed, Standing, codes_of, lines_of
from gateway.domain.registers import code_key, plan_scope
from gateway.domain.vouchers import AgencyList, BaseData, Voucher

_SQL = statements("registers")


class VoucherConflict(Conflicting):
    """A voucher of the envelope was applied before, in another envelope."""

    recorded = False


async def applied_before(connection: Connection, handed: Handed, digest: bytes) -> int | None:
    """The version that this very envelope made; None if all of it is new. Raises Conflicting."""
    known = await connection.fetch(_SQL["voucher_applied"], *_keys(handed.vouchers))
    if not known:
        return None
    if len(known) == len(handed.vouchers) and all(row["digest"] == digest for row in known):
        version: int = known[0]["version"]
        return version
    errors = tuple(
        FieldError(
            field="VoucherNo", code="applied_before",
            zh=f"凭证 {row['voucher_type']} {row['voucher_no']} 已在其他报文中生效",
            en=f"{row['voucher_type']} {row['voucher_no']} was applied before, with other bytes,"
            f" as version {row['version']}",
        )
        for row in known
    )  # fmt: skip
    raise VoucherConflict(
        FaultCode.FEED_CONFLICT, "vouchers were applied before; nothing was applied", errors
    )


async def note_vouchers(
    connection: Connection, handed: Handed, version: int, digest: bytes
) -> None:
    await connection.execute(_SQL["add_vouchers"], *_keys(handed.vouchers), version, digest)


async def standing_for(connection: Connection, vouchers: Sequence[Voucher]) -> Standing:
    """What stands of what they speak of."""
    division = vouchers[0].key.division
    lines = list(lines_of(vouchers))

    async def rows(register: Register, keys: set[str]) -> dict[str, Any]:
        found = await standing(connection, division, register, sorted(keys))
        return {key: row_of(register, body) for key, body in found.items()}

    named = await rows(Register.INDICATORS, {line.indicator for _, line in lines} - {""})
    agencies = sorted({line.agency for _, line in lines if not line.indicator})
    bodies = await connection.fetch(_SQL["indicators_of"], division, agencies) if agencies else []
    indicators: dict[str, Any] = named
    for row in bodies:
        found: Any = row_of(Register.INDICATORS, row["body"])
        indicators[found.id] = found
    months = {(METHODS[notice.key.voucher_type], int(notice.month)) for notice, _ in lines}
    plans = {
        plan_key(plan_scope(id, method), month) for id in indicators for method, month in months
    }
    listed = [each for each in vouchers if isinstance(each, AgencyList)]
    data = [each for each in vouchers if isinstance(each, BaseData)]
    codes = {key for _, line in lines for key in codes_of(line)}
    codes |= {code_key(each.element, line.code) for each in data for line in each.lines}
    return Standing(
        indicators=tuple(indicators.values()),
        plans=await rows(Register.PLANS, plans),
        agencies=await rows(
            Register.AGENCIES, {line.code for each in listed for line in each.lines}
        ),
        codes=await rows(Register.CODES, codes),
    )


def _keys(vouchers: Sequence[Voucher]) -> tuple[str, list[int], list[str], list[str]]:
    keys = [voucher.key for voucher in vouchers]
    return (
        keys[0].division, [key.fiscal_year for key in keys], [key.voucher_type for key in keys],
        [key.voucher_no for key in keys],
    )  # fmt: skip
