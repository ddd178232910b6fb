"""Fills the sentences of a policy with the values that hit; personal values only masked."""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import Any, TypeAlias

import attrs

from gateway.domain.codes import AccountClass, PayeeKind
from gateway.domain.facts import Facts
from policies.book.names import absent_words, option_en, option_zh
from policies.language.codelist import CodeList
from policies.language.errors import ClauseError, nearest
from policies.language.interpret import words_found
from policies.language.typed import Constant, ContainsAny, Expr, Read, Window, nodes_of
from policies.language.types import SCHEMA, Fact, Kind

VALUE_CHARACTERS_MAX = 80
"""A name or purpose in a sentence is cut here, so that a sentence stays one."""

CLOCK = "clock"
"""`{today.minute|clock}` says the 1,050th minute of a day as 17:30."""

WORDS_SAID_MAX = 5
"""Enough to see what was found."""

_PLACE = re.compile(r"\{([^{}]*)\}|([{}])")
_NOUN = re.compile(r"[a-z][a-z -]{0,39}[a-z]")
_UNMASKED_TAIL = 4
_OF_PERSONS = frozenset({AccountClass.PERSONAL, AccountClass.OFFICIAL_CARD})


@attrs.frozen
class Shaped:
    """A count said in a form of its own: CLOCK, or in English a noun that it is a number of."""

    of: Fact | Window
    form: str


@attrs.frozen
class Words:
    """`{words}`: which words a cause found, in what it looked through."""

    asked: tuple[ContainsAny, ...]


Part: TypeAlias = str | Fact | Window | Shaped | Words


@attrs.frozen
class Template:
    """A sentence with places: `{payee.name}`, `{params.days}`, `{window.cash}`, `{causes}`."""

    parts: tuple[Part, ...]
    """Text as it is, facts and windows to be read, and the mark CAUSES."""
    fixed: str | None = attrs.field(init=False)
    """The whole sentence where it has no places."""

    @fixed.default
    def _fixed(self) -> str | None:
        texts = [part for part in self.parts if isinstance(part, str) and part != CAUSES]
        return "".join(texts) if len(texts) == len(self.parts) else None

    @property
    def windows(self) -> frozenset[str]:
        read = (part.of if isinstance(part, Shaped) else part for part in self.parts)
        return frozenset(part.id for part in read if isinstance(part, Window))


CAUSES = "\0causes"


@attrs.frozen(kw_only=True)
class Places:
    """What a sentence may name beside facts; parameters and rows are filled in when it is read."""

    params: Mapping[str, Any]
    row: Mapping[str, Any]
    windows: Mapping[str, Window]
    causes: bool
    words: Words | None = None
    """Those of the cause whose sentence it is, where it looks for any."""
    english: bool = False

    def known(self) -> Iterator[str]:
        yield from SCHEMA
        for room, names in (("params", self.params), ("row", self.row), ("window", self.windows)):
            yield from (f"{room}.{name}" for name in names)
        if self.causes:
            yield "causes"
        if self.words:
            yield "words"


def template(text: str, places: Places) -> Template:
    """Read a sentence. Raises ClauseError at an unknown place."""
    parts: list[Part] = []
    at = 0
    for match in _PLACE.finditer(text):
        if match[2]:
            raise ClauseError(match.start() + 1, "花括号不成对", "a brace without its pair")
        parts.append(text[at : match.start()])
        parts.append(_place(match[1], places, match.start() + 1))
        at = match.end()
    parts.append(text[at:])
    return Template(tuple(p for p in parts if p != ""))


def _place(written: str, places: Places, column: int) -> Part:
    name, bar, form = written.partition("|")
    if name == "causes" and places.causes and not bar:
        return CAUSES
    if name == "words" and places.words and not bar:
        return places.words
    room, _, rest = name.partition(".")
    constants = {"params": places.params, "row": places.row}.get(room, {})
    if rest in constants:
        value = constants[rest]
        return _shaped_constant(value, form, column) if bar else _constant(value, places.english)
    found: Fact | Window | None = SCHEMA.get(name)
    if room == "window":
        found = places.windows.get(rest)
    if found is None:
        zh, en = nearest(name, places.known())
        raise ClauseError(column, f"没有 {{{name}}}{zh}", f"no {{{name}}}{en}")
    return Shaped(found, _form(form, found.type.kind, column)) if bar else found


