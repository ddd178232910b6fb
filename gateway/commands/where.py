"""`where`: what became of one payment, for whoever has an agency on the telephone.

Reads the ledger and the log of this gateway; changes nothing and asks nobody.
"""

import asyncio
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import orjson
import typer

from gateway.commands.terminal import USAGE, Database, Json, SettingsFile, fail, show
from gateway.configured.people import vault_of
from gateway.domain.bank import ENDED, BankOutcome
from gateway.domain.decision import Decision, Outcome, restored
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import OpenPayment, Standing
from gateway.domain.legal_day import SHANGHAI, legal_day
from gateway.domain.log import LogEvidence
from gateway.domain.records import RecordKind
from gateway.pipeline.letters import VOUCHER_TYPES
from gateway.settings import Settings, SettingsInvalid, read_settings
from gateway.tending.unknowns import Refused, read_key

Alert = dict[str, Any]
Found = tuple[Standing, list[LogEvidence], list[Alert], OpenPayment | None]

YEARS = (0, -1, 1)
NOT_FOUND = (
    "本网关没有收到过此凭证号（或未通过签名、格式检查，未登记）。"
    " This gateway has decided on no instruction of that number: it never came, or was refused"
    " before it became one (unsigned, unreadable, not entitled): see `instruction.refused` in the"
    " log. It may be sent again unchanged."
)
_BANK = {
    BankOutcome.ACCEPTED: "银行已付款 paid by the bank",
    BankOutcome.REJECTED: "银行拒付，未付款 refused by the bank; not paid",
    BankOutcome.NOT_TAKEN: "未送达银行，未付款，可换凭证号重报 never taken by the bank; not paid,"
    " may be sent anew under another number",
    BankOutcome.UNKNOWN: "支付结果待查，请勿重发 outcome being found out; not to be sent anew"
    " (runbooks/unknown-payment)",
}
PAID = {"JL-100", "JL-101"}
"""Alerts by which money moved, whatever the answer had been."""
_UNPAID = {BankOutcome.REJECTED, BankOutcome.NOT_TAKEN}
DENIED = (
    "据答复未付款，但有银行行为预警，请勿重发 said to be unpaid, and an alert on the bank's conduct"
    " names it: not to be sent anew before a person has found out (runbooks/bank-conduct)"
)
_RECALLS = {
    "ACCR": "已同意，款项以退款为准 agreed; the money comes by a refund",
    "RJCR": "未获同意 refused",
    "PDCR": "待银行答复 the bank's answer is awaited",
}
_BY = {"gateway": "本网关 this gateway", "core": "银行核心 the bank core"}
_ENDED = {
    "released": "经财政部门放行 released by the bureau",
    "refused": "财政部门不予放行，未付款 refused by the bureau; not paid",
    "expired": "挂起到期失效，未付款 expired; not paid",
    "withdrawn": "已由发送方撤回，未付款 withdrawn by its sender; not paid",
}


def where(
    number: Annotated[
        str, typer.Argument(help="A voucher number, or division/year/voucher type/voucher number.")
    ],
    settings: SettingsFile,
    database: Database,
    as_json: Json = False,
) -> None:
    """Say where a payment stands (支付查询): decided, held, at the bank, paid, told to the bureau.

    A number alone is looked for among all divisions and types of last year, this and the next.
    Nothing is changed. Exit 1 if it is not known.
    """
    try:
        chosen = read_settings(settings)
        found = asyncio.run(_find(_keys(number, chosen), chosen, database))
    except SettingsInvalid as invalid:
        raise fail(f"where: {invalid}", USAGE) from invalid
    except (LedgerUnavailable, Refused) as reason:
        raise fail(f"where: {reason}") from reason
    if as_json:
        show([_fields(*each) for each in found])
    for each in () if as_json else found:
        typer.echo("\n".join(words(*each)))
    if not found:
        raise fail(f"{number}: {NOT_FOUND}")


def _keys(number: str, settings: Settings) -> list[InstructionKey]:
    if "/" in number:
        return [read_key(number)]
    year = legal_day(dt.datetime.now(dt.UTC)).year
    return [
        InstructionKey(
            division=division, fiscal_year=year + back, voucher_type=kind, voucher_no=number
        )
        for division in settings.gateway.divisions
        for back in YEARS
        for kind in VOUCHER_TYPES
    ]


