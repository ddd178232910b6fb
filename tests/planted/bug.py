"""What a planted bug is: what is changed where, and which tests must then fail."""

import attrs


@attrs.frozen
class Change:
    """`old`, which stands in `file` exactly once, becomes `new`."""

    file: str
    old: str
    new: str


@attrs.frozen
class Bug:
    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    """pytest ids, each of which must fail; without [parameters], at least one of them."""
