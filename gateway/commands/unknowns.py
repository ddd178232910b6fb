"""`unknowns`: payments whose outcome at the bank only people can establish (待查支付).

One operator decides, or two officers where the settings name some.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from gateway.commands.divisions import divisions_meant
from gateway.commands.terminal import (
    USAGE,
    Database,
    Json,
    OfficerCertificate,
    OfficerKey,
    SettingsFile,
    SettingsIfAny,
    fail,
    say_if_cut,
    show,
    show_table,
)
from gateway.commands.usage import App
from gateway.domain.bank import BankOutcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.legal_day import SHANGHAI
from gateway.settings import SettingsInvalid, read_settings

unknowns_app = App(
    help="Payments whose outcome at the bank is unknown or contradicted (待查支付).",
    no_args_is_help=True,
)

VARIABLE = "OFFICER_PASSPHRASE"

Passphrase = Annotated[
    str,
    typer.Option(
        default_factory=str, envvar=VARIABLE, show_default=False, help="Opens the officer's key."
    ),
]


class Found(StrEnum):
    """What can be found out about an unknown payment: never that it stays unknown."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_TAKEN = "not_taken"


@unknowns_app.command("list")
def unknowns_list(
    database: Database,
    settings: SettingsIfAny = None,
    ended: Annotated[
        bool, typer.Option("--ended", help="Instead contradictions that ended within 31 days.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List payments that passed and whose outcome is not known, operator's tasks first; among them
    those that the bank's books or its word contradict (≠): as what it counts, and the other word.
    Of each, when the bank was asked about it last and when it is asked next, by Beijing's clock.

    With --settings only those of the divisions that these serve.
    """
    from gateway.tending.unknowns import LISTED_MAX, as_row, list_unknowns

    try:
        payments = list_unknowns(database, divisions_meant(settings, ()), ended=ended)
    except LedgerUnavailable as lost:
        raise fail(f"unknowns: {lost}") from lost
    rows = [as_row(payment, dt.datetime.now(dt.UTC)) for payment in payments]
    say_if_cut(len(rows), LISTED_MAX)
    if as_json:
        show(rows)
        return
    table = Table(
        Column("支付指令 instruction", no_wrap=True, overflow="ignore", min_width=40),
        Column("金额 amount", no_wrap=True, justify="right", min_width=18),
        "时长 age (s)",
        "查询 enquiries",
        Column("上次 asked", no_wrap=True),
        Column("下次 next", no_wrap=True),
        "人工 task",
    )
    for row in rows:
        task = "●" if row["operator_task"] else ""
        if row["contradicted"]:
            task = f"{row['held']} ≠ {row['said']}"
        if row["ended_at"]:
            task += f" → {row['ended_as']} {row['ended_at'][:19]}Z"
        table.add_row(
            row["instruction"], row["amount"], str(row["age_s"]), str(row["enquiries"]),
            _moment(row["asked_at"]), _next(row), task,
        )  # fmt: skip
    show_table(table, "没有已查实的 none ended" if ended else "没有待查支付 no unknowns")


def _next(row: Mapping[str, Any]) -> str:
    """When the bank is asked about it again; "—": it is not, as nobody ever asked it."""
    if row["contradicted"]:
        return ""
    if not row["operator_task"]:
        return "随时 at once"
    return _moment(row["ask_after"]) or "—"


def _moment(at: str | None) -> str:
    """By Beijing's clock."""
    return (
        dt.datetime.fromisoformat(at).astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S") if at else ""
    )


@unknowns_app.command("resolve")
def unknowns_resolve(
    key: Annotated[str, typer.Argument(help="division/year/voucher type/voucher number")],
    settings: SettingsFile,
    database: Database,
    outcome: Annotated[Found, typer.Option(help="What became of it at the bank.")],
    reason: Annotated[str, typer.Option(help="What the bank said or showed, and where.")],
    by: Annotated[str, typer.Option(help="Who answers for this decision.")],
    reference: Annotated[str | None, typer.Option(help="The bank's serial number.")] = None,
    as_json: Json = False,
) -> None:
    """Settle one payment on an operator's word; recorded, told to the bureau, never undone.

    accepted posts the reservation; rejected and not_taken give it back. One that the bank's books
    or its word contradict ends so as well, as the books have it. Nothing is sent. Refused
    where the settings name `unknowns.officers`: then one proposes and another approves.
    """
    from gateway.tending.unknowns import Decision, Refused, resolve

    decision = Decision(outcome=BankOutcome(outcome), reason=reason, by=by, reference=reference)
    try:
        resolve(key, decision, settings, database)
    except SettingsInvalid as invalid:
        raise fail(f"unknowns: {invalid}", USAGE) from invalid
    except (Refused, LedgerUnavailable) as refused:
        raise fail(f"unknowns: {refused}") from refused
    if as_json:
        show({"instruction": key, "bank": outcome, "evidence": "operator"})
    else:
        typer.echo(f"{key}: settled as {outcome}; the record names {by}")


@unknowns_app.command("propose")
def propose(
    file: Annotated[Path, typer.Argument(help="The proposal to write; must not exist.")],
    payment: Annotated[str, typer.Argument(help="division/year/voucher type/voucher number")],
    outcome: Annotated[Found, typer.Option(help="What became of it at the bank.")],
    reason: Annotated[str, typer.Option(help="What the bank said or showed, and where.")],
    certificate: OfficerCertificate,
    key: OfficerKey,
    passphrase: Passphrase,
    reference: Annotated[str | None, typer.Option(help="The bank's serial number.")] = None,
    as_json: Json = False,
) -> None:
    """Propose how one payment is settled, signed; another officer approves within a day."""
    from certs.keys import load_signer
    from gateway.tending import two_officers
    from gateway.tending.unknowns import Decision, Refused

    try:
        officer = load_signer(certificate, key, passphrase.encode())
        decision = Decision(
            outcome=BankOutcome(outcome), reason=reason, by=officer.uri, reference=reference
        )
        two_officers.propose(file, payment, decision, officer, dt.datetime.now(dt.UTC))
    except (Refused, OSError, ValueError) as refused:
        raise fail(f"unknowns: {refused}") from refused
    if as_json:
        show({"instruction": payment, "bank": outcome, "proposer": officer.uri, "file": str(file)})
    else:
        typer.echo(f"{payment}: {outcome} proposed by {officer.uri}; another officer approves it")


@unknowns_app.command("approve")
def approve(
    file: Annotated[Path, typer.Argument(help="What `unknowns propose` wrote.")],
    payment: Annotated[str, typer.Argument(help="The payment, as you found it out yourself.")],
    outcome: Annotated[Found, typer.Option(help="What you found out yourself; must agree.")],
    settings: SettingsFile,
    database: Database,
    certificate: OfficerCertificate,
    key: OfficerKey,
    passphrase: Passphrase,
    as_json: Json = False,
) -> None:
    """Approve another officer's proposal and settle; recorded with both, told, never undone."""
    from certs.keys import load_signer
    from gateway.tending.two_officers import approved, read_proposal
    from gateway.tending.unknowns import Refused, read_key, settle_by_person

    try:
        chosen = read_settings(settings)
        officer = load_signer(certificate, key, passphrase.encode())
        proposal, found = read_proposal(file), BankOutcome(outcome)
        if (proposal.key_text, proposal.outcome) != (payment, found):
            raise Refused(f"the proposal says {proposal.key_text} {proposal.outcome}")

        async def settle() -> str:
            now = dt.datetime.now(dt.UTC)
            decision, told = await approved(proposal, officer, chosen, database, now)
            await settle_by_person(read_key(payment), decision, chosen, database, told)
            return decision.by

        by = asyncio.run(settle())
    except SettingsInvalid as invalid:
        raise fail(f"unknowns: {invalid}", USAGE) from invalid
    except (Refused, LedgerUnavailable, OSError, ValueError) as refused:
        raise fail(f"unknowns: {refused}") from refused
    if as_json:
        show({"instruction": payment, "bank": outcome, "evidence": "operator", "by": by})
    else:
        typer.echo(f"{payment}: settled as {outcome}; the record names {by}")
