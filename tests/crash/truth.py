"""What every party holds after the storm, and everything that must be true of it.

The gateway's rows, the bank's own books, the bureau's own copy, and the answers the agencies got
are four witnesses; `violations` names every contradiction between them.
"""

import asyncio
import sys
import time
from collections import Counter, defaultdict
from typing import Any

import asyncpg
import attrs
import orjson

from deploy.demo.reading import heard_in
from tests.commands.staged import recounted
from tests.crash.crowd import Crowd
from tests.crash.theatre import Theatre

SETTLE_DEADLINE_S = 180.0
LOOK_S = 0.2

_WAITING = """
SELECT (SELECT count(*) FROM open_payment) AS open_payments,
       (SELECT count(*) FROM pending_record) + (SELECT count(*) FROM told_batch) AS records,
       (SELECT count(*) FROM notice WHERE acknowledged_at IS NULL) AS notices,
       (SELECT count(*) FROM open_release) AS releases,
       (SELECT coalesce(sum(size - acknowledged_size), 0) FROM log_head) AS undelivered
"""
_LEDGER = """
SELECT i.division || '/' || i.fiscal_year || '/' || i.voucher_type || '/' || i.voucher_no AS key,
       i.outcome, s.bank, s.evidence, h.how,
       CASE WHEN i.outcome = 'passed' OR h.how = 'released' THEN 'passed'
            WHEN h.how IS NOT NULL THEN 'blocked' ELSE i.outcome END AS now,
       coalesce(h.limit_kinds, i.limit_kinds) AS limit_kinds,
       coalesce(h.limit_ids, i.limit_ids) AS limit_ids,
       coalesce(h.demand_fen, i.demand_fen) AS demand_fen
FROM instruction AS i
     LEFT JOIN settlement AS s USING (division, fiscal_year, voucher_type, voucher_no)
     LEFT JOIN hold_end AS h USING (division, fiscal_year, voucher_type, voucher_no)
"""
_LIMITS = """
SELECT kind, id, granted_fen - frozen_fen - opening_fen AS room, reserved_fen, posted_fen
FROM limit_line
"""
_REFUNDS = """
SELECT b.kind, b.id, sum(b.fen)::bigint AS fen
FROM refund CROSS JOIN LATERAL unnest(limit_kinds, limit_ids, back_fen) AS b (kind, id, fen)
GROUP BY b.kind, b.id
"""
_WINDOWS = """
SELECT DISTINCT division || '/' || fiscal_year || '/' || voucher_type || '/' || voucher_no AS key
FROM window_entry
"""


@attrs.frozen(kw_only=True)
class Truth:
    ledger: dict[str, Any]
    limits: dict[tuple[str, str], Any]
    back: dict[tuple[str, str], int]
    """What refunds gave back to each limit."""
    counted: set[str]
    """Keys of the instructions that windows count."""
    log: list[tuple[int, str, str, bytes]]
    """The gateway's: number, kind, subject, body."""
    copy: list[tuple[int, str, str, bytes]]
    """The bureau's."""
    bank: dict[str, Any]
    summary: dict[str, Any]
    notices: int
    differing: list[str]
    """What the gateway's own recount finds."""

    @property
    def evidence(self) -> Counter[str]:
        """How the payments were settled: answer, enquiry, horizon."""
        return Counter(row["evidence"] for row in self.ledger.values() if row["evidence"])

    @property
    def found_late(self) -> int:
        """Payments that the bank did not find when first asked, and had taken all the same."""
        return sum(
            row["evidence"] == "enquiry" and self.bank[key]["fate"] in ("late", "forget")
            for key, row in self.ledger.items()
        )


async def settled(theatre: Theatre) -> None:
    """Wait until nothing is open, unnumbered or undelivered any more."""
    connection = await asyncpg.connect(theatre.stage.gateway_database)
    deadline = time.monotonic() + SETTLE_DEADLINE_S
    try:
        while any((waiting := dict(await connection.fetchrow(_WAITING))).values()):
            assert time.monotonic() < deadline, f"still waiting: {waiting}"
            await asyncio.sleep(LOOK_S)
    finally:
        await connection.close()


