"""What the bureau needs of the world, as Protocols; `adapters/postgres` fits them by shape.

Every method is one transaction and raises gateway.domain.faults.StoreUnavailable.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import attrs

from gateway.domain.instruction import InstructionKey
from gateway.domain.log import Cosigned, LogHead, SealedRecord, Subtree
from gateway.domain.releases import Person
from gateway.domain.voids import HeldFeed

Clock = Callable[[], dt.datetime]
"""The time now, aware, UTC."""


@attrs.frozen(kw_only=True)
class LogPlace:
    """One bank's log at this bureau: who may write it, and what its checkpoints must be named."""

    division: str
    bank: str
    gateway: str
    """URI of the gateway's certificate; only it delivers here."""
    origin: str
    name: str = ""
    """The bank's, as people read it."""


@attrs.frozen(kw_only=True)
class Accepted:
    """A delivery that was proven against the head, with all that is stored of it."""

    head: LogHead
    records: tuple[SealedRecord, ...]
    subtrees: tuple[Subtree, ...]
    checkpoint: str
    cosigned: Cosigned
    tallies: Mapping[tuple[str, str], int]
    interceptions: Sequence[tuple[Any, ...]]
    warnings: Sequence[tuple[Any, ...]]
    received_at: dt.datetime


LinePlace: TypeAlias = tuple[dt.datetime, str, str, str, int]
"""Where a list of payments stands: decided at, voucher number, bank, voucher type, fiscal year."""
ProvenNotice: TypeAlias = tuple[bytes, bytes, str, str, tuple[Any, ...] | None]
"""Digest, body, detached JWS, signer's URI, and the line of its interception if it is of one."""


class LogStore(Protocol):
    async def append(
        self, division: str, bank: str, judge: Callable[[LogHead], Accepted]
    ) -> Accepted:
        """Lock the log, judge, store, commit. What `judge` raises leaves all as it was."""
        ...

    async def held(self, division: str, bank: str) -> tuple[LogHead, Cosigned]: ...

    async def hashes(
        self, division: str, bank: str, level: int, first: int, count: int
    ) -> list[bytes]:
        """Hashes of a kept level: 0 for leaves, 8, 16, 24 for full subtrees."""
        ...

    async def record(self, division: str, bank: str, seq: int) -> SealedRecord | None: ...

    async def of_subject(
        self, division: str, bank: str, subject: str, size: int
    ) -> list[SealedRecord]:
        """What the first `size` records say of it, in order, without disclosures."""
        ...

    def rows(self, division: str, bank: str, end: int) -> AsyncIterator[list[SealedRecord]]:
        """All before `end`, in order and in pieces, without disclosures."""
        ...

    async def tallies(self, division: str, bank: str) -> dict[tuple[str, str], int]: ...

    async def keep_misbehaviour(
        self, division: str, bank: str, digest: bytes, what: Mapping[str, Any], at: dt.datetime
    ) -> int: ...

    async def misbehaviour(
        self, division: str, bank: str, digest: bytes
    ) -> Mapping[str, Any] | None:
        """What was kept by `keep_misbehaviour`; `delivery` the bytes, if they were kept."""
        ...


