"""The commands of the two officers who decide about an unknown payment."""

import asyncio
import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.terminal import USAGE, Database, Json, SettingsFile, fail, show
from gateway.domain.bank import BankOutcome
from gateway.domain.faults import LedgerUnavailable
from gateway.settings import SettingsInvalid, read_settings

VARIABLE = "OFFICER_PASSPHRASE"

Certificate = Annotated[Path, typer.Option("--certificate", help="The officer's, PEM.")]
Key = Annotated[Path, typer.Option("--key", help="The officer's.")]
Passphrase = Annotated[
    str, typer.Option(default_factory=str, envvar=VARIABLE, help="Opens the officer's key.")
]


class Found(StrEnum):
    """What can be found out about an unknown payment: never that it stays unknown."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_TAKEN = "not_taken"


def propose(
    file: Annotated[Path, typer.Argument(help="The proposal to write; must not exist.")],
    payment: Annotated[str, typer.Argument(help="division/year/voucher type/voucher number")],
    outcome: Annotated[Found, typer.Option(help="What became of it at the bank.")],
    reason: Annotated[str, typer.Option(help="What the bank said or showed, and where.")],
    certificate: Certificate,
    key: Key,
    passphrase: Passphrase,
    reference: Annotated[str | None, typer.Option(help="The bank's serial number.")] = None,
    as_json: Json = False,
) -> None:
    """Propose how one payment is settled, signed; another officer approves within a day."""
    from certs.keys import load_signer
    from gateway.commands import two_officers
    from gateway.commands.unknowns import Decision, Refused

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


def approve(
    file: Annotated[Path, typer.Argument(help="What `unknowns propose` wrote.")],
    payment: Annotated[str, typer.Argument(help="The payment, as you found it out yourself.")],
    outcome: Annotated[Found, typer.Option(help="What you found out yourself; must agree.")],
    settings: SettingsFile,
    database: Database,
    certificate: Certificate,
    key: Key,
    passphrase: Passphrase,
    as_json: Json = False,
) -> None:
    """Approve another officer's proposal and settle; recorded with both, told, never undone."""
    from certs.keys import load_signer
    from gateway.commands.two_officers import approved, read_proposal
    from gateway.commands.unknowns import Refused, read_key, settle_by_person

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
