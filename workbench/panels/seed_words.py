"""Groups of runs: what they are called, their mean and spread as curves, and whether they really differ. No Qt."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.api import NoiseVerdict, Run, SeedGroup, compare_groups, design_changes, differing_settings
from workbench.panels.training_settings import WORDS
from workbench.plots.band import Spread
from workbench.plots.series import Floats, Series

_UNMENTIONED = ("seed", "device", "threads")


def group_names(groups: Sequence[SeedGroup]) -> tuple[str, ...]:
    """`learning rate 0.001 (3 seeds)`: that in which the groups differ; else the numbers of the runs."""
    firsts = [group.runs[0] for group in groups]
    differing = sorted(name for name in differing_settings(firsts) if name not in _UNMENTIONED)
    names = []
    for group, first in zip(groups, firsts, strict=True):
        words = [f"{_spoken(name)} {_value(first, name)}" for name in differing]
        words += design_changes(firsts[0].project.graph, first.project.graph)[:2]
        count = len(group.runs)
        numbers = ", ".join(str(place + 1) for place in group.places)
        told = ", ".join(words) or (f"Runs {numbers}" if count > 1 else f"Run {numbers}")
        names.append(f"{told} ({count} seed{'s' * (count != 1)})")
    doubled = {name for name in names if names.count(name) > 1}
    return tuple(
        f"{name} · run {group.places[0] + 1}" if name in doubled else name
        for name, group in zip(names, groups, strict=True)
    )


def _spoken(name: str) -> str:
    return name.removeprefix("data.").replace("_", " ")


def _value(run: Run, name: str) -> str:
    part, _, field = name.rpartition(".")
    value = getattr(run.project.data if part else run.project.training, field)
    return f"{value:g}" if isinstance(value, float) else WORDS.get(str(value), str(value).replace("_", " "))


@dataclass(frozen=True)
class GroupCurve:
    """Mean over the runs of a group at each step that all have, and one standard deviation around it, smoothed."""

    steps: Floats
    mean: Floats
    spread: Spread | None


def group_curve(
    runs: Sequence[Run], column: str, *, factor: float = 1.0, smoothing: float = 0.0
) -> GroupCurve:
    """The curve of a column of the history; the spread is that of the smoothed curves, None of a single run."""
    length = min(run.step for run in runs)
    values = factor * np.array([run.history[column][:length] for run in runs])
    there = np.flatnonzero(~np.isnan(values).any(axis=0))
    values, steps = values[:, there], there.astype(np.float64) + 1.0
    if len(runs) < 2 or not len(there):
        return GroupCurve(steps, values.mean(axis=0) if len(there) else np.empty(0), None)
    smooth = np.array([_smoothed(steps, row, smoothing) for row in values])
    middle, deviation = smooth.mean(axis=0), smooth.std(axis=0, ddof=1)
    return GroupCurve(steps, values.mean(axis=0), Spread(steps, middle - deviation, middle + deviation))


def _smoothed(steps: Floats, values: Floats, weight: float) -> Floats:
    if not weight:
        return values
    series = Series()
    series.append(steps, values)
    return series.smoothed(weight)


def noise_sentence(groups: Sequence[SeedGroup], chosen: Sequence[SeedGroup] = ()) -> str:
    """Whether two groups differ by more than seed noise: the two that are chosen, else the two best; "" without two."""
    pairs = list(chosen) if len(chosen) == 2 else _two_best(groups)
    if len(pairs) < 2:
        return ""
    found = compare_groups(pairs[0], pairs[1])
    if found is None:
        return ""
    first, second = group_names(pairs)
    measure = found.measure[0].upper() + found.measure[1:]
    figures = f"{measure}: {first} {_figure(found, 0)}, {second} {_figure(found, 1)}"
    points = f"{100 * abs(found.difference):.2f} points"
    if found.is_larger is None:
        return (
            f"{figures}. Whether the difference of {points} is more than seed noise cannot be told from one run: "
            "train two seeds or more of each (Train several)."
        )
    test = f"Welch's t-test, p = {found.p:.2g}"
    if found.is_larger:
        return f"{figures}. The difference of {points} is larger than seed noise ({test})."
    return f"{figures}. The difference of {points} is not larger than seed noise ({test})."


def _two_best(groups: Sequence[SeedGroup]) -> list[SeedGroup]:
    if len(groups) < 2 or not any(len(group.runs) > 1 for group in groups):
        return []
    scored = [(group, score) for group in groups if (score := _score(group)) is not None]
    return [group for group, _ in sorted(scored, key=lambda pair: -pair[1])[:2]]


def _score(group: SeedGroup) -> float | None:
    found = compare_groups(group, group)
    return None if found is None else found.means[0]


def _figure(found: NoiseVerdict, place: int) -> str:
    mean, deviation = 100 * found.means[place], 100 * found.deviations[place]
    return f"{mean:.2f} %" if np.isnan(deviation) else f"{mean:.2f} ± {deviation:.2f} %"
