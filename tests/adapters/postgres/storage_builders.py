"""Values for storage tests, each with only what the test says about it."""

import datetime as dt
import hashlib
from collections.abc import Sequence

from gateway.domain.bank import BankOutcome
from gateway.domain.codes import CarryOver, Expenditure
from gateway.domain.decision import Outcome
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import (
    Admission,
    Demand,
    LimitKey,
    LimitKind,
    RecordDraft,
    Settlement,
)
from gateway.domain.log import LogHead, PendingRecord, Sealed, SealedRecord, Subtree
from gateway.domain.money import Fen
from gateway.domain.records import numbered, unnumbered
from gateway.domain.registers import Indicator, Registers
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare

DIVISION = "220000000"
NOW = dt.datetime(2026, 3, 2, 1, 30, tzinfo=dt.UTC)
TODAY = NOW.date()


def key(number: int | str, division: str = DIVISION, year: int = 2026) -> InstructionKey:
    return InstructionKey(
        division=division, fiscal_year=year, voucher_type="8202", voucher_no=str(number)
    )


def line(id: str = "IND-1") -> LimitKey:
    return LimitKey(kind=LimitKind.INDICATOR, id=id)


def draft(subject: str, kind: str = "verdict") -> RecordDraft:
    return RecordDraft(kind=kind, subject=subject, body=unnumbered({"about": subject, "k": kind}))


def admission(
    number: int | str, amount: int = 100, lines: Sequence[str] = ("IND-1",), *,
    outcome: Outcome = Outcome.PASS, division: str = DIVISION, content: str = "",
    year: int = 2026, cap: int | None = None, asks: Sequence[WindowAsk] = (),
    shares: Sequence[WindowShare] = (),
) -> Admission:  # fmt: skip
    """Wants `amount` on each of `lines`, under `cap`, if it passes."""
    raw = f"instruction {number} {amount} {content}".encode()
    passes = outcome is Outcome.PASS
    return Admission(
        key=key(number, division, year),
        digest=hashlib.sha256(raw).digest(),
        party=f"spiffe://test/agency/{division}/101001",
        format="json",
        raw=raw,
        signature="header..signature",
        agency_code="101001",
        amount_fen=Fen(amount),
        outcome=outcome,
        decided_at=NOW,
        decision=b'{"outcome":"' + outcome.value.encode() + b'"}',
        demands=tuple(
            Demand(limit=line(id), amount_fen=Fen(amount), cap_fen=cap) for id in lines if passes
        ),
        record=draft(str(key(number, division, year))),
        notice=None if passes else b'{"kind":"interception"}',
        asks=tuple(asks),
        shares=tuple(shares),
    )


def ask(
    believed: int, measure: Measure = Measure.SUM, days: int = 5, *, key: str = "101001"
) -> WindowAsk:
    since = TODAY - dt.timedelta(days=days - 1)
    return WindowAsk(key=window(key), measure=measure, since=since, believed=believed)


def share(value: int, ago: int = 0, *, item: str = "", key: str = "101001") -> WindowShare:
    """What was done so many days ago."""
    day = TODAY - dt.timedelta(days=ago)
    return WindowShare(key=window(key), day=day, value=value, item=item)


def window(key: str = "101001") -> WindowKey:
    return WindowKey(window="JL-044.cash", key=key)


def settlement(
    number: int | str, bank: BankOutcome = BankOutcome.ACCEPTED, division: str = DIVISION
) -> Settlement:
    return Settlement(
        key=key(number, division),
        bank=bank,
        bank_reference="REF-1",
        bank_reason=None,
        settled_at=NOW + dt.timedelta(seconds=1),
        evidence="answer",
        record=draft(str(key(number, division)), "bank_outcome"),
    )


def registers(
    version: int, granted: dict[str, int], *, division: str = DIVISION,
    posted: int = 0, frozen: int = 0, as_of: dt.datetime = NOW,
) -> Registers:  # fmt: skip
    """Registers whose indicators have these grants, and nothing else."""
    indicators = {
        id: Indicator(
            id=id, agency="101001", fiscal_year=2026, fund_code="1", functional_code="2",
            dept_economic_code="3", gov_economic_code="4", project_code="",
            granted_fen=Fen(amount), posted_fen=Fen(posted), frozen_fen=Fen(frozen),
            executable=True, carry_over=CarryOver.NONE, plan_controlled=False,
            expenditure=Expenditure.BASIC,
        )
        for id, amount in granted.items()
    }  # fmt: skip
    return Registers(
        division=division, version=version, as_of=as_of, agencies={}, accounts={},
        indicators=indicators, plans=(), persons={}, payee_classes={}, contracts={},
        approvals={}, filings={}, three_public_budgets=(), blacklist_accounts=frozenset(),
        designated_vendors=frozenset(), calendar={},
    )  # fmt: skip


class PlainSealer:
    """Numbers and hashes as RFC 6962 says, over all leaves from the start; signs nothing."""

    def __init__(self) -> None:
        self.leaves: dict[str, list[bytes]] = {}

    def seal(
        self, head: LogHead | None, division: str, pending: Sequence[PendingRecord],
        at: dt.datetime,
    ) -> Sealed:  # fmt: skip
        first = head.size if head else 0
        leaves = self.leaves.setdefault(division, [])
        del leaves[first:]
        records = []
        for seq, waiting in enumerate(pending, first):
            body = numbered(waiting.body, seq, waiting.agency_no)
            leaf = hashlib.sha256(b"\x00" + body).digest()
            leaves.append(leaf)
            records.append(
                SealedRecord(seq=seq, kind=waiting.kind, subject=waiting.subject, body=body,
                             leaf_hash=leaf, disclosures=waiting.disclosures)
            )  # fmt: skip
        size = len(leaves)
        return Sealed(
            head=LogHead(division=division, origin="test/log", size=size, frontier=(b"f" * 32,)),
            records=tuple(records),
            subtrees=tuple(
                Subtree(
                    level=level, index=index, hash=_root(leaves[index << level :][: 1 << level])
                )
                for level in (8, 16)
                for index in range(first >> level, size >> level)
            ),
            checkpoint=f"test/log\n{size}\n{_root(leaves).hex()}\n",
            sealed_at=at,
        )


def _root(leaves: list[bytes]) -> bytes:
    """Left to right with a stack of (height, hash): neither adapter computes roots this way."""
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        height = 0
        while stack and stack[-1][0] == height:
            leaf = hashlib.sha256(b"\x01" + stack.pop()[1] + leaf).digest()
            height += 1
        stack.append((height, leaf))
    right = stack.pop()[1]
    while stack:
        right = hashlib.sha256(b"\x01" + stack.pop()[1] + right).digest()
    return right


def proves(leaf: bytes, seq: int, size: int, path: Sequence[bytes], root_hex: str) -> bool:
    """RFC 9162 2.1.3.2, word for word."""
    fn, sn, r = seq, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\x01" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r.hex() == root_hex
