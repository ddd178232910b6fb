"""Policies (监控规则) on the desk: read, changed as a checked draft, tried, agreed, handed over.

A draft is one document, kept only if it compiles and its own tests pass. The officers sign the book
of all documents with their own keys, away from this program (`policy sign`); the desk takes the
signed book, proves both signatures, and brings it to the gateways.
"""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Protocol

import msgspec

from bureau.desk.people import Person
from bureau.desk.policies.checks import Checked, checked_of
from bureau.desk.policies.proofs import Proofs
from bureau.desk.policies.trial import Tried, instruction_of, tried, tried_on
from bureau.desk.refusals import ActRefused
from bureau.desk.trail import Act
from bureau.ports import Clock, LogPlace
from gateway.domain.faults import Unproven
from gateway.domain.instruction import Instruction
from gateway.domain.legal_day import legal_day
from policies.book.bundle import BundleRefused, open_sealed, read_bundle
from policies.book.cases import CASES
from policies.book.document import Policy
from policies.book.load import LIBRARY, load_texts
from policies.book.read import read_policy
from policies.language.errors import PolicyRefused

DOCUMENT_CHARS_MAX = 100_000
CASE_CHARS_MAX = 4000
SHOWN = 50
BOOKS_READ = 8
"""After an agreement: the next book that is signed holds what was agreed to."""
TAKEN_WITHIN = dt.timedelta(minutes=10)
"""After its moment, or after the gateway had it: then it decides by it, or tells us why not."""
WHY_CHARS_MIN = 4
MARK_CHARS = 32
BASES = tuple(CASES)


