"""A gateway whose settings name another party's certificate does not start: it passed payments and
sealed nothing, or nobody spoke with it."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.demo.identities import Identities, uri
from deploy.demo.processes import Crew
from deploy.demo.stage import BANK_CODE, Plot, Stage
from gateway.configured.own_names import refuse_other_names
from gateway.serving.keyring import KeyRing
from gateway.settings import read_settings
from tests.pipeline.fakes import NOW

OURS = uri("gateway", BANK_CODE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Never started; its files are there."""
    folder = tmp_path_factory.mktemp("names")
    return Stage(
        folder, Crew(), Identities.create(folder / "keys", NOW), Plot(division="220000000")
    )


def written(stage: Stage, tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = stage._gateway_settings(0)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "gateway.toml"
    file.write_text(text, "utf-8")
    return file


def test_both_certificates_are_named_that_are_not_its_own(stage: Stage, tmp_path: Path) -> None:
    refuse_other_names(read_settings(written(stage, tmp_path)))
    file = written(
        stage, tmp_path,
        ("gateway-tls.pem", "channel-tls.pem"), ("gateway-record.pem", "channel-record.pem"),
    )  # fmt: skip
    with pytest.raises(ValueError) as told:
        refuse_other_names(read_settings(file))
    channel = uri("channel", "220000000", "demo")
    assert str(told.value).splitlines() == [
        f"tls.certificate: channel-tls.pem is the certificate of {channel}, not of {OURS}",
        f"record_key.certificate: channel-record.pem is the certificate of {channel}, not of"
        f" {OURS}",
    ]


async def test_a_running_gateway_keeps_its_own_before_anothers(
    stage: Stage, tmp_path: Path
) -> None:
    both = [(f"gateway-tls.{kind}", f"channel-tls.{kind}") for kind in ("pem", "key")]
    ring = KeyRing.__new__(KeyRing)
    ring._house = cast(
        "Any", SimpleNamespace(settings=read_settings(written(stage, tmp_path, *both)))
    )
    with pytest.raises(ValueError, match=r"^tls\.certificate: channel-tls\.pem is"):
        await ring._renew_tls()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["tls", "record"])
def test_it_does_not_start(stage: Stage, tmp_path: Path, what: str) -> None:
    """Before anything else is looked at; the database is not even there."""
    pair = [(f"gateway-{what}.{kind}", f"channel-{what}.{kind}") for kind in ("pem", "key")]
    file = written(stage, tmp_path, *pair)
    environment = {
        **os.environ, "GATEWAY_DATABASE": "postgresql://gw@127.0.0.1:1/gw",
        "GATEWAY_KEY_PASSPHRASE": stage.identities.passphrase.decode(),
        "GATEWAY_COMMITMENT_SECRET": stage.plot.commitment_secret,
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--settings", str(file)],
        env=environment, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert f"channel-{what}.pem is the certificate of" in ran.stderr
