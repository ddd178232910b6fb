"""An officer whom only the registry knows as revoked: who runs goes on, a start is refused."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.postgres.certificates.cases import PostgresCertificates, _told_ended
from certs.keys import load_certificates
from certs.registrar import facts_of
from deploy.demo.identities import Identities, uri
from deploy.demo.stage import BANK_CODE, OFFICERS, Plot, Stage
from gateway.domain.certificates import Reason, Revocation
from gateway.pipeline.tell import Origin
from gateway.pipeline.tell_keys import KeyTeller
from tests.commands.conftest import DIVISION
from tests.commands.staged import run
from tests.commands.test_older_rules import owner, warnings
from tests.commands.test_tending import ask
from tests.patience import wait_until
from tests.raised import own_place, raised

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]


TELLER = KeyTeller(
    origin=Origin(bank=BANK_CODE, uri=uri("gateway", BANK_CODE)), divisions=(DIVISION,)
)


@pytest.fixture
def signed() -> Iterator[Stage]:
    """As in production: policies are a book that two officers signed."""
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", dt.datetime.now(dt.UTC))
        stage = Stage(folder, crew, identities, Plot(division=DIVISION, signed=True))
        with raised(stage):
            yield stage


def revoke(stage: Stage, certificate: Path, *, told: bool = False) -> None:
    """In the registry, of which no list was made. `told`: and in the log, too."""
    ended = facts_of(load_certificates(certificate)[0])
    revocation = Revocation(
        issuer=ended.issuer, serial=ended.serial, thumbprint=ended.thumbprint,
        at=dt.datetime.now(dt.UTC), reason=Reason.KEY_COMPROMISE,
    )  # fmt: skip

    async def write() -> None:
        registry = PostgresCertificates(stage.gateway_database)
        try:
            records = TELLER.revocation(revocation, "officer") if told else []
            assert await registry.revoke_foreign(revocation, "officer", records)
        finally:
            await registry.close()

    asyncio.run(write())


def test_a_start_asks_the_registry_before_it_takes_a_book(signed: Stage) -> None:
    settings = signed.folder / "gateway-0.toml"
    checked = run(signed, "serve", "--check", "--settings", settings)
    assert "no signed book" not in checked.said, checked.said
    revoke(signed, signed.officers[OFFICERS[1]][0])

    started = run(signed, "serve", "--settings", settings)
    assert started.code == 1 and "no signed book in force" in started.err, started.said
    assert "revoked" in started.err
    checked = run(signed, "serve", "--check", "--settings", settings)
    assert checked.code == 1 and "no signed book in force" in checked.said
    book = signed.books / "book-000001.json"
    taken = run(
        signed, "policy", "activate", book, "--settings", settings, "--store", signed.folder
    )
    assert taken.code == 1 and "revoked" in taken.err, taken.said


def test_a_revocation_whose_row_was_taken_away_is_none_that_was_lifted(signed: Stage) -> None:
    """A running gateway took the revoked party back within half a second, and so did each start."""
    settings, gone = signed.folder / "gateway-0.toml", "DELETE FROM certificate_revoked"
    revoke(signed, signed.officers[OFFICERS[1]][0], told=True)
    sealed = "SELECT count(*) FROM log_record WHERE kind = 'certificate_event'"
    wait_until(lambda: ask(signed, sealed))
    owner(signed, "CREATE TABLE kept AS SELECT * FROM certificate_revoked")
    owner(signed, gone)
    wait_until(lambda: "count all the same" in warnings(signed).get("keys.revocations", ""))
    started = run(signed, "serve", "--settings", settings)
    assert started.code == 1 and "revoked" in started.err, started.said
    owner(signed, "INSERT INTO certificate_revoked SELECT * FROM kept")
    wait_until(lambda: "keys.revocations" not in warnings(signed))


@pytest.mark.parametrize("moment", [0, 10**17, -(10**18)])
def test_a_revocation_with_an_impossible_moment_is_one(moment: int) -> None:
    body = b'{"what":"revoked","issuer":"i","serial":"7","recorded_at":%d}' % moment
    ended = _told_ended(body)
    assert ended is not None and ended.serial == "7"
