"""How a training ended, in sentences that say what to do where there is something to do."""


def stopped(step: int, total: int) -> str:
    """Before its last step."""
    return f"Stopped after {step} of {total} steps; what was learned is kept."


def test_stopped(total: int) -> str:
    """After the last step, while the test set was looked at."""
    return f"Trained all {total} steps, but the test was stopped; what was learned is kept."


def finished(done: str, accuracy: float, best: int | None) -> str:
    """All went well; `best` is the epoch whose weights were tested, where that is not the last."""
    weights = "" if best is None else f" with the weights of epoch {best}, the best"
    return f"{done}: test accuracy {100 * accuracy:.2f} %{weights}."


def done_early(epoch: int, patience: int) -> str:
    """What was done when no epoch was better for as long as the user bears it."""
    return f"Ended early after epoch {epoch}, since none was better for {_counted(patience, 'epoch')}"


def done_all(epochs: int) -> str:
    """What was done when all epochs were."""
    return f"Finished {_counted(epochs, 'epoch')}"


def diverged(step: int, rate: float) -> str:
    """A loss or a gradient was not finite any more."""
    return (
        f"The loss or its gradients grew beyond all numbers by step {step}, so training was stopped; "
        f"the parameters are those of before. Try a smaller learning rate than {rate:g}, then train again."
    )


def broken_off(error: Exception, step: int) -> str:
    """Something outside of the maths failed: a device, the memory, a file."""
    if isinstance(error, MemoryError):
        return (
            f"The memory was full after step {step:,}; what was learned is kept. Close other programs and resume the "
            "run, or fork it with a smaller batch size."
        )
    if isinstance(error, OSError):
        name = f"“{error.filename}”" if error.filename else "a file"
        reason = error.strerror.lower() if error.strerror else "the system gave an error"
        return (
            f"Training could not go on after step {step:,} because of {name} ({reason}); what was learned is kept. "
            "Put that right, then resume the run."
        )
    return str(error)


def too_large_a_batch(wanted: float, kept: float) -> str:
    """A batch size that was asked for in mid-training has no room."""
    return f"There is too little memory for a batch size of {wanted:g}: training goes on with {kept:g}."


def stopped_before_batch(wanted: float, kept: float) -> str:
    """A stop came while a network was compiled for a batch size that was asked for in mid-training."""
    return (
        f"Stopped before the network was ready for a batch size of {wanted:g}: the run stays with {kept:g}."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
