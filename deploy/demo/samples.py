"""Instructions for a visitor's own hands: files beside the demonstration, and the command."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.demo.day import Day, DayItem
from deploy.demo.identities import uri
from deploy.demo.stage import BANK_CODE, HOST, OFFICERS, Stage
from gateway.domain.decision import Outcome

SERIES = "DEMO"


def write_samples(folder: Path, items: Sequence[DayItem]) -> list[Path]:
    """One that passes, one that is refused, one that is held, each under a number of its own."""
    folder.mkdir(exist_ok=True)
    written = []
    for outcome in (Outcome.PASS, Outcome.BLOCK, Outcome.HOLD):
        item = next(
            (i for i in items if _is_plain(i) and i.outcome is outcome and not i.replay), None
        )
        if item is None:
            continue
        fields = json.loads(item.raw) | {"voucher_no": f"{SERIES}-{outcome.value}"}
        if outcome is Outcome.PASS:  # the very same payment twice in a day would be held
            fields["amount"] = "321.09"
        path = folder / f"{outcome.value}.json"
        path.write_text(json.dumps(fields, ensure_ascii=False, indent=1), encoding="utf-8")
        written.append(path)
    return written


def _is_plain(item: DayItem) -> bool:
    """One payee, nothing that its amount must agree with."""
    if item.format != "json":
        return False
    fields = json.loads(item.raw)
    return not (fields.get("details") or fields.get("items") or fields.get("contract_no"))


def operator_commands(stage: Stage, folder: Path) -> str:
    """A file of the operator's environment, and what to type behind it."""
    file = _exported(folder / "operator.env", stage.gateway_environment)
    settings = folder / f"{stage.gateway_names[0]}.toml"
    return f". {file}; .venv/bin/python -m gateway doctor --settings {settings}"


def bureau_commands(stage: Stage, folder: Path) -> str:
    """The same of the bureau: its commands need other secrets, and another's database."""
    file = _exported(folder / "bureau.env", stage.bureau_environment)
    settings = folder / "bureau.toml"
    return f". {file}; .venv/bin/python -m bureau --settings {settings} --export {folder / 'taken'}"


def signing_commands(stage: Stage, folder: Path) -> str:
    """What the two officers type, each for himself, once policies.zip of the desk lies in the
    folder `signing`; the book that comes of it is uploaded at the desk."""
    place = folder / "signing"
    place.mkdir(exist_ok=True)
    sign = f". {folder / 'operator.env'}; .venv/bin/python -m gateway policy sign {place}/book.json"
    author, approver = (
        f"--certificate {certificate} --key {key}"
        for certificate, key in (stage.officers[name] for name in OFFICERS)
    )
    last = f'"$(ls {stage.books}/book-*.json | tail -1)"'
    return (
        f"python3 -m zipfile -e {place}/policies.zip {place}/policies\n"
        f"{sign} --policies {place}/policies --after {last} {author}\n"
        f"{sign} --approve {approver}"
    )


def explain_command(folder: Path, plan: Day) -> str:
    """The registers of the day beside the samples, and what tries one of them with nothing
    written."""
    registers = folder / "registers.json"
    registers.write_bytes(plan.registers)
    return (
        f".venv/bin/python -m gateway explain --registers {registers} --on {plan.on}"
        f" {folder / 'blocked.json'}"
    )


def developer_environment(stage: Stage, folder: Path) -> str:
    """A file of what docs/examples read, and what a developer of an agency's program types."""
    certificate, key = stage.channel_key
    values = {
        "GATEWAY": f"https://{HOST}:{stage.ports.door}", "PEER": uri("gateway", BANK_CODE),
        "TLS_CERT": stage.client.certificate, "TLS_KEY": stage.client.key,
        "TRANSPORT_CA": stage.client.authorities, "SIGN_CERT": certificate, "SIGN_KEY": key,
        "KEY_PASSPHRASE": stage.identities.passphrase.decode(),
        "BANK_CERT": stage.record_key[0], "BUREAU_CERT": stage.witness[0],
    }  # fmt: skip
    file = _exported(folder / "developer.env", values)
    passed = folder / "samples" / "passed.json"
    return f". {file}; node docs/examples/agency.mjs send {passed}"


def submit_command(stage: Stage, files: Sequence[Path]) -> str:
    """What a channel of this division types, as one command."""
    certificate, key = stage.channel_key
    parts = [
        f"SUBMIT_KEY_PASSPHRASE={stage.identities.passphrase.decode()}",
        ".venv/bin/python -m gateway submit",
        *(str(file) for file in files),
        f"--gateway https://{HOST}:{stage.ports.door}",
        f"--peer {uri('gateway', BANK_CODE)}",
        f"--tls-certificate {stage.client.certificate}",
        f"--tls-key {stage.client.key}",
        f"--authority {stage.client.authorities}",
        f"--sign-certificate {certificate}",
        f"--sign-key {key}",
    ]
    return " \\\n    ".join(parts)


def _exported(file: Path, values: Mapping[str, object]) -> Path:
    """Of its owner alone: passphrases stand in it."""
    file.touch(mode=0o600)
    file.write_text(
        "".join(f"export {name}='{value}'\n" for name, value in values.items()), "utf-8"
    )
    return file
