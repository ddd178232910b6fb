"""What the demonstration's agencies make of the gateway's answers."""

from adapters.agency.heard import Heard
from adapters.agency.heard import heard_in as _heard_in
from deploy.demo.agency import GatewayAnswer
from deploy.demo.day import DayItem


def heard_in(item: DayItem, answer: GatewayAnswer) -> Heard:
    return _heard_in(answer.status, answer.body, item.format)
