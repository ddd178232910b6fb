"""Rules written once for every engine: what a row of facts must say for a rule to fire.

Neutral: nothing here is in any engine's own words (bench/emitted.py writes those). A rule is a list
of questions about one fact each, all of which must be answered yes.
"""

import datetime as dt
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from typing import Any, Literal

import attrs

from gateway.domain.facts import Facts, changed
from policies.language.types import SCHEMA, Fact, Kind

Sign = Literal["is", "in", "under", "over"]

YUAN_FEN = 100
ROW_FACTS = 47
"""As many as an instruction has for the policies of a province; rules ask for fewer."""
OFFENDER_EACH, NEAR_EACH = 50, 10
"""Of so many instructions one breaks a rule, and one fails to by a single question."""


@attrs.frozen
class Ask:
    """`fact` equals the value, is one of the values, begins with it, or is more than it."""

    fact: Fact
    sign: Sign
    value: Any

    def holds(self, found: Any) -> bool:
        if found is None:
            return False
        match self.sign:
            case "is":
                return bool(found == self.value)
            case "in":
                return found in self.value
            case "under":
                return str(found).startswith(self.value)
            case "over":
                return bool(found > self.value)

    @property
    def example(self) -> Any:
        """A value of which it holds."""
        match self.sign:
            case "in":
                return self.value[0]
            case "over":
                return self.value + 1
            case _:
                return self.value


@attrs.frozen
class Rule:
    id: str
    asks: tuple[Ask, ...]

    def fires(self, facts: Facts) -> bool:
        return all(ask.holds(getattr(facts, ask.fact.attribute)) for ask in self.asks)


def rules(count_: int) -> tuple[Rule, ...]:
    """So many rules: the same families in the same proportion for any multiple of 44."""
    found: list[Rule] = []
    share = count_ // sum(each for each, _ in FAMILIES)
    for each, family in FAMILIES:
        for asks in islice(map(family, count()), each * share):
            found.append(Rule(f"BN-{len(found):03}", asks))
    assert len(found) == count_, f"{count_} is no multiple of the families' 44"
    return tuple(found)


def _ask(name: str, sign: Sign, value: Any) -> Ask:
    return Ask(SCHEMA[name], sign, value)


def _over(yuan: int) -> Ask:
    return _ask("amount", "over", yuan * YUAN_FEN)


CODES = (
    "310", "309", "307", "311", "312", "313", "31002", "30902", "30101", "30102", "30103", "30106",
    "30107", "30108", "30109", "30110", "30111", "30112", "30114", "30199", "30301", "30302",
    "30303", "30304", "30305", "30306", "30307", "30308", "30309", "30399", "30701", "30702",
    "30901", "30903", "30905", "30906", "30907", "30908", "30913", "30919", "31001", "31003",
)  # fmt: skip
ITEMS = (
    "30201", "30202", "30205", "30206", "30207", "30213", "30226", "30227", "30299", "30211",
    "30215", "30216", "30217", "30231",
)  # fmt: skip
FUNCTIONAL = ("201", "203", "204", "205", "206", "207", "208", "210", "211", "212", "213", "214")
FUNDS = ("2", "3", "12", "13")
CLASS_LENGTH = 3
CLASSES = ("real_fund", "special_purpose", "revenue_collection")


def _nth(values: Sequence[str], n: int) -> str:
    return values[n % len(values)]


