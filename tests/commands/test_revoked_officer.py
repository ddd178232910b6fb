"""An officer whom only the registry knows as revoked: who runs goes on, a start is refused."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.postgres.certificates.cases import PostgresCertificates
from certs.keys import load_certificates
from certs.registrar import facts_of
from deploy.demo.identities import Identities
from deploy.demo.stage import OFFICERS, Plot, Stage
from gateway.domain.certificates import Reason, Revocation
from tests.commands.conftest import DIVISION
from tests.commands.staged import run
from tests.raised import own_place, raised

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]


@pytest.fixture
def signed() -> Iterator[Stage]:
    """As in production: policies are a book that two officers signed."""
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", dt.datetime.now(dt.UTC))
        stage = Stage(folder, crew, identities, Plot(division=DIVISION, signed=True))
        with raised(stage):
            yield stage


def revoke(stage: Stage, certificate: Path) -> None:
    """In the registry, of which no list was made."""
    ended = facts_of(load_certificates(certificate)[0])
    revocation = Revocation(
        issuer=ended.issuer, serial=ended.serial, thumbprint=ended.thumbprint,
        at=dt.datetime.now(dt.UTC), reason=Reason.KEY_COMPROMISE,
    )  # fmt: skip

    async def write() -> None:
        registry = PostgresCertificates(stage.gateway_database)
        try:
            assert await registry.revoke_foreign(revocation, "officer", [])
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
