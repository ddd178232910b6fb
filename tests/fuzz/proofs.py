"""What proves: signatures before anybody is known, notes of logs, proofs, receipts."""

import contextlib
from functools import partial

from certs.bundled import Place, acknowledges, read_receipt
from certs.keys import generate_key
from certs.log.growth import format_growth, parse_growth
from certs.log.note import (
    NoteRefused,
    checkpoint_text,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
)
from certs.log.proof import ProofRefused, format_proof, parse_proof
from certs.signing.jws import JwsRefused, read_compact, read_header, split_detached, verify_compact
from tests.certs.oracles import verify_detached

_NOBODYS = generate_key().public_key()
_BODY = b"{}"


def token(data: bytes) -> None:
    """A signature as anybody may send it: refused in one way, and never a proof by this key."""
    text = data.decode("latin-1")
    with contextlib.suppress(JwsRefused):
        protected, signature = split_detached(text)
        assert len(signature) == 64
        assert len(read_header(protected, detached=True).thumbprint or "x" * 43) == 43
    with contextlib.suppress(JwsRefused):
        read_compact(text)
    detached, compact = partial(verify_detached, _NOBODYS, _BODY), partial(verify_compact, _NOBODYS)
    for verify in (detached, compact):
        try:
            verify(text)
        except JwsRefused:
            continue
        raise AssertionError("proven by a key that signed nothing")


def note(data: bytes) -> None:
    """A checkpoint, a proof, a receipt: one spelling each, and nobody's word without a key."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(NoteRefused):
        told = parse_note(text)
        assert checkpoint_text(parse_checkpoint(told.text)) == told.text
    try:
        open_checkpoint(text, ())
    except NoteRefused:
        pass
    else:
        raise AssertionError("opened without a key")
    with contextlib.suppress(ProofRefused):
        growth = parse_growth(text)
        assert format_growth(growth.old, growth.path, growth.checkpoint) == text
    with contextlib.suppress(ProofRefused):
        proof = parse_proof(text)
        if proof.extra is None:
            assert format_proof(proof.index, proof.path, proof.checkpoint) == text
    with contextlib.suppress(ValueError):
        read_receipt(text)
    assert not acknowledges(data, Place(index=1, path=()), "220000000", _BODY)
