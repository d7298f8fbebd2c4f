"""What a run came to, as plain values."""

from typing import Any

import numpy as np

from engine.api import Evaluated, Run, best_epoch, infer


def run_summary(run: Run, examples_per_second: float) -> dict[str, Any]:
    """The results of a run by name, ready for JSON; None stands for what was not measured.

    Losses are negative log likelihoods (`train_total` adds the decay term); those of training and validation, and
    the training accuracy, are means over the last epoch's batches. The accuracies of validation and test are those
    of the whole sets.
    """
    settings = run.project.training
    test, best = _last_evaluation(run), best_epoch(run)
    device, _, description = run.device.partition(": ")
    return {
        "status": run.status,
        "message": run.message,
        "project": run.project.name,
        "data": run.project.data.dataset,
        "device": device,
        "device_description": description,
        "implementations": dict(run.implementations),
        "optimizer": settings.optimizer,
        "learning_rate": settings.learning_rate,
        "schedule": settings.schedule,
        "weight_decay": settings.weight_decay,
        "batch_size": settings.batch_size,
        "seed": settings.seed,
        "threads": run.threads,
        "parameters": infer(run.project.graph).parameter_count,
        "steps": run.step,
        "epochs": _epochs(run),
        "seconds": run.seconds,
        "examples_per_second": examples_per_second,
        "train_loss": _recent(run, "train_loss"),
        "train_total": _recent(run, "train_total"),
        "train_accuracy": _recent(run, "train_accuracy"),
        "validation_loss": _recent(run, "validation_loss"),
        "validation_accuracy": _validation_accuracy(run),
        "best_epoch": None if best is None else best.epoch,
        "best_validation_accuracy": None if best is None else best.accuracy,
        "tested_epoch": _epochs(run) if run.result_step < 0 else run.timeline.epochs_done(run.result_step),
        "test_loss": test.loss if test else None,
        "test_accuracy": test.accuracy if test else None,
        "class_names": list(run.class_names),
        "confusion_matrix": test.confusion if test else None,
    }


def mean_speed(run: Run) -> float:
    """Training examples a second over all of the run; 0 when it took no time."""
    return run.step * run.project.training.batch_size / run.seconds if run.seconds else 0.0


def _last_evaluation(run: Run) -> Evaluated | None:
    """The last look at the whole test set, if it still describes the network as the run left it."""
    found = [event for event in run.evaluations if event.part == "test" and event.step == run.step]
    return found[-1] if found else None


def _epochs(run: Run) -> int | float:
    """Times through the training data; an integer when whole."""
    if not run.timeline.stretches:
        return 0
    whole, position, _ = run.timeline.place(run.step)
    return whole + position / run.steps_per_epoch if position else whole


def whole_validation(run: Run) -> float | None:
    """Accuracy on the whole validation set as the run left it; None when it was not looked at then."""
    found = [
        event.confusion for event in run.snapshots if event.step == run.step and event.confusion is not None
    ]
    return float(np.trace(found[-1]) / found[-1].sum()) if found else None


def _validation_accuracy(run: Run) -> float | None:
    """On the whole validation set as the run left it; failing that, the mean over the last epoch's batches."""
    whole = whole_validation(run)
    return _recent(run, "validation_accuracy") if whole is None else whole


def _recent(run: Run, column: str) -> float | None:
    """Mean of a history column over the last epoch's worth of steps."""
    values = run.history.get(column, np.zeros(0))[-max(run.steps_per_epoch, 1) :]
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if measured.size else None