def _narrow(asks: tuple[Ask, ...], limit: int, turn: int) -> tuple[Ask, ...]:
    """The first turn is the province's; each later one is a department's own, with less allowed."""
    if turn == 0:
        return (*asks, _over(limit))
    return (*asks, _over(limit * 3 // 4), _ask("agency.code", "is", f"{100 + turn}001"))


def _class_of(n: int) -> Ask:
    """A class of functions, then the divisions under it."""
    turn = n // len(FUNCTIONAL)
    return _ask("functional_code", "under", _nth(FUNCTIONAL, n) + (f"{turn:02}" if turn else ""))


def _cash_for_item(n: int) -> tuple[Ask, ...]:
    code = _ask("dept_economic_code", "under", _nth(CODES, n))
    limit = 200 if len(code.value) == CLASS_LENGTH else 100
    return _narrow((_ask("settlement", "is", "cash"), code), limit, n // len(CODES))


def _cash_large(n: int) -> tuple[Ask, ...]:
    limit = (50_000, 80_000)[n % 2]
    return _narrow((_ask("settlement", "in", ("cash", "cash_cheque")),), limit, n // 2)


def _authorized_large(n: int) -> tuple[Ask, ...]:
    return (_ask("payment_method", "is", "authorized"), _class_of(n), _over(200_000 - 1_000 * n))


def _to_related_account(n: int) -> tuple[Ask, ...]:
    relation = _ask("payee.relation", "in", (("own", "superior"), ("subordinate",))[n // 3 % 2])
    account = _ask("payee.account_class", "is", _nth(CLASSES, n))
    return _narrow((account, relation), 1_000, n // 6)


def _payer_of_class(n: int) -> tuple[Ask, ...]:
    business = _ask("business_type", "is", ("payroll", "batch")[n // 3 % 2])
    return _narrow((_ask("payer.class", "is", _nth(CLASSES, n)), business), 100, n // 6)


def _status(n: int) -> tuple[Ask, ...]:
    name = ("agency.status", "payer.status")[n % 2]
    return _narrow((_ask(name, "is", "suspended"),), (1_000, 5_000)[n // 2 % 2], n // 4)


def _item_large(n: int) -> tuple[Ask, ...]:
    item = _ask("dept_economic_code", "is", _nth(ITEMS, n))
    return _narrow((item,), 30_000, n // len(ITEMS))


def _fund_for_item(n: int) -> tuple[Ask, ...]:
    fund = _ask("fund_code", "under", _nth(FUNDS, n))
    return (fund, _ask("dept_economic_code", "under", CODES[n // len(FUNDS)]))


def _person_large(n: int) -> tuple[Ask, ...]:
    return (_ask("payee.kind", "is", "person"), _class_of(n), _over(20_000 - 100 * n))


FAMILIES: tuple[tuple[int, Callable[[int], tuple[Ask, ...]]], ...] = (
    (8, _cash_for_item),
    (2, _cash_large),
    (4, _authorized_large),
    (6, _to_related_account),
    (4, _payer_of_class),
    (4, _status),
    (8, _item_large),
    (4, _fund_for_item),
    (4, _person_large),
)
"""How many of 44, and the n-th of them."""


def bent(
    lawful: Sequence[Facts], broken: Sequence[Rule], seed: int = 1,
    offender_each: int = OFFENDER_EACH, near_each: int = NEAR_EACH,
) -> list[Facts]:  # fmt: skip
    """The same instructions, some of them bent so that they break a rule or very nearly do."""
    rng = random.Random(seed)
    turn = iter(_shuffled(broken, rng))
    found = []
    for number, facts in enumerate(lawful):
        if number % offender_each == 0:
            facts = _with(facts, next(turn).asks)
        elif number % near_each == 1:
            asks = list(rng.choice(broken).asks)
            asks.pop(rng.randrange(len(asks)))
            near = _with(facts, asks)
            facts = facts if any(rule.fires(near) for rule in broken) else near
        found.append(facts)
    return found


def _shuffled(broken: Sequence[Rule], rng: random.Random) -> Iterator[Rule]:
    """Every rule once before any comes again."""
    while True:
        yield from rng.sample(broken, len(broken))


def _with(facts: Facts, asks: Sequence[Ask]) -> Facts:
    return changed(facts, **{a.fact.attribute: typed(a.fact, a.example) for a in asks})


def typed(fact: Fact, value: Any) -> Any:
    return fact.type.enum(value) if fact.type.enum else value


def row_facts(asked: Sequence[Rule]) -> tuple[Fact, ...]:
    """What a row for another engine holds: all that is asked, filled up with other facts."""
    wanted = {ask.fact.attribute: ask.fact for rule in asked for ask in rule.asks}
    plain = [f for f in SCHEMA.values() if f.type.kind not in (Kind.SET, Kind.DATE)]
    for fact in plain:
        if len(wanted) < ROW_FACTS and not (fact.optional and not _says_text(fact)):
            wanted.setdefault(fact.attribute, fact)
    return tuple(wanted.values())


def _says_text(fact: Fact) -> bool:
    return fact.type.kind in (Kind.TEXT, Kind.CODE, Kind.ENUM)


def row(facts: Facts, of: Sequence[Fact]) -> dict[str, str | int | bool]:
    """Plain values by attribute; what is absent is empty text, which no rule asks for."""
    found: dict[str, str | int | bool] = {}
    for fact in of:
        value = getattr(facts, fact.attribute)
        found[fact.attribute] = ("" if value is None else str(value)) if _says_text(fact) else value
    return found


TODAY = dt.date(2026, 6, 1)
