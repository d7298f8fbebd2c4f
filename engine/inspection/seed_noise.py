"""Is a difference between two settings larger than what the seed alone makes: groups of runs, and Welch's t-test."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from engine.inspection.run_comparison import best_epoch
from engine.training.run import Run

SIGNIFICANT = 0.05
"""A difference that chance makes in fewer than one of twenty cases is told as larger than seed noise."""
_PLACES = {"seed": 0, "device": "auto", "threads": 0}
"""Settings that do not make two runs different in kind."""


@dataclass(frozen=True)
class SeedGroup:
    """Runs of the same design, data and settings but for the seed; `places` are their numbers in the project."""

    places: tuple[int, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class NoiseVerdict:
    """Two groups compared: what was measured, mean and standard deviation of each, and Welch's test."""

    measure: str
    """"test accuracy" or "best validation accuracy"."""
    counts: tuple[int, int]
    means: tuple[float, float]
    deviations: tuple[float, float]
    """Sample standard deviations; NaN of a single run."""
    p: float
    """Two-sided; NaN where a group has fewer than two runs."""

    @property
    def difference(self) -> float:
        """Of the means, first minus second."""
        return self.means[0] - self.means[1]

    @property
    def is_larger(self) -> bool | None:
        """Whether the difference is larger than seed noise; None where that cannot be told."""
        return None if math.isnan(self.p) else self.p < SIGNIFICANT


def seed_groups(runs: Sequence[Run]) -> tuple[SeedGroup, ...]:
    """The runs sorted into groups, in the order of their first members; runs that forked stand alone."""
    found: list[tuple[object, list[int]]] = []
    for place, run in enumerate(runs):
        settings = msgspec.structs.replace(run.project.training, **_PLACES)
        key = (run.parent and run.id, settings, run.project.data, run.project.graph)
        for known, places in found:
            if known == key:
                places.append(place)
                break
        else:
            found.append((key, [place]))
    return tuple(SeedGroup(tuple(places), tuple(runs[place] for place in places)) for _, places in found)


def compare_groups(first: SeedGroup, second: SeedGroup) -> NoiseVerdict | None:
    """Compare by test accuracy, or by the best validation accuracy where a run has no test; None without either."""
    for measure, value in (("test accuracy", Run.test_accuracy), ("best validation accuracy", _best)):
        values = [[value(run) for run in group.runs] for group in (first, second)]
        if all(number is not None for numbers in values for number in numbers):
            a, b = (np.array(numbers, np.float64) for numbers in values)
            return NoiseVerdict(
                measure,
                (len(a), len(b)),
                (float(a.mean()), float(b.mean())),
                (_deviation(a), _deviation(b)),
                welch(a, b)[2],
            )
    return None


def _best(run: Run) -> float | None:
    best = best_epoch(run)
    return None if best is None else best.accuracy


def _deviation(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def welch(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Welch's t-test of unequal variances (Welch 1947): t, degrees of freedom, two-sided p; NaN below two values each.

    Groups without any spread are alike (p = 1) or differ for certain (p = 0).
    """
    if len(a) < 2 or len(b) < 2:
        return math.nan, math.nan, math.nan
    parts = [float(values.var(ddof=1)) / len(values) for values in (a, b)]
    gap, spread = float(a.mean() - b.mean()), sum(parts)
    if spread == 0:
        return (0.0, math.inf, 1.0) if gap == 0 else (math.copysign(math.inf, gap), math.inf, 0.0)
    t = gap / math.sqrt(spread)
    freedom = spread**2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (a, b), strict=True))
    return t, freedom, student_tail(t, freedom)


def student_tail(t: float, freedom: float) -> float:
    """P(|T| >= |t|) of Student's distribution: I_x(ν/2, 1/2) with x = ν / (ν + t²)."""
    # Of a small t the share below would be so near to 1 that it has lost its digits.
    if t * t < 1:
        return 1 - incomplete_beta(t * t / (freedom + t * t), 0.5, freedom / 2)
    return incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by Lentz's continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        # The fraction converges fast only on this side of the mean.
        return 1 - incomplete_beta(1 - x, b, a)
    log = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    tiny = 1e-300
    c, d = 1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            d = 1 / (_away_from_zero(1 + term * d, tiny))
            c = _away_from_zero(1 + term / c, tiny)
            step *= c * d
            value *= c * d
        if abs(step - 1) < 1e-15:
            break
    return math.exp(log) * value / a


def _away_from_zero(value: float, least: float) -> float:
    return value if abs(value) > least else least
