"""Paired ratios: what two servers cost in the same round, one right after the other."""

import random
import statistics
from dataclasses import asdict, dataclass

RESAMPLES = 4000


@dataclass
class Ratio:
    median: float
    low: float  # of the median: bootstrap, 95 %
    high: float
    least: float  # of all rounds
    most: float
    rounds: int

    def as_json(self) -> dict:
        return asdict(self)


def paired(costs: list[float | None], reference: list[float | None], seed: int = 1) -> Ratio | None:
    """Rounds in which one of the two failed count for nothing."""
    ratios = [cost / other for cost, other in zip(costs, reference) if cost is not None and other]
    if not ratios:
        return None
    chance = random.Random(seed)
    medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return Ratio(statistics.median(ratios), medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975)],
                 min(ratios), max(ratios), len(ratios))
