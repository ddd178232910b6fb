"""Lists that go on page by page lose no line and repeat none, though many lines are of one moment:
two banks tell of one number, one number stands in several types and years, and so on."""

import csv
import html
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from adapters.postgres.statements import statements
from bureau.desk.people import Office
from bureau.desk.releases import Named
from bureau.web.sections import holds, interceptions
from gateway.domain.instruction import InstructionKey
from gateway.domain.releases import Verdict
from tests.bureau.desks import Desk, Seated, bare
from tests.bureau.inbox.test_two_banks import LIAR, lied
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, House, finding, told, verdict

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"
MOMENT = 1_772_438_400_000_000
HOLD = finding(policy="JL-052", action="hold", detail="", unavailable=[])
WARN = finding(policy="JL-053", action="warn")
NUMBERS = range(1, 14)
WAYS = ((2025, "8202"), (2026, "5201"), (2026, "8202"))
PIECE = 7
CARD = rf'"{HOME}/(\d+)/(\d+)/(\d+)\?bank=(\d+)"'
HELD = rf'"{HOME}/holds/(\d+)/(\d+)/(\d+)\?bank=(\d+)"'
Line = tuple[str, str, str, str]


def of_one_moment(outcome: str, bank: str, *findings: dict[str, Any]) -> list[bytes]:
    return [
        verdict(
            n, outcome, findings=list(findings), digest="ab" * 32, bank=bank, recorded_at=MOMENT,
            fiscal_year=year, voucher_type=kind,
        )
        for n in NUMBERS
        for year, kind in WAYS
    ]  # fmt: skip


WHOLE = {
    (str(year), kind, f"{n:013d}", bank)
    for n in NUMBERS for year, kind in WAYS for bank in (BANK, LIAR)
}  # fmt: skip


async def arrived(
    bureau: Bureau, chain: Chain, house: House, outcome: str, *said: dict[str, Any]
) -> None:
    await told(bureau, chain, *of_one_moment(outcome, BANK, *said))
    await lied(bureau, house, *of_one_moment(outcome, LIAR, *said))


async def walked(who: Seated, path: str, pattern: str) -> list[Line]:
    """The lines of every page, as its links name them, from the first page to the last."""
    found: list[Line] = []
    for _ in range(9):
        _, page = await who.get(path)
        rows = html.unescape(bare(page)).partition("<tbody>")[2].partition("</tbody>")[0]
        found += re.findall(pattern, rows)
        further = re.findall(r'href="(\?[^"]+)" rel="next"', page)
        if not further:
            return found
        path = path.partition("?")[0] + html.unescape(further[0])
    raise AssertionError("pages without end")


