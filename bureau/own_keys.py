"""The bureau's own keys and those it trusts, as its settings name them."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import attrs
import structlog

from bureau.inbox.keyring import KeyFiles, KeyRing
from bureau.inbox.keys import receiving_keys
from bureau.inbox.own_names import refuse_other_names
from bureau.settings import Settings
from certs.files import open_to_all
from certs.keys import load_signer, load_sm2_signer
from certs.live import LiveTls
from certs.log.note import suites_wanted
from certs.signing.signer import Signer, in_both_suites
from certs.tls import Credentials, Refusal
from certs.trust import Trust, load_trust
from gateway.domain.seldom import Seldom

TRY_S = 1.0
TRIAL_S = 5.0
"""As the gateway's record key."""

_log = structlog.get_logger("bureau")


def trust_of(settings: Settings) -> Trust:
    """Raises ValueError where nobody could sign a log that the settings name; OSError."""
    own = _witness_signer(settings)
    trust = load_trust(
        settings.trust_evidence_authorities, settings.trust_parties, own, settings.trust_revocations
    )
    for place in settings.logs:
        found = {key.suite for key in receiving_keys(trust, place)}
        for suite in set(suites_wanted(place.origin)) - found:
            raise ValueError(
                f"no signing certificate ({suite}) of {place.gateway} counts among the parties"
            )
    return trust


def _witness_signer(settings: Settings) -> Signer:
    passphrase = settings.witness_passphrase
    first = load_signer(settings.witness_certificate, settings.witness_key, passphrase)
    if settings.witness_sm2_certificate is None or settings.witness_sm2_key is None:
        return first
    sm2 = load_sm2_signer(settings.witness_sm2_certificate, settings.witness_sm2_key, passphrase)
    return in_both_suites(first, sm2)


async def try_token(trust: Trust) -> None:
    """For ever: a key in a token signs a trial now and then, so that whoever watches hears of one
    that is away before a gateway or an approver needs it. It is opened anew beside the loop, on
    which whoever signs would hold up inbox and desk for as long as its module hangs (decision
    0098)."""
    tried, silent = time.monotonic(), False
    while True:
        await asyncio.sleep(TRY_S)
        due = trust.own.in_token and time.monotonic() - tried >= TRIAL_S
        if not (due or trust.own.trouble):
            continue
        tried, words = time.monotonic(), await asyncio.to_thread(trust.own.prove)
        if words and not silent:
            _log.error("witness.silent", reason=words)
        elif silent and not words:
            _log.info("witness.lives")
        silent = bool(words)


def ring_of(settings: Settings, trust: Trust, tls: LiveTls) -> KeyRing:
    """All of them, followed on the disk while the program runs. Raises ValueError, OSError."""
    files = KeyFiles(
        tls=(
            settings.door_certificate, settings.door_key, settings.door_authorities,
            settings.door_revocations,
        ),
        witness=(
            settings.witness_certificate, settings.witness_key,
            settings.witness_sm2_certificate, settings.witness_sm2_key,
        ),
        transport=settings.door_authorities,
        revocations=settings.door_revocations,
        authorities=settings.trust_evidence_authorities,
        parties=settings.trust_parties,
        signing_revocations=settings.trust_revocations,
    )  # fmt: skip
    return KeyRing(files, trust, tls, partial(_witness_signer, settings))


def tls_of(settings: Settings) -> LiveTls:
    """Of the door, and of the way to the gateways. Raises ValueError, OSError."""
    refuse_other_names(settings.door_certificate, settings.witness_certificate)
    return LiveTls(_door_credentials(settings), partial(_handshake_refused, Seldom()))


def _door_credentials(settings: Settings) -> Credentials:
    """Those of the door; the bureau goes to its gateways under the same name."""
    return Credentials(
        certificate=settings.door_certificate,
        key=settings.door_key,
        passphrase=settings.door_passphrase,
        authorities=settings.door_authorities,
        revocations=settings.door_revocations,
    )


def _handshake_refused(seldom: Seldom, refusal: Refusal) -> None:
    if (times := seldom.due(refusal.cause, time.monotonic())) is not None:
        _log.warning("handshake.refused", reason=refusal.cause, detail=refusal.detail, times=times)


def open_files(file: Path, settings: Settings) -> Iterator[str]:
    """What the bureau believes because of where it lies (`file`: its settings), and anybody on this
    host may write: whoever does decides whom the bureau believes. Raises OSError."""
    named = {field.name: getattr(settings, field.name) for field in attrs.fields(Settings)}
    for name, path in {"settings": file, **named}.items():
        if name == "witness_forks" or not isinstance(path, Path):
            continue
        if exposed := open_to_all(path):
            yield f"{name}: {exposed}: anybody on this host may write it; chmod o-w"
