"""The transport is tested against the real door: its fixtures are the bureau's."""

from tests.bureau.conftest import bureau, chain, door, house, kept, place, pool

__all__ = ["bureau", "chain", "door", "house", "kept", "place", "pool"]
