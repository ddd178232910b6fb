"""`recount` on a real stage, beside payments: what an owner's hand does to how holds ended, to what
the bureau was to be told, to alerts on the bank and to the values of persons."""

import asyncio
from functools import partial

import pytest

from certs.people import PeopleVault
from deploy.demo.__main__ import _state_of
from deploy.demo.chancery import decide
from deploy.demo.stage import Stage
from gateway.configured.people import vault_of
from gateway.policy_books.answering import Shelves, shelves_of
from gateway.settings import read_settings
from tests.commands.test_forged_release import held_keys
from tests.commands.test_recount import planted
from tests.commands.test_tending import ask
from tests.patience import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

RELEASED = "(SELECT voucher_no FROM hold_end WHERE how = 'released' ORDER BY 1 LIMIT 1)"
REFUSED = "(SELECT voucher_no FROM hold_end WHERE how = 'refused' ORDER BY 1 LIMIT 1)"
PERSON = (
    "(batch, place) = (SELECT t.batch, t.place FROM told_record AS t JOIN log_record AS l"
    " USING (division, batch, place) WHERE t.disclosures IS NOT NULL ORDER BY 1, 2 LIMIT 1)"
)
OTHERS = (
    "(SELECT t.disclosures FROM told_record AS t"
    " JOIN log_record AS l USING (division, batch, place)"
    " WHERE t.disclosures IS NOT NULL ORDER BY t.batch DESC, t.place DESC LIMIT 1)"
)
ONE = "id = (SELECT min(id) FROM notice WHERE subject NOT LIKE 'conduct/%')"
PLANTS = {
    "a release is forgotten": (
        f"DELETE FROM hold_end WHERE voucher_no = {RELEASED}", {("hold_end", "how")},
    ),
    "a refusal is forgotten": (
        f"DELETE FROM hold_end WHERE voucher_no = {REFUSED}", {("hold_end", "how")},
    ),
    "a refusal that was a release": (
        f"UPDATE hold_end SET how = 'released' WHERE voucher_no = {REFUSED}",
        {("hold_end", "how")},
    ),
    "by another order": (
        f"UPDATE hold_end SET order_digest = sha256('') WHERE voucher_no = {REFUSED}",
        {("hold_end", "order_digest")},
    ),
    "released by another decision": (
        "UPDATE hold_end SET decision = convert_to(replace(convert_from(decision, 'UTF8'),"
        f" '\"policy\":\"JL-', '\"policy\":\"JX-'), 'UTF8') WHERE voucher_no = {RELEASED}",
        {("hold_end", "decision.findings")},
    ),
    "what is held is no longer looked at": (
        "INSERT INTO hold_swept SELECT DISTINCT division, now() FROM instruction"
        " ON CONFLICT (division) DO UPDATE SET before = excluded.before",
        {("hold_end", "swept")},
    ),
    "the bureau is not told of an interception": (
        f"DELETE FROM notice WHERE {ONE}", {("notice", "row")},
    ),
    "the bureau is told otherwise": (
        f"UPDATE notice SET body = convert_to(convert_from(body, 'UTF8') || ' ', 'UTF8')"
        f" WHERE {ONE}",
        {("notice", "row")},
    ),
    "an alert that is never to be raised": (
        "INSERT INTO conduct_alert (division, policy, subject, raised_at, raised_on, body)"
        " SELECT division, 'JL-100', 'entry/NEVER', now(), current_date, '{}' FROM log_head",
        {("conduct_alert", "body")},
    ),
    "a row of the registers says otherwise": (
        "UPDATE register_row SET body = convert_to(replace(convert_from(body, 'UTF8'),"
        " '\"active\"', '\"suspended\"'), 'UTF8') WHERE register = 'agencies'",
        {("register_row", "rows")},
    ),
    "a row of the registers is gone": (
        "DELETE FROM register_row WHERE ctid = (SELECT min(ctid) FROM register_row WHERE register ="
        " 'accounts')",
        {("register_row", "rows")},
    ),
    "a row of the registers that nobody sent": (
        "INSERT INTO register_row SELECT division, register, 'NOBODY', since, until, body"
        " FROM register_row WHERE register = 'agencies' LIMIT 1",
        {("register_row", "rows")},
    ),
    "a row of the registers ended before": (
        "UPDATE register_row SET until = since + 1 WHERE ctid ="
        " (SELECT min(ctid) FROM register_row WHERE register = 'accounts')",
        {("register_row", "rows")},
    ),
    "registers that are younger than the bureau's word": (
        "UPDATE register_age SET as_of = as_of + interval '1 hour' WHERE register = 'accounts'",
        {("register_row", "as_of")},
    ),
    "a person's values are another's": (
        f"UPDATE told_record SET disclosures = {OTHERS} WHERE {PERSON}",
        {("record", "disclosures payee")},
    ),
    "a person's values are no values": (
        f"UPDATE told_record SET disclosures = substr(disclosures, 2) WHERE {PERSON}",
        {("record", "disclosures")},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def tools(stage: Stage) -> tuple[Stage, PeopleVault, Shelves]:
    """Two persons have released some holds and refused others."""
    decided = asyncio.run(decide(stage, asyncio.run(held_keys(stage)), partial(_state_of, stage)))
    assert decided.released and decided.refused
    wait_until(
        lambda: ask(stage, "SELECT count(*) FROM pending_record WHERE kind = 'release'") == 0
    )
    settings = read_settings(stage.folder / "gateway-0.toml")
    return stage, vault_of(stage.gateway_environment), shelves_of(settings)


@pytest.mark.parametrize(("statements", "wanted"), PLANTS.values(), ids=PLANTS)
def test_an_owners_hand_beside_payments_is_named_by_row_and_column(
    tools: tuple[Stage, PeopleVault, Shelves], statements: str, wanted: set[tuple[str, str]]
) -> None:
    before, after = asyncio.run(planted(tools, statements))
    assert (before.differences, dict(before.unknown)) == ([], {})
    found = {(each.what.value, each.column) for each in after.differences}
    for what, column in wanted:
        assert any(w == what and c.startswith(column) for w, c in found), found


def test_values_that_were_erased_are_no_difference(
    tools: tuple[Stage, PeopleVault, Shelves],
) -> None:
    erased = f"UPDATE told_record SET disclosures = NULL WHERE {PERSON}"
    before, after = asyncio.run(planted(tools, erased))
    assert before.differences == after.differences == []
