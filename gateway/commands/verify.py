"""The commands of an auditor: `verify ...`, with files alone, no network and no database."""

import datetime as dt
import errno
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from certs.log.report import Report, whole_of, worst_of
from gateway.commands.terminal import USAGE, Json, fail, show
from gateway.commands.usage import App

verify_app = App(help="Check evidence offline (验证).", no_args_is_help=True)

Certificates = Annotated[
    list[Path], typer.Option(help="PEM certificates that you trust; may be given several times.")
]
Kept = Annotated[
    Path | None,
    typer.Option(help="A checkpoint of this log that you kept yourself: finds forks, withholding."),
]


@verify_app.command("record")
def verify_record(
    evidence: Annotated[Path, typer.Argument(help="What GET /v1/instructions/... answered.")],
    bank: Certificates,
    bureau: Certificates,
    kept: Kept = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say in words what each proven record holds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that each record stands in the bank's log as the bureau saw it, and says what the file
    says.

    Exit 0 valid, 1 invalid, 2 usage, 3 gap, 4 fork.
    """
    from gateway.verifying.auditor import Auditor, Unusable, in_words, verify_evidence

    try:
        reports = verify_evidence(evidence, Auditor(bank=bank, bureau=bureau, kept=kept))
        told = explain and not as_json and all(report.valid for report in reports)
        words = in_words(evidence) if told else []
    except Unusable as reason:
        raise fail(f"verify: {reason}", USAGE) from reason
    _tell(reports, as_json, words)


@verify_app.command("day")
def verify_day(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders written by `export day`, of one log.")
    ],
    bank: Certificates,
    bureau: Certificates,
    kept: Kept = None,
    no_manifest: Annotated[
        bool, typer.Option("--no-manifest", help="For a folder exported before there was a list.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that a day's records are whole and unaltered, and that no file was taken away.

    Of several folders also that they agree, and that no instruction has a verdict in two of them.
    Exit as `verify record`; 2 names the files that the bank's signed list has and the folder lacks.
    """
    from gateway.verifying.across import verify_across
    from gateway.verifying.auditor import Auditor, Unusable, verify_folder

    try:
        auditor = Auditor(bank=bank, bureau=bureau, kept=kept)
        reports = [verify_folder(each, auditor, listed=not no_manifest) for each in folders]
        if len(folders) > 1 and all(report.valid for report in reports):
            reports.append(verify_across(list(zip(folders, reports, strict=True))))
    except Unusable as reason:
        raise fail(f"verify: {reason}", USAGE) from reason
    _tell(reports, as_json)


@verify_app.command("consistency")
def verify_consistency(
    kept: Annotated[Path, typer.Argument(help="A checkpoint that you kept yourself.")],
    proof: Annotated[Path, typer.Argument(help="What `export consistency` wrote.")],
    bank: Certificates,
    bureau: Certificates,
    as_json: Json = False,
) -> None:
    """Check that the log only grew since your checkpoint (只增不改). Exit as `verify record`."""
    from gateway.verifying.auditor import Auditor, Unusable, verify_since

    try:
        report = verify_since(kept, proof, Auditor(bank=bank, bureau=bureau))
    except Unusable as reason:
        raise fail(f"verify: {reason}", USAGE) from reason
    _tell([report], as_json)


@verify_app.command("receipt")
def verify_receipt(
    receipt: Annotated[Path, typer.Argument(help="The receipt, or the JSON answer with it.")],
    bank: Certificates,
    instruction: Annotated[
        Path | None, typer.Option(help="The instruction's file, exactly as it was sent.")
    ] = None,
    day: Annotated[
        Path | None, typer.Option(help="Folder of the day: exit 3 if its log lacks the verdict.")
    ] = None,
    bureau: Annotated[
        list[Path] | None, typer.Option(help="The bureau's certificates; needed with --day.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check an intake receipt that the sender holds (受理回执). Exit as `verify record`."""
    from gateway.verifying.auditor import Auditor, Unusable, verify_intake

    if day is not None and not bureau:
        raise fail("verify: --day needs --bureau", USAGE)
    try:
        auditor = Auditor(bank=bank, bureau=bureau or [])
        reports = verify_intake(receipt, instruction, day, auditor)
    except Unusable as reason:
        raise fail(f"verify: {reason}", USAGE) from reason
    _tell(reports, as_json)


@verify_app.command("fork")
def verify_fork(
    folder: Annotated[Path, typer.Argument(help="Folder written by `bureau --forks`.")],
    bank: Certificates,
    bureau: Certificates,
    as_json: Json = False,
) -> None:
    """Check that a folder proves two histories of one log (日志改写).

    Exit 4 if it proves a fork, 1 if it does not, 2 if it cannot be read.
    """
    from gateway.verifying.auditor import Auditor, Unusable, verify_two_histories

    try:
        report = verify_two_histories(folder, Auditor(bank=bank, bureau=bureau))
    except Unusable as reason:
        raise fail(f"verify: {reason}", USAGE) from reason
    _tell([report], as_json)


@verify_app.command("certificate")
def verify_certificate(
    certificate: Annotated[Path, typer.Argument(help="PEM file of a party.")],
    authority: Annotated[Path, typer.Option(help="PEM file of the evidence authorities.")],
    at: Annotated[
        dt.datetime | None, typer.Option(help="Moment to judge by, UTC; now if absent.")
    ] = None,
    revocations: Annotated[Path | None, typer.Option(help="The authority's CRL, PEM.")] = None,
    as_json: Json = False,
) -> None:
    """Check that a certificate counts as a signer's (证书). Exit as `verify record`."""
    from gateway.verifying.auditor import Unusable, verify_party

    moment = at.replace(tzinfo=dt.UTC) if at else dt.datetime.now(dt.UTC)
    try:
        reports = verify_party(certificate, authority, moment, revocations)
    except Unusable as reason:
        raise fail(f"verify: {reason}", USAGE) from reason
    _tell(reports, as_json)


def _tell(reports: Sequence[Report], as_json: bool, words: Sequence[str] = ()) -> None:
    """Every report, the last for the whole, what the proven records say, and the worst verdict as
    the exit code. One that could not be told, on a full disk, is no verdict: exit 2."""
    whole = whole_of(reports)
    try:
        for report in whole:
            show(report.as_json()) if as_json else typer.echo("\n".join(report.lines()))
        for line in words:
            typer.echo(line)
        sys.stdout.flush()
    except OSError as reason:
        if reason.errno == errno.EPIPE:
            raise  # whoever read has heard enough
        raise fail(
            f"verify: the verdict could not be written: {reason.strerror}", USAGE
        ) from reason
    raise typer.Exit(int(worst_of(whole)))
