"""A generated, lifelike fiscal day: registers, and instructions with what must become of each.

About nine in ten pass; every family of policies fires; a few are forged, misspelt, sent twice or
sent again with another payee. The same seed gives the same bytes.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from random import Random

import attrs
from msgspec.structs import replace

from deploy.demo.breaches import ordinary_purchase
from deploy.demo.clerk import Clerk
from deploy.demo.messages import message_of
from deploy.demo.misdeeds import REPEATS, misdeeds_on, outcome_of_misdeed
from deploy.demo.register_file import registers_of
from deploy.demo.world import World
from deploy.demo.writers import json_of, voucher_of
from gateway.domain.codes import BusinessType
from gateway.domain.decision import Outcome
from gateway.domain.faults import FaultCode
from gateway.domain.instruction import Instruction, InstructionKey

DIVISION = "220000000"
COUNT_MIN = 60
"""Fewer instructions cannot show everything that the day is there to show."""
VOUCHER_SHARE = 0.36
MESSAGE_SHARE = 0.2
"""ISO 20022, of both versions."""
CHANNEL = "counter"
"""The bank's counter, which carries some agencies' vouchers."""
SIZEABLE_FEN = 10_000_000
"""JL-092 asks from here on whether a bill was paid before."""
_BY_CHANNEL_SHARE = 0.25
_BREACH_SHARE, _FAULT_SHARE, _REPLAY_SHARE, _CONFLICT_SHARE = 0.075, 0.012, 0.012, 0.006


@attrs.frozen(kw_only=True)
class DayItem:
    """One message to the gateway, and what must come of it."""

    format: str
    """`json` or `voucher`."""
    raw: bytes
    key: InstructionKey
    agency: str
    sender: str
    """URI of the party that signs and sends it."""
    outcome: Outcome | None
    """None for a fault."""
    policy: str | None = None
    """The policy that must be among the findings; None if there must be none by what it is."""
    fault: FaultCode | None = None
    forged: bool = False
    """To be signed over other bytes than it carries."""
    replay: bool = False
    after: int | None = None
    """Place in the day of an item whose answer must have come first."""


@attrs.frozen(kw_only=True)
class Day:
    on: dt.date
    registers: bytes
    """JSON of `contract/registers.json`'s shape."""
    items: tuple[DayItem, ...]
    senders: tuple[str, ...]
    """URIs of all parties that send anything, sorted."""


@attrs.frozen
class _Plan:
    """An item in the making: `origin` is the plan that it repeats, or that makes it a misdeed."""

    instruction: Instruction
    item: DayItem
    place: float
    origin: "_Plan | None" = None


def day(
    seed: int, count: int, on: dt.date, *, trust_domain: str = "treasury.demo",
    division: str = DIVISION, series: int = 0,
) -> Day:  # fmt: skip
    """`count` instructions of the legal day `on`, and besides them the replays.

    Another `series` (0-999) has other numbers.

    Raises ValueError for fewer than COUNT_MIN.
    """
    if count < COUNT_MIN:
        raise ValueError(f"a day has at least {COUNT_MIN} instructions")
    world = World(seed, on, division)
    maker = _Maker(Clerk(world, seed, series), Random(f"day/{seed}/{series}"), trust_domain)
    plans = sorted(maker.plans(count), key=lambda plan: plan.place)
    places = {id(plan): number for number, plan in enumerate(plans)}
    items = tuple(
        attrs.evolve(plan.item, after=places[id(plan.origin)]) if plan.origin else plan.item
        for plan in plans
    )
    return Day(
        on=on,
        registers=registers_of(world.registers(), world.payee_names),
        items=items,
        senders=tuple(sorted({item.sender for item in items})),
    )


