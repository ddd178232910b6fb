"""What tests ask of the parts in one word: a log's own keys, a whole tree's root, one signature."""

from collections.abc import Sequence

from certs.log.note import NoteKey, log_key
from certs.signing.jws import (
    Header,
    JwsFault,
    JwsRefused,
    expect_alg,
    read_header,
    signing_input,
    split_detached,
)
from certs.signing.signer import Signer
from certs.signing.suites import PublicKey, suite_of
from gateway.domain.tree import Digest, extend, root_of, sha256


def log_keys(signer: Signer, origin: str) -> tuple[NoteKey, ...]:
    """What a log itself signs with."""
    return tuple(log_key(each.certificate, origin) for each in signer.each)


def root_of_leaves(leaves: Sequence[bytes], digest: Digest = sha256) -> bytes:
    """The root over leaf hashes, from nothing."""
    return root_of(extend(0, (), leaves, digest).frontier, digest)


def verify_detached(key: PublicKey, body: bytes, token: str) -> Header:
    """Check a token whose signer is known beforehand. Raises JwsRefused."""
    protected, signature = split_detached(token)
    header = read_header(protected, detached=True)
    expect_alg(header, key)
    if not suite_of(key).verify_raw(key, signature, signing_input(protected, body)):
        raise JwsRefused(JwsFault.SIGNATURE, "the signature does not prove these bytes")
    return header
