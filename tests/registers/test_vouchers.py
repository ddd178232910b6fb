"""The bureau's vouchers 5106, 5108, 5901, 5951 as versions of the registers, on real PostgreSQL."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from adapters.formats.voucher.paper_write import vouchers_envelope
from adapters.formats.voucher.papers import read_sent_vouchers
from adapters.postgres.oversight.past import PostgresPast
from adapters.postgres.registers.applying import Loaded
from gateway.domain.codes import AgencyKind, AgencyStatus, PaymentMethod, Register
from gateway.domain.faults import Conflicting, FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import LimitKind
from gateway.domain.money import FEN_MAX
from gateway.domain.register_vouchers import Handed
from gateway.domain.registers import code_key, plan_scope
from gateway.domain.vouchers import (
    AgencyList,
    AgencyRow,
    BaseData,
    CodeRow,
    QuotaLine,
    QuotaNotice,
    Voucher,
)
from tests.registers.feeds import AGENCY, DIVISION, INDICATOR, VAULT, delta, put, snapshot
from tests.registers.test_applying import NOW, Rooms, rooms

__all__ = ["rooms"]

pytestmark = pytest.mark.postgres

DAY = dt.date(2026, 3, 2)
AUTHORIZED = plan_scope("IND-1", PaymentMethod.AUTHORIZED)
DIRECT = plan_scope("IND-1", PaymentMethod.DIRECT)


def key(kind: str, number: str) -> InstructionKey:
    return InstructionKey(division=DIVISION, fiscal_year=2026, voucher_type=kind, voucher_no=number)


def line(id: str, amount_fen: int, **changes: str) -> QuotaLine:
    made = QuotaLine(
        id=id, indicator="", agency="101", fund_code="111", functional_code="2010301",
        economic_code="30213", project_code="P", amount_fen=amount_fen,
    )  # fmt: skip
    return attrs.evolve(made, **changes)


def notice(number: str, *lines: QuotaLine, kind: str = "5106", month: str = "03") -> QuotaNotice:
    return QuotaNotice(
        key=key(kind, number), day=DAY, treasury="0112410020", month=month,
        pay_type="12" if kind == "5106" else "11",
        amount_fen=sum(each.amount_fen for each in lines), lines=lines,
    )  # fmt: skip


def base_data(number: str, element: str, **codes: bool) -> BaseData:
    rows = tuple(
        CodeRow(id=code, code=code, name="名", parent="", enabled=enabled)
        for code, enabled in codes.items()
    )
    return BaseData(key=key("5901", number), day=DAY, element=element, lines=rows)


async def hand_in(rooms: Rooms, *vouchers: Voucher) -> Loaded:
    """As the door does it: written, read, applied."""
    raw = vouchers_envelope(vouchers)
    handed = Handed(
        vouchers=read_sent_vouchers(raw), raw=raw, signature="jws", party="spiffe://x/bureau"
    )
    return await rooms.registers.apply_vouchers(handed)


async def refused(rooms: Rooms, *vouchers: Voucher) -> dict[str, str]:
    before = (await rooms.seen()).version
    with pytest.raises(Unreadable) as caught:
        await hand_in(rooms, *vouchers)
    assert caught.value.code is FaultCode.FEED_INVALID
    assert (await rooms.seen()).version == before
    return {error.field: error.code for error in caught.value.errors}


@pytest.fixture
async def filled(rooms: Rooms) -> AsyncIterator[Rooms]:
    await rooms.apply(snapshot())
    yield rooms


async def test_notices_of_a_month_add_up_for_each_payment_method_and_take_back(
    filled: Rooms,
) -> None:
    first = await hand_in(filled, notice("1", line("a", 3_000), line("b", 1_000)))
    assert (first.applied, first.version) == (True, 2)
    await hand_in(filled, notice("2", line("a", 2_000), month="04"))
    await hand_in(filled, notice("1", line("a", 700), kind="5108"))
    await hand_in(filled, notice("3", line("a", -500, indicator="IND-1")))
    assert await filled.granted(LimitKind.PLAN, AUTHORIZED) == 5_500
    assert await filled.granted(LimitKind.PLAN, DIRECT) == 700
    assert await filled.granted(LimitKind.PLAN, "IND-1") == 10_000, "the plan of all is as it was"
    planned = (await filled.seen()).index.planned_fen
    assert planned[AUTHORIZED][1:4] == (0, 3_500, 5_500)
    assert planned[DIRECT][2] == 700
    past = PostgresPast(filled.dsn, VAULT)
    before = await past.registers(DIVISION, 2)
    await past.close()
    assert before and before.index.planned_fen[AUTHORIZED][3] == 4_000


async def test_vouchers_do_not_stand_in_the_way_of_the_bureau_s_own_versions(
    filled: Rooms,
) -> None:
    await hand_in(filled, notice("1", line("a", 100)))
    assert await filled.apply(delta(2, indicators=[put(INDICATOR, granted="90.00")])) == (True, 2)
    await hand_in(filled, notice("2", line("a", 100)))
    again = delta(2, indicators=[put(INDICATOR, granted="90.00")])
    assert await filled.apply(again) == (False, 2)
    assert await filled.apply(delta(4, indicators=[])) == (False, 2)
    assert await filled.apply(delta(3, indicators=[])) == (True, 3)
    assert (await filled.seen()).version == 5
    assert await filled.granted(LimitKind.PLAN, AUTHORIZED) == 200
    # A snapshot says everything: what vouchers granted and it does not say is withdrawn.
    assert await filled.apply(snapshot(version=9)) == (True, 9)
    assert (await filled.seen()).version == 9
    assert await filled.granted(LimitKind.PLAN, AUTHORIZED) == 0
    versions = [
        (each.version, each.feed_version, list(each.vouchers))
        for each in await filled.registers.unrecorded(DIVISION, 9)
    ]
    vouchers = [f"{DIVISION}/2026/5106/{number}" for number in (1, 2)]
    assert versions == [
        (1, 1, []), (2, None, vouchers[:1]), (3, 2, []), (4, None, vouchers[1:]), (5, 3, []),
        (9, 9, []),
    ]  # fmt: skip


async def test_a_voucher_counts_once_by_its_number_whatever_envelope_it_comes_in(
    filled: Rooms,
) -> None:
    one, two = notice("1", line("a", 100)), notice("2", line("a", 50))
    await hand_in(filled, one)
    again = await hand_in(filled, one)
    assert (again.applied, again.known, again.version) == (False, True, 2)
    for changed in ([notice("1", line("a", 101))], [one, two]):
        with pytest.raises(Conflicting) as caught:
            await hand_in(filled, *changed)
        assert caught.value.code is FaultCode.FEED_CONFLICT
        assert "5106 1" in caught.value.errors[0].en
    assert await filled.granted(LimitKind.PLAN, AUTHORIZED) == 100


async def test_every_line_that_cannot_be_applied_is_named_and_none_is_applied(
    filled: Rooms,
) -> None:
    others = [
        put(INDICATOR, id="IND-2"), put(INDICATOR, id="IND-3", project_code="Q"),
        put(INDICATOR, id="OLD", fiscal_year=2025),
    ]  # fmt: skip
    await filled.apply(delta(2, indicators=others))
    good = notice("1", line("a", 100, indicator="IND-1"))
    bad = notice(
        "2",
        line("a", 100),
        line("b", 100, project_code="Q"),
        line("c", 100, agency="102"),
        line("d", 100, indicator="IND-9"),
        line("e", 100, indicator="IND-1", economic_code="30201"),
        line("f", -101, indicator="IND-1"),
        line("g", 100, indicator="OLD"),
    )
    assert await refused(filled, good, bad) == {
        "VoucherBody[2].Detail[1].AgencyCode": "ambiguous",
        "VoucherBody[2].Detail[3].AgencyCode": "unknown_indicator",
        "VoucherBody[2].Detail[4].Hold1": "unknown_indicator",
        "VoucherBody[2].Detail[5].ExpEcoCode": "contradiction",
        "VoucherBody[2].Detail[6].PayAmt": "below_zero",
        "VoucherBody[2].Detail[7].Hold1": "unknown_indicator",
    }
    assert await filled.granted(LimitKind.PLAN, AUTHORIZED) is None
    most = notice("3", line("a", FEN_MAX, project_code="Q", economic_code=""))
    assert (await hand_in(filled, most)).applied, "what a line leaves out fits"
    beyond = notice("4", line("a", 1, indicator="IND-3", project_code=""))
    assert await refused(filled, beyond) == {"Detail[1].PayAmt": "range"}


async def test_base_data_put_codes_and_a_line_of_a_disabled_one_is_refused(
    filled: Rooms,
) -> None:
    await hand_in(filled, base_data("1", "ExpEco", **{"30213": True, "30201": True}))
    taken = await hand_in(filled, notice("1", line("a", 100)))
    assert taken.applied, "of a code in use"
    await hand_in(filled, base_data("2", "ExpEco", **{"30213": False}))
    codes = (await filled.seen()).codes
    assert codes[code_key("ExpEco", "30201")].enabled
    assert not codes[code_key("ExpEco", "30213")].enabled
    found = await refused(filled, notice("3", line("a", 100)))
    assert found == {"Detail[1].ExpEcoCode": "disabled"}


async def test_a_list_of_agencies_puts_them_and_lifts_no_suspension(filled: Rooms) -> None:
    await filled.apply(
        delta(2, agencies=[put(AGENCY, status="suspended", status_basis="案〔2026〕3号")])
    )

    def row(code: str, kind: str = "1", *, enabled: bool = True, parent: str = "") -> AgencyRow:
        id = f"{code}-{kind}"
        return AgencyRow(id=id, code=code, name="新名", parent=parent, kind=kind, enabled=enabled)

    def listed(number: str, *rows: AgencyRow) -> AgencyList:
        return AgencyList(key=key("5951", number), day=DAY, lines=rows)

    await hand_in(
        filled,
        listed("1", row("101", ""), row("101001", "2", parent="101"), row("9", enabled=False)),
    )
    agencies = (await filled.seen()).agencies
    assert {code: agency.status for code, agency in agencies.items()} == {
        "101": AgencyStatus.SUSPENDED, "101001": AgencyStatus.ACTIVE, "9": AgencyStatus.SUSPENDED,
    }  # fmt: skip
    assert (agencies["101"].name, agencies["101"].kind) == ("新名", AgencyKind.ADMINISTRATIVE)
    assert agencies["101001"].parent == "101"
    assert agencies["101"].status_basis == "案〔2026〕3号"
    assert agencies["101"].parent is None
    wrong = listed("2", row("8", ""), row("7", "2"), row("7"), row("101001", "5"))
    assert await refused(filled, wrong) == {
        "Detail[1].AgencyKind": "code", "Detail[3].ChrCode": "repeated",
        "Detail[4].AgencyKind": "code",
    }  # fmt: skip


async def test_a_notice_that_takes_back_what_is_reserved_is_reported(filled: Rooms) -> None:
    await hand_in(filled, notice("1", line("a", 1_000)))
    await filled.ask(
        "UPDATE limit_line SET reserved_fen = 800 WHERE kind = 'plan' AND id = $1", AUTHORIZED
    )
    loaded = await hand_in(filled, notice("2", line("a", -500)))
    assert [limit.key.id for limit in loaded.overdrawn] == [AUTHORIZED]
    assert await filled.ask("SELECT id FROM overdraft WHERE NOT told") == AUTHORIZED


async def test_vouchers_make_no_register_younger(filled: Rooms) -> None:
    await hand_in(filled, notice("1", line("a", 100)))
    filled.clock = NOW + dt.timedelta(hours=36)
    await filled.shelves[0].refresh()
    assert filled.shelves[0].of(DIVISION, filled.clock).unavailable == frozenset(Register)


async def test_without_a_snapshot_there_is_nothing_to_change(rooms: Rooms) -> None:
    with pytest.raises(Conflicting) as caught:
        await hand_in(rooms, notice("1", line("a", 100)))
    assert caught.value.code is FaultCode.FEED_GAP


def test_a_return_copy_is_no_order() -> None:
    raw = vouchers_envelope([notice("1", line("a", 100))])
    returned: Any = raw.replace(b"<VoucherFlag>0<", b"<VoucherFlag>1<")
    with pytest.raises(Unreadable):
        read_sent_vouchers(returned)
