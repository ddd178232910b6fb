"""Nothing is done at the desk without its act, in the same transaction; and the program's own role
in the database changes nothing that was decided, told, or that says who somebody is."""

import re
from typing import Any

import asyncpg
import pytest

from adapters.postgres.bureau_pool import RUNTIME_ROLE
from bureau.desk.people import Office
from gateway.domain.faults import StoreUnavailable
from tests.bureau.desks import Desk
from tests.bureau.test_holds_pages import HOLD, REASON, held, told
from tests.bureau.words import DIVISION, Bureau, Chain

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
    "policy_draft": {"decided_by", "decided_at", "agreed"},
    "register_change": {"decided_by", "decided_at", "approved", "said", "version"},
    "register_wish": {"published_version", "published_at"},
    "policy_question": {"taken_at", "looked_at", "state", "is_over", "trouble"},
    "release_feed": DELIVERY, "register_feed": DELIVERY, "policy_feed": DELIVERY,
    "desk_number": {"last"},
    "desk_act_head": None, "desk_seat": None, "register_version": None, "register_kept": None,
    "log": None, "log_tally": None, "misbehaviour": None, "interception": None,
}  # fmt: skip
"""None: any column. What is not here is only ever added to."""
REMOVABLE = {
    "desk_invitation", "desk_view", "desk_seat", "register_kept", "desk_link", "desk_session",
}  # fmt: skip


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


async def acts(bureau: Bureau) -> list[tuple[str, str]]:
    rows, _ = await bureau.people.trail(DIVISION)
    return [(row["what"], row["login"]) for row in rows if row["what"].startswith("release.")]


async def test_no_decision_about_a_hold_is_kept_without_its_act(
    desk: Desk, bureau: Bureau, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(bureau, chain, held(1))
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    trail: Any = desk.rooms.releases._store._trail  # type: ignore[attr-defined]
    form = {**REASON, "verdict": "release", "override": "0"}

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
