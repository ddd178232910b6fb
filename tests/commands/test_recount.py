"""`recount` on a real stage: whatever a hand with the database owner's rights changes is named."""

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.oversight.recount import Snapshot
from certs.people import PeopleVault
from deploy.demo.stage import Stage
from gateway.configured.people import vault_of
from gateway.policy_books.answering import Shelves, shelves_of
from gateway.settings import read_settings
from gateway.tending.recount import Bookcase, Division, Recounted, keys_of
from policies.book.load import DEFAULT
from tests.commands.conftest import DIVISION
from tests.commands.staged import recounted, run
from tests.commands.test_tending import ask, listed

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

PAID = (
    "SELECT voucher_no FROM settlement WHERE bank = 'accepted' AND voucher_no IN"
    " (SELECT voucher_no FROM instruction WHERE cardinality(limit_ids) > 0)"
    " ORDER BY voucher_no LIMIT 1"
)
BLOCKED = "SELECT voucher_no FROM instruction WHERE outcome = 'blocked' ORDER BY 1 LIMIT 1"
HELD = "SELECT voucher_no FROM instruction WHERE outcome = 'held' ORDER BY 1 LIMIT 1"
OPEN = "SELECT voucher_no FROM open_payment ORDER BY 1 LIMIT 1"
SPENT = (
    "(division, kind, id) = (SELECT division, kind, id FROM limit_line WHERE posted_fen > 0"
    " ORDER BY kind, id LIMIT 1)"
)
ROOMY = SPENT.replace("posted_fen > 0", "ceiling_fen > reserved_fen + posted_fen")
ENTRY = "ctid = (SELECT w.ctid FROM window_entry AS w ORDER BY w.voucher_no, w.place LIMIT 1)"
VERDICT = f"subject LIKE '%/' || ({PAID}) AND kind = 'verdict'"
COLUMNS = "division, fiscal_year, voucher_type"
SETTLED_AFTER = 10
"""Looks, a second apart."""

