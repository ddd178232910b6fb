"""A draft that waits is on the approver's pages however many others were decided since."""

import pytest

from bureau.desk.people import Office
from bureau.desk.policies.drafts import SHOWN
from tests.bureau.desks import Desk
from tests.bureau.policies.test_policy_trials import HOME
from tests.bureau.words import DIVISION, Bureau

pytestmark = pytest.mark.postgres


async def drafted(bureau: Bureau, since: int, until: int, *, agreed: bool | None) -> None:
    await bureau.pool.execute(
        "INSERT INTO policy_draft (division, seq, policy, place, document, reason, author,"
        " drafted_at, decided_by, decided_at, agreed, base)"
        " SELECT $1, n, 'JL-042', 'JL-042.toml', '', '理由', 'r1', now(),"
        " CASE WHEN $4::boolean IS NOT NULL THEN 'a1' END,"
        " CASE WHEN $4 IS NOT NULL THEN now() END, $4, 0 FROM generate_series($2::int, $3) AS n",
        DIVISION, since, until, agreed,
    )  # fmt: skip


async def test_a_draft_that_waits_is_not_hidden_behind_fifty_that_were_decided(
    desk: Desk, bureau: Bureau
) -> None:
    approver, reviewer = await desk.seat(Office.APPROVER), await desk.seat(Office.REVIEWER)
    await drafted(bureau, 1, 1, agreed=None)
    await drafted(bureau, 2, SHOWN + 9, agreed=False)
    _, text = await approver.get(f"/desk/{DIVISION}")
    assert "有 1 份规则草稿等待同意" in text and f'href="{HOME}/drafts/1"' in text
    for person in (approver, reviewer):
        _, text = await person.get(HOME)
        assert f'href="{HOME}/drafts/1">' in text and "有待同意的草稿" in text
        assert f'href="{HOME}/drafts/9">' not in text, "decided, and old"
    await drafted(bureau, 100, 100 + SHOWN, agreed=None)
    _, text = await approver.get(f"/desk/{DIVISION}")
    assert f"有 {SHOWN}+ 份规则草稿" in text and f'href="{HOME}/drafts/1"' in text
