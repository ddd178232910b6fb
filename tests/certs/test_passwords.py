"""A password costs an attacker what RFC 9106 recommends, whether its login has one or not."""

import subprocess
import sys

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


@pytest.mark.slow
def test_who_has_no_password_is_found_out_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work is done, and comes to nothing."""
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_nobodys", lambda: hash_password(PASSWORD))
    assert not matches(PASSWORD, None)
    monkeypatch.undo()
    assert passwords._nobodys().startswith(COSTS)


AT_ONCE = """
import collections, concurrent.futures as futures
from certs import passwords, seal, sealed_key
passwords._MEMORY_KIB = seal.MEMORY_KIB = sealed_key.MEMORY_KIB = 64
phc = passwords.hash_password("right")
header = {"salt": "YWFhYWFhYWFhYWFhYWFhYQ==", "iterations": 3, "lanes": 4, "memory_kib": 64}
ways = (
    lambda n: passwords.matches("right", phc), lambda n: passwords.matches("wrong", None),
    lambda n: seal.derived(b"%d" % n, bytes(seal.SALT_BYTES), "x"),
    lambda n: sealed_key._cipher(header, b"x") and True, lambda n: passwords.hash_password("new"),
)
with futures.ThreadPoolExecutor(8) as pool:
    found = collections.Counter(
        bool(one) for one in pool.map(lambda n: ways[n % len(ways)](n), range(200))
    )
print(dict(found))
"""


@pytest.mark.slow
def test_many_sign_in_at_once_and_nobody_waits_for_ever() -> None:
    """Two at once never ended: whoever knew it kept everybody out by two requests."""
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "{True: 160, False: 40}", done.stderr[-400:]
