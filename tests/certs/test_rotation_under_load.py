"""Every kind of key is changed while instructions come in; a revoked client is out within a second.

ROTATION_RATE (instructions a second) and ROTATION_PAUSE_S (between two changes) give the long form.
"""

import asyncio
import datetime as dt
import json
import os
import sys
import time
from collections.abc import Iterator

import attrs
import pytest

from adapters.postgres.certificates.cases import PostgresCertificates
from certs.authority import Authority, Purpose, create_root, create_subordinate
from certs.keys import generate_key, load_certificates, save_certificates
from certs.revocation import issuer_of, make_list
from certs.signing.signer import thumbprint_of
from certs.tls import client_context
from deploy.demo.__main__ import ask
from deploy.demo.day import Day, day
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.stage import BANK_CODE, HOST, Plot
from gateway.domain.certificates import Reason, Revocation
from gateway.domain.legal_day import legal_day
from tests.certs import rotating
from tests.certs.rotating import ListedStage, Load, said, seconds_until
from tests.commands.staged import exporting, run
from tests.patience import until
from tests.raised import own_place, raised

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DIVISION = "220000000"
RATE = float(os.environ.get("ROTATION_RATE", "40"))
PAUSE_S = float(os.environ.get("ROTATION_PAUSE_S", "0.5"))
CHANGES = 9
SPARE_S = 60.0
GATEWAYS = 2


@attrs.frozen
class Scene:
    stage: ListedStage
    day: Day
    sign: dict
    stranger: object
    """The bad one: an agency's connection, to be revoked."""
    successor: Authority
    """The transport authority to come."""


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    now = dt.datetime.now(dt.UTC)
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", now)
        wanted = int(RATE * (PAUSE_S * CHANGES + SPARE_S) / 0.9)
        plan = day(11, wanted, legal_day(now), trust_domain=TRUST_DOMAIN)
        signers = identities.signers(plan.senders)
        bad = identities.connection("bad", uri("agency", DIVISION, "999001"))
        stage = ListedStage(folder, crew, identities, Plot(division=DIVISION, gateways=GATEWAYS))
        successor = _successor(now)
        # The simulated core reads its files at the start, so it must know the next authority then.
        known = identities.folder / "bank-knows.pem"
        save_certificates(known, [identities.transport.certificate, successor.certificate])
        stage.bank_tls = attrs.evolve(stage.bank_tls, authorities=known)
        made = make_list(identities.transport, [], 1, now)
        stage.list_file.write_bytes(made.pem)
        with raised(stage, plan.registers):
            sign = {party: one.document for party, one in signers.items()}
            yield Scene(stage, plan, sign, bad, successor)


def _successor(now: dt.datetime) -> Authority:
    return create_subordinate(create_root("root 2", now), Purpose.TRANSPORT, "transport 2", now)


async def test_every_kind_of_key_changes_under_load_and_no_request_fails(
    scene: Scene,
) -> None:
    stage, made = scene.stage, scene.stage.identities
    items = [
        item for item in scene.day.items
        if item.fault is None and not item.forged and not item.replay and item.after is None
    ]  # fmt: skip
    client = rotating.client_of(stage, scene.sign)
    load = Load([client], items, RATE)
    took: dict[str, float] = {}
    async with rotating.running(load):
        await asyncio.sleep(PAUSE_S)
        for name, change in (
            ("revocation list", _list_again),
            ("gateway TLS key", _gateway_tls),
            ("agency TLS key", _agency_tls),
            ("bureau TLS key", _bureau_tls),
            ("agency signing key", _agency_key),
            ("bureau feed key", _bureau_key),
            ("record key", _record_key),
            ("transport authority", _new_authority),
        ):
            took[name] = await change(scene, load)
            await asyncio.sleep(PAUSE_S)
        took["a client is revoked"] = await _revoke(scene)
        await asyncio.sleep(PAUSE_S)
    assert load.failures == {}, _warnings(stage)
    assert load.answered > 0

    left: dict = {}

    async def told() -> bool:
        left.update(await ask(stage, f"http://{HOST}:{stage.ports.ops}/backlog"))
        return bool(left["done"])

    try:
        await until(told, "every record is acknowledged")
    except AssertionError as late:
        raise AssertionError(f"{late}: {left}; {_warnings(stage)}") from late
    finally:  # what is not closed would be the next test's failure
        for one in load.clients:
            await one.aclose()
    await _shown_to_operators(stage)
    at_bureau = f"https://{HOST}:{stage.ports.bureau}/v1/summary?division={DIVISION}"
    summary = await ask(stage, at_bureau)
    assert summary["log_verified"] and summary["gaps"] == 0 and summary["misbehaviours"] == 0
    assert summary["kinds"]["key_announced"] == summary["kinds"]["key_retired"] == 1
    assert summary["kinds"]["certificate_event"] >= 3
    assert summary["kinds"]["verdict"] == load.answered
    _verified_by_an_auditor(stage, made)
    figures = {
        "answered": load.answered,
        "a_second": round(load.a_second, 1),
        "slowest_s": round(load.slowest_s, 3),
        "took_s": {name: round(seconds, 2) for name, seconds in took.items()},
    }
    sys.stdout.write(json.dumps(figures) + "\n")


