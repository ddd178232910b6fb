"""Whose certificates the settings name: with another party's this gateway would speak and sign as
that one, and nothing of it would count."""

from pathlib import Path

from certs.keys import load_certificates
from certs.signing.signer import uri_of
from gateway.settings import Settings


def refuse_other_names(settings: Settings) -> None:
    """Raises ValueError, OSError."""
    named = (
        ("tls.certificate", settings.tls.certificate),
        ("record_key.certificate", settings.record_key.certificate),
    )
    wrong = [words for name, file in named if (words := not_ours(settings, name, file))]
    if wrong:
        raise ValueError("\n".join(wrong))


def not_ours(settings: Settings, name: str, file: Path) -> str:
    """Why the certificate of this setting is not this gateway's; empty if it is."""
    held = uri_of(load_certificates(file)[0])
    if held == settings.gateway.uri:
        return ""
    return f"{name}: {file.name} is the certificate of {held}, not of {settings.gateway.uri}"