@pytest.mark.walk
async def test_two_banks_lines_of_one_moment_are_all_listed_and_exported_once(
    desk: Desk, bureau: Bureau, chain: Chain, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arrived(bureau, chain, house, "held", HOLD)
    reviewer = await desk.seat(Office.REVIEWER)
    for path, pattern in (
        ("/interceptions", CARD),
        ("/holds", HELD),
    ):
        found = await walked(reviewer, HOME + path, pattern)
        assert set(found) == WHOLE and len(found) == len(WHOLE), path
    monkeypatch.setattr(interceptions, "PIECE_ROWS", PIECE)
    _, body, _ = await reviewer.bytes(f"{HOME}/interceptions.csv")
    _, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig")))
    plain = [tuple(cell.lstrip("'") for cell in row) for row in rows if len(row) > 13]
    assert sorted((r[3], r[4], r[5], r[13]) for r in plain) == sorted(WHOLE)


async def test_warned_payments_of_one_moment_are_all_listed_once(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await arrived(bureau, chain, house, "passed", WARN)
    reviewer = await desk.seat(Office.REVIEWER)
    found = await walked(
        reviewer,
        f"{HOME}/interceptions?q=verdict:warned",
        CARD,
    )
    assert set(found) == WHOLE and len(found) == len(WHOLE)


async def test_a_link_of_before_goes_on_after_its_number_and_nonsense_is_refused(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await arrived(bureau, chain, house, "held", HOLD)
    reviewer = await desk.seat(Office.REVIEWER)
    at = "before=2026-03-02T08:00:00%2B00:00"
    for path in ("interceptions", "holds"):
        assert (await reviewer.get(f"{HOME}/{path}?{at}&no={5:013d}"))[0] == 200
        assert (await reviewer.get(f"{HOME}/{path}?{at}&no=5&year=x"))[0] == 400
    assert (await reviewer.get(f"{HOME}/releases?{at}"))[0] == 200
    assert (await reviewer.get(f"{HOME}/releases?{at}&no=x"))[0] == 400


async def test_decisions_proposed_in_one_moment_are_all_listed_once(
    desk: Desk, bureau: Bureau, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(bureau, chain, *of_one_moment("held", BANK, HOLD))
    releases, li = desk.rooms.releases, Named(name="李经办")
    for year, kind, number, bank in WHOLE:
        if bank == BANK:
            key = InstructionKey(
                division=DIVISION, fiscal_year=int(year), voucher_type=kind, voucher_no=number
            )
            await releases.propose(key, Verdict.REFUSE, "材料不实", li, bank=BANK)
    monkeypatch.setattr(holds, "PAGE_ROWS", PIECE)
    reviewer = await desk.seat(Office.REVIEWER)
    found = await walked(reviewer, f"{HOME}/releases", HELD)
    mine = [line for line in WHOLE if line[3] == BANK]
    assert sorted(found) == sorted(mine)


PAGED: Mapping[str, tuple[str, str, str, frozenset[str]]] = {
    "interceptions": ("bureau/desk", "search", "interception", frozenset({"division"})),
    "warned": ("bureau/desk", "search", "warned", frozenset({"division"})),
    "holds": ("bureau/holds", "open_holds", "open_hold", frozenset({"division"})),
    "decisions": ("bureau/holds", "proposals", "release_proposal", frozenset({"division"})),
    # Numbers begin anew each year, and the year is that of the moment.
    "cases": ("bureau/cases", "cases", "case_file", frozenset({"division", "year"})),
    "complaints": ("bureau/complaints", "listed", "complaint", frozenset({"division", "year"})),
    "accounts": ("bureau/people", "people", "desk_person", frozenset()),
    "trail": ("bureau/people", "acts", "desk_act", frozenset({"division"})),
    "rows": ("bureau/registers", "kept", "register_kept", frozenset({"division", "register"})),
    "changes": ("bureau/registers", "changes", "register_change", frozenset({"division"})),
    "flips": ("bureau/questions", "flips", "policy_flip", frozenset({"division", "number"})),
}
"""Each list that goes on: file, statement, table, and the columns that one list has in common."""
_KEYS = """
SELECT array_agg(a.attname::text) AS columns
FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indrelid = $1::regclass AND i.indisunique GROUP BY i.indexrelid
"""


@pytest.mark.parametrize("which", PAGED)
async def test_the_order_of_a_list_that_goes_on_is_total(which: str, bureau: Bureau) -> None:
    file, name, table, common = PAGED[which]
    sql = statements(file)[name]
    ordered = _columns(re.findall(r"ORDER BY ([^()]+?)\n *LIMIT", sql)[-1])
    async with bureau.pool.acquire() as connection:
        keys = [set(row["columns"]) for row in await connection.fetch(_KEYS, table)]
    assert any(key <= set(ordered) | common for key in keys), f"{ordered} of {keys}"


def _columns(order: str) -> list[str]:
    plain: Callable[[str], str] = lambda each: each.split()[0].rpartition(".")[2]  # noqa: E731
    return [plain(each) for each in order.split(",")]


def test_every_statement_that_goes_on_from_a_place_is_among_them() -> None:
    going = re.compile(
        r"(?:\$2::timestamptz IS NULL\s+OR \(|seq < \$2|login > \$1|key > \$3|seq\) > \()"
    )
    found = {
        (file, name)
        for file in ("cases", "complaints", "desk", "holds", "people", "policies", "questions",
                     "registers", "releases")
        for name, sql in statements(f"bureau/{file}").items()
        if going.search(sql) and "LIMIT" in sql
    }  # fmt: skip
    assert found == {(f.removeprefix("bureau/"), name) for f, name, *_ in PAGED.values()}
