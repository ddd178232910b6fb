"""A small public-key infrastructure of its own for the certs tests, and the outside vectors."""

import datetime as dt
import os
from collections.abc import Callable
from functools import cached_property
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
from certs.signing.libcrypto import SuiteUnavailable, libcrypto
from certs.signing.signer import Signer, in_both_suites, signer
from certs.signing.sm2 import generate_sm2
from certs.sm2_certificate import (
    Sm2Authority,
    create_sm2_authority,
    issue_sm2,
    sm2_request,
)
from certs.tls import Credentials
from gateway.domain.log import P256_SHA256, SM2_SM3

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
DOMAIN = "spiffe://treasury.test"
PASSPHRASE = b"a passphrase for tests"


@attrs.frozen(kw_only=True, slots=False)
class Pki:
    root: Authority
    transport: Authority
    evidence: Authority

    def party(self, path: str, at: dt.datetime = NOW, suite: str = P256_SHA256) -> Signer:
        """A signing key with its certificate, for `agency/220000000/101001` and the like."""
        key = generate_key()
        one = signer(issue(self.evidence, request(key, f"{DOMAIN}/{path}"), at), key)
        return in_both_suites(one, self.sm2_party(path, at)) if suite == SM2_SM3 else one

    def sm2_party(self, path: str, at: dt.datetime = NOW) -> Signer:
        key = generate_sm2()
        return signer(issue_sm2(self.sm2, sm2_request(key, f"{DOMAIN}/{path}"), at), key)

    @cached_property
    def sm2(self) -> Sm2Authority:
        """The evidence authority of the other suite."""
        at = self.evidence.certificate.not_valid_before_utc
        return create_sm2_authority("SM2 evidence", generate_sm2(), at)

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
    # An hour old: modules take their own time when they are collected, before this is made.
    return make_pki(dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))


def skip_without_sm2() -> None:
    """Where the machine has no SM2, saying why."""
    try:
        libcrypto()
    except SuiteUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module", params=[P256_SHA256, SM2_SM3])
def suite(request) -> str:
    """Both suites; where the machine has no SM2, only that one skips."""
    if request.param == SM2_SM3:
        skip_without_sm2()
    return request.param


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Say how many outside vectors passed; the end of the test output sums them up by source."""

    def count(source: str, number: int) -> None:
        assert number > 0, f"no vector of {source} was checked"
        record_property(f"vectors: {source}", number)

    return count


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Test data that nobody here wrote; without it the tests that need it skip by name."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
    folder = Path(os.environ.get("GATEWAY_VECTORS", str(beside)))
    if not folder.is_dir():
        pytest.skip(f"no outside vectors: {folder.name} folder absent (set GATEWAY_VECTORS)")
    return folder
