"""Whose turn it is among visitors, and who goes where there are too many of one address."""

from collections import Counter
from random import Random

import pytest

from doors.by_address import ByAddress, network_of

ADDRESSES = "198.51.100.7", "203.0.113.9", "203.0.113.10"


@pytest.mark.parametrize("seed", range(5))
def test_turns_and_room_are_as_a_plain_list_would_have_them(seed: int) -> None:
    chosen, visitors = Random(seed), ByAddress[int]()
    plain: list[tuple[int, str]] = []
    for number in range(400):
        step = chosen.choice(("add", "add", "add", "discard", "room", "turn"))
        count = Counter(address for _, address in plain)
        if step == "add":
            plain.append((number, chosen.choice(ADDRESSES)))
            visitors.add(*plain[-1])
        elif not plain:
            assert len(visitors) == visitors.most == 0
        elif step == "discard":
            gone = plain.pop(chosen.randrange(len(plain)))
            visitors.discard(gone[0])
            visitors.discard(gone[0])
        elif step == "room":
            goes = visitors.oldest_of_most()
            address = dict(plain)[goes]
            assert count[address] == max(count.values()) == visitors.most
            assert goes == next(one for one, whose in plain if whose == address)
        else:
            taken, address = visitors.next_in_turn()
            assert taken == next(one for one, whose in plain if whose == address)
            plain.remove((taken, address))
        assert sorted(visitors) == [one for one, _ in plain] and len(visitors) == len(plain)


def test_each_address_has_its_turn_however_many_come_from_another_one() -> None:
    visitors = ByAddress[str]()
    for number in range(100):
        visitors.add(f"stranger {number}", ADDRESSES[0])
    visitors.add("bank 0", ADDRESSES[1])
    visitors.add("bank 1", ADDRESSES[1])
    turns = [visitors.next_in_turn()[0] for _ in range(5)]
    assert turns == ["stranger 0", "bank 0", "stranger 1", "bank 1", "stranger 2"]


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_of_ipv6_a_whole_network_is_one_address(address: str, whose: str) -> None:
    assert network_of(address) == whose
