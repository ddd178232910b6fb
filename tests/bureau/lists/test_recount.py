"""A recount at the bureau: what an owner's hand changed behind the triggers is named."""

from collections.abc import Sequence
from functools import partial

import asyncpg
import pytest

from adapters.postgres.bureau.recount import snapshot
from adapters.postgres.bureau.statistics import BureauStatistics
from bureau.desk.recount import Difference, Recounter
from tests.bureau.lists.test_figures_and_states import ENDS, about
from tests.bureau.words import (
    DIVISION,
    GATEWAY,
    Bureau,
    Chain,
    House,
    finding,
    notice,
    told,
    verdict,
)

pytestmark = pytest.mark.postgres

PERSON = {"payee": {"name_commitment": "ab" * 32}}
HELD, BLOCKED, WARNED = (f"voucher_no LIKE '%00{n}'" for n in (1, 2, 9))
CHANGES = {
    "held, and shown as blocked": (
        f"UPDATE interception SET outcome = 'blocked', state = 'blocked' WHERE {HELD}",
        {("interception", "outcome"), ("interception", "state"), ("figure", "count, fen")},
    ),
    "paid for all that is shown": (
        f"UPDATE interception SET state = 'paid' WHERE {HELD}", {("interception", "state")},
    ),
    "a smaller amount": (
        f"UPDATE interception SET amount_fen = 1 WHERE {BLOCKED}", {("interception", "amount_fen")},
    ),
    "another agency": (
        f"UPDATE interception SET agency_code = '101009' WHERE {BLOCKED}",
        {("interception", "agency_code")},
    ),
    "another policy": (
        f"UPDATE interception SET policies = '{{JL-001}}' WHERE {BLOCKED}",
        {("interception", "policies")},
    ),
    "another reason": (
        f"UPDATE interception SET reason_zh = '' WHERE {BLOCKED}", {("interception", "reason_zh")},
    ),
    "another person": (
        f"UPDATE interception SET payee_name = '李某' WHERE {BLOCKED}",
        {("interception", "payee_name")},
    ),
    "another moment": (
        f"UPDATE interception SET decided_at = now() WHERE {BLOCKED}",
        {("interception", "decided_at")},
    ),
    "a line is gone": (
        f"DELETE FROM interception WHERE {HELD}", {("interception", "row"), ("open_hold", "row")},
    ),
    "a line of no record": (
        "INSERT INTO interception SELECT (jsonb_populate_record(i, '{\"voucher_no\": \"777\"}')).*"
        f" FROM interception AS i WHERE {HELD}",
        {("interception", "row")},
    ),
    "a line only told of, told otherwise": (
        "UPDATE interception SET amount_fen = 1 WHERE record_seq IS NULL",
        {("interception", "amount_fen")},
    ),
    "a notice of other bytes": (
        "UPDATE notice SET body = body || ' '", {("notice", "body")},
    ),
    "a hold waits no more": (f"DELETE FROM open_hold WHERE {HELD}", {("open_hold", "waits")}),
    "a warning says another agency": (
        f"UPDATE warned SET agency_code = '1' WHERE {WARNED}", {("warned", "agency_code")},
    ),
    "a warning is gone": (f"DELETE FROM warned WHERE {WARNED}", {("warned", "row")}),
    "fewer records than there are": (
        "UPDATE log_tally SET count = count + 1 WHERE measure = 'outcome' AND value = 'held'",
        {("tally", "count")},
    ),
    "a month's figure": (
        "UPDATE stat_cell SET count = count - 1 WHERE measure = 'agency'",
        {("figure", "count, fen")},
    ),
    "a year's figure": (
        "UPDATE stat_year SET amount_fen = 0 WHERE measure = 'agency'", {("figure", "count, fen")},
    ),
    "a record's bytes": (
        "UPDATE log_record SET body = convert_to(replace(convert_from(body, 'UTF8'), '1280000',"
        " '1280001'), 'UTF8') WHERE kind = 'verdict'",
        {("log", "records"), ("interception", "amount_fen")},
    ),
}  # fmt: skip


async def found(bureau: Bureau) -> list[Difference]:
    recounter = Recounter(partial(snapshot, bureau.pool), bureau.auditor, bureau.trust)
    return [each async for each in recounter.recount(bureau.place)]


async def a_day(bureau: Bureau, chain: Chain, house: House) -> None:
    """Holds and all that became of some, blocks, a person, warnings, notices before and without
    records; half of it folded into months and years."""

    async def notify(number: int, **more: object) -> None:
        body = notice(number, **more)
        await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))

    await notify(2, payee={"account_masked": "***1", "name": "王某"})
    await notify(888)
    warned = {"findings": [finding(action="warn", policy="JL-061")]}
    await told(
        bureau, chain, verdict(1, "held"), verdict(2, "blocked", **PERSON), verdict(3, "passed"),
        verdict(9, "passed", **warned), *(verdict(20 + n, "held") for n in range(len(ENDS))),
    )  # fmt: skip
    while await BureauStatistics(bureau.pool).fold():
        pass
    ends = (about(20 + n, kind, **more) for n, (kind, more, _) in enumerate(ENDS))
    await told(bureau, chain, *ends, verdict(50, "blocked"))
    await notify(50)


async def test_whoever_waits_sees_how_far_it_is(bureau: Bureau, chain: Chain, house: House) -> None:
    await a_day(bureau, chain, house)
    recounter = Recounter(partial(snapshot, bureau.pool), bureau.auditor, bureau.trust)
    heard: list[tuple[str, int, int]] = []
    [
        each
        async for each in recounter.recount(
            bureau.place, lambda place, done, total: heard.append((place.origin, done, total))
        )
    ]
    size = await bureau.pool.fetchval("SELECT count(*) FROM log_record")
    done = [each[1] for each in heard]
    assert {(origin, total) for origin, _, total in heard} == {(bureau.place.origin, 2 * size)}
    assert done == sorted(done) and size in done and done[-1] == 2 * size


@pytest.mark.parametrize(("change", "wanted"), CHANGES.values(), ids=CHANGES)
async def test_a_hand_behind_the_triggers_is_named_by_row_and_column(
    bureau: Bureau, chain: Chain, house: House, kept: str, change: str,
    wanted: Sequence[tuple[str, str]],
) -> None:  # fmt: skip
    await a_day(bureau, chain, house)
    assert await found(bureau) == []
    owner = await asyncpg.connect(kept)
    try:
        await owner.execute("SET session_replication_role = replica")
        assert not (await owner.execute(change)).endswith(" 0")
    finally:
        await owner.close()
    named = {(each.what, each.column) for each in await found(bureau)}
    assert named >= set(wanted), named
