"""asyncpg made cheaper: what is an array is told by the containers of the language, not by asking
abstract classes, which it does up to four times for each row that a batch carries."""

from asyncpg.protocol import protocol

ARRAYS: tuple[type, ...] = (list, tuple, set, frozenset, type({}.keys()), type({}.values()))
_NAMES: dict[str, type | tuple[type, ...]] = {
    "IterableABC": ARRAYS,
    "SizedABC": ARRAYS,
    "MappingABC": dict,
}
"""As the driver's array and composite encoders name them (asyncpg/protocol/codecs/array.pyx)."""


def quicken() -> bool:
    """Before connecting; once is enough. False, and nothing is changed, for a driver that has other
    names: it works all the same, and costs a tenth more of the gateway."""
    if not all(hasattr(protocol, name) for name in _NAMES):
        return False
    for name, types in _NAMES.items():
        setattr(protocol, name, types)
    return True
