"""What a design will cost, known before anything is computed: multiply-adds and memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from engine.amounts import bytes_text
from engine.data.recipe import DataRecipe, recipe_summary
from engine.design.findings import DataShape
from engine.errors import DeviceError
from engine.program.first_layer_passes import kernels_for
from engine.program.network import Network
from engine.program.programs import Programs, programs_of, stored_bytes
from engine.program.trace import DataSizes
from engine.project import Project
from engine.settings import TrainingSettings
from engine.tensor.device import Device, OutOfMemoryError
from engine.tensor.devices import expected_workspaces, kernel_names

_TRIES = 8
"""Batch sizes that are planned until one is known to fit."""


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """Multiply-adds of one example, and bytes by kind at the project's batch size."""

    forward: int
    backward: int
    memory: dict[str, int]
    """parameters, gradients, optimizer, activations, workspaces, data."""
    is_exact: bool = True
    """False where workspaces may turn out smaller: nothing is known yet of the convolutions on that device."""

    @property
    def total(self) -> int:
        """Bytes of everything, the data set included."""
        return sum(self.memory.values())

    @property
    def without_data(self) -> int:
        """Bytes of everything but the data set."""
        return sum(size for kind, size in self.memory.items() if kind != "data")


def cost_of(project: Project) -> TrainingCost:
    """The cost of training a valid design; DesignError with its first problem when it is not."""
    summary = recipe_summary(project.data)
    network = Network.of(project.graph, DataShape(summary.image_shape, summary.classes))
    memory, is_exact = _memory(network, project.training, _sizes(project.data))
    forward, backward = multiply_adds(network)
    return TrainingCost(forward, backward, memory, is_exact)


def largest_batch(project: Project, free: int) -> int:
    """The largest batch size with which training, data included, fits into so many bytes; 0 where none does."""
    summary = recipe_summary(project.data)
    network = Network.of(project.graph, DataShape(summary.image_shape, summary.classes))
    return fitting_batch(network, project.training, _sizes(project.data), free)


def fitting_batch(network: Network, settings: TrainingSettings, sizes: DataSizes, free: int) -> int:
    """The same for a network and data of these sizes; never more than there are examples to learn from."""

    def need(batch: int) -> int:
        return sum(_memory(network, msgspec.structs.replace(settings, batch_size=batch), sizes)[0].values())

    most = max(1, sizes.train)
    high, high_need = most, need(most)
    if high_need <= free:
        return most
    one = need(1)
    if one > free:
        return 0
    low, low_need = 1, one
    # Memory grows almost in proportion to the batch: a straight line between two sizes tells where it reaches `free`.
    for _ in range(_TRIES):
        guess = low + int((high - low) * (free - low_need) / (high_need - low_need))
        guess = min(max(guess, low + 1), high - 1)
        if guess in (low, high):
            break
        needed = need(guess)
        if needed <= free:
            low, low_need = guess, needed
        else:
            high, high_need = guess, needed
    return low


def _memory(network: Network, settings: TrainingSettings, sizes: DataSizes) -> tuple[dict[str, int], bool]:
    kernels = kernels_for(settings, kernel_names(settings.device))
    is_mixed = settings.precision == "bfloat16" and "change_type" in kernels
    programs = programs_of(network, settings, sizes, kernels, is_mixed=is_mixed)
    workspaces, is_exact = expected_workspaces(
        settings.device, settings.precision, programs.operations, convolutions=settings.convolutions
    )
    return memory_of(network, settings, sizes, programs, workspaces, is_mixed=is_mixed), is_exact


def memory_of(
    network: Network, settings: TrainingSettings, sizes: DataSizes, programs: Programs, workspaces: int, *,
    is_mixed: bool,
) -> dict[str, int]:  # fmt: skip
    """Bytes by kind (see `TrainingCost`) of training with these programs."""
    channels, height, width = network.image_shape
    an_example = channels * height * width + 4
    return {
        **stored_bytes(network, settings, is_mixed=is_mixed),
        "activations": programs.arena,
        "workspaces": workspaces,
        "data": (sizes.train + sizes.validation + sizes.test) * an_example,
    }


@contextmanager
def told_of_memory(
    network: Network, device: Device, settings: TrainingSettings, sizes: DataSizes
) -> Iterator[Callable[[dict[str, int]], None]]:
    """Memory that a device lacks becomes a DeviceError with numbers and a batch size that fits.

    Yields what is to be called with the bytes by kind before they are taken, but for the workspaces, which are there:
    it refuses them at once where the device has less.
    """
    planned: dict[str, int] = {}
    free = device.free_memory()

    def check(memory: dict[str, int]) -> None:
        nonlocal free
        free = device.free_memory() + memory["workspaces"]
        planned.update(memory)
        if free and _taken(memory, device) > free:
            raise OutOfMemoryError("")

    try:
        yield check
    except OutOfMemoryError as error:
        if not planned:
            planned, _ = _memory(network, settings, sizes)
        raise DeviceError(_too_little(network, device, settings, sizes, planned, free)) from error


def _taken(memory: dict[str, int], device: Device) -> int:
    """Bytes that a training takes: data are where a CPU finds them already."""
    return sum(size for kind, size in memory.items() if kind != "data" or device.has_own_memory)


def _too_little(
    network: Network, device: Device, settings: TrainingSettings, sizes: DataSizes, memory: dict[str, int], free: int
) -> str:  # fmt: skip
    data = 0 if device.has_own_memory else memory["data"]
    batch = settings.batch_size
    fitting = min(fitting_batch(network, settings, sizes, free + data), max(0, batch * 3 // 4))
    own = device.has_own_memory
    resident = f" ({bytes_text(memory['data'])} of it for the data set)" if own else ""
    step = f"Choose a batch size of at most {fitting:,}" if fitting else "Make the network smaller"
    others = (
        ", close other programs that use the GPU, or train on the CPU" if own else " or close other programs"
    )
    needed = bytes_text(_taken(memory, device))
    return (
        f"Training at batches of {batch:,} needs {needed} of memory{resident}, but {device.name} "
        f"({device.description}) has {bytes_text(free)} left. {step}{others}."
    )


def multiply_adds(network: Network) -> tuple[int, int]:
    """Declared multiply-adds of one example: forward, and backward as far as gradients are needed."""
    forward = backward = 0
    learning = network.learning()
    for node in network.nodes:
        cost = network.shapes[node.id].cost
        forward += cost.forward
        if node.id in learning:
            backward += cost.weights_backward
            backward += cost.input_backward if any(s in learning for s in network.sources[node.id]) else 0
    return forward, backward


def _sizes(recipe: DataRecipe) -> DataSizes:
    summary = recipe_summary(recipe)
    validation = round(summary.train_count * recipe.validation_fraction)
    return DataSizes(summary.train_count - validation, validation, 1, summary.test_count)