async def truth_of(theatre: Theatre) -> Truth:
    connection = await asyncpg.connect(theatre.stage.gateway_database)
    records = "SELECT seq, kind, subject, body FROM {} ORDER BY seq"
    try:
        ledger = {row["key"]: row for row in await connection.fetch(_LEDGER)}
        limits = {(row["kind"], row["id"]): row for row in await connection.fetch(_LIMITS)}
        back = {(row["kind"], row["id"]): row["fen"] for row in await connection.fetch(_REFUNDS)}
        counted = {row["key"] for row in await connection.fetch(_WINDOWS)}
        log = [tuple(row) for row in await connection.fetch(records.format("sealed_record"))]
        notices = await connection.fetchval("SELECT count(*) FROM notice")
    finally:
        await connection.close()
    connection = await asyncpg.connect(theatre.stage.bureau_database)
    try:
        copy = [tuple(row) for row in await connection.fetch(records.format("log_record"))]
    finally:
        await connection.close()
    effects = (await theatre.journal())["effects"]
    differing = await asyncio.to_thread(recounted, theatre.stage)
    return Truth(
        ledger=ledger, limits=limits, back=back, counted=counted, log=log, copy=copy,
        notices=notices, differing=differing,
        bank={row["key"]: row for row in effects}, summary=await theatre.summary(),
    )  # fmt: skip


async def heard(theatre: Theatre, *crowds: Crowd, again: int) -> Truth:
    """All that is under way ends, `again` of the answered ask once more, every party is heard."""
    await settled(theatre)
    for crowd in crowds:
        await crowd.ask_again(again)
        await crowd.client.aclose()
    await settled(theatre)
    return await truth_of(theatre)


async def reckon(theatre: Theatre, crowd: Crowd, told: str, *, again: int, never: str) -> Truth:
    """Every party is `heard`, nobody contradicts another, and each gateway lives and has not logged
    `never`. `told`: what is said of it beside the counts."""
    truth = await heard(theatre, crowd, again=again)
    sys.stdout.write(
        f"\n{len(crowd.answers)} instructions, {crowd.client.retries} sent again,"
        f" settled {dict(truth.evidence)}; {told}\n"
    )
    contradicted = violations(truth, crowd)
    assert not contradicted, contradicted
    for name in theatre.stage.gateway_names:
        assert theatre.stage.crew.running(name), theatre.log_tail(name)
        assert never not in theatre.log_of(name), f"{name}: {never}"
    return truth


def violations(truth: Truth, crowd: Crowd) -> list[str]:
    """Empty if all holds. The numbers are those of docs/reliability.md."""
    return [
        *_at_the_bank(truth),
        *_of_limits(truth),
        *(f"I4 recounted otherwise: {each}" for each in truth.differing),
        *_of_records(truth),
        *_of_answers(truth, crowd),
    ]


def _at_the_bank(truth: Truth) -> list[str]:
    wrong = []
    for key, row in truth.bank.items():
        decided = truth.ledger.get(key)
        if row["submitted"] > 1 or row["count"] > 1:
            wrong.append(f"I2 {key}: submitted {row['submitted']}, paid {row['count']} times")
        if decided is None:
            wrong.append(f"I1 {key}: at the bank, but not in the ledger")
        elif decided["now"] != "passed":
            wrong.append(f"I3 {key}: at the bank, but {decided['now']}")
    for key, decided in truth.ledger.items():
        if decided["now"] != "passed":
            if decided["bank"] is not None:
                wrong.append(f"I3 {key}: {decided['outcome']}, yet settled")
            continue
        paid = truth.bank.get(key)
        says = "not_taken" if paid is None else paid["outcome"]
        if decided["bank"] != says:
            wrong.append(f"I9 {key}: settled {decided['bank']} by {decided['evidence']},"
                         f" the bank says {says}")  # fmt: skip
    return wrong


def _of_limits(truth: Truth) -> list[str]:
    posted: Counter[tuple[str, str]] = Counter()
    for row in truth.ledger.values():
        if row["bank"] == "accepted":
            lines = zip(row["limit_kinds"], row["limit_ids"], row["demand_fen"], strict=True)
            for kind, id, amount in lines:
                posted[kind, id] += amount
    posted.subtract(truth.back)
    vain = [k for k in truth.counted if truth.ledger[k]["bank"] in ("rejected", "not_taken")]
    return [f"I4 {key}: not paid, yet counted in a window" for key in vain] + [
        f"I4 {line}: reserved {row['reserved_fen']}, posted {row['posted_fen']} of {row['room']},"
        f" the rows say {posted[line]}"
        for line, row in truth.limits.items()
        if (row["reserved_fen"], row["posted_fen"]) != (0, posted[line])
        or row["posted_fen"] > max(row["room"], 0)
    ]


