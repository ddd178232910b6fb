"""Keys at rest: sealed files open for their passphrase, and for no other."""

from pathlib import Path

import orjson
import pytest

from certs import sealed_key
from certs.keys import generate_key, load_key, save_sealed
from certs.sealed_key import seal, unseal
from tests.certs.conftest import PASSPHRASE

IN_SERVICE = (sealed_key.ITERATIONS, sealed_key.LANES, sealed_key.MEMORY_KIB)
"""Read before tests make it cheap."""


def test_a_new_key_costs_what_rfc_9106_recommends_second() -> None:
    file = orjson.loads(seal(generate_key(), PASSPHRASE))
    now = (sealed_key.ITERATIONS, sealed_key.LANES, sealed_key.MEMORY_KIB)
    assert (file["iterations"], file["lanes"], file["memory_kib"]) == now
    assert IN_SERVICE == (3, 4, 64 * 1024)


def test_a_sealed_key_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    key = generate_key()
    save_sealed(tmp_path / "a.key", key, PASSPHRASE)
    assert load_key(tmp_path / "a.key", PASSPHRASE).public_key() == key.public_key()
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="does not open"):
        load_key(tmp_path / "a.key", PASSPHRASE + b"!")
    with pytest.raises(FileExistsError):
        save_sealed(tmp_path / "a.key", key, PASSPHRASE)


def test_no_short_passphrase_and_nothing_in_the_clear(tmp_path: Path) -> None:
    key = generate_key()
    with pytest.raises(ValueError, match="12 bytes"):
        save_sealed(tmp_path / "a.key", key, b"short")
    assert not list(tmp_path.iterdir())
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    assert secret not in seal(key, PASSPHRASE)


@pytest.mark.parametrize(
    ("field", "value"),
    [("iterations", 1), ("memory_kib", 1024), ("lanes", 1), ("form", "treasury-sealed-key-0")],
)
def test_a_header_that_was_changed_opens_nothing(field: str, value: object) -> None:
    file = orjson.loads(seal(generate_key(), PASSPHRASE))
    with pytest.raises(ValueError, match=r"damaged|not a sealed key"):
        unseal(orjson.dumps({**file, field: value}), PASSPHRASE)


def test_a_cost_beyond_reason_is_refused_before_it_is_paid() -> None:
    file = orjson.loads(seal(generate_key(), PASSPHRASE))
    with pytest.raises(ValueError, match="beyond reason"):
        unseal(orjson.dumps({**file, "memory_kib": 1 << 40}), PASSPHRASE)
