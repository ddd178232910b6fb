"""How people's numbers are kept out of sight where they are stored (Art. 16; certs room)."""

from typing import Protocol

import msgspec

from gateway.domain.registers import FiledPerson


class Vault(Protocol):
    """Seals with a key that is not in the database."""

    def index(self, number: str) -> str:
        """The keyed hash that a number is found by."""
        ...

    def seal(self, text: str) -> str: ...

    def open(self, sealed: str) -> str:
        """Raises ValueError: sealed under another key, or altered."""
        ...

    def seal_bytes(self, plain: bytes) -> bytes: ...

    def open_bytes(self, sealed: bytes) -> bytes:
        """What was never sealed is given as it is. Raises ValueError."""
        ...


class InClear:
    """Where nothing is to be kept out of sight: in tests, and where only digests are asked for."""

    def seal_bytes(self, plain: bytes) -> bytes:
        return plain

    def open_bytes(self, sealed: bytes) -> bytes:
        return bytes(sealed)


class Sealing(Protocol):
    """Of whole documents, as they are kept."""

    def seal_bytes(self, plain: bytes) -> bytes: ...

    def open_bytes(self, sealed: bytes) -> bytes:
        """What was never sealed is given as it is. Raises ValueError."""
        ...


IN_CLEAR = InClear()


def sealed_if_any(sealing: Sealing, plain: bytes | None) -> bytes | None:
    return None if plain is None else sealing.seal_bytes(plain)


def concealed(person: FiledPerson, vault: Vault) -> tuple[str, FiledPerson]:
    """Its key, and the row as it may be stored."""
    number = person.id_number
    return vault.index(number), msgspec.structs.replace(person, id_number=vault.seal(number))