async def _shown_to_operators(stage: ListedStage) -> None:
    """The inventory knows the changed certificates, and who was turned away and why."""
    where = f"http://{HOST}:{stage.ports.ops}/certificates.json"
    own = f"{load_certificates(stage.gateway_tls.certificate)[0].serial_number:x}"

    async def told() -> bool:
        found = await ask(stage, where)
        refused = {one["reason"] for one in found["handshakes_refused"]}
        loaded = {one["serial"]: one["loaded"] for one in found["certificates"]}
        return "certificate_revoked" in refused and "tls" in loaded.get(own, [])

    await until(told, "the inventory is complete")
    found = await ask(stage, where)
    # Ours, renewed through the registry, and that of the authority which follows it.
    assert sorted(one["number"] for one in found["revocation_lists"]) == [1, 2]
    assert all(one["lag_records"] == 0 for one in found["logs"])
    met = {one["holder"] for one in found["certificates"] if "door" in one["loaded"]}
    assert uri("channel", DIVISION, "demo") in met


def _warnings(stage: ListedStage) -> str:
    """What the gateways complained of meanwhile."""
    found = []
    for name in stage.gateway_names:
        text = (stage.folder / f"{name}.log").read_text("utf-8", "replace")
        found += [line[:300] for line in text.splitlines() if '"level":"info"' not in line]
    return "\n".join(found[-30:])


def _verified_by_an_auditor(stage: ListedStage, made: Identities) -> None:
    """With both record certificates, offline: the log holds across the change of keys."""
    done = run(stage, "export", "day", stage.folder / "day", *exporting(stage))
    assert done.code == 0, done.said
    trusted: list[object] = []
    for file in (made.parties / "gateway.pem", stage.record_key[0]):
        trusted += ["--bank", file]
    for file in (made.parties / "bureau.pem", stage.witness[0]):
        trusted += ["--bureau", file]
    holds = run(stage, "verify", "day", stage.folder / "day", *trusted)
    assert holds.code == 0, holds.said


async def _list_again(scene: Scene, load: Load) -> float:
    """Through the registry: each process writes it to its file and takes it up."""
    return await _publish(scene, number=2)


async def _publish(scene: Scene, number: int) -> float:
    stage = scene.stage
    made = make_list(stage.identities.transport, [], number, dt.datetime.now(dt.UTC))
    store = PostgresCertificates(stage.gateway_database)
    try:
        await store.add_list(made, [])
    finally:
        await store.close()

    async def taken() -> bool:
        return stage.list_file.read_bytes() == made.pem

    return await seconds_until(taken, "the new list is in its file")


async def _gateway_tls(scene: Scene, load: Load) -> float:
    stage = scene.stage
    serial = rotating.new_tls_key(
        stage.gateway_tls, stage.identities.transport, uri("gateway", BANK_CODE)
    )
    return await _shown(stage, stage.ports.door, serial)


async def _bureau_tls(scene: Scene, load: Load) -> float:
    stage = scene.stage
    serial = rotating.new_tls_key(
        stage.bureau_tls, stage.identities.transport, uri("bureau", DIVISION)
    )
    return await _shown(stage, stage.ports.bureau, serial)


async def _shown(stage: ListedStage, port: int, serial: str) -> float:
    """Several times in a row: the processes share the port."""
    tls = client_context(stage.operator)

    async def shown() -> bool:
        try:
            seen = {await rotating.serial_at(port, tls) for _ in range(4 * GATEWAYS)}
        except ConnectionError:  # a busy machine is late over the handshake
            return False
        return seen == {serial.zfill(len(next(iter(seen))))}

    return await seconds_until(shown, "the new certificate is shown to everybody")


async def _agency_tls(scene: Scene, load: Load) -> float:
    """New connections show the new certificate; those there are go on with the old."""
    stage = scene.stage
    rotating.new_tls_key(
        stage.client, stage.identities.transport, uri("channel", DIVISION, "demo"), sealed=False
    )
    successor = rotating.client_of(stage, scene.sign)
    load.clients.append(successor)
    answered = load.answered

    async def used() -> bool:
        return load.answered > answered

    return await seconds_until(used, "the new client is answered")


