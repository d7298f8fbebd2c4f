"""The programs of one training: what a network runs at each step and each look, and the one arena that they share."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from engine.program.mixed_precision import lower
from engine.program.network import Network
from engine.program.passes import fuse
from engine.program.plan import MemoryPlan, plan_memory
from engine.program.store import arena_layout
from engine.program.trace import (
    DataSizes,
    Program,
    UpdateRule,
    slots_of,
    trace_evaluation,
    trace_training,
    trace_validation,
)
from engine.settings import TrainingSettings
from engine.tensor.augmentation import Augmentation


@dataclass(frozen=True)
class Programs:
    """Programs that run one after the other, never at the same time."""

    training: Program
    validation: Program
    evaluation: Program
    """Of the test part; that of another part differs in nothing but the arrays that it reads."""

    @cached_property
    def plans(self) -> tuple[MemoryPlan, MemoryPlan, MemoryPlan]:
        """Where the intermediate buffers of each lie, in the order of the fields."""
        return plan_memory(self.training), plan_memory(self.validation), plan_memory(self.evaluation)

    @property
    def arena(self) -> int:
        """Bytes of the arena that all of them use in turn."""
        return max(plan.size for plan in self.plans)


def number_type(settings: TrainingSettings) -> str:
    """dtype of parameters and of what sums."""
    return "float64" if settings.precision == "float64" else "float32"


def training_program(
    network: Network, settings: TrainingSettings, sizes: DataSizes, augmentation: Augmentation | None = None
) -> Program:
    """One step, as recorded: before any pass."""
    places, decaying, length = arena_layout(network)
    rule = UpdateRule(
        settings.optimizer, nesterov=settings.nesterov, momentum=settings.momentum, arena=length, decaying=decaying,
        places=places,
    )  # fmt: skip
    return trace_training(network, number_type(settings), settings.batch_size, sizes, rule, augmentation)


def programs_of(
    network: Network, settings: TrainingSettings, sizes: DataSizes, kernels: Collection[str], *, is_mixed: bool,
    augmentation: Augmentation | None = None,
) -> Programs:  # fmt: skip
    """The programs of a network as a device with these kernels runs them."""

    def finished(program: Program) -> Program:
        program = fuse(program, kernels)
        return lower(program) if is_mixed else program

    dtype, batch = number_type(settings), settings.batch_size
    return Programs(
        finished(training_program(network, settings, sizes, augmentation)),
        finished(trace_validation(network, dtype, batch, sizes)),
        finished(trace_evaluation(network, dtype, batch, "test", sizes.test)),
    )


def stored_bytes(network: Network, settings: TrainingSettings, *, is_mixed: bool) -> dict[str, int]:
    """Bytes of what outlives a step, by kind: parameters (with states), gradients, optimizer."""
    _, _, length = arena_layout(network)
    width = 8 if settings.precision == "float64" else 4
    states = sum(_count(spec.shape) for spec in network.states.values())
    return {
        "parameters": length * (width + 2 * is_mixed) + states * width,
        "gradients": length * width,
        "optimizer": slots_of(settings.optimizer, settings.momentum) * length * width,
    }


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= int(size)
    return count
