"""The address of a door, as it is written."""


def url_of(host: str, port: int, *, secure: bool) -> str:
    """Without a path. An address of IPv6 stands in brackets."""
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
