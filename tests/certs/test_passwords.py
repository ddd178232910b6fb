"""A password costs an attacker what RFC 9106 recommends, whether its login has one or not."""

import pytest

from certs import passwords
from certs.passwords import hash_password, matches

PASSWORD = "correct horse battery"
COSTS = "$argon2id$v=19$m=65536,t=3,p=4$"


@pytest.mark.slow
def test_a_hash_has_the_second_recommended_costs_and_a_salt_of_its_own() -> None:
    one, two = hash_password(PASSWORD), hash_password(PASSWORD)
    assert one.startswith(COSTS) and two.startswith(COSTS) and one != two
    assert matches(PASSWORD, one) and not matches(PASSWORD + "x", two)


def test_who_has_no_password_is_found_out_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work is done, and comes to nothing."""
    monkeypatch.setattr(passwords, "_nobodys", lambda: hash_password(PASSWORD))
    assert not matches(PASSWORD, None)
    monkeypatch.undo()
    assert passwords._nobodys().startswith(COSTS)
