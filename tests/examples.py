"""How many examples a property is tried on: all in `run.py test`, a twentieth in `check`."""

from typing import Final

from hypothesis import given, settings, strategies

QUICK: Final = "quick"
SHARE: Final = 20
LEAST: Final = 5


def name_quick() -> None:
    """Gives the profile its name that `--hypothesis-profile=quick` asks for."""
    settings.register_profile(QUICK, max_examples=_share(settings.default.max_examples))


def examples(number: int) -> settings:
    """`@examples(200)` above a test with `@given`."""
    quick = settings.get_current_profile_name() == QUICK
    return settings(max_examples=_share(number) if quick else number, deadline=None)


@settings(max_examples=1, database=None, deadline=None)
@given(strategies.none())
def try_nothing(_: None) -> None:
    """Has Hypothesis make what it keeps for this thread: afterwards it asks the collector who holds
    its random numbers, and since Python 3.14 that sees no holder who was frozen before."""


def _share(number: int) -> int:
    return max(LEAST, number // SHARE)