def _shaped_constant(value: Any, form: str, column: int) -> str:
    kind = value.type.kind if isinstance(value, Constant) else Kind.SET
    return _in_form(value.value, _form(form, kind, column))


def _form(form: str, kind: Kind, column: int) -> str:
    if kind is not Kind.COUNT or not _NOUN.fullmatch(form):
        raise ClauseError(
            column,
            f"“|{form}”只用于整数：clock（时刻），英文中也可写单数名词",
            f"'|{form}' is for whole numbers: clock, or in English a noun in the singular",
        )
    return form


def _in_form(value: int, form: str) -> str:
    """510 in CLOCK is 08:30; 1 and 2 of a "person" are 1 person, 2 persons."""
    if form == CLOCK:
        return f"{value // 60:02d}:{value % 60:02d}"
    return f"{value} {form}" if value == 1 else f"{value} {form}s"


def _constant(value: Any, english: bool) -> str:
    if isinstance(value, tuple):
        return (", " if english else "、").join(map(str, value))
    assert isinstance(value, Constant)
    if isinstance(value.value, bool):
        return _yes(value.value, english)
    return _money(int(str(value.value))) if value.type.kind is Kind.MONEY else str(value.value)


Said: TypeAlias = Callable[[Facts], str]
"""What reads one place of a sentence from the facts."""


@attrs.frozen
class _Ready:
    """A sentence made ready. Kept with it, so that no other one can come to have its id."""

    sentence: Template
    text: str
    """With %s at each place."""
    places: tuple[Said, ...]
    causes: bool


class Speaker:
    """Says values in Chinese or English, with the names of the code lists.

    A sentence is made ready once, when it is first said: a refusal waits for its words.
    """

    def __init__(self, codes: Mapping[str, CodeList]) -> None:
        self._codes = codes
        self._ready: tuple[dict[int, _Ready], dict[int, _Ready]] = ({}, {})
        """Chinese, English."""

    def say(self, sentence: Template, facts: Facts, *, english: bool, causes: str = "") -> str:
        if sentence.fixed is not None:
            return sentence.fixed
        ready = self._ready[english].get(id(sentence)) or self._made_ready(sentence, english)
        told = ready.text % tuple([read(facts) for read in ready.places])
        return told.replace(CAUSES, causes) if ready.causes else told

    def _made_ready(self, sentence: Template, english: bool) -> _Ready:
        codes, parts = self._codes, sentence.parts
        ready = _Ready(
            sentence=sentence,
            text="".join(p.replace("%", "%%") if isinstance(p, str) else "%s" for p in parts),
            places=tuple(_part(p, codes, english) for p in parts if not isinstance(p, str)),
            causes=CAUSES in parts,
        )
        self._ready[english][id(sentence)] = ready
        return ready


def _part(
    part: Fact | Window | Shaped | Words, codes: Mapping[str, CodeList], english: bool
) -> Said:
    """Knows the code lists and not the speaker: a circle would keep a replaced book in memory."""
    if isinstance(part, Words):
        return partial(_words_said, part, english)
    of, form = (part.of, part.form) if isinstance(part, Shaped) else (part, "")
    if isinstance(of, Window):
        return partial(_window_said, of, form)
    if form:
        return partial(_shaped, of, form, english)
    read, absent, kind = attrgetter(of.attribute), absent_words(of)[english], of.type.kind
    if kind is Kind.MONEY:
        return partial(_money_said, read, absent)
    if of.personal or of.name == "payee.name":
        return partial(_value, of, english)
    if kind is Kind.ENUM:
        return partial(_named, read, absent, option_en if english else option_zh)
    if kind is Kind.CODE:
        return partial(_coded, read, absent, codes.get(of.type.codes))
    return partial(_value, of, english)


