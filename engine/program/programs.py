"""The programs of one training: what a network runs at each step and each look, and the one arena that they share."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from engine.program.mixed_precision import lower
from engine.program.network import Network
from engine.program.passes import fuse
from engine.program.plan import MemoryPlan, plan_memory
from engine.program.store import arena_layout, state_layout
from engine.program.trace import (
    DataSizes,
    Operation,
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

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Of all programs."""
        return (*self.training.operations, *self.validation.operations, *self.evaluation.operations)

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
        places=places, averaging=settings.averaging, states=state_layout(network)[1],
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
        finished(evaluation_program(network, settings, "test", sizes.test)),
    )


def evaluation_program(network: Network, settings: TrainingSettings, part: str, count: int) -> Program:
    """What classifies a whole part of the data, as recorded: before any pass."""
    mirrored = settings.test_averaging == "mirror"
    return trace_evaluation(
        network, number_type(settings), settings.batch_size, part, count, mirrored=mirrored
    )


def stored_bytes(network: Network, settings: TrainingSettings, *, is_mixed: bool) -> dict[str, int]:
    """Bytes of what outlives a step, by kind: parameters (with states and averages), gradients, optimizer."""
    _, _, length = arena_layout(network)
    width = 8 if settings.precision == "float64" else 4
    parameters = length * (width + 2 * is_mixed) + state_layout(network)[1] * width
    return {
        "parameters": parameters * (2 if settings.averaging else 1),
        "gradients": length * width,
        "optimizer": slots_of(settings.optimizer, settings.momentum) * length * width,
    }
