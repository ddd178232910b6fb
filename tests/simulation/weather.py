"""What one seed decides: how many gateways there are, and how often what goes wrong."""

from random import Random

import attrs


@attrs.frozen(kw_only=True)
class Weather:
    seed: int
    gateways: int
    clerks: int
    orders: int
    """Instructions drawn; what repeats them or contradicts them comes on top."""
    storm_s: float
    horizon_s: float | None
    """The bank's; None: it names none, and what it does not find is an operator's task."""
    refused: float
    """Share of calls to the database that reach nothing."""
    lost: float
    """Share of its answers that nobody hears, although it was done."""
    slow: float
    """Share of calls that take longer than anybody waits for them."""
    silent: float
    """Share of payments to which the bank does not answer in time, whatever it does with them."""
    lies: float
    """Share of payments that the bank calls refused, and pays."""
    tells: float
    """Of the bank's back office: how often it has something to tell of its own accord."""
    slips: float
    """Share of its letters that say the contrary of what is true of a payment that is settled."""
    changes: float
    """Of the registers: how often a new version comes."""
    restored: bool
    """Whether the database is once put back from an older copy."""
    lives_on: bool
    """Whether gateways may live through that; else all of them die with it."""
    trouble_every_s: float
    """Mean time between two strokes of the nemesis."""
    granted_fen: int
    """Of each indicator: about half of what is asked for fits."""
    cash_max_fen: int

    @classmethod
    def of(cls, seed: int) -> "Weather":
        rng = Random(f"weather/{seed}")
        calm = rng.random() < 0.1
        some = 0.0 if calm else 1.0
        drawn = cls(
            seed=seed,
            slips=0.0,
            gateways=rng.choice((1, 2, 2, 3)),
            clerks=rng.randint(3, 8),
            orders=rng.randint(12, 40),
            storm_s=rng.uniform(4.0, 16.0),
            horizon_s=rng.choice((3.0, 6.0, 10.0, None)),
            refused=some * rng.choice((0.0, 0.02, 0.1)),
            lost=some * rng.choice((0.0, 0.03, 0.12)),
            slow=some * rng.choice((0.0, 0.01, 0.06)),
            silent=some * rng.choice((0.1, 0.3, 0.6)),
            lies=some * rng.choice((0.0, 0.0, 0.15)),
            trouble_every_s=rng.uniform(0.4, 2.0) if some else 1e9,
            granted_fen=rng.choice((150_000, 400_000, 1_000_000)),
            cash_max_fen=rng.choice((60_000, 120_000)),
            tells=rng.choice((0.0, 0.4, 0.9)),
            changes=rng.choice((0.0, 0.3, 0.8)),
            restored=rng.random() < some * 0.3,
            lives_on=rng.random() < 0.7,
        )
        # An older copy in the database's place does not know that it is settled, and believes it.
        slips = some * rng.choice((0.0, 0.15, 0.4))
        return attrs.evolve(drawn, slips=0.0 if drawn.restored else slips)
