"""Learning-rate schedules: which share of the set learning rate each step takes.

A share is a function of the settings, of the epochs done and, on a plateau, of the validation losses until then. It
keeps no state, so a resumed run takes the same steps.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.settings import TrainingSettings

Floats = npt.NDArray[np.float64]

ONE_CYCLE_RISE = 0.3
"""Share of training over which a one-cycle schedule rises."""
ONE_CYCLE_START = 1 / 25
"""Share of the learning rate that a one-cycle schedule begins with."""
PLATEAU_THRESHOLD = 1e-4
"""A loss is lower when it is lower by this share of the lowest one."""


def learning_rates(
    settings: TrainingSettings, epoch: int, steps: int, validation_losses: Sequence[float] = ()
) -> Floats:
    """Learning rate of each of the `steps` updates of `epoch` (counted from 0), float64 [steps].

    `validation_losses` are those of the epochs before, of which a plateau schedule alone makes use.
    """
    length = 1.0 / steps
    done = epoch + np.arange(steps, dtype=np.float64) * length
    return settings.learning_rate * _shares(settings, done, length, validation_losses)


def _shares(settings: TrainingSettings, done: Floats, length: float, losses: Sequence[float]) -> Floats:
    """Shares at moments that are counted in epochs from the start of training; a step takes `length` epochs."""
    epochs, final = float(settings.epochs), settings.final_rate
    if settings.schedule == "one_cycle":
        return _one_cycle(done, length, epochs, final)
    rising = settings.warm_up
    share = np.ones(len(done))
    if settings.schedule == "step":
        share = settings.decay_factor ** np.floor(done / settings.decay_every)
    elif settings.schedule == "plateau":
        share *= settings.decay_factor ** plateau_drops(losses, settings.plateau_patience)
    elif settings.schedule in ("linear", "cosine"):
        after = np.clip((done - rising) / max(epochs - rising, length), 0.0, 1.0)
        fall = after if settings.schedule == "linear" else (1 - np.cos(np.pi * after)) / 2
        share = 1 - (1 - final) * fall
    return share * np.minimum(1.0, (done + length) / rising) if rising > 0 else share


def _one_cycle(done: Floats, length: float, epochs: float, final: float) -> Floats:
    """Up to the whole learning rate and down again, each along half a cosine (Smith and Topin 2019)."""
    peak, end = ONE_CYCLE_RISE * epochs - length, epochs - length
    up = np.clip(done / max(peak, length), 0.0, 1.0)
    down = np.clip((done - peak) / max(end - peak, length), 0.0, 1.0)
    rise = 1 + (ONE_CYCLE_START - 1) * (1 + np.cos(np.pi * up)) / 2
    fall = final + (1 - final) * (1 + np.cos(np.pi * down)) / 2
    return np.where(done <= peak, rise, fall)


def plateau_drops(losses: Sequence[float], patience: int) -> int:
    """How often the learning rate has dropped because the loss was no lower for more than `patience` epochs."""
    lowest, waited, drops = np.inf, 0, 0
    for loss in losses:
        if loss < lowest * (1 - PLATEAU_THRESHOLD):
            lowest, waited = loss, 0
        else:
            waited += 1
        if waited > patience:
            drops, waited = drops + 1, 0
    return drops
