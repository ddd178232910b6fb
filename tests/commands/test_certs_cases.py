"""The whole life of certificates through the command line, on PostgreSQL, and in the log."""

import asyncio
import datetime as dt
import json
import shutil
import threading
from pathlib import Path

import asyncpg
import orjson
import pytest
from cryptography import x509
from typer.testing import CliRunner

from adapters.postgres.certificates.cases import PostgresCertificates
from certs.authority import (
    Purpose,
    adopt,
    authority_request,
    create_root,
    issue,
)
from certs.keys import generate_key, load_certificates, load_signer, save_certificates
from certs.profile import authority_certificate, validity
from gateway.commands.command_line import app
from gateway.domain.certificates import MoveRefused, State
from gateway.settings import read_settings
from gateway.tending.registry import Act, Registry, open_authority

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
DOMAIN = "spiffe://treasury.test"
DIVISION = "220000000"
SECRETS = {
    "CERTS_AUTHORITY_PASSPHRASE": "the authority's own words",
    "CERTS_OFFICER_PASSPHRASE": "the officers' own words",
    "CERTS_KEY_PASSPHRASE": "the officers' own words",
}


class World:
    """A folder with authorities and two officers, made by the commands themselves."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.database = database
        for name in ("anna", "bo", "chen"):
            self.ok("key", folder / name, "--uri", f"{DOMAIN}/operator/{name}")
        self.ok(
            "ceremony", folder / "ca", "--name", "Test",
            "--officer", folder / "anna.csr", "--officer", folder / "bo.csr",
        )  # fmt: skip
        (folder / "parties").mkdir()
        for name in ("anna", "bo"):
            certificate = load_certificates(folder / "ca" / f"{name}.pem")
            save_certificates(folder / "parties" / f"{name}.pem", certificate)
        self.settings = folder / "gateway.toml"
        self.settings.write_text(_settings(folder), encoding="utf-8")

    def run(self, *arguments: object):
        words = ["certs", *map(str, arguments)]
        return CliRunner().invoke(app, words, env={**SECRETS, "GATEWAY_DATABASE": self.database})

    def ok(self, *arguments: object) -> str:
        done = self.run(*arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    def by(self, who: str, *arguments: object):
        officer = (
            "--settings", self.settings, "--certificate", self.folder / "ca" / f"{who}.pem",
            "--key", self.folder / f"{who}.key",
        )  # fmt: skip
        return self.run(*arguments, *officer, *(("--json",) if arguments[0] != "crl" else ()))

    def done(self, who: str, *arguments: object) -> dict:
        done = self.by(who, *arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout) if arguments[0] != "crl" else {}

    def request(self, name: str, profile: str, uri: str, *more: object) -> dict:
        hosts = ("--dns", "gateway.test") if profile == "tls-server" else ()
        self.ok("key", self.folder / name, "--uri", uri, *hosts)
        return self.done(
            "anna", "request", self.folder / f"{name}.csr", "--profile", profile, *more
        )


@pytest.fixture
async def world(migrated: str, tmp_path: Path) -> World:
    made: list[World] = []
    # The commands bring an event loop of their own; this fixture has one already.
    thread = threading.Thread(target=lambda: made.append(World(tmp_path, migrated)))
    thread.start()
    thread.join()
    return made[0]


def test_a_certificate_lives_from_the_request_to_its_revocation(world: World) -> None:
    case = world.request("gw", "record", f"{DOMAIN}/gateway/ABC")
    id = case["case"]
    own = world.by("anna", "approve", id)
    assert own.exit_code == 1
    assert "requester may not decide" in own.output
    assert world.by("bo", "activate", id).exit_code == 1
    world.done("bo", "approve", id, "--note", "seen the hardware")
    world.done(
        "anna", "issue", id, "--out", world.folder / "gw.pem", "--authority", world.folder / "ca"
    )
    for verb in ("stage", "activate"):
        world.done("anna", verb, id)
    successor = world.request("gw2", "record", f"{DOMAIN}/gateway/ABC", "--replaces", id)
    world.done("bo", "approve", successor["case"])
    world.done("anna", "retire", id)
    world.done("bo", "retire", id, "--done")
    ended = world.done("bo", "revoke", "--case", id, "--reason", "key_compromise")
    assert [step["state"] for step in ended["steps"]] == [
        "requested", "approved", "issued", "staged", "active", "retiring", "retired", "revoked",
    ]  # fmt: skip
    world.done("anna", "crl", "--evidence", "--authority", world.folder / "ca")
    listed = json.loads(world.ok("list", "--json"))
    assert [one["state"] for one in listed] == ["revoked", "approved"]

    records = _records(world)
    assert [one["state"] for one in records if one.get("case") == id] == [
        step["state"] for step in ended["steps"]
    ]
    assert records[-1]["what"] == "revocation_list"
    assert {one["kind"] for one in records} == {"certificate_event"}
    assert records[1]["note"] == "seen the hardware"


def test_a_certificate_revoked_by_its_file_ends_its_case_too(world: World) -> None:
    """Its case went on as one that lives: in the list, in the inventory, to be renewed."""
    case = world.request("a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001")
    world.done("bo", "approve", case["case"])
    file = world.folder / "a.pem"
    world.done("anna", "issue", case["case"], "--out", file, "--authority", world.folder / "ca")
    ended = world.done("bo", "revoke", "--file", file, "--reason", "key_compromise")
    assert ended["case"] == case["case"]
    assert [one["state"] for one in json.loads(world.ok("list", "--json"))] == ["revoked"]
    assert world.by("bo", "revoke", "--file", file, "--json").output.strip() == '{"revoked":false}'


def test_lists_say_what_their_columns_are_and_that_they_are_empty(world: World) -> None:
    """Nothing printed said as much of a wrong database as of one without cases."""
    assert "没有案件 there is no case" in world.run("list").output
    assert "没有证书到期 none is due" in world.run("inventory", "--due").output
    first = world.request("a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001")
    world.done("bo", "approve", first["case"])
    out = ("--out", world.folder / "a.pem", "--authority", world.folder / "ca")
    world.done("anna", "issue", first["case"], *out)
    listed, known = world.run("list").output, world.run("inventory").output
    assert "持有人 holder" in listed and first["case"] in listed
    serial = load_certificates(world.folder / "a.pem")[0].serial_number
    assert "剩余天数 days" in known and f"{serial:x}" in known


def test_an_authority_that_nobody_here_believes_signs_nothing(world: World) -> None:
    """Another environment's folder, or a file of the other purpose: refused at the first handshake
    only, by whoever was shown what it had signed."""
    case = world.request("a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001")
    world.done("bo", "approve", case["case"])
    for ending in ("key", "pem"):
        shutil.copy(
            world.folder / "ca" / f"evidence.{ending}", world.folder / f"transport.{ending}"
        )
    out = ("--out", world.folder / "a.pem", "--authority")
    refused = world.by("anna", "issue", case["case"], *out, world.folder)
    assert refused.exit_code == 1 and "does not stand in tls.authority" in refused.output
    assert not (world.folder / "a.pem").exists()
    world.done("anna", "issue", case["case"], *out, world.folder / "ca")


def test_an_officer_who_is_unknown_here_is_told_where_the_certificate_belongs(
    world: World,
) -> None:
    (world.folder / "parties" / "anna.pem").unlink()
    refused = world.by("anna", "revoke", "--file", world.folder / "ca" / "bo.pem")
    assert refused.exit_code == 1
    assert "put the officer's certificate into parties.folder first" in refused.output


def test_t10_a_key_lost_between_request_and_approval_is_not_approved(world: World) -> None:
    """The request was good; the same key's first certificate is reported compromised after it."""
    first = world.request("a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001")
    world.done("bo", "approve", first["case"])
    out = ("--out", world.folder / "a.pem", "--authority", world.folder / "ca")
    world.done("anna", "issue", first["case"], *out)
    second = world.request(
        "b", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001", "--replaces", first["case"]
    )
    world.done("bo", "revoke", "--case", first["case"], "--reason", "key_compromise")
    late = world.by("bo", "approve", second["case"])
    assert late.exit_code == 1
    assert "what it replaces is not a live certificate" in late.output
    assert json.loads(world.ok("list", "--json"))[1]["state"] == "requested"


