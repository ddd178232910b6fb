"""Commitments: how a personal value enters a record that must outlive its erasure."""

import attrs


@attrs.frozen(kw_only=True)
class Commitment:
    """`digest` = SHA-256(0x02 || salt || value); salt and value travel beside the record."""

    field: str
    digest: str
    salt: str
    value: str
