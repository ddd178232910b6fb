"""Examining keys and certificates: do they open, whose are they, how long do they last."""

import datetime as dt

from adapters.postgres.certificates.cases import PostgresCertificates
from certs.keys import load_certificates, load_signer
from certs.own_word import own_word
from certs.signatories import life_under, read_signatories
from certs.tls import server_context
from gateway.configured.keys import credentials, record_signer
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import SM2_SM3
from gateway.examining.finding import Finding, bad, good, warn
from gateway.settings import Secrets, Settings

DAYS_LEFT_BAD, DAYS_LEFT_WARN = 7, 30


def keys(settings: Settings, secrets: Secrets) -> list[Finding]:
    """Each key opens with the passphrase, belongs to its certificate and names this gateway."""
    found = []
    pairs = (("tls", settings.tls), ("record_key", settings.record_key))
    for part, pair in pairs:
        try:
            signer = load_signer(pair.certificate, pair.key, secrets.passphrase)
            if signer.uri != settings.gateway.uri:
                raise ValueError(f"its certificate names {signer.uri}, not {settings.gateway.uri}")
            found.append(good(part, signer.uri))
        except (ValueError, OSError) as error:
            found.append(bad(part, f"{pair.key.name}: {error}"))
    found += _second_key(settings, secrets)
    try:
        server_context(credentials(settings, secrets))
    except (ValueError, OSError) as error:
        found.append(bad("tls", f"{settings.tls.authority.name}: no TLS with these files: {error}"))
    return found


def _second_key(settings: Settings, secrets: Secrets) -> list[Finding]:
    """Of the suite GW1-SM2-SM3: whether this machine can do SM2, and the key is ours."""
    if settings.record_key.suite != SM2_SM3:
        return []
    try:
        return [good("record_key.sm2", f"{record_signer(settings, secrets).uri}, {SM2_SM3}")]
    except (ValueError, OSError) as error:
        return [bad("record_key.sm2", error)]


def certificates(settings: Settings, now: dt.datetime) -> list[Finding]:
    """Days left of each certificate the gateway lives by, and of its parties' next to end."""
    files = {
        "tls.certificate": settings.tls.certificate,
        "tls.authority": settings.tls.authority,
        "record_key.certificate": settings.record_key.certificate,
        "parties.authority": settings.parties.authority,
    }
    if settings.record_key.sm2_certificate:
        files["record_key.sm2_certificate"] = settings.record_key.sm2_certificate
    found = []
    for part, file in files.items():
        try:
            ends = min(each.not_valid_after_utc for each in load_certificates(file))
        except (ValueError, OSError) as error:
            found.append(bad(part, error))
            continue
        found.append(_days_left(part, file.name, ends, now))
    return [*found, *_under_authority(settings, now), *_parties(settings, now)]


async def word(
    settings: Settings, secrets: Secrets, now: dt.datetime, *, reachable: bool
) -> list[Finding]:
    """Whether the record key is revoked, by the registry or a list, or a list has ended: then
    `serve` decides nothing. Its life is among `certificates`."""
    parties = settings.parties
    store = PostgresCertificates(secrets.database)
    try:
        revoked = (await store.revoked()).thumbprints if reachable else frozenset[str]()
        table = read_signatories(parties.authority, parties.folder, revoked, parties.revocations)
        own = own_word(table, record_signer(settings, secrets))
    except (ValueError, OSError, LedgerUnavailable) as error:
        return [bad("record_key.word", error)]
    finally:
        await store.close()
    words = own.against(now, "record certificate")
    return [bad("record_key.word", words)] if words else []


def _under_authority(settings: Settings, now: dt.datetime) -> list[Finding]:
    """Nothing that the record key signs counts once the authority over its certificate has ended:
    said where that comes first."""
    found = []
    for file in (settings.record_key.certificate, settings.record_key.sm2_certificate):
        if file is None:
            continue
        try:
            leaf = load_certificates(file)[0]
            life = life_under(load_certificates(settings.parties.authority), leaf)
        except (ValueError, OSError) as error:
            found.append(bad("record_key.authority", f"{file.name}: {error}"))
            continue
        over = life.authority
        if over.not_valid_after_utc <= leaf.not_valid_after_utc:
            name = f"{file.name} counts under {over.subject.rfc4514_string()}"
            name += f" ({over.serial_number:x})"
            found.append(_days_left("record_key.authority", name, life.not_after, now))
    return found


def _parties(settings: Settings, now: dt.datetime) -> list[Finding]:
    try:
        table = read_signatories(settings.parties.authority, settings.parties.folder)
    except (ValueError, OSError) as error:
        return [bad("parties", error)]
    if not table.by_thumbprint:
        return [bad("parties", f"no party's certificate counts in {settings.parties.folder.name}")]
    soonest = min(table.by_thumbprint.values(), key=lambda party: party.not_after)
    uris = {party.sender.uri for party in table.by_thumbprint.values()}
    unproven = [
        bad(f"bureau {division}", f"no certificate of {bureau.peer}: nothing it says is proven")
        for division, bureau in settings.bureaus.items()
        if bureau.peer not in uris
    ]
    found = [
        *unproven,
        _days_left("parties", soonest.sender.uri, soonest.not_after, now, lenient=True),
    ]
    return found + [warn("parties", f"{out.name}: {out.reason}") for out in table.left_out[:20]]


def _days_left(
    part: str, name: str, ends: dt.datetime, now: dt.datetime, *, lenient: bool = False
) -> Finding:
    """`lenient`: another party's certificate, whose end stops that party only."""
    days = (ends - now).days
    words = f"{name}: {days} days left" if ends > now else f"{name}: expired on {ends:%Y-%m-%d}"
    if days < DAYS_LEFT_BAD and not lenient:
        return bad(part, words)
    return (warn if days < DAYS_LEFT_WARN else good)(part, words)