def test_an_officer_whose_certificate_was_revoked_decides_nothing_more(world: World) -> None:
    case = world.request("a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001")
    world.done("anna", "revoke", "--file", world.folder / "ca" / "bo.pem")
    refused = world.by("bo", "approve", case["case"])
    assert refused.exit_code == 1
    assert "revoked" in refused.output


SEALED = """
    INSERT INTO log_head (division, origin, size, frontier)
    SELECT division, 'o', count(*), '{}' FROM pending_record GROUP BY division;
    INSERT INTO log_record (division, seq, kind, subject, leaf_hash, body)
    SELECT division, row_number() OVER (ORDER BY id) - 1, kind, subject, sha256(body), body
    FROM pending_record;
    DELETE FROM certificate_revoked
"""


def test_an_officer_whose_revocation_the_database_has_no_more_decides_nothing(world: World) -> None:
    case = world.request("a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001")
    world.done("anna", "revoke", "--file", world.folder / "ca" / "bo.pem")
    by_hand(world, SEALED)
    refused = world.by("bo", "approve", case["case"])
    assert refused.exit_code == 1 and "revoked" in refused.output


STEP = "INSERT INTO certificate_step SELECT case_id, 1, 'approved', at, $1, {act}, signature, note"


@pytest.mark.parametrize(
    "act",
    ["act", "convert_to(replace(convert_from(act, 'UTF8'), 'requested', 'approved'), 'UTF8')"],
)
def test_an_approval_that_the_databases_owner_wrote_issues_nothing(world: World, act: str) -> None:
    """One officer and whoever has the database's rights were two officers."""
    case = world.request("a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001")
    forged = STEP.format(act=act) + " FROM certificate_step WHERE case_id = $2"
    by_hand(world, forged, f"{DOMAIN}/operator/bo", case["case"])
    out = ("--out", world.folder / "a.pem", "--authority", world.folder / "ca")
    refused = world.by("anna", "issue", case["case"], *out)
    assert refused.exit_code == 1, refused.output
    assert "operator/bo is not proven to have approved it" in refused.output
    assert not (world.folder / "a.pem").exists()


