"""A real gateway with its bureau's key in the test's hand."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from certs.tls import Credentials
from deploy.demo.agency import signed_request
from deploy.demo.day import DIVISION, Day, day
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.stage import Plot, Stage
from gateway.domain.legal_day import legal_day
from tests.raised import own_place, raised
from tests.web.besieged import Reply, Siege
from tests.web.conftest import _model


@attrs.frozen(kw_only=True)
class Office:
    """The bureau's hand: it signs feeds and sends them over its own connection."""

    siege: Siege
    bureau: str
    connection: Credentials

    @property
    def stage(self) -> Stage:
        return self.siege.stage

    async def send(
        self, raw: bytes, *, by: str | None = None, signature: str | None = None,
        door: str = "registers",
    ) -> Reply:  # fmt: skip
        signed = self.siege.signed(raw, by=by or self.bureau) if signature is None else signature
        route = f"/v1/feeds/{door}", "application/json"
        return await self.siege.say(signed_request(route, raw, signed), self.connection)

    async def version(self) -> int:
        return int(await self.siege.ask_ledger("SELECT max(version) FROM register_snapshot"))

    async def standing(self) -> int:
        """Rows that stand now."""
        question = "SELECT count(*) FROM register_row WHERE until IS NULL"
        return int(await self.siege.ask_ledger(question))

    async def next_delta(self, **lists: Any) -> bytes:
        document = {
            "division": DIVISION, "as_of": dt.datetime.now(dt.UTC).isoformat(),
            "version": await self.version() + 1, **lists,
        }  # fmt: skip
        return json.dumps(document, ensure_ascii=False).encode()

    def row(self, name: str, **key: str) -> dict[str, Any]:
        """A row of the registers that the stage was loaded with."""
        rows = json.loads(self.siege.day.registers)[name]
        (found,) = [row for row in rows if all(row[k] == v for k, v in key.items())]
        return dict(found)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with staged_office() as made:
        yield made


@pytest.fixture(scope="module")
def twin_office() -> Iterator[Office]:
    """Two gateway processes on one database."""
    with staged_office(gateways=2) as made:
        yield made


@contextmanager
def staged_office(gateways: int = 1) -> Iterator[Office]:
    now = dt.datetime.now(dt.UTC)
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", now)
        plan: Day = day(7, 100, legal_day(now), trust_domain=TRUST_DOMAIN)
        bureau = uri("bureau", DIVISION)
        signers = identities.signers([*plan.senders, bureau])
        stage = Stage(folder, crew, identities, Plot(division=DIVISION, gateways=gateways))
        with raised(stage, plan.registers):
            siege = Siege(stage=stage, day=plan, signers=signers, model=_model(plan))
            sending = identities.connection("feeding-bureau", bureau)
            yield Office(siege=siege, bureau=bureau, connection=sending)
