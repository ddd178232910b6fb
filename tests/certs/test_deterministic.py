"""A replayed answer carries the very receipt of the first one."""

from certs.keys import generate_key
from certs.signing.jws import protected_header, sign_compact


def test_the_same_key_signs_the_same_payload_the_same_way() -> None:
    key, header = generate_key(), protected_header("t", detached=False)
    assert sign_compact(key, header, b"one") == sign_compact(key, header, b"one")
    assert sign_compact(key, header, b"one") != sign_compact(key, header, b"two")
