"""What agencies want paid in one run: more than there is money for, and some of it twice."""

import datetime as dt
from collections.abc import Iterator
from random import Random

import attrs
from msgspec.structs import replace

from gateway.domain.codes import Settlement
from gateway.domain.instruction import Instruction, Received
from gateway.domain.registers import Registers
from tests.pipeline.fakes import INDICATOR, SENDER, instruction, registers
from tests.simulation.rules import BLOCKED, HELD
from tests.simulation.weather import Weather

PURPOSE = "办公楼电梯维修"
INDICATORS = tuple(f"{INDICATOR[:-1]}{place}" for place in range(1, 4))


@attrs.frozen
class Order:
    """Bytes that an agency sends; several orders may claim one identity."""

    instruction: Instruction
    received: Received


def registers_of(weather: Weather, as_of: dt.datetime) -> Registers:
    one = registers(weather.granted_fen)
    row = one.indicators[INDICATOR]
    return attrs.evolve(one, as_of=as_of, indicators={id: replace(row, id=id) for id in INDICATORS})


def draw(weather: Weather) -> list[Order]:
    """In the order in which they are sent; repeats and contradictions stand anywhere after."""
    rng = Random(f"orders/{weather.seed}")
    orders = list(_drawn(weather, rng))
    for first in rng.sample(orders, len(orders) // 3):
        place = rng.randint(orders.index(first) + 1, len(orders))
        if rng.random() < 0.7:
            orders.insert(place, first)
        else:
            other = replace(
                first.instruction, payee=replace(first.instruction.payee, name="另一家")
            )
            orders.insert(place, _order(other, b"/other"))
    return orders


def _drawn(weather: Weather, rng: Random) -> Iterator[Order]:
    for number in range(1, weather.orders + 1):
        kind = rng.random()
        purpose = BLOCKED if kind < 0.12 else HELD if kind < 0.32 else PURPOSE
        settlement = Settlement.CASH if rng.random() < 0.25 else Settlement.TRANSFER
        yield _order(
            instruction(
                str(number),
                amount=rng.choice((10_000, 20_000, 30_000, 55_000)),
                indicator_id=rng.choice(INDICATORS),
                purpose=purpose,
                settlement=settlement,
            )
        )


def _order(order: Instruction, mark: bytes = b"") -> Order:
    raw = order.key.voucher_no.encode() + mark
    return Order(order, Received(raw=raw, format="json", signature="s", party=SENDER))
