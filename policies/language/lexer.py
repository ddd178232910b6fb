"""Cuts a clause into tokens: the lexical part of CEL (cel-spec) that the policy language keeps."""

import re
import unicodedata
from enum import StrEnum

import attrs

from policies.language.errors import ClauseError

CLAUSE_CHARACTERS_MAX = 4_000
TEXT_CHARACTERS_MAX = 64
INT_MAX = 2**63 - 1


class Kind(StrEnum):
    INT = "int"
    TEXT = "text"
    NAME = "name"
    SIGN = "sign"
    END = "end"


@attrs.frozen
class Token:
    kind: Kind
    text: str
    """For TEXT the value with its escapes resolved; otherwise as written."""
    column: int
    """1-based, counted in characters of the whole clause."""


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|//[^\n]*)
    |(?P<float>[0-9]+\.[0-9]*|[0-9]+[eE][+-]?[0-9]+)
    |(?P<int>[0-9]+)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||==|!=|<=|>=|[-<>!+*%()\[\],.])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "t": "\t"}
_NOT_OURS = {
    "/": ("没有除法", "there is no division"),
    "?": ("没有条件运算，请写成 && 和 ||", "there is no ?:, write it with && and ||"),
    "=": ("相等写作 ==", "equality is written =="),
    "&": ("“并且”写作 &&", "'and' is written &&"),
    "|": ("“或者”写作 ||", "'or' is written ||"),
}


def tokens(clause: str) -> tuple[Token, ...]:
    """All tokens of a clause and one END. Raises ClauseError at the first unknown character."""
    if len(clause) > CLAUSE_CHARACTERS_MAX:
        limit = CLAUSE_CHARACTERS_MAX
        raise ClauseError(limit, f"条款超过 {limit} 个字符", f"longer than {limit} characters")
    found: list[Token] = []
    at = 0
    while at < len(clause):
        match = _TOKEN.match(clause, at)
        if match is None:
            raise _unknown(clause, at)
        if match.lastgroup != "space":
            found.append(_token(match, at + 1))
        at = match.end()
    found.append(Token(Kind.END, "", len(clause) + 1))
    return tuple(found)


def _token(match: re.Match[str], column: int) -> Token:
    text = match[0]
    if match.lastgroup == "text":
        return Token(Kind.TEXT, _unescaped(text[1:-1], column), column)
    if match.lastgroup == "int":
        return Token(Kind.INT, _whole(text, column), column)
    if match.lastgroup == "float":
        raise ClauseError(
            column,
            '没有小数；金额写作 yuan("1000.00")',
            'there are no fractions; money is written yuan("1000.00")',
        )
    return Token(Kind(match.lastgroup or ""), text, column)


def _whole(text: str, column: int) -> str:
    if len(text) > 1 and text[0] == "0":
        raise ClauseError(
            column,
            f'整数不能以 0 开头；代码要加引号："{text}"',
            f'an integer has no leading zero; a code is quoted: "{text}"',
        )
    if len(text) > 19 or int(text) > INT_MAX:
        raise ClauseError(column, "整数过大", "the integer is beyond 64 bits")
    return text


def _unescaped(body: str, column: int) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in _ESCAPES:
            raise ClauseError(column, f"未知转义 \\{match[2]}", f"unknown escape \\{match[2]}")
        return _ESCAPES[match[2]]

    text = _ESCAPE.sub(one, body)
    if len(text) > TEXT_CHARACTERS_MAX:
        limit = TEXT_CHARACTERS_MAX
        raise ClauseError(column, f"文字超过 {limit} 个字符", f"text over {limit} characters")
    if any(unicodedata.category(c) == "Cs" for c in text):
        raise ClauseError(column, "文字含有无效字符", "the text holds half a surrogate pair")
    return text


def _unknown(clause: str, at: int) -> ClauseError:
    sign = clause[at]
    if sign in _NOT_OURS:
        zh, en = _NOT_OURS[sign]
        return ClauseError(at + 1, zh, en)
    if sign in "\"'":
        return ClauseError(at + 1, "引号没有结束", "the quoted text has no end")
    plain = unicodedata.normalize("NFKC", sign)
    if plain != sign and plain.isascii():
        return ClauseError(
            at + 1,
            f"“{sign}”是全角字符，请用半角 {plain}",
            f"{sign!r} is full-width, write {plain}",
        )
    if sign in "“”‘’":
        return ClauseError(at + 1, '请用半角引号 "', 'write the plain quote "')
    return ClauseError(at + 1, f"不认识的字符 {sign!r}", f"unknown character {sign!r}")
