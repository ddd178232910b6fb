"""The commands of those who write policies: check, test, compare, sign and activate a book."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.terminal import (
    DONE,
    NO,
    USAGE,
    Json,
    OfficerCertificate,
    OfficerKey,
    bar,
    fail,
    show,
    tell,
)
from gateway.commands.usage import App
from gateway.domain.faults import LedgerUnavailable
from gateway.settings import DATABASE_VARIABLE, PASSPHRASE_VARIABLE, SettingsInvalid

policy_app = App(help="The policy book (监控规则).", no_args_is_help=True)

Policies = Annotated[Path, typer.Option("--policies", help="Folder of policies.")]


@policy_app.command("check")
def policy_check(policies: Policies | None = None, as_json: Json = False) -> None:
    """Read, type-check and compile every policy and run its embedded tests."""
    from policies.book.load import DEFAULT, load

    try:
        book = load(policies or DEFAULT)
    except (ValueError, OSError) as reason:
        raise fail(str(reason)) from reason
    names = sorted({unit.policy.id for unit in book.units})
    if as_json:
        show({"policies": names, "revision": book.revision})
        return
    typer.echo(f"{len(names)} policies, every embedded test holds: {' '.join(names)}")
    typer.echo(f"book {book.revision}")


@policy_app.command("test")
def policy_test(
    policies: Policies | None = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this policy; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Try every policy: its cases, generated boundaries, clauses both ways, mutants.

    Exit 1 if any falls short.
    """
    from gateway.policy_books.folders import report_lines, test_policies, trial_fields
    from policies.book.load import DEFAULT

    try:
        with bar() as progress:
            task = progress.add_task("policy test")
            report = test_policies(
                policies or DEFAULT,
                only or [],
                lambda done, total, place: progress.update(
                    task, completed=done, total=total, description=f"policy test {place}"
                ),
            )
    except (ValueError, OSError) as reason:
        raise fail(str(reason), USAGE) from reason
    if as_json:
        show(
            {
                "passed": report.passed,
                "policies": [trial_fields(one) for one in report.trials],
                "problems": [str(problem) for problem in report.problems],
            }
        )
    else:
        typer.echo("\n".join(report_lines(report)))
    raise typer.Exit(DONE if report.passed else NO)


Passphrase = Annotated[
    str,
    typer.Option(
        default_factory=str, envvar=PASSPHRASE_VARIABLE, show_default=False,
        help="Opens the key; none where a PIN's file is named.",
    ),
]  # fmt: skip


@policy_app.command("sign")
def policy_sign(
    file: Annotated[
        Path, typer.Argument(help="The signed book: written, or with --approve added to.")
    ],
    certificate: OfficerCertificate,
    key: OfficerKey,
    passphrase: Passphrase,
    policies: Policies | None = None,
    after: Annotated[Path | None, typer.Option(help="The signed book that it follows.")] = None,
    not_before: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z"], help="2026-12-01T00:00:00+0800; now if absent."
        ),
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="As the second officer.")] = False,
    as_json: Json = False,
) -> None:
    """Sign a book as its author, or with --approve as the second officer."""
    from gateway.policy_books.signing import Officer, approve_draft, draft
    from policies.book.load import DEFAULT

    officer = Officer(certificate=certificate, key=key, passphrase=passphrase.encode())
    moment = not_before or dt.datetime.now(dt.UTC)
    try:
        if approve:
            bundle = approve_draft(file, officer)
        else:
            bundle = draft(policies or DEFAULT, file, officer, after, moment)
    except (ValueError, OSError) as reason:
        raise fail(f"not signed: {reason}{_whose(reason)}") from reason
    state = "signed by both" if approve else "signed by its author; a second officer approves"
    tell(f"book revision {bundle.revision} {bundle.digest}: {state}", as_json=as_json,
         revision=bundle.revision, digest=bundle.digest, approved=approve)  # fmt: skip


def _whose(reason: BaseException) -> str:
    """In the gateway's own environment the variable opens the gateway's keys, not the officer's."""
    if "does not open" not in str(reason):
        return ""
    return f" ({PASSPHRASE_VARIABLE} or --passphrase is here that of the officer's own key)"


@policy_app.command("activate")
def policy_activate(
    file: Annotated[Path, typer.Argument(help="A book signed by two officers.")],
    settings: Annotated[Path, typer.Option(help="The gateway's settings: whose signatures count.")],
    passphrase: Passphrase,
    store: Annotated[
        Path | None, typer.Option(help="Folder of signed books; policies.books if absent.")
    ] = None,
    officer: Annotated[
        list[str] | None,
        typer.Option(help="URI of one who may sign; repeatable; policies.officers if absent."),
    ] = None,
    database: Annotated[
        str, typer.Option(envvar=DATABASE_VARIABLE, help="Whose registry says who is revoked.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Prove a signed book against the one in force and keep it; refused, the old one stays.

    With the gateway's database also whom its registry has revoked signs in vain; without it the
    lists of the settings count, and the gateway itself asks its registry.
    """
    import asyncio

    from certs.keys import load_signer
    from gateway.configured.keys import revocations_of, trust_of
    from gateway.policy_books.signing import activate, bench_of
    from gateway.policy_books.store import BookStore
    from gateway.settings import read_settings

    try:
        whole = read_settings(settings)
        chosen, own = whole.policies, whole.record_key
        books = store or chosen.books
        if books is None:
            raise SettingsInvalid("policies.books is not set: say --store")
        signer = load_signer(own.certificate, own.key, passphrase.encode())
        ended = asyncio.run(revocations_of(database)) if database else []
        trust = trust_of(whole, signer, ended)
        found = activate(file, BookStore(books), bench_of(trust, officer or chosen.officers))
    except (SettingsInvalid, LedgerUnavailable, ValueError, OSError) as reason:
        raise fail(f"not activated, the book in force stays: {reason}") from reason
    report = {
        "author": found.bundle.author,
        "approver": found.bundle.approver,
        "book": found.book.revision,
        "not_before": found.bundle.not_before.isoformat(),
        "revision": found.bundle.revision,
    }
    if as_json:
        show(report)
    else:
        typer.echo("\n".join(f"{name}: {value}" for name, value in report.items()))


OldFolder = Annotated[Path, typer.Argument(help="Folder of the policies in force.")]
NewFolder = Annotated[Path, typer.Argument(help="Folder of the policies that would follow.")]


@policy_app.command("diff")
def policy_diff(old: OldFolder, new: NewFolder, as_json: Json = False) -> None:
    """Say in words how two folders of policies differ; what may loosen is marked with !."""
    from gateway.policy_books.folders import differences

    try:
        found = differences(old, new)
    except (ValueError, OSError) as reason:
        raise fail(str(reason), USAGE) from reason
    if as_json:
        show([{"policy": d.policy, "zh": d.zh, "en": d.en, "may_loosen": d.looser} for d in found])
        return
    for d in found:
        typer.echo(f"{'!' if d.looser else ' '} {d.policy} {d.zh} / {d.en}")
    if not found:
        typer.echo("没有差别 / no difference")
