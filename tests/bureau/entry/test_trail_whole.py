"""Nothing is done at the desk without its act, in the same transaction; and the program's own role
in the database changes nothing that was decided, told, or that says who somebody is."""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson
import pytest

from adapters.postgres.bureau import people
from adapters.postgres.bureau.pool import RUNTIME_ROLE
from bureau.desk.entry import STRANGERS_TOLD_MAX, EntryRefused
from bureau.desk.people import Office
from bureau.desk.trail import Following
from gateway.domain.faults import StoreUnavailable
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_walk import PDF
from tests.bureau.desks import Desk
from tests.bureau.entry.test_desk_offices import told_case
from tests.bureau.test_holds_pages import HOLD, REASON, held, told
from tests.bureau.words import DIVISION, Bureau, Chain, House

pytestmark = pytest.mark.postgres
DELIVERY = {"acknowledged_at", "last_attempt_at", "attempts", "trouble"}
CHANGEABLE: dict[str, set[str] | None] = {
    "desk_person": {"password", "totp", "totp_used", "failures", "locked_until", "disabled"},
    "case_file": {
        "stage", "awaits", "phase", "referring", "due", "escalation", "told", "moves", "changed_at",
    },
    "complaint": {"stage", "due", "steps", "case_year", "case_number"},
    "complaint_opening": {"agreed_by", "agreed_at", "opened_at"},
    "account_request": {"decided_by", "decided_at", "agreed", "link_code", "linked_at"},
    "policy_draft": {"decided_by", "decided_at", "agreed", "returned_because"},
    "register_change": {"decided_by", "decided_at", "approved", "said", "version", "late"},
    "register_wish": {"published_version", "published_at"},
    "policy_question": {"taken_at", "looked_at", "state", "is_over", "trouble"},
    "release_feed": DELIVERY | {"refusal"}, "register_feed": DELIVERY, "policy_feed": DELIVERY,
    "desk_number": {"last"}, "not_ours_looked": {"upto"},
    "desk_act_head": None, "desk_seat": None, "register_version": None, "register_kept": None,
    "log": None, "log_tally": None, "misbehaviour": None, "interception": None,
}  # fmt: skip
"""None: any column. What is not here is only ever added to."""
REMOVABLE = {"desk_invitation", "desk_view", "desk_seat", "register_kept"}


@pytest.mark.walk
async def test_the_programs_role_changes_only_what_is_named_here(bureau: Bureau) -> None:
    async with bureau.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.column_privileges "
            "WHERE grantee = $1 AND privilege_type = 'UPDATE'", RUNTIME_ROLE,
        )  # fmt: skip
        gone = await connection.fetch(
            "SELECT table_name FROM information_schema.table_privileges "
            "WHERE grantee = $1 AND privilege_type IN ('DELETE', 'TRUNCATE')", RUNTIME_ROLE,
        )  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE desk_person SET office = 'approver'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE desk_act SET login = 'nobody'")
    for row in rows:
        allowed = CHANGEABLE.get(row["table_name"], set())
        assert allowed is None or row["column_name"] in allowed, dict(row)
    assert {row["table_name"] for row in gone} == REMOVABLE


async def trail_of(bureau: Bureau) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    await bureau.people.trail(DIVISION, rows.extend)
    return rows


