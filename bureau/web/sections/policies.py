"""Pages of policies (规则): list, one in words, edit and check, trial, second person, gateways."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web

from bureau.desk.people import READERS, Office
from bureau.desk.policies.checks import Checked
from bureau.desk.policies.drafts import (
    BASES,
    DOCUMENT_CHARS_MAX,
    MARK_CHARS,
    SHOWN,
    tripped_of,
)
from bureau.desk.policies.trial import Tried
from bureau.desk.policies.words import papers_zh, read_out, values_of, wordings
from bureau.desk.refusals import ActRefused, Words
from bureau.web.exports import attachment, zipped
from bureau.web.form_reading import File
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Undone, Visit, get, post, see
from bureau.web.sections import trials
from bureau.web.sections.policy_form import REASON_CHARS_MAX, PolicyForm
from bureau.web.sections.trials import WHATS, answered, persons_of, picked, trial_of
from bureau.web.telling import tell
from gateway.domain.legal_day import legal_day
from policies.book.document import Policy
from policies.language.errors import PolicyRefused

SHADOWS_SHOWN = 10
ACTIVATIONS_SHOWN = 5
"""Of each bank."""
BOOK_BYTES_MAX = 16 * 1024 * 1024
_REVIEWERS = frozenset({Office.REVIEWER})
_APPROVERS = frozenset({Office.APPROVER})
LIGHTS_ZH = {"red": "红", "orange": "橙", "yellow": "黄", "blue": "蓝"}
ACTIONS_ZH = {
    "block": "拦截", "hold": "挂起", "warn": "提示", "record": "记录", "none": "不触发",
}  # fmt: skip


def routes(rooms: Rooms) -> list[Route]:
    pages = _Policies(rooms)
    home = "/desk/{division}/policies"
    one = home + "/{policy:[A-Z0-9-]{6}}"
    draft = home + "/drafts/{seq:[0-9]{1,9}}"
    return [
        get(home, pages.listed, READERS, Nav(group="policy", zh="规则", en="Policies")),
        get(home + ".{kind:zip}", pages.folder, READERS),
        post(home + "/book", pages.hand_over, _APPROVERS, upload=True, again=pages.listed),
        get(one, pages.one, READERS),
        get(one + "/edit", pages.edit, _REVIEWERS),
        post(one + "/edit", pages.check, _REVIEWERS, upload=True),
        get(draft, pages.draft, READERS),
        post(one + "/prove", pages.prove, _REVIEWERS),
        post(draft + "/prove", pages.prove_draft, _REVIEWERS | _APPROVERS, again=pages.draft),
        post(draft + "/agree", pages.agree, _APPROVERS, again=pages.draft),
        post(draft + "/send-back", pages.send_back, _APPROVERS, again=pages.draft),
        *trials.of_draft(rooms, pages.draft),
    ]


class _Policies:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._policies = rooms.policies
        self._fields = PolicyForm(rooms)

    async def listed(self, visit: Visit, undone: Undone | None = None) -> web.Response:
        store, division = self._policies.store, visit.division
        asked, drafts = self._rooms.questions, await self._policies.drafts(division)
        activations = await self._policies.activations(division)
        documents = await self._policies.documents(division)
        policies, known = await self._policies.policies(division), self._policies.proofs.known
        shadows = [answered(row) for row in await asked.store.shadows(division, SHADOWS_SHOWN)]
        logins = [row["author"] for row in drafts] + [row["decided_by"] for row in drafts]
        return self._rooms.pages(
            "policies", visit=visit, undone=undone, policies=policies,
            proofs={policy.id: known(documents[policy.place]) for policy in policies},
            drafts=drafts, feeds=await store.feeds(division, SHOWN),
            activations=_newest(activations), older=await self._policies.older_books(division),
            strange=await self._rooms.not_ours.strange(division, "book"),
            shadows=shadows,
            persons=await persons_of(
                self._rooms, [*logins, *(row["asker"] for row in shadows)]
            ),
            unreadable=await self._policies.unreadable(division),
            drafted={row["policy"] for row in drafts if row["agreed"] is None},
            tripped=tripped_of(activations), today=legal_day(self._rooms.clock()),
            hits=await asked.hits(division), whats=WHATS, **_WORDS,
        )  # fmt: skip

    async def one(self, visit: Visit) -> web.Response:
        policy, text = await self._fields.policy(visit)
        return self._rooms.pages(
            "policy", visit=visit, policy=policy, document=text, words=read_out(policy),
            told=wordings(policy), values=values_of(policy), papers=papers_zh,
            proof=self._policies.proofs.known(text), **_WORDS,
        )  # fmt: skip

    async def prove(self, visit: Visit) -> web.StreamResponse:
        """Boundaries and mutants of the policy as it stands; a second or two."""
        policy, text = await self._fields.policy(visit)
        await self._policies.proofs.of(text, policy.place)
        raise see(f"/desk/{visit.division}/policies/{policy.id}")

    async def prove_draft(self, visit: Visit) -> web.StreamResponse:
        found = await self._policies.store.draft(visit.division, _seq(visit))
        if found is None:
            raise web.HTTPNotFound()
        try:
            await self._policies.proofs.of(found["document"], found["place"])
        except PolicyRefused as refused:
            raise ActRefused(
                "policy_flawed", f"规则文件无法读取：{refused}", "This release does not read it."
            ) from None
        raise see(f"/desk/{visit.division}/policies/drafts/{_seq(visit)}")

    async def edit(self, visit: Visit) -> web.Response:
        policy, text = await self._fields.policy(visit)
        return await self._form(visit, policy, text)

    async def check(self, visit: Visit) -> web.StreamResponse:
        """Check, try, or hand on: the button says which. The text comes back as it was typed."""
        policy, _ = await self._fields.policy(visit)
        text = visit.text("document", DOCUMENT_CHARS_MAX).replace("\r\n", "\n") + "\n"
        step = visit.text("step", 10)
        if step == "form":
            return self._fields.show(visit, policy, text, await self._fields.typed(visit))
        try:
            if step == "try":
                tried, number = await trial_of(visit).of(self._rooms, visit, policy.id, text)
                return await self._form(visit, policy, text, tried=tried, number=number)
            if step == "draft":
                reason = visit.text("reason", REASON_CHARS_MAX)
                seq = await self._policies.draft(
                    visit.division, policy.id, text, reason, visit.person,
                    upon=visit.text("upon", MARK_CHARS),
                )  # fmt: skip
                raise see(f"/desk/{visit.division}/policies/drafts/{seq}")
        except ActRefused as refused:
            checked = await self._policies.check(visit.division, policy.id, text)
            return await self._form(visit, policy, text, checked=checked, oops=[refused.words])
        checked = await self._policies.check(visit.division, policy.id, text)
        return await self._form(visit, policy, text, checked=checked)

    async def draft(self, visit: Visit, undone: Undone | None = None) -> web.Response:
        found = await self._policies.store.draft(visit.division, _seq(visit))
        if found is None:
            raise web.HTTPNotFound()
        checked = None
        if found["agreed"] is None:
            with suppress(LookupError):  # of a policy that this release does not have
                checked = await self._policies.check(
                    visit.division, found["policy"], found["document"]
                )
        book = await self._policies.book_with(visit.division, found)
        store = self._rooms.questions.store
        trials = [answered(row) for row in await store.of_draft(visit.division, _seq(visit), SHOWN)]
        asked = [row for row in trials if row["what"] == "backtest"]
        last = max((row["number"] for row in asked), default=0)
        return self._rooms.pages(
            "policy_draft", visit=visit, undone=undone, draft=found, checked=checked, whats=WHATS,
            trials=trials, backtest=[row for row in asked if row["number"] == last],
            changes=await store.changes(visit.division, last) if last else (),
            persons=await persons_of(
                self._rooms,
                [found["author"], found["decided_by"], *(row["asker"] for row in trials)],
            ),
            picked=await picked(self._rooms, visit),
            proof=self._policies.proofs.known(found["document"]),
            book=book, applied=await self._applied(visit.division, book),
            since=f"{legal_day(self._rooms.clock()).year}-01-01", **_WORDS,
        )  # fmt: skip

    async def _applied(self, division: str, book: int | None) -> list[str]:
        """The banks whose gateways told of this book, or of a later one."""
        told = await self._policies.activations(division) if book else []
        return sorted({
            self._rooms.names.bank(each["bank"]) or each["bank"] for each in told
            if each["what"] == "activated" and (each.get("revision") or 0) >= (book or 0)
        })  # fmt: skip

    async def agree(self, visit: Visit) -> web.StreamResponse:
        return await self._decided(visit, agreed=True)

    async def send_back(self, visit: Visit) -> web.StreamResponse:
        return await self._decided(visit, agreed=False)

    async def folder(self, visit: Visit) -> web.Response:
        """All documents, for `policy sign FOLDER`, with what was agreed on the desk."""
        folder = zipped(await self._policies.documents(visit.division))
        await tell(self._rooms, visit, "policies.exported", "")
        return attachment(folder, "application/zip", "policies.zip")

    async def hand_over(self, visit: Visit) -> web.StreamResponse:
        part = visit.form.get("file")
        raw = part.body[: BOOK_BYTES_MAX + 1] if isinstance(part, File) else b""
        await self._policies.hand_over(visit.division, raw, visit.person)
        raise see(f"/desk/{visit.division}/policies")

    async def _decided(self, visit: Visit, *, agreed: bool) -> web.StreamResponse:
        why = "" if agreed else visit.text("reason", 500)
        await self._policies.decide(visit.division, _seq(visit), agreed, visit.person, why)
        raise see(f"/desk/{visit.division}/policies/drafts/{_seq(visit)}")

    async def _form(
        self, visit: Visit, policy: Policy, text: str, *, checked: Checked | None = None,
        tried: Tried | None = None, number: int = 0, oops: Sequence[Words] = (),
    ) -> web.Response:  # fmt: skip
        typed = await self._fields.typed(visit) | {"number": number}
        return self._rooms.pages(
            "policy_edit", visit=visit, status=409 if oops else 200, policy=policy, document=text,
            checked=checked, tried=tried, oops=oops, typed=typed, bases=BASES, free=False,
            **_WORDS,
        )  # fmt: skip


def _newest(activations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first of each bank: whatever one gateway tells, every other's book stands on the page."""
    seen: Counter[str] = Counter()
    found = []
    for told in activations:
        seen[told["bank"]] += 1
        if seen[told["bank"]] <= ACTIVATIONS_SHOWN:
            found.append(told)
    return found


_WORDS: dict[str, Any] = {"lights": LIGHTS_ZH, "actions": ACTIONS_ZH}


def _seq(visit: Visit) -> int:
    return int(visit.request.match_info["seq"])
