"""A small public-key infrastructure of its own for the certs tests, and the outside vectors."""

import datetime as dt
import os
from pathlib import Path

import attrs
import pytest

from certs.authority import (
    Authority,
    Purpose,
    create_root,
    create_subordinate,
    issue,
    request,
)
from certs.keys import generate_key, save_certificates, save_key
from certs.signing.signer import Signer, signer
from certs.tls import Credentials

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
DOMAIN = "spiffe://treasury.test"
PASSPHRASE = b"a passphrase for tests"


@attrs.frozen(kw_only=True)
class Pki:
    root: Authority
    transport: Authority
    evidence: Authority

    def party(self, path: str, at: dt.datetime = NOW) -> Signer:
        """A signing key with its certificate, for `agency/220000000/101001` and the like."""
        key = generate_key()
        return signer(issue(self.evidence, request(key, f"{DOMAIN}/{path}"), at), key)

    def credentials(
        self, folder: Path, path: str, at: dt.datetime, authority: Authority | None = None
    ) -> Credentials:
        """Files of a TLS end whose server name is localhost."""
        key = generate_key()
        name = path.replace("/", "_")
        by = authority or self.transport
        hosts = {"dns": ["localhost"]} if by.purpose is Purpose.TRANSPORT else {}
        leaf = issue(by, request(key, f"{DOMAIN}/{path}", **hosts), at)
        save_key(folder / f"{name}.key", key, PASSPHRASE)
        save_certificates(folder / f"{name}.pem", [leaf, by.certificate])
        save_certificates(folder / "transport.pem", [self.transport.certificate])
        return Credentials(
            certificate=folder / f"{name}.pem",
            key=folder / f"{name}.key",
            passphrase=PASSPHRASE,
            authorities=folder / "transport.pem",
        )


def make_pki(at: dt.datetime) -> Pki:
    root = create_root("Treasury test root", at)
    return Pki(
        root=root,
        transport=create_subordinate(root, Purpose.TRANSPORT, "transport", at),
        evidence=create_subordinate(root, Purpose.EVIDENCE, "evidence", at),
    )


@pytest.fixture(scope="session")
def pki() -> Pki:
    return make_pki(NOW)


@pytest.fixture(scope="session")
def fresh_pki() -> Pki:
    """Valid at the machine's own time: OpenSSL reads no other clock."""
    return make_pki(dt.datetime.now(dt.UTC))


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Test data that nobody here wrote; without it the tests that need it skip by name."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
    folder = Path(os.environ.get("GATEWAY_VECTORS", str(beside)))
    if not folder.is_dir():
        pytest.skip(f"no outside vectors: {folder.name} folder absent (set GATEWAY_VECTORS)")
    return folder
