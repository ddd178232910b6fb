"""How old registers may be, and what the bank is allowed, in the types of those who judge it."""

import datetime as dt

from adapters.postgres.registers.shelf import AgeLimits
from gateway.domain.conduct_rules import Allowances
from gateway.settings import Settings


def age_limits_of(settings: Settings) -> AgeLimits:
    chosen = settings.registers
    return AgeLimits(
        register=dt.timedelta(seconds=chosen.age_max_s),
        registers={name: dt.timedelta(seconds=limit) for name, limit in chosen.ages.items()},
    )


def allowances_of(settings: Settings) -> Allowances:
    chosen = settings.conduct
    return Allowances(
        day_end_minute=chosen.day_end_minute,
        day_start_minute=chosen.day_start_minute,
        records=dt.timedelta(seconds=chosen.records_s),
        notices=dt.timedelta(seconds=chosen.notices_s),
        task_workdays=chosen.task_workdays,
        look_back=dt.timedelta(days=chosen.look_back_days),
    )