class _Maker:
    def __init__(self, clerk: Clerk, rng: Random, trust_domain: str) -> None:
        self._clerk = clerk
        self._rng = rng
        self._trust_domain = trust_domain
        self._made = 0
        self._vouchers = 0
        self._messages = 0
        self._bills: set[tuple[str, str, int, str]] = set()

    def plans(self, count: int) -> list[_Plan]:
        misdeeds = misdeeds_on(self._clerk.world.on)
        breaches = max(len(misdeeds), round(count * _BREACH_SHARE))
        faults = max(3, round(count * _FAULT_SHARE))
        replays = max(1, round(count * _REPLAY_SHARE))
        conflicts = max(1, round(count * _CONFLICT_SHARE))
        repeats = [plan for policy in REPEATS for plan in self._repeat(policy)]
        rest = count - breaches - faults - conflicts - len(repeats)
        ordinary = [self._ordinary() for _ in range(rest)]
        policies = list(misdeeds)
        return [
            *ordinary,
            *(self._breach(policies[n % len(policies)]) for n in range(breaches)),
            *repeats,
            *(self._FAULTS[n % len(self._FAULTS)](self) for n in range(faults)),
            *(self._replay(self._rng.choice(ordinary)) for _ in range(replays)),
            *(self._conflict(self._rng.choice(ordinary)) for _ in range(conflicts)),
        ]

    def _ordinary(self) -> _Plan:
        return self._plan(self._once(self._clerk.ordinary), outcome=Outcome.PASS)

    def _once(self, draw: Callable[[], Instruction]) -> Instruction:
        """Of thousands some would by chance be the same bill again, and held as paid twice."""
        while True:
            drawn = draw()
            bill = (drawn.payer.account, drawn.payee.account, drawn.amount_fen, drawn.purpose)
            if bill not in self._bills:
                if drawn.amount_fen >= SIZEABLE_FEN:
                    self._bills.add(bill)
                return drawn

    def _breach(self, policy: str) -> _Plan:
        outcome = outcome_of_misdeed(policy)
        instruction = self._once(lambda: misdeeds_on(self._clerk.world.on)[policy](self._clerk))
        if outcome is Outcome.PASS:
            self._clerk.planned(instruction)
        return self._plan(instruction, outcome=outcome, policy=policy)

    def _repeat(self, policy: str) -> tuple[_Plan, _Plan]:
        """Two payments that are harmless one by one."""
        first, second = REPEATS[policy](self._clerk)
        origin = self._plan(self._clerk.planned(first), outcome=Outcome.PASS)
        plan = self._plan(
            self._clerk.planned(second), outcome=outcome_of_misdeed(policy), policy=policy
        )
        return origin, _Plan(second, plan.item, self._later(origin), origin)

    def _replay(self, origin: _Plan) -> _Plan:
        """The same bytes by the same sender, some time later: the same answer."""
        item = attrs.evolve(origin.item, replay=True)
        return _Plan(origin.instruction, item, self._later(origin), origin)

    def _conflict(self, origin: _Plan) -> _Plan:
        """The same identity with another payee."""
        changed = replace(origin.instruction, payee=self._clerk.company("商贸"))
        item = attrs.evolve(
            origin.item,
            raw=_written(changed, origin.item.format),
            outcome=None,
            fault=FaultCode.INSTRUCTION_CONFLICT,
        )
        return _Plan(changed, item, self._later(origin), origin)

    def _forged(self) -> _Plan:
        plan = self._ordinary_purchase()
        item = attrs.evolve(plan.item, forged=True, outcome=None, fault=FaultCode.SIGNATURE_INVALID)
        return attrs.evolve(plan, item=item)

    def _field_too_many(self) -> _Plan:
        return self._misspelt(
            lambda filled: json_of(filled, approver="王处长"), FaultCode.INSTRUCTION_INVALID
        )

    def _amount_as_number(self) -> _Plan:
        return self._misspelt(
            lambda filled: json_of(filled, amount=filled.amount_fen / 100),
            FaultCode.INSTRUCTION_INVALID,
        )

    def _field_twice(self) -> _Plan:
        return self._misspelt(
            lambda filled: b'{"amount":"1.00",' + json_of(filled)[1:], FaultCode.FIELD_DUPLICATE
        )

    def _with_dtd(self) -> _Plan:
        def written(filled: Instruction) -> bytes:
            dtd = b'<!DOCTYPE MOF [<!ENTITY x "y">]><MOF>'
            return _written(filled, "voucher").replace(b"<MOF>", dtd, 1)

        plan = self._misspelt(written, FaultCode.DTD_REFUSED)
        return attrs.evolve(plan, item=attrs.evolve(plan.item, format="voucher"))

    def _by_a_stranger(self) -> _Plan:
        """One agency signs and sends for another."""
        plan = self._ordinary_purchase()
        stranger = next(
            body.code for body in self._clerk.world.bodies if body.code != plan.item.agency
        )
        item = attrs.evolve(
            plan.item,
            sender=self._agency_uri(stranger),
            outcome=None,
            fault=FaultCode.SENDER_NOT_ENTITLED,
        )
        return attrs.evolve(plan, item=item)

    _FAULTS: Sequence[Callable[["_Maker"], _Plan]] = (
        _forged, _field_too_many, _with_dtd, _by_a_stranger, _field_twice, _amount_as_number,
    )  # fmt: skip

    def _misspelt(self, write: Callable[[Instruction], bytes], fault: FaultCode) -> _Plan:
        plan = self._ordinary_purchase()
        item = attrs.evolve(
            plan.item, raw=write(plan.instruction), format="json", outcome=None, fault=fault
        )
        return attrs.evolve(plan, item=item)

    def _ordinary_purchase(self) -> _Plan:
        return self._plan(ordinary_purchase(self._clerk), outcome=Outcome.PASS)

    def _plan(
        self, instruction: Instruction, *, outcome: Outcome, policy: str | None = None
    ) -> _Plan:
        """Every third or so goes as a voucher, if a voucher can carry what it is judged by."""
        format = "json"
        warned = policy is not None and outcome is Outcome.PASS  # no voucher's answer says that
        if (
            _carried(instruction)
            and not warned
            and self._vouchers < VOUCHER_SHARE * (self._made + 1)
        ):
            format = "voucher"
            self._vouchers += 1
        elif _in_one_message(instruction) and self._messages < MESSAGE_SHARE * (self._made + 1):
            format = "iso20022"
            self._messages += 1
        self._made += 1
        by_channel = format == "voucher" and self._rng.random() < _BY_CHANNEL_SHARE
        agency = instruction.agency_code
        item = DayItem(
            format=format,
            raw=_written(instruction, format),
            key=instruction.key,
            agency=agency,
            sender=self._channel_uri() if by_channel else self._agency_uri(agency),
            outcome=outcome,
            policy=policy,
        )
        return _Plan(instruction, item, self._rng.random())

    def _later(self, origin: _Plan) -> float:
        return origin.place + (1 - origin.place) * self._rng.uniform(0.01, 1)

    def _agency_uri(self, agency: str) -> str:
        return f"spiffe://{self._trust_domain}/agency/{self._clerk.world.division}/{agency}"

    def _channel_uri(self) -> str:
        return f"spiffe://{self._trust_domain}/channel/{self._clerk.world.division}/{CHANNEL}"


def _carried(instruction: Instruction) -> bool:
    """A voucher has no room for standards, card repayments, or a claim beside a contract."""
    return (
        not instruction.items
        and instruction.business_type is not BusinessType.OFFICIAL_CARD_REPAYMENT
        and (instruction.exemption is None or not instruction.contract_no)
    )


def _in_one_message(instruction: Instruction) -> bool:
    """A message of one payment has no details, and needs the payer's account."""
    return not instruction.details and bool(instruction.payer.account)


def _written(instruction: Instruction, format: str) -> bytes:
    if format == "iso20022":
        return message_of(instruction)
    return voucher_of(instruction) if format == "voucher" else json_of(instruction)
