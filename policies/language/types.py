"""The types of the policy language, and the facts they are derived from (gateway.domain.facts)."""

import datetime as dt
import hashlib
import types
import typing
from collections.abc import Mapping
from enum import StrEnum

import attrs

from gateway.domain.codes import Register
from gateway.domain.facts import FACTS, Facts, Source
from gateway.domain.money import Fen


class Kind(StrEnum):
    TEXT = "text"
    CODE = "code"
    ENUM = "enum"
    SET = "set"
    MONEY = "money"
    COUNT = "count"
    DATE = "date"
    BOOL = "bool"


_SPOKEN = {
    Kind.TEXT: ("文字", "text"),
    Kind.CODE: ("代码", "code"),
    Kind.ENUM: ("选项", "option"),
    Kind.SET: ("选项集合", "set of options"),
    Kind.MONEY: ("金额", "money"),
    Kind.COUNT: ("整数", "whole number"),
    Kind.DATE: ("日期", "date"),
    Kind.BOOL: ("是/否", "yes or no"),
}


@attrs.frozen
class Type:
    kind: Kind
    enum: type[StrEnum] | None = None
    """The options, for ENUM and SET."""
    codes: str = ""
    """The code list, for CODE."""

    @property
    def options(self) -> tuple[str, ...]:
        return tuple(m.value for m in self.enum) if self.enum else ()

    def spoken(self) -> tuple[str, str]:
        """Chinese and English name, with the options or the code list where there are any."""
        zh, en = _SPOKEN[self.kind]
        if self.enum:
            return f"{zh} {self.enum.__name__}", f"{en} {self.enum.__name__}"
        return (f"{zh} {self.codes}", f"{en} {self.codes}") if self.codes else (zh, en)


TEXT = Type(Kind.TEXT)
MONEY = Type(Kind.MONEY)
COUNT = Type(Kind.COUNT)
DATE = Type(Kind.DATE)
BOOL = Type(Kind.BOOL)


@attrs.frozen(kw_only=True)
class Fact:
    """One fact as policies see it."""

    name: str
    attribute: str
    type: Type
    optional: bool
    source: Source
    register: Register | None
    personal: bool
    zh: str


def _schema() -> Mapping[str, Fact]:
    found: dict[str, Fact] = {}
    annotations = typing.get_type_hints(Facts)
    for attribute, about in FACTS.items():
        annotation, optional = _without_none(annotations[attribute])
        found[about.name] = Fact(
            name=about.name,
            attribute=attribute,
            type=_type_of(annotation, about.codes),
            optional=optional,
            source=about.source,
            register=about.register,
            personal=about.personal,
            zh=about.zh,
        )
    return types.MappingProxyType(found)


def _without_none(annotation: typing.Any) -> tuple[typing.Any, bool]:
    arguments = typing.get_args(annotation)
    if type(None) not in arguments:
        return annotation, False
    (rest,) = (a for a in arguments if a is not type(None))
    return rest, True


def _type_of(annotation: typing.Any, codes: str) -> Type:
    if typing.get_origin(annotation) is frozenset:
        return Type(Kind.SET, enum=typing.get_args(annotation)[0])
    if annotation is str:
        return Type(Kind.CODE, codes=codes) if codes else TEXT
    plain = {Fen: MONEY, int: COUNT, bool: BOOL, dt.date: DATE}
    if annotation in plain:
        return plain[annotation]
    assert issubclass(annotation, StrEnum), f"no policy type for {annotation}"
    return Type(Kind.ENUM, enum=annotation)


SCHEMA: Mapping[str, Fact] = _schema()
"""Every fact by its name in the policy language."""


def schema_digest() -> str:
    """SHA-256 over names, types and options: two books agree on facts exactly if these agree."""
    lines = [
        "\t".join(
            (f.name, f.type.kind, *f.type.options, f.type.codes, str(f.optional), str(f.register))
        )
        for f in sorted(SCHEMA.values(), key=lambda f: f.name)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