async def _find(keys: Sequence[InstructionKey], settings: Settings, database: str) -> list[Found]:
    """Raises LedgerUnavailable."""
    from adapters.postgres.ledger.correspondence import PostgresCorrespondence
    from adapters.postgres.log.recordlog import PostgresRecordLog
    from adapters.postgres.oversight.backlog import PostgresBacklog
    from adapters.postgres.oversight.conduct import PostgresConduct

    vault = vault_of(production=settings.policies.books is not None)
    letters = PostgresCorrespondence(database, vault)
    log = PostgresRecordLog(database, sealing=vault)
    conduct = PostgresConduct(database)
    backlog = PostgresBacklog(database)
    try:
        standings = await letters.standings(keys)
        return [
            (
                standings[key],
                await log.evidence(key.division, str(key)),
                _about(key, await conduct.alerts(key.division, _day(standings[key]), dt.date.max)),
                await backlog.unknown(key),
            )
            for key in keys
            if key in standings
        ]
    finally:
        await letters.close()
        await log.close()
        await conduct.close()
        await backlog.close()


def _day(standing: Standing) -> dt.date:
    return legal_day(standing.decided_at)


def _about(key: InstructionKey, bodies: Sequence[bytes]) -> list[Alert]:
    """Those of a day's alerts on the bank's conduct that name this payment."""
    alerts = [orjson.loads(body) for body in bodies]
    return [
        alert
        for alert in alerts
        if alert["evidence"].get("instruction") == str(key) or f"/{key}/" in f"/{alert['subject']}/"
    ]


def words(
    standing: Standing, records: Sequence[LogEvidence], alerts: Sequence[Alert],
    unknown: OpenPayment | None = None,
) -> Iterator[str]:  # fmt: skip
    """What can be read out, a line each."""
    decision = restored(standing.ended_decision or standing.decision)
    yield f"{standing.key}  单位 agency {standing.agency_code}"
    yield f"  收到 received {_moment(standing.decided_at)}  {standing.party}（{standing.format}）"
    yield f"  {_state(standing)}"
    if decision.withheld:
        yield f"    其中不付的明细 details that are not paid: {'、'.join(decision.withheld)}"
    yield from _reasons(decision)
    if word := standing.word:
        settled_at = None if standing.disputed else standing.settled_at
        denied = word.outcome in _UNPAID and any(each["policy"] in PAID for each in alerts)
        denied = denied and not _found_out(records)
        said = DENIED if denied else _BANK[word.outcome]
        yield f"  {said}  {_moment(settled_at)}".rstrip()
        if word.reference:
            yield f"    银行流水号 bank's number {word.reference}"
        if word.reason:
            yield f"    说明 what was said: {word.reason}"
    yield from _asked(unknown)
    yield from _contradictions(standing, records)
    yield from _recalls(records)
    for alert in alerts:
        yield f"  银行行为预警 alert on the bank's conduct: {alert['policy']} [{alert['article']}]"
        yield f"    {alert['reason_zh']} {alert['reason_en']} (runbooks/bank-conduct)"
    kinds = ", ".join(f"{each.record.seq} {each.record.kind}" for each in records)
    yield f"  记录 records in the log: {kinds or 'none numbered yet'}"


def _asked(unknown: OpenPayment | None) -> Iterator[str]:
    """Of one that is open: how often the bank was asked about it, and when it is asked again."""
    if unknown is None:
        return
    last = _moment(unknown.asked_at) or "从未 never"
    yield f"    已向银行查询 the bank was asked {unknown.enquiries} times, last: 上次 {last}"
    if unknown.operator_task:
        again = _moment(unknown.ask_after)
        yield (
            "    须人工查明 only a person can establish it"
            + (f"; 网关仍将查询 and the bank is asked again: 下次 {again}" if again else "")
            + " (`unknowns list`)"
        )