PLANTS = {
    "less posted, so that more passes": (
        f"UPDATE limit_line SET posted_fen = posted_fen - 1 WHERE {SPENT}",
        {("limit", "posted_fen")},
    ),
    "nothing reserved for what is open": (
        "UPDATE limit_line SET reserved_fen = 0 WHERE reserved_fen > 0",
        {("limit", "reserved_fen")},
    ),
    "granted more than the registers grant": (
        "UPDATE limit_line SET granted_fen = granted_fen + 100, ceiling_fen = ceiling_fen + 100"
        f" WHERE {SPENT}",
        {("limit", "granted_fen"), ("limit", "ceiling_fen")},
    ),
    "spent before: another count": (
        "UPDATE limit_line SET opening_fen = opening_fen + 1, ceiling_fen = ceiling_fen - 1"
        f" WHERE {ROOMY}",
        {("limit", "opening_fen"), ("limit", "ceiling_fen")},
    ),
    "frozen": (
        f"UPDATE limit_line SET frozen_fen = frozen_fen + 1, ceiling_fen = ceiling_fen - 1"
        f" WHERE {ROOMY}",
        {("limit", "frozen_fen"), ("limit", "ceiling_fen")},
    ),
    "a line is gone": (f"DELETE FROM limit_line WHERE {SPENT}", {("limit", "row")}),
    "a line that no register grants": (
        "INSERT INTO limit_line SELECT division, kind, 'NOBODY', 100, 0, 0, 0, 0, 100"
        f" FROM limit_line WHERE {SPENT}",
        {("limit", "granted_fen"), ("limit", "ceiling_fen")},
    ),
    "a window holds less": (
        f"UPDATE window_entry SET value = value - 1 WHERE {ENTRY}", {("window", "JL-")},
    ),
    "a window has forgotten": (f"DELETE FROM window_entry WHERE {ENTRY}", {("window", "JL-")}),
    "a window counts it for another": (
        f"UPDATE window_entry SET window_key = 'another' WHERE {ENTRY}", {("window", "JL-")},
    ),
    "demand and balance changed alike": (
        f"UPDATE instruction SET demand_fen[1] = demand_fen[1] - 1 WHERE voucher_no = ({PAID});"
        "UPDATE limit_line AS l SET posted_fen = posted_fen - 1 FROM instruction AS i"
        f" WHERE i.voucher_no = ({PAID}) AND l.kind = i.limit_kinds[1] AND l.id = i.limit_ids[1]",
        {("instruction", "demand_fen"), ("limit", "posted_fen")},
    ),
    "a refusal that was a pass": (
        f"UPDATE instruction SET outcome = 'passed' WHERE voucher_no = ({BLOCKED})",
        {("instruction", "outcome")},
    ),
    "another amount": (
        f"UPDATE instruction SET amount_fen = amount_fen + 1 WHERE voucher_no = ({BLOCKED})",
        {("instruction", "amount_fen")},
    ),
    "other bytes": (
        f"UPDATE instruction SET raw = '\\x7b7d' WHERE voucher_no = ({BLOCKED})",
        {("instruction", "raw")},
    ),
    "another decision beside the same record": (
        "UPDATE instruction SET decision = convert_to(replace(convert_from(decision, 'UTF8'),"
        f" '\"policy\":\"JL-', '\"policy\":\"JX-'), 'UTF8') WHERE voucher_no = ({BLOCKED})",
        {("instruction", "decision.findings")},
    ),
    "an open payment is forgotten": (
        f"DELETE FROM open_payment WHERE voucher_no = ({OPEN})", {("open_payment", "row")},
    ),
    "an open payment of less": (
        f"UPDATE open_payment SET amount_fen = 1, demand_fen[1] = 1 WHERE voucher_no = ({OPEN})",
        {("open_payment", "amount_fen"), ("open_payment", "demand_fen")},
    ),
    "paid, and settled as refused": (
        f"UPDATE settlement SET bank = 'rejected' WHERE voucher_no = ({PAID})",
        {("settlement", "bank")},
    ),
    "open since longer ago, so that it is given up too soon": (
        "UPDATE open_payment SET opened_at = opened_at - interval '1 day'"
        f" WHERE voucher_no = ({OPEN})",
        {("open_payment", "opened_at")},
    ),
    "signed by another": (
        f"UPDATE instruction SET party = party || 'x' WHERE voucher_no = ({BLOCKED})",
        {("instruction", "party")},
    ),
    "settled by other words": (
        "UPDATE settlement SET bank_reference = 'R-1', bank_reason = 'none', evidence = 'operator',"
        f" settled_at = settled_at - interval '1 day' WHERE voucher_no = ({PAID})",
        {("settlement", each)
         for each in ("bank_reference", "bank_reason", "evidence", "settled_at")},
    ),
    "paid, and settled no more": (
        f"DELETE FROM settlement WHERE voucher_no = ({PAID})", {("settlement", "bank")},
    ),
    "a hold ended by nobody": (
        f"INSERT INTO hold_end ({COLUMNS}, voucher_no, ended_at, attempt, how, decision)"
        f" SELECT {COLUMNS}, voucher_no, now(), attempt, 'expired', decision FROM instruction"
        f" WHERE voucher_no = ({HELD})",
        {("hold_end", "how")},
    ),
    "a refund that nobody reported": (
        f"INSERT INTO refund ({COLUMNS}, voucher_no, of_year, of_type, of_no, amount_fen,"
        " received_at, attempt, digest, party, raw, limit_kinds, limit_ids, back_fen, signature)"
        f" SELECT {COLUMNS}, 'TH-1', fiscal_year, voucher_type, voucher_no, 1, now(), attempt,"
        " digest, party, '', limit_kinds[1:1], limit_ids[1:1], ARRAY[1], '' FROM instruction"
        f" WHERE voucher_no = ({PAID})",
        {("refund", "amount_fen"), ("refund", "back_fen")},
    ),
    "set aside though the books say nothing": (
        f"INSERT INTO set_aside ({COLUMNS}, voucher_no, turn, at, limit_kinds, limit_ids, fen)"
        f" SELECT {COLUMNS}, voucher_no, 1, now(), limit_kinds, limit_ids, demand_fen"
        f" FROM instruction WHERE voucher_no = ({PAID})",
        {("set_aside", "ended_as")},
    ),
    "an instruction that no record knows": (
        "INSERT INTO instruction SELECT (jsonb_populate_record(i, '{\"voucher_no\": \"NEVER\"}')).*"
        f" FROM instruction AS i WHERE voucher_no = ({BLOCKED})",
        {("instruction", "row")},
    ),
    "an instruction is gone": (
        f"DELETE FROM instruction WHERE voucher_no = ({BLOCKED})",
        {("instruction", "row")},
    ),
    "an entry of a payment that never was": (
        f"INSERT INTO window_entry SELECT {COLUMNS}, 'NEVER', place, day, value, window_id,"
        f" window_key, item FROM window_entry WHERE {ENTRY}",
        {("window", "row")},
    ),
    "a record says another amount": (
        "UPDATE told_record SET body = convert_to(regexp_replace(convert_from(body, 'UTF8'),"
        f" '\"amount_fen\":[0-9]+', '\"amount_fen\":1'), 'UTF8') WHERE {VERDICT}",
        {("record", "body"), ("instruction", "amount_fen")},
    ),
    "a record is dated beyond all years": (
        "UPDATE told_record SET body = convert_to(regexp_replace(convert_from(body, 'UTF8'),"
        f" '\"recorded_at\":[0-9]+', '\"recorded_at\":9' || repeat('0', 18)), 'UTF8')"
        f" WHERE {VERDICT}",
        {("record", "body"), ("record", "verdict")},
    ),
    "a record is found under no payment": (
        f"UPDATE log_record SET subject = 'elsewhere' WHERE {VERDICT}",
        {("record", "subject"), ("instruction", "row")},
    ),
    "a record is called otherwise": (
        f"UPDATE log_record SET kind = 'heartbeat' WHERE {VERDICT}", {("record", "kind")},
    ),
    "a record's body is gone": (
        f"DELETE FROM told_record WHERE {VERDICT}", {("record", "body")},
    ),
    "a record is gone with its number": (
        f"DELETE FROM log_record WHERE {VERDICT}", {("log", "records"), ("instruction", "row")},
    ),
    "a record and its hash changed alike": (
        "UPDATE told_record SET body = convert_to(regexp_replace(convert_from(body, 'UTF8'),"
        f" '\"purpose\":\"[^\"]*\"', '\"purpose\":\"x\"'), 'UTF8') WHERE {VERDICT};"
        "UPDATE log_record AS l SET leaf_hash = sha256('\\x00'::bytea || s.body)"
        " FROM sealed_record AS s WHERE s.division = l.division AND s.seq = l.seq"
        f" AND l.{VERDICT.replace(' AND kind', ' AND l.kind')}",
        {("log", "cosigned checkpoint root")},
    ),
    "a checkpoint that nobody signed": (
        "UPDATE log_checkpoint SET cosigned = regexp_replace(cosigned, '[0-9]+\\n', E'7\\n')"
        " WHERE cosigned IS NOT NULL",
        {("log", "cosigned checkpoint")},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def tools(stage: Stage) -> tuple[Stage, PeopleVault, Shelves]:
    listed(stage)  # some payments stay open
    settings = read_settings(stage.folder / "gateway-0.toml")
    return stage, vault_of(stage.gateway_environment), shelves_of(settings)


async def planted(
    tools: tuple[Stage, PeopleVault, Shelves], statements: str
) -> tuple[Recounted, Recounted]:
    """A recount before and after an owner's hand, which is taken back."""
    stage, vault, shelves = tools
    settings = read_settings(stage.folder / "gateway-0.toml")
    keys = keys_of(settings, DIVISION)
    owner = await asyncpg.connect(stage.gateway_database)
    try:
        # Not one snapshot: the gateway enquires about what is open, and that is changed here too.
        transaction = owner.transaction()
        await transaction.start()

        async def count() -> Recounted:
            one = Division(DIVISION, Snapshot(owner, vault), keys, Bookcase(shelves))
            return await one.recount(lambda *_: None)

        before = await count()
        for _ in range(SETTLED_AFTER):  # what was released a moment ago is settled meanwhile
            if before.differences:
                await asyncio.sleep(1)
                before = await count()
        for each in statements.split(";"):
            assert not (await owner.execute(each)).endswith(" 0"), f"hits nothing: {each}"
        after = await count()
        await transaction.rollback()
        return before, after
    finally:
        await owner.close()


@pytest.mark.parametrize(("statements", "wanted"), PLANTS.values(), ids=PLANTS)
def test_an_owners_hand_is_named_by_row_and_column(
    tools: tuple[Stage, PeopleVault, Shelves], statements: str, wanted: set[tuple[str, str]]
) -> None:
    before, after = asyncio.run(planted(tools, statements))
    assert (before.differences, dict(before.unknown)) == ([], {})
    found = {(each.what.value, each.column) for each in after.differences}
    for what, column in wanted:
        assert any(w == what and c.startswith(column) for w, c in found), found


def test_the_command_names_both_values_and_ends_with_one_until_it_is_put_right(
    stage: Stage,
) -> None:
    assert recounted(stage) == []
    hand = f"UPDATE limit_line SET posted_fen = posted_fen + $1 WHERE {SPENT} RETURNING posted_fen"
    changed = ask(stage, hand, -1)
    try:
        settings = stage.folder / "gateway-0.toml"
        ran = run(stage, "recount", "--settings", settings, "--json")
        (division,) = ran.json["divisions"]
        (row,) = division["differences"]
        assert ran.code == 1 and not ran.json["same"]
        assert (row["what"], row["column"]) == ("limit", "posted_fen")
        assert (row["stored"], row["recounted"]) == (changed, changed + 1)
        assert division["cosigned"] > 0 and division["payments"] > 100
        said = run(stage, "recount", "--settings", settings, "--division", DIVISION)
        assert said.code == 1 and "1 处不一致" in said.out
        assert row["subject"] in said.err and f"{changed + 1} (" in said.err
    finally:
        ask(stage, hand, 1)
    said = run(stage, "recount", "--settings", settings)
    assert said.code == 0 and "一致 nothing differs" in said.out


def test_the_key_in_use_proves_the_log_though_its_certificate_is_not_among_the_parties(
    stage: Stage, tmp_path: Path
) -> None:
    """As after a rotation: the runbook leaves the old certificate there, and no more."""
    settings = read_settings(stage.folder / f"{stage.gateway_names[0]}.toml")
    own = settings.record_key.certificate.read_bytes()
    (among,) = [file for file in settings.parties.folder.iterdir() if file.read_bytes() == own]
    away = among.rename(tmp_path / among.name)
    try:
        assert recounted(stage) == []
    finally:
        away.rename(among)


def test_windows_of_a_book_that_is_not_at_hand_are_said_not_to_be_recounted(
    stage: Stage, tmp_path: Path
) -> None:
    others = tmp_path / "policies"
    others.mkdir()
    for file in sorted(DEFAULT.glob("*.toml"))[:3]:
        (others / file.name).write_bytes(file.read_bytes())
    ran = run(
        stage, "recount", "--settings", stage.folder / "gateway-0.toml", "--policies", others,
        "--books", tmp_path,
    )  # fmt: skip
    assert ran.code == 3, ran.said
    assert "未能重算 not made anew" in ran.out and "no book" in ran.out


def test_a_division_that_is_not_served_is_refused(stage: Stage) -> None:
    ran = run(
        stage, "recount", "--settings", stage.folder / "gateway-0.toml", "--division", "110000000"
    )
    assert ran.code == 2 and "220000000" in ran.err


def test_the_bureau_holds_its_lists_against_the_records_too(stage: Stage) -> None:
    settings = stage.folder / "bureau.toml"
    told = "bureau", "--settings", settings, "--recount"
    ran = run(stage, *told, more=stage.bureau_environment)
    assert ran.code == 0 and "一致 nothing differs" in ran.out, ran.said

    async def change(sign: str) -> None:
        owner = await asyncpg.connect(stage.bureau_database)
        try:
            await owner.execute("SET session_replication_role = replica")
            await owner.execute(
                f"UPDATE interception SET amount_fen = amount_fen {sign} 1 WHERE voucher_no ="
                " (SELECT min(voucher_no) FROM interception WHERE record_seq IS NOT NULL)"
            )
        finally:
            await owner.close()

    asyncio.run(change("+"))
    try:
        ran = run(stage, *told, more=stage.bureau_environment)
        lines = [json.loads(line) for line in ran.out.splitlines()]
        assert ran.code == 1 and "differ from the records" in ran.err
        assert ("interception", "amount_fen") in {(each["what"], each["column"]) for each in lines}
    finally:
        asyncio.run(change("-"))