class PolicyStore(Protocol):
    async def add_draft(
        self, division: str, values: tuple[Any, ...], act: Callable[[int], Any]
    ) -> int: ...

    async def drafts(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def waiting(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def draft(self, division: str, seq: int) -> Mapping[str, Any] | None: ...

    async def agreed(self, division: str) -> Mapping[str, str]: ...

    async def decide(
        self, division: str, seq: int, by: str, at: dt.datetime, decision: tuple[bool, str],
        act: Any,
    ) -> bool: ...  # fmt: skip

    async def hand_over(
        self, division: str, banks: Sequence[str], values: tuple[Any, ...], act: Any
    ) -> bool: ...

    async def feeds(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def books_since(
        self, division: str, since: dt.datetime, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def activations(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...


class Policies:
    """Raises ActRefused, StoreUnavailable; LookupError for a policy that is not there."""

    def __init__(
        self, store: PolicyStore, verify: Callable[[bytes, str], str],
        sign: Callable[[bytes], str], places: Sequence[LogPlace], clock: Clock,
        read: Callable[[str], Instruction],
    ) -> None:  # fmt: skip
        """`read`: an instruction that a person pasted. Raises Fault."""
        self._read = read
        self.store = store
        self._verify = verify
        self._sign = sign
        self._places = places
        self._clock = clock
        self.proofs = Proofs()

    async def documents(self, division: str) -> dict[str, str]:
        """Those delivered with this program, with what was agreed on the desk over them."""
        return {**_library(), **await self.store.agreed(division)}

    async def policies(self, division: str) -> list[Policy]:
        return [policy for policy, _ in await self._standing(division)]

    async def policy(self, division: str, name: str) -> tuple[Policy, str]:
        """The policy and its document. Raises LookupError."""
        for found, text in await self._standing(division):
            if found.id == name:
                return found, text
        raise LookupError(name)

    async def unreadable(self, division: str) -> dict[str, str]:
        """Documents that were agreed to and that this release does not read, with the reason: no
        book is signed with one of them (`policy sign` refuses it)."""
        found = {}
        for place, text in (await self.store.agreed(division)).items():
            try:
                _read(text, place)
            except PolicyRefused as refused:
                found[place] = str(refused)
        return found

    async def _standing(self, division: str) -> list[tuple[Policy, str]]:
        """As the documents stand. One that does not read takes no other's page away: in its place
        stands the one delivered with this program, from which it can be written anew."""
        broken = await self.unreadable(division)
        texts = await self.documents(division)
        texts |= {place: _library()[place] for place in broken if place in _library()}
        return [
            (_read(text, place), text)
            for place, text in texts.items()
            if place not in broken or place in _library()
        ]

    async def check(self, division: str, name: str, text: str) -> Checked:
        """Every mistake with its clause and column; if there is none, what changes, in words."""
        policy, _ = await self.policy(division, name)
        return await asyncio.to_thread(checked_of, policy, text)

    async def attempt(self, text: str, base: str, facts: str) -> Tried:
        """Try a document on one instruction: a base case with facts written as in TOML."""
        return await asyncio.to_thread(tried, text, base, facts)

    async def attempt_on(self, text: str, pasted: str, facts: str) -> Tried:
        """Try a document on an instruction as it is sent: what it says itself is known; the rest is
        taken from the base case nearest to it, and told; `facts`, as in TOML, count before both."""
        return await asyncio.to_thread(
            tried_on, text, instruction_of(self._read, pasted), facts, legal_day(self._clock())
        )

    async def draft(
        self, division: str, name: str, text: str, reason: str, by: Person, *, upon: str = ""
    ) -> int:
        """Keep a changed document for the second person. `upon`: the mark (`mark_of`) of the one
        that was opened to be changed; empty: whichever stands. Raises ActRefused if it does not
        hold, or if another was agreed to since: its change would be taken back unseen."""
        policy, _ = await self.policy(division, name)
        checked = await asyncio.to_thread(checked_of, policy, text)
        if not checked.passed:
            raise ActRefused(
                "policy_flawed", "规则未通过检查，不能提交。", "The checker refuses it."
            )
        if not checked.differences:
            raise ActRefused("policy_same", "规则没有变化。", "Nothing was changed.")
        if len(reason) < 4:
            raise ActRefused("reason", "请填写修改理由。", "Say why.")
        await self.proofs.of(text, policy.place)
        _, standing = await self.policy(division, name)
        if upon not in ("", mark_of(standing)):
            raise ActRefused(
                "policy_moved", "打开本页之后该规则已另有修改，请重新打开规则，在新文本上再改。",
                "Another change was agreed to since this page was opened; begin from what stands.",
            )  # fmt: skip
        if checked.unmoved:
            raise ActRefused(
                "policy_revision",
                f"修订号须高于现行的第{policy.revision}版：内容每改一次，修订号加一。",
                f"Raise its revision above the {policy.revision} in force: it changed.",
            )

        def act(seq: int) -> Act:
            return _act(division, by, "policy.drafted", f"{name} 草稿{seq}")

        values = (name, policy.place, text, reason, by.login, self._clock())
        return await self.store.add_draft(division, values, act)

    async def decide(
        self, division: str, seq: int, agreed: bool, by: Person, why: str = ""
    ) -> None:
        """`why`: to whoever drafted it, if it is sent back. Raises ActRefused."""
        if not agreed and len(why) < WHY_CHARS_MIN:
            raise ActRefused(
                "why", "请填写退回理由，不少于4个字。", "Say why, in four characters or more."
            )
        what = "policy.agreed" if agreed else "policy.sent_back"
        act = _act(division, by, what, f"草稿{seq}")
        now = self._clock()
        if not await self.store.decide(division, seq, by.login, now, (agreed, why), act):
            raise ActRefused(
                "decided",
                "已处理，或是您自己的草稿，或该规则在起草之后已另有修改、起草人账号已停用"
                "（须退回重新起草）。",
                "Decided before, one's own draft, written upon what was replaced since, or by "
                "somebody whose account is closed.",
            )  # fmt: skip

    async def hand_over(self, division: str, sealed: bytes, by: Person) -> int:
        """A book with two officers' signatures, to every gateway of the division; its revision.

        Whether these officers may sign is the gateway's to say; that they are two, and signed
        these very bytes, is proven here already.
        """
        try:
            body, signatures = open_sealed(sealed)
            bundle = read_bundle(body)
            signers = [self._verify(body, signature) for signature in signatures]
        except BundleRefused as refused:
            raise ActRefused("book_refused", refused.zh, refused.en) from refused
        except Unproven as refused:
            raise ActRefused("book_unproven", "签名不成立。", refused.detail) from refused
        if len(set(signers)) != 2 or signers[0] != bundle.author:
            raise ActRefused(
                "book_signers", "须由起草人和另一名审批人签名。", "Author and another officer sign."
            )
        now = self._clock()
        values = (
            bundle.revision, bundle.digest, signers[0], signers[1], bundle.not_before, now,
            self._sign(sealed), sealed,
        )  # fmt: skip
        banks = sorted({place.bank for place in self._places if place.division == division})
        act = _act(division, by, "policy.handed_over", f"规则簿第{bundle.revision}版")
        if not await self.store.hand_over(division, banks, values, act):
            raise ActRefused("book_sent", "这一版已经发送过。", "This revision was sent before.")
        return bundle.revision

    async def drafts(self, division: str) -> list[Mapping[str, Any]]:
        """The newest, and of those before them whatever still waits; newest first."""
        newest = await self.store.drafts(division, SHOWN)
        waiting = await self.store.waiting(division, SHOWN)
        found = {row["seq"]: row for row in (*newest, *waiting)}
        return [found[seq] for seq in sorted(found, reverse=True)]

    async def activations(self, division: str) -> list[Mapping[str, Any]]:
        """What each gateway told last of the books it applies and of breakers; newest first."""
        return [
            {**_activation(row["body"]), "bank": row["bank"], "seq": row["seq"]}
            for row in await self.store.activations(division, SHOWN)
        ]

    async def book_with(self, division: str, draft: Mapping[str, Any]) -> int | None:
        """The first book handed over that holds the document of this draft, agreed to as it is."""
        if not draft["agreed"]:
            return None
        for row in await self.store.books_since(division, draft["decided_at"], BOOKS_READ):
            with suppress(BundleRefused):
                bundle = read_bundle(open_sealed(row["body"])[0])
                if bundle.policies.get(draft["place"]) == draft["document"]:
                    return bundle.revision
        return None

    async def older_books(self, division: str) -> dict[str, tuple[int, int]]:
        """By bank: the revision that its gateway decides by, where it has told of, or taken, a
        higher one, whose moment has come; and that one. Its own word may be late, not go back."""
        latest = dict[str, int]()
        for row in await self.store.feeds(division, SHOWN):
            taken = row["acknowledged_at"]
            if taken and max(taken, row["not_before"]) <= self._clock() - TAKEN_WITHIN:
                latest[row["bank"]] = max(row["version"], latest.get(row["bank"], 0))
        now = dict[str, int]()
        for told in await self.activations(division):
            if told["what"] == "activated" and isinstance(told.get("revision"), int):
                bank, revision = str(told["bank"]), told["revision"]
                now.setdefault(bank, revision)
                latest[bank] = max(revision, latest.get(bank, 0))
        return {
            bank: (revision, latest[bank])
            for bank, revision in now.items()
            if revision < latest[bank]
        }


def mark_of(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()[:MARK_CHARS]


def tripped_of(activations: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Policies that hold instead of blocking, with the banks at whose gateways: of each gateway,
    what tripped since its last book came into force. `activations`: newest first."""
    found: dict[str, list[str]] = {}
    settled: set[str] = set()
    for told in activations:
        bank = str(told["bank"])
        if told.get("what") == "activated":
            settled.add(bank)
        elif told.get("what") == "tripped" and bank not in settled:
            banks = found.setdefault(str(told.get("policy")), [])
            if bank not in banks:
                banks.append(bank)
    return found


class _Activation(msgspec.Struct, omit_defaults=True):
    """What a record `policy_activated` says; whose it is, the log that it stands in says."""

    what: str = ""
    policy: str = ""
    revision: int | None = None
    digest: str = ""
    author: str = ""
    approver: str = ""


def _activation(body: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(body, type=_Activation)
    except (ValueError, RecursionError):
        told = _Activation(what="记录无法读取")
    found: dict[str, Any] = msgspec.to_builtins(told)
    return {"what": told.what} | found


@cache
def _library() -> Mapping[str, str]:
    return load_texts(LIBRARY / "jilin")


@cache
def _read(text: str, place: str) -> Policy:
    return read_policy(text, place)


def _act(division: str, by: Person, what: str, subject: str) -> Act:
    return Act(division=division, login=by.login, what=what, subject=subject)