async def test_a_trail_is_proven_piece_by_piece(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It grows for ever, and one request must not hold all of it."""
    monkeypatch.setattr(people, "PIECE_ROWS", 2)
    security = await desk.seat(Office.SECURITY)
    sizes: list[int] = []
    take = Following.take

    def taken(following: Following, rows: Sequence[Mapping[str, Any]]) -> None:
        sizes.append(len(rows))
        take(following, rows)

    monkeypatch.setattr(Following, "take", taken)
    for turn in range(2):
        status, page = await security.post(f"/desk/{DIVISION}/trail")
        assert status == 200 and "完整" in page, turn
    assert len(sizes) > 1 and max(sizes) == 2


async def acts(bureau: Bureau) -> list[tuple[str, str]]:
    rows = await trail_of(bureau)
    return [(row["what"], row["login"]) for row in rows if row["what"].startswith("release.")]


async def test_no_decision_about_a_hold_is_kept_without_its_act(
    desk: Desk, bureau: Bureau, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(bureau, chain, held(1))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    trail: Any = desk.rooms.releases._store._trail  # type: ignore[attr-defined]
    form = {**REASON, "verdict": "release", "override": "JL-052/3//"}

    async def lost(*_: object) -> None:
        raise StoreUnavailable("the database went away")

    with monkeypatch.context() as patched:
        patched.setattr(type(trail), "add", lost)
        assert (await reviewer.post(f"{HOLD}/propose", form))[0] == 503
    assert await desk.rooms.releases.proposals(DIVISION) == []
    assert (await reviewer.post(f"{HOLD}/propose", form))[0] == 303
    [digest] = re.findall(r"releases/([0-9a-f]{64})/approve", (await approver.get(HOLD))[1])
    decided = f"/desk/{DIVISION}/releases/{digest}"
    with monkeypatch.context() as patched:
        patched.setattr(type(trail), "add", lost)
        assert (await approver.post(f"{decided}/approve"))[0] == 503
        assert (await approver.post(f"{decided}/reject", {"reason": "理由不足"}))[0] == 503
    [row] = await desk.rooms.releases.proposals(DIVISION)
    assert (row["approver"], row["rejected_by"]) == (None, None)
    assert (await approver.post(f"{decided}/approve"))[0] == 303
    assert (await approver.post(f"{decided}/approve"))[0] == 409
    assert await acts(bureau) == [
        ("release.proposed", reviewer.person.login), ("release.approved", approver.person.login),
    ]  # fmt: skip


async def test_whoever_takes_a_document_or_a_file_away_is_in_the_trail(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await told_case(desk, bureau, chain, house)
    agency, reviewer = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    form = {"number": "1", "text": "说明", "files": ("说明.pdf", PDF)}
    year = legal_day(desk.hands.now).year
    case = f"/desk/{DIVISION}/cases/{year}/1"
    assert (await agency.post(f"{case}/reply", form))[0] == 303
    paper = f"/desk/{DIVISION}/papers/{year}/1"
    for who, path in (
        (agency, f"{paper}.pdf"), (reviewer, f"{paper}.docx"),
        (reviewer, f"{case}/files/{hashlib.sha256(PDF).hexdigest()}"),
        (agency, f"/desk/{DIVISION}/papers/{year}/9.pdf"),
    ):  # fmt: skip
        assert (await who.bytes(path))[0] in (200, 404)
    rows = await trail_of(bureau)
    fetched = [(row["what"], row["login"]) for row in rows if row["what"].endswith(".fetched")]
    assert fetched == [
        ("document.fetched", agency.person.login), ("document.fetched", reviewer.person.login),
        ("file.fetched", reviewer.person.login),
    ]  # fmt: skip


async def test_nobody_without_an_account_fills_the_trail(desk: Desk, bureau: Bureau) -> None:
    entry, hands = desk.rooms.entry, desk.hands

    async def tried(times: int) -> None:
        for number in range(times):
            with pytest.raises(EntryRefused):
                await entry.by_binding("subject", f"issuer {number}")

    async def refusals() -> list[dict[str, Any]]:
        rows = await trail_of(bureau)
        return [
            orjson.loads(row["body"])["detail"] for row in rows if row["what"] == "session.refused"
        ]

    await tried(STRANGERS_TOLD_MAX + 70)
    assert len(await refusals()) == STRANGERS_TOLD_MAX
    hands.now += dt.timedelta(minutes=1)
    await tried(1)
    assert (await refusals())[-1]["more"] == 70, "those that were no act of their own are counted"
    await tried(1)
    assert "more" not in (await refusals())[-1]
