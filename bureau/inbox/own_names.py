"""Whose certificates the settings name: with another party's the bureau would answer and cosign as
that one, and no gateway would believe a word of it."""

from pathlib import Path

from certs.keys import load_certificates
from certs.signing.signer import uri_of
from gateway.domain.parties import Role, sender_of


def refuse_other_names(door: Path, witness: Path) -> None:
    """A gateway knows its bureau by one name (`bureaus.<division>.peer`), which both must carry.

    Raises ValueError, OSError.
    """
    names = [uri_of(load_certificates(file)[0]) for file in (door, witness)]
    for setting, file, name in zip(("door", "witness"), (door, witness), names, strict=True):
        sender = sender_of(name)
        if sender is None or sender.role is not Role.BUREAU:
            raise ValueError(
                f"{setting}.certificate: {file.name} is the certificate of {name}, which is no"
                " bureau (spiffe://<trust domain>/bureau/<division>)"
            )
    if names[0] != names[1]:
        raise ValueError(
            f"door.certificate is of {names[0]} and witness.certificate of {names[1]}: a gateway"
            " knows its bureau by one name"
        )
