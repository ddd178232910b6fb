"""The instructions of a measurement: spread over many indicators, on one, or against the law.

All are drawn before the registers are written, so that the registers grant what they will take.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle

from deploy.demo.agency import signed_request
from deploy.demo.breaches import BREACHES, ordinary_purchase
from deploy.demo.clerk import Clerk
from deploy.demo.day import DIVISION
from deploy.demo.identities import TRUST_DOMAIN
from deploy.demo.register_file import registers_of
from deploy.demo.world import World
from deploy.demo.writers import json_of
from gateway.domain.instruction import Instruction
from gateway.domain.money import Fen

ITEMS = ("30201", "30202", "30205", "30206", "30207", "30213", "30226", "30227", "30299")
"""Economic items that any agency may pay for by transfer."""
GRANT_FEN = Fen(10**14)
"""On each indicator: a measurement never runs out of money."""
_PATH, _MEDIA = "/v1/instructions", "application/json"

Sign = Callable[[bytes], str]
"""Detached JWS (RFC 7797) over exactly these bytes."""


class Workload:
    """`spread`, `hot` and `refused` give as many instructions as are asked for, never one twice."""

    def __init__(self, seed: int, on: dt.date) -> None:
        self._world = World(seed, on, DIVISION)
        self._clerk = Clerk(self._world, seed, 0)
        self._breaches = cycle(BREACHES.values())

    def spread(self, count: int) -> list[Instruction]:
        """Ordinary purchases by all agencies, over some hundreds of indicators."""
        return [self._purchase(ITEMS[n % len(ITEMS)]) for n in range(count)]

    def hot(self, count: int) -> list[Instruction]:
        """Ordinary purchases of one agency on one indicator."""
        body = self._world.bodies[0]
        return [self._granted(ordinary_purchase(self._clerk, body)) for _ in range(count)]

    def refused(self, count: int) -> list[Instruction]:
        """What the first dozen policies hold or block, in turn."""
        return [next(self._breaches)(self._clerk) for _ in range(count)]

    def registers(self) -> bytes:
        """What `registers load` takes; call it when all instructions are drawn."""
        return registers_of(self._world.registers(), self._world.payee_names)

    def _purchase(self, item: str) -> Instruction:
        clerk = self._clerk
        body = clerk.rng.choice(self._world.bodies)
        payee, amount = clerk.company("办公用品"), clerk.amount(300, 9000)
        drafted = clerk.draft(body, item, payee, amount, "购办公文具一批",
                              documents=(clerk.invoice(),))  # fmt: skip
        return self._granted(drafted)

    def _granted(self, instruction: Instruction) -> Instruction:
        self._world.planned[instruction.indicator_id] = GRANT_FEN
        return instruction


def sender_of(instruction: Instruction) -> str:
    """URI of the agency that signs it."""
    return f"spiffe://{TRUST_DOMAIN}/agency/{DIVISION}/{instruction.agency_code}"


def to_gateway(
    instructions: list[Instruction], host: str, sign: Mapping[str, Sign]
) -> Iterator[bytes]:
    """Signed requests, whole."""
    for instruction in instructions:
        raw = json_of(instruction)
        yield signed_request((_PATH, _MEDIA), raw, sign[sender_of(instruction)](raw), host)


def to_bank(instructions: list[Instruction], host: str) -> Iterator[bytes]:
    """The same instructions as the gateway itself would hand them to the bank core."""
    for instruction in instructions:
        raw = json_of(instruction)
        head = (
            f"POST /v1/payments HTTP/1.1\r\nHost: {host}\r\nContent-Type: {_MEDIA}\r\n"
            f"Instruction-Key: {instruction.key}\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        yield head.encode() + raw