class DeskStore(Protocol):
    async def keep_notices(
        self, place: tuple[str, str], notices: Sequence[ProvenNotice], at: dt.datetime
    ) -> frozenset[bytes]:
        """The digests of those that were not received before."""
        ...

    async def count_notices(self, division: str, bank: str) -> int: ...

    async def search(
        self, division: str, before: LinePlace | None, narrowed: Sequence[Any],
        limit: int, words_among: int,
    ) -> Sequence[Mapping[str, Any]]: ...  # fmt: skip

    async def search_warned(
        self, division: str, before: LinePlace | None, narrowed: Sequence[Any],
        limit: int, words_among: int,
    ) -> Sequence[Mapping[str, Any]]: ...  # fmt: skip

    async def interception(
        self, division: str, fiscal_year: int, voucher_type: str, voucher_no: str,
        bank: str | None = None,
    ) -> Mapping[str, Any] | None: ...  # fmt: skip

    async def logs(self, division: str) -> Sequence[Mapping[str, Any]]: ...

    async def misbehaviours(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...


class ReleaseStore(Protocol):
    async def open_holds(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def propose(
        self, key: InstructionKey, bank: str, digest: bytes, decision: bytes, person: Person,
        check: Callable[[Mapping[str, Any]], None], act: Any = None,
    ) -> bool:  # fmt: skip
        """`check` sees `held`, `waiting_since` and `ordered_since` under the lock that approvals
        take, and may refuse by raising."""
        ...

    async def proposal(self, division: str, digest: bytes) -> Mapping[str, Any] | None: ...

    async def proposals(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def approve(
        self, division: str, digest: bytes, person: Person,
        feed: Callable[[Mapping[str, Any], int], tuple[bytes, str]], act: Any = None,
    ) -> bool:  # fmt: skip
        """Keep the approval, the signed feed that `feed` makes and the act, all or nothing."""
        ...

    async def reject(
        self, division: str, digest: bytes, by: tuple[str, str], at: dt.datetime,
        check: Callable[[Mapping[str, Any]], None], act: Any = None,
    ) -> bool: ...  # fmt: skip

    async def stopped_by(self, division: str, bank: str, subject: str) -> bytes | None:
        """The newest record that an order about it was stopped by what was found; None: none."""
        ...

    async def waiting_feeds(self, resting: Collection[str] = ()) -> Sequence[Mapping[str, Any]]:
        """The oldest unacknowledged feed of each bank, but for `resting` (`division/bank`)."""
        ...

    async def attempted(
        self, row: Mapping[str, Any], at: dt.datetime, trouble: str | None, refusal: str = ""
    ) -> None: ...


class NumberStore(Protocol):
    async def first_open(self, division: str, bank: str) -> int:
        """The first number of which it is not known here that its gateway has it."""
        ...

    async def take_in(
        self, place: tuple[str, str], held: Sequence[HeldFeed], at: dt.datetime,
        renumbered: Callable[[bytes, int], tuple[bytes, str]],
        act: Callable[[Sequence[int], Sequence[tuple[int, int]]], Any],
    ) -> Sequence[int]:  # fmt: skip
        """Keep under their numbers what this database did not know, and what stood there behind
        them, signed anew by `renumbered`; with the act. The numbers that changed.

        Raises FeedRefused, with nothing written: it contradicts what was acknowledged.
        """
        ...


class VoidStore(Protocol):
    async def refused_feeds(
        self, division: str, bank: str | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Of each bank the oldest feed that waits, where its gateway refused it at the last try."""
        ...

    async def voids(
        self, division: str, limit: int, digest: bytes | None = None
    ) -> Sequence[Mapping[str, Any]]: ...

    async def propose_void(
        self, place: tuple[str, str], since: dt.datetime,
        make: Callable[[Mapping[str, Any] | None, bool], tuple[bytes, bytes, Person]], act: Any,
    ) -> None:  # fmt: skip
        """`make` sees what the gateway refuses next and whether a void of it, proposed after
        `since`, waits already; it may refuse by raising."""
        ...

    async def approve_void(
        self, place: tuple[str, str], digest: bytes, person: Person,
        feed: Callable[[Mapping[str, Any], Mapping[str, Any] | None], tuple[bytes, str]], act: Any,
    ) -> None:  # fmt: skip
        """Keep the approval, the signed void that `feed` makes, under the refused one's number, the
        refused one aside, and the act, all or nothing. `feed` may refuse by raising."""
        ...

    async def reject_void(
        self, place: tuple[str, str], digest: bytes, by: tuple[str, str], at: dt.datetime,
        check: Callable[[Mapping[str, Any]], None], act: Any,
    ) -> None: ...  # fmt: skip


class HoldStore(Protocol):
    async def open_holds(
        self, division: str, after: LinePlace | None, limit: int, since: dt.datetime,
        waits: str | None = None,
    ) -> Sequence[Mapping[str, Any]]: ...  # fmt: skip

    async def proposals(
        self, division: str, before: tuple[dt.datetime, bytes] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def proposals_of(
        self, division: str, bank: str, key: tuple[int, str, str], limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def ends(self, division: str, bank: str, subject: str) -> Sequence[Mapping[str, Any]]: ...


class PeopleStore(Protocol):
    """Accounts, sessions, the audit trail. Rows are mappings named like the columns."""

    async def person(self, login: str) -> Mapping[str, Any] | None: ...

    async def names(self, logins: Sequence[str]) -> Mapping[str, str]: ...

    async def person_by(self, kind: str, value: str) -> str | None: ...

    async def people(self, after: str, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def able_administrators(self) -> Sequence[Mapping[str, Any]]: ...

    async def add_person(
        self, values: tuple[str, str, str, str, str, str | None, str | None],
        at: dt.datetime, act: Any,
    ) -> bool: ...  # fmt: skip

    async def change(
        self, at: dt.datetime, acts: Sequence[Any], *steps: tuple[str, tuple[Any, ...]],
        provided: Sequence[tuple[str, tuple[Any, ...]]] = (),
    ) -> bool:  # fmt: skip
        """Named steps and the acts told of them, all or nothing. False: what is `provided` does
        not hold any more, and nothing was done."""
        ...

    async def failed(
        self, login: str, limit: tuple[int, dt.datetime], at: dt.datetime, act: Any
    ) -> None: ...

    async def use_totp(self, login: str, step: int) -> bool: ...

    async def invitation(self, digest: bytes, now: dt.datetime) -> Mapping[str, Any] | None: ...

    async def take_invitation(self, digest: bytes, now: dt.datetime, code: bytes) -> str | None: ...

    async def ask(self, values: tuple[Any, ...], at: dt.datetime, act: Any) -> int: ...

    async def requests(self, since: dt.datetime, limit: int) -> Sequence[Mapping[str, Any]]: ...

    async def named(self) -> Sequence[Mapping[str, Any]]:
        """Login and name of each account that is open."""
        ...

    async def request(self, number: int) -> Mapping[str, Any] | None: ...

    async def decide(
        self, number: int, decision: tuple[str, bool, bytes | None],
        times: tuple[dt.datetime, dt.datetime], follow: Callable[[Mapping[str, Any]], Any],
    ) -> bool: ...  # fmt: skip

    async def take_link(
        self, number: int, by: str, times: tuple[dt.datetime, dt.datetime],
        follow: Callable[[Mapping[str, Any]], Any],
    ) -> bool: ...  # fmt: skip

    async def program_acts(
        self, divisions: Sequence[str], since: dt.datetime, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def seat(
        self, digest: bytes, now: dt.datetime, seen_after: dt.datetime
    ) -> Mapping[str, Any] | None: ...

    async def seen(self, digest: bytes, now: dt.datetime) -> None: ...

    async def views(self, login: str) -> Sequence[Mapping[str, Any]]: ...

    async def acts(
        self, division: str, before: int, asked: tuple[Any, ...], limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def trail(
        self, division: str, take: Callable[[Sequence[Mapping[str, Any]]], None]
    ) -> tuple[int, bytes]: ...


class CaseStore(Protocol):
    """Cases by key (division, year, number). Rows are mappings named like the columns."""

    async def open(
        self, division: str, year: int, values: tuple[Any, ...],
        subjects: Sequence[Mapping[str, Any]], at: dt.datetime, act: Callable[[int], Any],
        form: bytes | None = None,
    ) -> tuple[int, int] | None: ...  # fmt: skip

    async def move(self, key: tuple[str, int, int], judge: Callable[..., Any]) -> Any:
        """Lock the case, judge, store what it wrote, commit; None: nothing was to be written."""
        ...

    async def case(self, key: tuple[str, int, int]) -> Mapping[str, Any] | None: ...

    async def moves(self, key: tuple[str, int, int]) -> Sequence[Mapping[str, Any]]: ...

    async def subjects(self, key: tuple[str, int, int]) -> Sequence[Mapping[str, Any]]: ...

    async def papers(self, key: tuple[str, int, int]) -> Sequence[Mapping[str, Any]]: ...

    async def paper(self, division: str, year: int, number: int) -> Mapping[str, Any] | None: ...

    async def uploads(self, key: tuple[str, int, int]) -> Sequence[Mapping[str, Any]]: ...

    async def upload(
        self, key: tuple[str, int, int], seq: int, digest: bytes
    ) -> Mapping[str, Any] | None: ...

    async def wishes_of(self, key: tuple[str, int, int]) -> Sequence[Mapping[str, Any]]: ...

    async def cases(
        self, division: str, before: tuple[dt.datetime, int] | None, narrowed: Sequence[Any],
        limit: int, words_among: int,
    ) -> Sequence[Mapping[str, Any]]: ...  # fmt: skip

    async def cases_of(
        self, key: tuple[str, int, str, str, str], only_told: bool
    ) -> Sequence[Mapping[str, Any]]:
        """Of one payment: division, year, type, number, bank."""
        ...

    async def waiting(
        self, division: str, office: str, scope: Sequence[Any], limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def due_cases(
        self, division: str, day: dt.date, after: tuple[dt.date, int, int] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def concerns(
        self, division: str, since: dt.datetime, least: tuple[int, int, Sequence[str]], limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def concern_keys(
        self, division: str, agency: str, since: dt.datetime
    ) -> Sequence[Mapping[str, Any]]: ...
