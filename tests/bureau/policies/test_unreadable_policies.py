"""A document of before that this release does not read takes no other policy's page away."""

import pytest

from bureau.desk.people import Office
from tests.bureau.desks import Desk
from tests.bureau.policies.test_policy_trials import HOME, LOWER
from tests.bureau.words import DIVISION, Bureau

pytestmark = pytest.mark.postgres


async def kept(
    bureau: Bureau, seq: int, policy: str, document: str, *, agreed: bool | None
) -> None:
    """As an earlier release kept it."""
    await bureau.pool.execute(
        "INSERT INTO policy_draft (division, seq, policy, place, document, reason, author,"
        " drafted_at, decided_by, decided_at, agreed, base) VALUES ($1, $2, $3, $4, $5, '理由',"
        " 'r1', now(), CASE WHEN $6::boolean THEN 'a1' END, CASE WHEN $6 THEN now() END, $6, 0)",
        DIVISION, seq, policy, f"{policy}.toml", document, agreed,
    )  # fmt: skip


async def test_what_does_not_read_is_named_and_written_anew_from_what_was_delivered(
    desk: Desk, bureau: Bureau
) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    old = LOWER.replace("light = ", "lamp = ")
    await kept(bureau, 1, "JL-042", old, agreed=True)
    await kept(bureau, 2, "JL-999", "[[", agreed=True)
    status, page = await reviewer.get(HOME)
    assert status == 200 and "JL-020" in page
    assert "规则文件 JL-042.toml 本版程序无法读取" in page and "JL-999.toml 本版" in page
    assert (await reviewer.get(f"{HOME}/JL-020"))[0] == 200
    status, page = await reviewer.get(f"{HOME}/JL-042/form")
    assert status == 200 and 'value="1000.00"' in page, "as it was delivered"
    assert (await reviewer.get(f"{HOME}/JL-999"))[0] == 404
    form = {"document": LOWER, "step": "draft", "reason": "按新版重写"}
    status, draft = await reviewer.post(f"{HOME}/JL-042/edit", form)
    assert status == 303 and (await approver.post(f"{draft}/agree"))[0] == 303
    _, page = await reviewer.get(HOME)
    assert "JL-042.toml 本版" not in page and "JL-999.toml 本版" in page


async def test_a_draft_of_a_policy_that_is_no_more_can_be_read_and_sent_back(
    desk: Desk, bureau: Bureau
) -> None:
    approver = await desk.seat(Office.APPROVER)
    await kept(bureau, 1, "JL-999", "[[", agreed=None)
    status, page = await approver.get(f"{HOME}/drafts/1")
    assert status == 200 and "[[" in page
    status, page = await approver.post(f"{HOME}/drafts/1/prove")
    assert status == 409 and "规则文件无法读取" in page
    sent = {"reason": "本版没有这条规则"}
    assert (await approver.post(f"{HOME}/drafts/1/send-back", sent))[0] == 303
