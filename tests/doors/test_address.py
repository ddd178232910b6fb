"""The address of a door, as it is written."""

import pytest

from doors.address import url_of


@pytest.mark.parametrize(
    ("host", "secure", "url"),
    [
        ("gateway.bank.example", True, "https://gateway.bank.example:8443"),
        ("10.0.0.7", False, "http://10.0.0.7:8443"),
        ("::1", True, "https://[::1]:8443"),
    ],
)
def test_an_address_of_ipv6_stands_in_brackets(host: str, secure: bool, url: str) -> None:
    assert url_of(host, 8443, secure=secure) == url
