"""Which way a policy leans on its lists: whether a word more makes it refuse more, or less."""

from collections.abc import Iterator

from policies.book.document import Policy
from policies.language.errors import ClauseError
from policies.language.parser import parse
from policies.language.syntax import Binary, Call, Logic, Name, Node, Unary

WIDENS, NARROWS = 1, -1
_BOTH = frozenset({WIDENS, NARROWS})
_LISTS = "lists."


def leanings(policy: Policy) -> dict[str, frozenset[int]]:
    """By list: WIDENS where a word more makes it refuse more, NARROWS where it lets more pass. One
    that stands after `!`, in an exception or among phrases set apart narrows; what is counted in a
    window may do both. A list that no clause uses is not there."""
    found: dict[str, frozenset[int]] = {}
    for name, signs in _used(policy):
        found[name] = found.get(name, frozenset()) | signs
    return found


def _used(policy: Policy) -> Iterator[tuple[str, frozenset[int]]]:
    widening = [text for _, text in policy.when] + [cause.when for cause in policy.causes]
    for text in widening:
        yield from _in_text(text, frozenset({WIDENS}))
    for unless in policy.unless:
        yield from _in_text(unless.when, frozenset({NARROWS}))
    for window in policy.windows:
        yield from _in_text(window.where, _BOTH)


def _in_text(text: str, signs: frozenset[int]) -> Iterator[tuple[str, frozenset[int]]]:
    try:
        node, _ = parse(text)
    except ClauseError:  # no book takes it; nothing is claimed of it meanwhile
        return
    yield from _in_node(node, signs)


def _in_node(node: Node, signs: frozenset[int]) -> Iterator[tuple[str, frozenset[int]]]:
    match node:
        case Name(path) if path.startswith(_LISTS):
            yield path.removeprefix(_LISTS), signs
        case Logic(_, operands):
            for operand in operands:
                yield from _in_node(operand, signs)
        case Unary("!", operand):
            yield from _in_node(operand, _turned(signs))
        case Binary("in", left, right):
            yield from _in_node(left, _BOTH)
            yield from _in_node(right, signs)
        case Binary(_, left, right):
            yield from _in_node(left, _BOTH)
            yield from _in_node(right, _BOTH)
        case Call(function, (_, listed, *apart)):
            yield from _in_node(listed, _turned(signs) if function == "all_of" else signs)
            for phrases in apart:
                yield from _in_node(phrases, _turned(signs))
        case _:
            return


def _turned(signs: frozenset[int]) -> frozenset[int]:
    return frozenset(-sign for sign in signs)
