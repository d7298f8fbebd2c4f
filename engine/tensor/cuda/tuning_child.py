"""The process that times convolution plans for another one, whose threads go on meanwhile.

cuDNN's frontend builds plans and loads their kernels without giving the interpreter's lock away: whoever times them
stands still for tenths of a second, with all of his threads. So `plan_tuning` starts

    python -m engine.tensor.cuda.tuning_child

and tells it, in lines of JSON, first its `Order`, then a `Question` at a time; the order and every question get one
`Answer`. It ends when nobody is there to ask more. Several of them take turns on the GPU (see `turns`): all build
plans at the same time, but who times them has the GPU to himself.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from engine.errors import DeviceError
from engine.tensor.cuda.convolution_task import Task
from engine.tensor.cuda.plan_cache import KeptPlan, PlanCache
from engine.tensor.cuda.turns import Alone, FileTurns

__all__ = ["Answer", "Order", "Question", "serve"]

Question = tuple[Task, ...]
"""The tasks that would compute an operation; the first that has a plan is taken, and those after it are not tried."""


class Order(msgspec.Struct, frozen=True):
    """What is timed: the plans of one GPU in one precision."""

    index: int
    precision: str
    environment: str
    """As the asker's `convolution_plans.environment`: what is found for another one is worth nothing to him."""
    convolutions: str = "auto"
    """As `CudaDevice` takes it."""
    turns: str = ""
    """The folder of the locks by which several processes take turns on the GPU; "" for one that is alone there."""


class Answer(msgspec.Struct, frozen=True):
    """The fastest plan of each task that was tried, None where there is none; or what went wrong."""

    plans: tuple[KeptPlan | None, ...] = ()
    problem: str = ""


Tune = Callable[[Question], Answer]


def serve(questions: IO[bytes], answers: IO[bytes], begin: Callable[[Order], Tune]) -> None:
    """Answer questions until they end. `begin` makes ready for an order; what it or its `Tune` raises is answered."""

    def tell(answer: Answer) -> None:
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()

    try:
        tune = begin(msgspec.json.decode(questions.readline(), type=Order))
    except Exception as error:  # libraries of a GPU have no common base of their errors
        tell(Answer(problem=_told(error)))
        return
    tell(Answer())
    for line in questions:
        try:
            answer = tune(msgspec.json.decode(line, type=Question))
        except Exception as error:
            answer = Answer(problem=_told(error))
        tell(answer)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def tuner(order: Order) -> Tune:
    """Times plans on the GPU of the order, as a training does that has nobody to do it for it."""
    # Here, so that whoever asks can read what questions look like without these libraries.
    from engine.tensor.cuda.convolution_plans import environment
    from engine.tensor.cuda.cuda_device import CudaDevice

    turns = FileTurns(Path(order.turns)) if order.turns else Alone()
    with turns.shared():
        device = CudaDevice(order.index, precision=order.precision, convolutions=order.convolutions)
    plans = device.plans
    if plans is None:
        raise DeviceError("cuDNN cannot be used")
    here = environment(device.description, order.precision, order.convolutions)
    if here != order.environment:
        raise DeviceError(f"the GPU and its libraries are other ones here: {here}")
    # The asker keeps what is found.
    found = plans.cache = PlanCache(None, here)
    plans.turns = turns

    def tune(question: Question) -> Answer:
        tried: list[KeptPlan | None] = []
        for task in question:
            plan = plans.plan(task, tune=True)
            kept = found.find(repr(task))
            if plan is not None and kept is None:
                raise DeviceError("there is too little memory for a trial")
            tried.append(kept)
            if kept is not None:
                break
        return Answer(tuple(tried))

    return tune


def main() -> None:
    """Answer the process that started this one."""
    # A Ctrl+C in the terminal is for that process, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    # What libraries print must not come between the answers.
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, answers, tuner)
    # The driver takes back all that was held; to take CuPy down in order takes longer.
    os._exit(0)


if __name__ == "__main__":
    main()
