"""Several trainings at once: seeds × settings × designs, and the devices that they are worked off on."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import msgspec

from engine.errors import GaborError, TrainingError
from engine.project import Project
from engine.tensor.devices import DeviceInfo
from engine.tensor.numpy_ops import core_count
from engine.training.named_settings import check_values, spoken, spoken_value, with_setting

MOST_VARIANTS = 1000
"""More runs than that are a slip of the pen."""
_DOTS = re.compile(r"\s*(?:\.\.|-|–|…)\s*")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")


@dataclass(frozen=True)
class Variant:
    """One training of a sweep: what to train, and in what it differs from the others in a few words."""

    project: Project
    label: str
    varied: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The values of the settings that vary, by name (see `engine.training.named_settings`)."""


@dataclass(frozen=True)
class Slot:
    """A place where one training runs at a time; `threads` of the CPU, 0 on a GPU."""

    device: str
    threads: int = 0


def variants(
    designs: Sequence[tuple[str, Project]], seeds: Sequence[int], values: Mapping[str, Sequence[Any]]
) -> tuple[Variant, ...]:
    """Every design with every combination of setting values and every seed; seeds of the same settings are neighbours.

    `values` are of settings of training, data or nodes by name, as `setting_values` gives them. TrainingError in words
    when there are too many, a value is out of range or a design has no such setting. A name of a design stands in the
    label only where there are several.
    """
    settings = [
        [(name, value) for value in dict.fromkeys(chosen)] for name, chosen in values.items() if chosen
    ]
    seeds = tuple(dict.fromkeys(seeds))
    count = len(designs) * max(len(seeds), 1)
    for choices in settings:
        count *= len(choices)
    if count > MOST_VARIANTS:
        raise TrainingError(f"These would be {count:,} runs; at most {MOST_VARIANTS:,} fit into a queue.")
    found = []
    for (name, project), *chosen in itertools.product(designs, *settings):
        project = _changed(project, chosen, name if len(designs) > 1 else "")
        for seed in seeds or (project.training.seed,):
            training = msgspec.structs.replace(project.training, seed=seed)
            words = [name] if len(designs) > 1 and name else []
            words += [f"{spoken(setting)} {spoken_value(value)}" for setting, value in chosen]
            words += [f"seed {seed}"] if len(seeds) > 1 or not words else []
            varied = MappingProxyType(dict(chosen))
            found.append(Variant(replace(project, training=training), ", ".join(words), varied))
    return tuple(found)


def _changed(project: Project, chosen: Sequence[tuple[str, Any]], design: str) -> Project:
    try:
        for setting, value in chosen:
            project = with_setting(project, setting, value)
        check_values(project)
    except GaborError as error:
        raise TrainingError(f"{design}: {error}" if design else str(error)) from error
    return project


def whole_numbers(text: str) -> tuple[int, ...]:
    """`1, 2, 5..8` as numbers; TrainingError for anything else. Nothing gives nothing."""
    found: list[int] = []
    for part in filter(None, re.split(r"[,;\s]+", _DOTS.sub("..", text))):
        both = _RANGE.fullmatch(part)
        if both:
            low, high = int(both[1]), int(both[2])
            if not low <= high <= low + MOST_VARIANTS:
                raise TrainingError(f"'{part}' is no range of at most {MOST_VARIANTS:,} numbers.")
            found.extend(range(low, high + 1))
        elif re.fullmatch(r"\d{1,18}", part):
            found.append(int(part))
        else:
            raise TrainingError(f"'{part}' is no whole number and no range such as 1..5.")
    return tuple(dict.fromkeys(found))


def slots(found: Sequence[DeviceInfo], device: str, at_once: int, cores: int = 0) -> tuple[Slot, ...]:
    """Where trainings run: every GPU one, or `at_once` on the CPU with its cores shared out.

    `device` is a project's wish: "auto" takes the GPUs where there are any, "cuda" all of them. `cores` 0: all of them.
    """
    gpus = tuple(Slot(info.name) for info in found if info.name.startswith("cuda"))
    if device in ("auto", "cuda") and gpus:
        return gpus
    if device not in ("auto", "cpu"):
        return (Slot(device),)
    cores = cores or core_count()
    count = max(1, min(at_once, cores))
    return tuple(Slot("cpu", cores // count + (place < cores % count)) for place in range(count))


def placed(project: Project, slot: Slot) -> Project:
    """The project as it is trained in a slot."""
    training = msgspec.structs.replace(project.training, device=slot.device)
    if slot.threads:
        training = msgspec.structs.replace(training, threads=slot.threads)
    return replace(project, training=training)
