"""A token of SoftHSM in a folder of a test's own, which can be taken away and put back."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from certs import token

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL = "treasury"
PIN = b"86420975"


@attrs.frozen
class SoftToken:
    folder: Path

    def uri(self, name: str = "record", pin_source: Path | None = None) -> str:
        source = f"&pin-source=file:{pin_source}" if pin_source else ""
        return f"pkcs11:token={LABEL};object={name}?module-path={MODULE}{source}"

    def take_away(self) -> None:
        self._tokens.rename(self._elsewhere)

    def put_back(self) -> None:
        self._elsewhere.rename(self._tokens)

    def initialise(self) -> None:
        self._tokens.mkdir()
        made = ["--init-token", "--free", "--label", LABEL, "--so-pin", "13579135"]
        subprocess.run(
            ["softhsm2-util", *made, "--pin", PIN.decode()], check=True, capture_output=True
        )

    @property
    def _tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def _elsewhere(self) -> Path:
        return self.folder / "elsewhere"


@pytest.fixture
def soft_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftToken]:
    if shutil.which("softhsm2-util") is None or not MODULE.exists():
        pytest.skip("softhsm2 is not installed")
    pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    made = SoftToken(tmp_path / "hsm")
    made.folder.mkdir()
    settings = made.folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {made.folder / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    monkeypatch.setattr(token, "AGAIN_S", 0.0)
    made.initialise()
    pkcs11.lib(str(MODULE)).reinitialize()  # a process reads these settings once
    yield made
    token._sessions.clear()
    token._refused.clear()