async def _agency_key(scene: Scene, load: Load) -> float:
    """The busiest sender signs with a new key as soon as its certificate is known."""
    from certs.authority import issue, request
    from certs.signing.signer import signer

    stage, made = scene.stage, scene.stage.identities
    party = scene.day.senders[0]
    key = generate_key()
    certificate = issue(made.evidence, request(key, party), dt.datetime.now(dt.UTC))
    save_certificates(made.parties / "party-next.pem", [certificate])
    took = await _renewed(stage, "parties")
    scene.sign[party] = signer(certificate, key).document
    return took


async def _renewed(stage: ListedStage, what: str, times: int = 1) -> float:
    took = 0.0
    for name in stage.gateway_names:

        async def heard(name: str = name) -> bool:
            text = (stage.folder / f"{name}.log").read_text("utf-8", "replace")
            lines = [one for one in text.splitlines() if "keys.renewed" in one]
            return sum(f'"{what}"' in one for one in lines) >= times

        took = max(took, await seconds_until(heard, f"{name} has renewed {what}"))
    return took


async def _bureau_key(scene: Scene, load: Load) -> float:
    """It stands among the gateway's parties first; then it cosigns."""
    stage, made = scene.stage, scene.stage.identities
    rotating.new_record_key(
        stage.witness, made.evidence, uri("bureau", DIVISION), made.passphrase, made.parties
    )
    thumbprint = thumbprint_of(load_certificates(stage.witness[0])[0])
    assert thumbprint
    renewed = said(stage, "bureau", "keys.renewed&witness")
    return await seconds_until(renewed, "the bureau's new key")


async def _record_key(scene: Scene, load: Load) -> float:
    """Nobody is handed its certificate: the bureau has it from the announcement in the log."""
    stage, made = scene.stage, scene.stage.identities
    rotating.new_record_key(
        stage.record_key, made.evidence, uri("gateway", BANK_CODE), made.passphrase
    )
    began = time.monotonic()
    for name in stage.gateway_names:
        await until(said(stage, name, "record_key.in_use"), f"{name} uses the new key")
    await until(said(stage, "bureau", "key.learnt"), "the bureau has learnt the key")
    return time.monotonic() - began


async def _new_authority(scene: Scene, load: Load) -> float:
    """Cross-over: both are believed everywhere, then the gateway's leaf is of the new one. It must
    be the one that the core knows: another of that name would be refused on each new connection
    to the core, which a lucky run never needs."""
    stage, made = scene.stage, scene.stage.identities
    now, successor = dt.datetime.now(dt.UTC), scene.successor
    both = [made.transport.certificate, successor.certificate]
    draft = made.transport_authority.with_suffix(".draft")
    save_certificates(draft, both)
    listed = stage.list_file.with_suffix(".draft")
    listed.write_bytes(stage.list_file.read_bytes() + make_list(successor, [], 1, now).pem)
    listed.replace(stage.list_file)
    draft.replace(made.transport_authority)
    load.clients.append(rotating.client_of(stage, scene.sign))
    await asyncio.sleep(2.0)  # whoever connects to us must have read the file too
    serial = rotating.new_tls_key(stage.gateway_tls, successor, uri("gateway", BANK_CODE))
    return await _shown(stage, stage.ports.door, serial)


async def _revoke(scene: Scene) -> float:
    """T2 on real processes: its live connections are closed, a new one is not let in."""
    stage = scene.stage
    tls = client_context(scene.stranger)
    live = [
        await asyncio.open_connection(HOST, stage.ports.door, ssl=tls) for _ in range(4 * GATEWAYS)
    ]
    leaf = load_certificates(scene.stranger.certificate)[0]
    ended = Revocation(
        issuer=issuer_of(leaf), serial=f"{leaf.serial_number:x}", thumbprint=thumbprint_of(leaf),
        at=dt.datetime.now(dt.UTC), reason=Reason.KEY_COMPROMISE,
    )  # fmt: skip
    store = PostgresCertificates(stage.gateway_database)
    began = time.monotonic()
    try:
        assert await store.revoke_foreign(ended, "nobody", [])
    finally:
        await store.close()
    for reader, writer in live:
        async with asyncio.timeout(rotating.SOON_S):
            while True:
                try:
                    if not await reader.read(100):
                        break
                except ConnectionError:
                    break
        writer.transport.abort()
    took = time.monotonic() - began
    for _ in range(2 * GATEWAYS):
        reader, writer = await asyncio.open_connection(HOST, stage.ports.door, ssl=tls)
        async with asyncio.timeout(rotating.SOON_S):
            try:
                writer.write(b"GET /v1/notifications HTTP/1.1\r\nHost: x\r\n\r\n")
                assert await reader.read(100) == b""
            except ConnectionError:
                pass
        writer.transport.abort()
    return took