def test_a_request_that_the_databases_owner_wrote_is_not_approved(world: World) -> None:
    """Two others' names on it, or another request under an officer's own."""
    case = world.request("a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001")
    other = world.request("b", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101002")
    change = (
        "UPDATE certificate_case AS c SET request = o.request, holder = o.holder,"
        " key_digest = o.key_digest FROM certificate_case AS o WHERE c.id = $1 AND o.id = $2"
    )
    world.done("bo", "refuse", other["case"], "--note", "twice")
    by_hand(world, change, case["case"], other["case"])
    refused = world.by("bo", "approve", case["case"])
    assert refused.exit_code == 1
    assert "operator/anna is not proven to have requested it" in refused.output


def by_hand(world: World, statement: str, *values: object) -> None:
    async def write() -> None:
        owner = await asyncpg.connect(world.database)
        try:
            await owner.execute(statement, *values)
        finally:
            await owner.close()

    asyncio.run(write())


def test_a_party_that_is_no_officer_ends_no_certificate(world: World) -> None:
    """Every party's key is proven, and a revocation is never lifted."""
    told = world.settings.read_text("utf-8")
    world.settings.write_text(told.replace("/operator/anna", "/operator/chen"), "utf-8")
    refused = world.by("anna", "revoke", "--file", world.folder / "ca" / "bo.pem")
    assert refused.exit_code == 1
    assert "is not one of the officers (certs.officers)" in refused.output
    world.settings.write_text(told, "utf-8")
    world.done("anna", "revoke", "--file", world.folder / "ca" / "bo.pem")


def test_a_banks_authority_signs_in_place_of_ours(world: World) -> None:
    """CSR out, certificate in; the same request, checked against what was asked for."""
    now = dt.datetime.now(dt.UTC)
    root = create_root("A bank's root", now)
    key = generate_key()
    asked = x509.load_pem_x509_csr(authority_request(key, "ours by the bank"))
    life = validity(now, dt.timedelta(days=365))
    certificate = authority_certificate(
        asked.subject, key.public_key(), root.certificate, root.key, life
    )
    banks = adopt(Purpose.TRANSPORT, certificate, key)
    case = world.request("t", "tls-server", f"{DOMAIN}/gateway/ABC")
    world.done("bo", "approve", case["case"])
    signed = issue(banks, (world.folder / "t.csr").read_bytes(), now)
    save_certificates(world.folder / "t.pem", [signed])
    unknown = world.by("anna", "import", case["case"], world.folder / "t.pem")
    assert "not issued by an authority of these" in unknown.output
    anchors = world.folder / "ca" / "transport.pem"
    save_certificates(anchors, [*load_certificates(anchors), banks.certificate])
    taken = world.done("anna", "import", case["case"], world.folder / "t.pem")
    assert taken["serial"] == f"{signed.serial_number:x}"


async def test_of_two_decisions_at_once_only_one_is_taken(world: World, migrated: str) -> None:
    """Approval and refusal in the same moment: the second is judged on what the first made."""
    asked = await asyncio.to_thread(
        world.request, "a", "tls-client", f"{DOMAIN}/agency/{DIVISION}/101001"
    )
    settings = read_settings(world.settings)
    words = SECRETS["CERTS_OFFICER_PASSPHRASE"].encode()
    bo = load_signer(world.folder / "ca" / "bo.pem", world.folder / "bo.key", words)
    stores = [PostgresCertificates(migrated) for _ in range(2)]
    try:
        registries = [
            Registry(settings, bo, store, lambda: dt.datetime.now(dt.UTC)) for store in stores
        ]
        wanted = (State.APPROVED, State.REFUSED)
        done = await asyncio.gather(
            *(
                registry.act(asked["case"], Act(to=to))
                for registry, to in zip(registries, wanted, strict=True)
            ),
            return_exceptions=True,
        )
        (case,) = await stores[0].cases()
    finally:
        for store in stores:
            await store.close()
    # A refusal may follow an approval; an approval never follows a refusal.
    states = [step.state for step in case.steps]
    assert states in (
        [State.REQUESTED, State.APPROVED, State.REFUSED],
        [State.REQUESTED, State.REFUSED],
    )
    refused = [one for one in done if isinstance(one, MoveRefused)]
    assert len(refused) == 3 - len(states)


def test_the_authoritys_key_opens_for_its_passphrase_only(world: World) -> None:
    words = SECRETS["CERTS_AUTHORITY_PASSPHRASE"].encode()
    assert open_authority(world.folder / "ca", Purpose.TRANSPORT, words).purpose == "transport"
    with pytest.raises(ValueError, match="does not open"):
        open_authority(world.folder / "ca", Purpose.TRANSPORT, b"another passphrase")


def _records(world: World) -> list[dict]:
    async def read() -> list[dict]:
        connection = await asyncpg.connect(world.database)
        try:
            rows = await connection.fetch("SELECT body FROM pending_record ORDER BY id")
        finally:
            await connection.close()
        return [orjson.loads(row["body"]) for row in rows]

    return asyncio.run(read())


def _settings(folder: Path) -> str:
    ca, pem = folder / "ca", folder / "ca" / "anna.pem"
    return f"""
[gateway]
bank_code = "ABC"
uri = "{DOMAIN}/gateway/ABC"
divisions = ["{DIVISION}"]
[tls]
certificate = "{pem}"
key = "{pem}"
authority = "{ca / "transport.pem"}"
[record_key]
certificate = "{pem}"
key = "{pem}"
[parties]
authority = "{ca / "evidence.pem"}"
folder = "{folder / "parties"}"
[bank]
host = "localhost"
port = 1
peer = "{DOMAIN}/bank/ABC"
idempotent = false
enquiry = true
[bureaus.{DIVISION}]
url = "https://localhost:1"
peer = "{DOMAIN}/bureau/{DIVISION}"
[policies]
folder = "{folder}"
[certs]
officers = ["{DOMAIN}/operator/anna", "{DOMAIN}/operator/bo"]
"""
