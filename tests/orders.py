"""What the bureau orders about a hold, as its two persons answer for it."""

import datetime as dt

from gateway.domain.releases import Person, PersonRole, order_bytes


def order_by_two(decision: bytes, at: dt.datetime) -> bytes:
    """`at`: when both of them did."""
    people = (PersonRole.PROPOSER, "李经办"), (PersonRole.APPROVER, "王复核")
    return order_bytes(
        decision, [Person(role=role, name=name, uri="", at=at) for role, name in people]
    )
