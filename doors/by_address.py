"""Visitors by the address that they come from: in turn, and who goes where there are too many.

Nobody is turned away for his address: a bank behind one address, or all banks behind one machine
that hands connections on, have as many places as there are. But a stranger's thousands from one
address take one another's, and nobody else's.
"""

from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Generic, TypeVar

NETWORK_BITS = 64
"""Of an IPv6 address: what stands behind it anybody gives himself."""

V = TypeVar("V")


class ByAddress(Generic[V]):
    """Each step takes the same time, however many there are."""

    def __init__(self) -> None:
        self._address: dict[V, str] = {}
        self._of: dict[str, dict[V, None]] = {}
        """Whose turn it is first; of an address the oldest first."""
        self._having: dict[int, dict[str, None]] = {}
        """The addresses that have so many: who has most is found without a look at all of them."""
        self.most = 0
        """Of one address."""

    def __len__(self) -> int:
        return len(self._address)

    def __iter__(self) -> Iterator[V]:
        return iter(tuple(self._address))

    def add(self, visitor: V, address: str) -> None:
        self._address[visitor] = address
        those = self._of.setdefault(address, {})
        those[visitor] = None
        self._counted(address, len(those) - 1, len(those))
        self.most = max(self.most, len(those))

    def discard(self, visitor: V) -> None:
        address = self._address.pop(visitor, None)
        if address is None:
            return
        those = self._of[address]
        del those[visitor]
        self._counted(address, len(those) + 1, len(those))
        if not those:
            del self._of[address]  # addresses are without end
        if self.most not in self._having:
            self.most -= 1  # it went down by one, so that somebody has as many, or nobody any

    def oldest_of_most(self) -> V:
        """Who makes room: the oldest of the address that has most of them. Raises StopIteration."""
        return next(iter(self._of[next(iter(self._having[self.most]))]))

    def next_in_turn(self) -> tuple[V, str]:
        """Taken out: the oldest of the address whose turn it is. Raises StopIteration."""
        address = next(iter(self._of))
        self._of[address] = self._of.pop(address)
        visitor = next(iter(self._of[address]))
        self.discard(visitor)
        return visitor, address

    def _counted(self, address: str, before: int, now: int) -> None:
        if before:
            del self._having[before][address]
            if not self._having[before]:
                del self._having[before]
        if now:
            self._having.setdefault(now, {})[address] = None


def network_of(address: str) -> str:
    """Whose an address is: of IPv6 its network; an IPv4 address, also written as one of IPv6, is
    its own."""
    if ":" not in address:
        return address
    number = IPv6Address(address.partition("%")[0])
    if number.ipv4_mapped is not None:
        return str(number.ipv4_mapped)
    return str(IPv6Address(int(number) >> NETWORK_BITS << NETWORK_BITS))
