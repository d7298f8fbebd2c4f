"""What a design will cost, known before anything is computed: multiply-adds and memory."""

from dataclasses import dataclass

from engine.data.recipe import DataRecipe, recipe_summary
from engine.design.inference import DataShape
from engine.program.mixed_precision import lower
from engine.program.network import Network
from engine.program.passes import fuse
from engine.program.plan import plan_memory
from engine.program.store import arena_layout
from engine.program.trace import DataSizes, UpdateRule, slots_of, trace_training, trace_validation
from engine.project import Project
from engine.tensor.devices import kernel_names


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """Multiply-adds of one example, and bytes by kind at the project's batch size."""

    forward: int
    backward: int
    memory: dict[str, int]
    """parameters, gradients, optimizer, activations, data."""


def cost_of(project: Project) -> TrainingCost:
    """The cost of training a valid design; DesignError with its first problem when it is not."""
    settings = project.training
    summary = recipe_summary(project.data)
    network = Network.of(project.graph, DataShape(summary.image_shape, summary.classes))
    dtype = "float64" if settings.precision == "float64" else "float32"
    width = 8 if dtype == "float64" else 4
    places, decaying, length = arena_layout(network)
    slots = slots_of(settings.optimizer, settings.momentum)
    rule = UpdateRule(
        settings.optimizer,
        nesterov=settings.nesterov,
        momentum=settings.momentum,
        arena=length,
        decaying=decaying,
        places=places,
    )
    kernels, sizes = kernel_names(settings.device), _sizes(project.data)
    training = fuse(trace_training(network, dtype, settings.batch_size, sizes, rule), kernels)
    validation = fuse(trace_validation(network, dtype, settings.batch_size, sizes), kernels)
    is_mixed = settings.precision == "bfloat16" and "change_type" in kernels
    if is_mixed:
        training, validation = lower(training), lower(validation)
    forward, backward = multiply_adds(network)
    pixels = summary.image_shape[0] * summary.image_shape[1] * summary.image_shape[2]
    memory = {
        "parameters": length * (width + 2 * is_mixed),
        "gradients": length * width,
        "optimizer": slots * length * width,
        "activations": plan_memory(training).size + plan_memory(validation).size,
        "data": (summary.train_count + summary.test_count) * pixels,
    }
    return TrainingCost(forward, backward, memory)


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
    return DataSizes(summary.train_count - validation, validation, 1)