def _contradictions(standing: Standing, records: Sequence[LogEvidence]) -> Iterator[str]:
    """Each word against how it was settled, and each end of such."""
    for each in _corrections(records):
        at = dt.datetime.fromtimestamp(each["recorded_at"] // 1_000_000, dt.UTC)
        if each.get("what") == ENDED:
            by = f"，经办 by {each['by']}" if each.get("by") else ""
            yield f"  已查实 found out: {each['said']}（{each['how']}{by}）  {_moment(at)}"
        else:
            yield (
                f"  两说 two words: {each['held']}，后称 later {each['said']}（{each['how']}）"
                + (f"  {_moment(at)}")
            )
    if standing.disputed:
        yield "    尚未查实 nobody has found out yet (`unknowns list`, runbooks/unknown-payment)"


def _corrections(records: Sequence[LogEvidence]) -> list[dict[str, Any]]:
    """Oldest first."""
    found = [each.record for each in records if each.record.kind == RecordKind.CORRECTION]
    return [orjson.loads(record.body) for record in found]


def _recalls(records: Sequence[LogEvidence]) -> Iterator[str]:
    """What became of each: the last word, with the name under which the bank's people know it."""
    bodies = [
        orjson.loads(each.record.body) for each in records if each.record.kind == RecordKind.RECALL
    ]
    for recall in dict.fromkeys(body["recall"] for body in bodies):
        last = [body for body in bodies if body["recall"] == recall][-1]
        said = _RECALLS.get(last["status"], last["status"])
        at = dt.datetime.fromtimestamp(last["recorded_at"] // 1_000_000, dt.UTC)
        yield f"  撤销申请 recall {recall}: {said}  {_moment(at)}"
        by = _BY.get(last["by"], last["by"])
        yield f"    申请方 asked by {last['asker']}; 答复 answered by {by}"
        if last["words"]:
            yield f"    说明 what was said: {last['words']}"


def _found_out(records: Sequence[LogEvidence]) -> bool:
    """Whether the last word on it ended a contradiction: what it counts as was found out."""
    told = _corrections(records)
    return bool(told) and told[-1].get("what") == ENDED


def _state(standing: Standing) -> str:
    if standing.outcome is Outcome.HOLD:
        if standing.held:
            return "挂起，等待财政部门核实 held, waits for the bureau (`holds show`)"
        how = _ENDED.get(standing.ended_how, standing.ended_how)
        return f"曾挂起 was held; {how}  {_moment(standing.ended_at)}"
    if standing.outcome is Outcome.BLOCK:
        return "已拦截，未付款 blocked; not paid"
    return "校验通过，已送银行 passed, handed to the bank"


def _reasons(decision: Decision) -> Iterator[str]:
    for finding in decision.findings:
        yield f"    {finding.policy} [{finding.article}] {finding.reason_zh}"
        if finding.remedy_zh and decision.outcome is not Outcome.PASS:
            yield f"      处理办法 remedy: {finding.remedy_zh}"


def _fields(
    standing: Standing, records: Sequence[LogEvidence], alerts: Sequence[Alert],
    unknown: OpenPayment | None = None,
) -> dict[str, Any]:  # fmt: skip
    word, decision = standing.word, restored(standing.ended_decision or standing.decision)
    return {
        "instruction": str(standing.key),
        "agency": standing.agency_code,
        "party": standing.party,
        "received_at": standing.decided_at.isoformat(),
        "outcome": standing.outcome,
        "held": standing.held,
        "ended": standing.ended_how or None,
        "policies": [finding.policy for finding in decision.findings],
        "withheld": list(decision.withheld),
        "bank": word.outcome if word else None,
        "bank_reference": word.reference if word else None,
        "bank_reason": word.reason if word else None,
        "records": [
            {"seq": each.record.seq, "kind": orjson.loads(each.record.body)["kind"]}
            for each in records
        ],
        "recalls": [
            {name: body[name] for name in ("recall", "asker", "status", "by", "words")}
            for each in records
            if each.record.kind == RecordKind.RECALL
            for body in [orjson.loads(each.record.body)]
        ],
        "contradictions": [
            {name: body.get(name) for name in ("what", "held", "said", "how", "by")}
            for body in _corrections(records)
        ],
        "contradicted": standing.disputed,
        "alerts": [{"policy": each["policy"], "reason": each["reason_zh"]} for each in alerts],
        "unknown": unknown
        and {
            "enquiries": unknown.enquiries,
            "operator_task": unknown.operator_task,
            "asked_at": unknown.asked_at.isoformat() if unknown.asked_at else None,
            "ask_after": unknown.ask_after.isoformat() if unknown.ask_after else None,
        },
    }


def _moment(at: dt.datetime | None) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if at else ""