def _named(
    read: Callable[[Facts], Any], absent: str, name: Callable[[Any], str], facts: Facts
) -> str:
    value = read(facts)
    return name(value) if value else absent


def _coded(
    read: Callable[[Facts], Any], absent: str, listed: CodeList | None, facts: Facts
) -> str:  # fmt: skip
    value = read(facts)
    if not value:
        return absent
    name = listed.name_of(value, facts.on.year) if listed else ""
    return f"{value[:VALUE_CHARACTERS_MAX]} {name}".rstrip()


def _shaped(fact: Fact, form: str, english: bool, facts: Facts) -> str:
    told = getattr(facts, fact.attribute)
    return absent_words(fact)[english] if told is None else _in_form(told, form)


def _value(fact: Fact, english: bool, facts: Facts) -> str:
    """One fact as a person reads it: 30201 办公费, 实有资金账户, ****1234."""
    value = getattr(facts, fact.attribute)
    if value is None or value == "":
        return absent_words(fact)[english]
    if fact.personal:
        return _masked(str(value))
    if fact.name == "payee.name" and _pays_a_person(facts):
        return str(value)[0] + "**"
    match fact.type.kind:
        case Kind.BOOL:
            return _yes(value, english)
        case Kind.SET:
            return _set(value, english)
        case _:
            return str(value)[:VALUE_CHARACTERS_MAX]


def _set(values: frozenset[StrEnum], english: bool) -> str:
    """In the order in which the list declares its options, not in the set's own."""
    if not values:
        return "none" if english else "无"
    options = list(type(next(iter(values))))
    ordered = sorted(values, key=options.index)
    if english:
        return ", ".join(map(option_en, ordered))
    return "、".join(map(option_zh, ordered))


def words_of(condition: Expr) -> Words | None:
    """What a condition looks for in texts; None if it looks for no words."""
    asked = [node for node in nodes_of(condition) if isinstance(node, ContainsAny)]
    asked = [node for node in asked if isinstance(node.operand, Read)]
    return Words(tuple(asked)) if asked else None


def _words_said(words: Words, english: bool, facts: Facts) -> str:
    """The longest of those that stand in one another. Of what is shown masked none is told."""
    found: dict[str, None] = {}
    for asked in words.asked:
        assert isinstance(asked.operand, Read)
        fact = asked.operand.fact
        text = getattr(facts, fact.attribute)
        if text is None or fact.register in facts.unavailable:
            continue
        hidden = fact.personal or (fact.name == "payee.name" and _pays_a_person(facts))
        for word in words_found(asked, text):
            found["****" if hidden else word[:VALUE_CHARACTERS_MAX]] = None
    longest = [word for word in found if not any(word != each and word in each for each in found)]
    return (", " if english else "、").join(longest[:WORDS_SAID_MAX])


def _window_said(window: Window, form: str, facts: Facts) -> str:
    count = facts.windows.get(window.id, 0)
    if form:
        return _in_form(count, form)
    return _money(count) if window.type.kind is Kind.MONEY else str(count)


def _money_said(read: Callable[[Facts], Any], absent: str, facts: Facts) -> str:
    value = read(facts)
    return absent if value is None else _money(value)


def _money(fen: int) -> str:
    """1280000 fen are 12,800.00."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02d}"


def _yes(value: bool, english: bool) -> str:
    if english:
        return "yes" if value else "no"
    return "是" if value else "否"


def _pays_a_person(facts: Facts) -> bool:
    """By the sender's word or by the register's: who calls a person an organisation uncovers no
    name in records and notices."""
    return (
        facts.payee_kind is PayeeKind.PERSON
        or facts.payee_account_class in _OF_PERSONS
        or facts.payee_filed_person
    )


def _masked(value: str) -> str:
    """The last four of an account; nothing of a value that is hardly longer than that."""
    return "****" + (value[-_UNMASKED_TAIL:] if len(value) > 2 * _UNMASKED_TAIL else "")
