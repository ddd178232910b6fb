"""Commitments to personal values: HMAC-derived salts, so that a record can be made again exactly.

The salt of a value is HMAC-SHA256(secret, subject | field)[:16]: without the secret a digest does
not give its value away, and erasing (value, salt) beside the record leaves the record verifiable.
"""

import hashlib
import hmac

from gateway.domain.commitment import Commitment

SECRET_BYTES_MIN = 32


class Commitments:
    """Fulfils the gateway's Committer port."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES_MIN:
            raise ValueError(f"the commitment secret must have {SECRET_BYTES_MIN} bytes or more")
        self._secret = secret
        self.mark = hmac.digest(secret, b"treasury-gateway mark", "sha256")
        """Tells this secret from another, and nothing of it."""

    def commit(self, subject: str, field: str, value: str) -> Commitment:
        name = f"{subject}\x00{field}".encode()
        salt = hmac.new(self._secret, name, hashlib.sha256).digest()[:16]
        return Commitment(
            field=field, digest=commitment_digest(salt, value), salt=salt.hex(), value=value
        )


def commitment_digest(salt: bytes, value: str) -> str:
    """Hex SHA-256 over 0x02 || salt || UTF-8 value: what stands in the record."""
    return hashlib.sha256(b"\x02" + salt + value.encode()).hexdigest()