def _of_records(truth: Truth) -> list[str]:
    wrong = []
    if [row[0] for row in truth.copy] != list(range(len(truth.copy))):
        wrong.append("I7 the bureau's numbers have a gap")
    if [(row[0], row[3]) for row in truth.copy] != [(row[0], row[3]) for row in truth.log]:
        wrong.append("I7 the bureau's copy is not the gateway's log")
    told: dict[str, list[str]] = defaultdict(list)
    for _, kind, subject, body in truth.copy:
        if kind in ("verdict", "bank_outcome"):
            fields = orjson.loads(body)
            told[subject].append(str(fields["outcome"] if kind == "verdict"
                                     else fields["bank_outcome"]))  # fmt: skip
    for key, row in truth.ledger.items():
        foretold = [row["outcome"]] + ([row["bank"]] if row["now"] == "passed" else [])
        if told[key] != foretold:
            wrong.append(f"I7/I8 {key}: recorded {told[key]}, the ledger says {foretold}")
    wrong += [f"I7 {key}: recorded, never decided" for key in told.keys() - truth.ledger.keys()]
    if not truth.summary["log_verified"] or truth.summary["misbehaviours"]:
        wrong.append(f"I14 the bureau does not find the log whole: {truth.summary['logs']}")
    wrong += _of_hold_ends(truth)
    refused = sum(row["outcome"] != "passed" for row in truth.ledger.values())
    refused += sum(row["how"] in ("expired", "withdrawn") for row in truth.ledger.values())
    refused += sum(kind == "conduct_alert" for _, kind, _, _ in truth.log)  # each is told at once
    if not refused == truth.notices == truth.summary["notices"]:
        wrong.append(f"notices: {refused} refused or alerted, {truth.notices} written,"
                     f" {truth.summary['notices']} at the bureau")  # fmt: skip
    return wrong


NO_ENDS = {"not_carried_out", "voided"}


def _of_hold_ends(truth: Truth) -> list[str]:
    """One record for the one end of a hold, and none for what did not end."""
    ended: dict[str, list[str]] = defaultdict(list)
    for _, kind, subject, body in truth.copy:
        if kind == "release" and (what := orjson.loads(body)["what"]) not in NO_ENDS:
            ended[subject].append(what)
    return [
        f"I7 {key}: ended as {row['how']}, recorded {ended[key]}"
        for key, row in truth.ledger.items()
        if ended[key] != ([row["how"]] if row["how"] else [])
    ]


def _of_answers(truth: Truth, crowd: Crowd) -> list[str]:
    """I5, I6: every answer ever given is still true, and the same bytes hear the same."""
    wrong = []
    conflicts: set[bytes] = set()  # each content is recorded once, however often it comes
    for place, answer in [*crowd.answers.items(), *crowd.again.items()]:
        item = crowd.items[place]
        heard = heard_in(item, answer)
        # Which outcome is right is the policies' tests' to say; no storm makes or undoes a fault.
        foreseen = None if item.replay else item.fault
        if heard.fault != foreseen:
            wrong.append(f"{item.key}: foreseen {foreseen}, heard {answer.status} {heard.fault}")
        if heard.fault == "instruction_conflict":
            conflicts.add(item.raw)
        if heard.outcome is None:
            continue
        row = truth.ledger.get(str(item.key))
        if row is None:
            wrong.append(f"I6 {item.key}: answered {heard.outcome}, and forgotten")
        elif heard.outcome not in (row["outcome"], row["now"]) or heard.bank not in (
            None, "unknown", _wire(row), row["bank"],
        ):  # fmt: skip
            wrong.append(f"I6 {item.key}: answered {heard.outcome} {heard.bank},"
                         f" the ledger says {row['outcome']} {row['bank']}")  # fmt: skip
    recorded = sum(row[1] == "conflict" for row in truth.copy)
    if recorded < len(conflicts):
        wrong.append(f"I5 {len(conflicts)} conflicts answered, {recorded} recorded")
    return wrong


def _wire(row: Any) -> str | None:
    """What the JSON answer calls the bank's outcome: never taken is a refusal to be sent anew. A
    voucher's says 银行未受理."""
    return "rejected" if row["bank"] == "not_taken" else row["bank"]
