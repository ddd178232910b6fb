"""A stage whose bank core and agency are the programs in docs/examples, written from the docs."""

import datetime as dt
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from deploy.demo.day import Day, DayItem, day
from deploy.demo.identities import TRUST_DOMAIN, Identities, uri
from deploy.demo.stage import BANK_CODE, HOST, Plot, Stage
from gateway.domain.legal_day import legal_day
from tests.raised import own_place, raised

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
DIVISION = "220000000"
CLOSED_ACCOUNT = "22009990000000001"
PATIENT_S = 120.0


class StageByHand(Stage):
    """With the bank core of docs/examples in the place of the simulated one."""

    def start_bank(self) -> None:
        tls = self.bank_tls
        more = {
            "TLS_CERT": str(tls.certificate), "TLS_KEY": str(tls.key),
            "TRANSPORT_CA": str(tls.authorities), "KEY_PASSPHRASE": self._passphrase,
            "GATEWAY_URI": uri("gateway", BANK_CODE), "PORT": str(self.ports.bank),
            "JOURNAL": str(self.folder / "bank.journal"), "CLOSED_ACCOUNTS": CLOSED_ACCOUNT,
        }  # fmt: skip
        self._start("bank", [_node(), str(EXAMPLES / "bank.mjs")], more, "listening")


@attrs.frozen(kw_only=True)
class Manual:
    """The stage, the day whose registers it holds, and what an agency's programmer types."""

    stage: StageByHand
    day: Day
    folder: Path
    own_environment: dict[str, str] = attrs.field(factory=dict)
    """Where the keys of the model's agency lie, as the examples are told it."""

    def instruction(self, number: str, model: DayItem | None = None, **changes: Any) -> Path:
        """An ordinary purchase (or `model`) under another number, as a file."""
        fields = json.loads((model or self.model()).raw) | {"voucher_no": number}
        file = self.folder / f"{number}.json"
        file.write_text(json.dumps(fields | changes, ensure_ascii=False), encoding="utf-8")
        return file

    def model(self, outcome: str = "passed", type: str = "8202") -> DayItem:
        for item in self.day.items:
            if item.format == "json" and item.outcome == outcome and not item.replay:
                fields = json.loads(item.raw)
                plain = not (fields["details"] or fields["approvals"] or fields["exemption"])
                organisation = fields["payee"] and fields["payee"]["kind"] == "organisation"
                if plain and organisation and fields["voucher_type"] == type:
                    return item
        raise AssertionError(f"the day holds no ordinary {type} that is {outcome}")

    def key(self, file: Path) -> str:
        f = json.loads(file.read_text("utf-8"))
        return f"{f['division']}/{f['fiscal_year']}/{f['voucher_type']}/{f['voucher_no']}"

    def agency(self, *words: str) -> str:
        """As the channel of the division."""
        return self.node("agency.mjs", *words)

    def agency_itself(self, *words: str) -> str:
        return self.node("agency.mjs", *words, more=self.own_environment)

    def node(self, program: str, *words: str, more: Mapping[str, str] | None = None) -> str:
        """What the example prints; what it complains of goes to our standard error. Raises
        CalledProcessError."""
        argv = [_node(), str(EXAMPLES / program), *words]
        environment = self.environment | dict(more or {})
        done = subprocess.run(
            argv, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENT_S
        )
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        stage = self.stage
        certificate, key = stage.channel_key
        return stage.environment({}) | {
            "GATEWAY": f"https://{HOST}:{stage.ports.door}", "PEER": uri("gateway", BANK_CODE),
            "TLS_CERT": str(stage.client.certificate), "TLS_KEY": str(stage.client.key),
            "TRANSPORT_CA": str(stage.client.authorities),
            "SIGN_CERT": str(certificate), "SIGN_KEY": str(key),
            "KEY_PASSPHRASE": stage.identities.passphrase.decode(),
            "BANK_CERT": str(stage.record_key[0]), "BUREAU_CERT": str(stage.witness[0]),
        }  # fmt: skip


@pytest.fixture(scope="session")
def manual() -> Iterator[Manual]:
    _node()
    now = dt.datetime.now(dt.UTC)
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", now)
        plan = day(7, 300, legal_day(now), trust_domain=TRUST_DOMAIN)
        stage = StageByHand(folder, crew, identities, Plot(division=DIVISION))
        made = Manual(stage=stage, day=plan, folder=folder)
        made.own_environment.update(_agency(made, identities))
        with raised(stage, plan.registers):
            yield made


def _agency(manual: Manual, identities: Identities) -> dict[str, str]:
    """The model's agency itself, beside the channel that sends for all."""
    name = uri("agency", DIVISION, json.loads(manual.model().raw)["agency"]["code"])
    tls, (certificate, key) = (
        identities.connection("agency", name),
        identities.record_key("agency", name),
    )
    return {
        "TLS_CERT": str(tls.certificate), "TLS_KEY": str(tls.key),
        "SIGN_CERT": str(certificate), "SIGN_KEY": str(key),
    }  # fmt: skip


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not on this machine: the examples of the docs are not tried")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, said.strip().removeprefix("v").split(".")))[:2] < (20, 18):
        pytest.skip(f"node is {said.strip()}, older than 20.18: the docs' examples are not tried")
    return os.path.realpath(found)
