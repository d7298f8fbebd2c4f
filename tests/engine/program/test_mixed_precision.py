"""What mixed precision does to a program: types agree wherever a buffer is made and read."""

import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.data.preparation import prepare
from engine.data.recipe import DataRecipe
from engine.design.findings import DataShape
from engine.layers.input import Input
from engine.program.compiled import CompiledNetwork
from engine.program.mixed_precision import lower
from engine.program.network import Network
from engine.program.passes import fuse
from engine.program.plan import plan_memory
from engine.program.store import arena_layout
from engine.program.trace import DataSizes, UpdateRule, trace_evaluation, trace_training, trace_validation
from engine.settings import TrainingSettings
from engine.templates import TEMPLATES
from engine.tensor.array_ops import KERNELS
from engine.tensor.bfloat import rounded_to_bfloat, widened_from_bfloat
from engine.tensor.fused_ops import FUSED_KERNELS
from engine.tensor.numpy_ops import CpuDevice

RECIPE = DataRecipe()
ALL = {**KERNELS, **FUSED_KERNELS}


def network_of(name):
    graph = TEMPLATES[name].build().graph
    (shape,) = (node.layer.shape for node in graph.nodes.values() if isinstance(node.layer, Input))
    return Network.of(graph, DataShape(shape, 10))


def programs(name, kernels=ALL, optimizer="adam_decoupled"):
    network = network_of(name)
    _, decaying, length = arena_layout(network)
    rule = UpdateRule(optimizer, nesterov=False, momentum=0.9, arena=length, decaying=decaying)
    sizes = DataSizes(400, 100, 20)
    training = trace_training(network, "float32", 20, sizes, rule)
    validation = trace_validation(network, "float32", 20, sizes)
    evaluation = trace_evaluation(network, "float32", 20, "test", 100)
    return [fuse(program, kernels) for program in (training, validation, evaluation)]


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("kernels", [(), ALL], ids=["plain", "fused"])
def test_that_products_read_bfloat16_and_what_learns_stays_float32(name, kernels):
    for program in programs(name, kernels):
        mixed = lower(program)
        types = {b.number: b.dtype for b in mixed.buffers}
        for number in mixed.storage:
            assert types[number] in ("float32", "int32")
        for operation in mixed.operations:
            read = [b.dtype for b in operation.inputs if b is not None]
            if operation.name.startswith(("convolution", "linear")):
                assert read[:2] == ["bfloat16", "bfloat16"], operation.name
                assert all(b.name.startswith("rounded/") for b in operation.inputs[1:2] if b and b.name)
            named = {b.name: b.dtype for b in operation.inputs if b is not None}
            assert {named.get("scale", "float32"), named.get("offset", "float32")} == {"float32"}, (
                operation.name
            )
            assert "bfloat16" not in read or not operation.name.startswith("gather"), operation.name
            if operation.name.startswith(("cross_entropy", "record", "sgd")):
                assert "bfloat16" not in read, operation.name
            if operation.name.startswith("normalise"):
                # Maps in 16 bits, and everything a channel in 32.
                for buffer in (*operation.inputs, *operation.outputs):
                    assert buffer.dtype == ("bfloat16" if len(buffer.shape) > 1 else "float32"), (
                        operation.name
                    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_that_nothing_is_read_before_it_is_made(name):
    for program in programs(name):
        mixed = lower(program)
        made = {b.number for b in mixed.buffers if b.name}
        for operation in mixed.operations:
            assert {b.number for b in operation.inputs if b is not None} <= made, operation.name
            made |= {b.number for b in operation.outputs}


def test_that_activations_take_about_half_the_memory():
    (training, *_) = programs("cifar10-model-b")
    assert plan_memory(lower(training)).size < 0.6 * plan_memory(training).size


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adam_decoupled"])
@pytest.mark.parametrize("kernels", [(), ALL], ids=["plain", "fused"])
def test_that_every_update_leaves_a_rounded_copy(optimizer, kernels):
    (training, *_) = programs("mnist", kernels, optimizer)
    last = lower(training).operations[-1]
    names = [b.name for b in (*last.inputs, *last.outputs) if b is not None]
    assert "rounded" in names


@pytest.mark.parametrize("kernels", [(), ALL], ids=["plain", "fused"])
def test_that_averages_are_float32_and_leave_a_rounded_copy(kernels):
    network = network_of("cifar10-best")
    _, decaying, length = arena_layout(network)
    rule = UpdateRule(
        "sgd", nesterov=True, momentum=0.9, arena=length, decaying=decaying, averaging=0.9, states=64
    )
    program = lower(fuse(trace_training(network, "float32", 20, DataSizes(400, 100, 20), rule), kernels))
    averages = [op for op in program.operations if op.name == "average_in"]
    assert [op.inputs[0].name for op in averages] == ["average", "average-states"]
    assert {b.dtype for op in averages for b in op.inputs[:2]} == {"float32"}
    (rounding,) = (op for op in program.operations if op.outputs and op.outputs[0].name == "rounded-average")
    assert (rounding.inputs[0].name, rounding.outputs[0].dtype) == ("average", "bfloat16")


def test_that_two_views_are_averaged_in_float32():
    program = trace_evaluation(network_of("cifar10-best"), "float32", 20, "test", 100, mirrored=True)
    mixed = lower(fuse(program, ALL))
    (average,) = (op for op in mixed.operations if op.name == "average_answers")
    assert {b.dtype for b in (*average.inputs[:2], *average.outputs[:2])} == {"float32"}
    assert [op.attributes["mirrored"] for op in mixed.operations if op.name == "gather_run"] == [False, True]


def test_that_rounding_is_to_nearest_and_keeps_what_is_special():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 3.4e38, 1.00390625, 1.01171875], np.float32)
    values = np.concatenate([values, special])
    expected = torch.from_numpy(values).to(torch.bfloat16)
    widened = widened_from_bfloat(np, rounded_to_bfloat(np, values))
    np.testing.assert_array_equal(widened, expected.to(torch.float32).numpy())


def gradients(device, precision, steps=1):
    network = network_of("mnist")
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (600, 28, 28, 1), dtype=np.uint8)
    labels = (np.arange(600) % 10).astype(np.int32)
    dataset = Dataset("noise", images[:500], labels[:500], images[500:], labels[500:], tuple("0123456789"))
    data = prepare(dataset, RECIPE)
    settings = TrainingSettings(batch_size=50, precision=precision)
    compiled = CompiledNetwork(network, device, settings, data)
    compiled.initialise(1)
    compiled.set_rates(settings)
    order = np.arange(len(data.train_labels), dtype=np.int32)
    compiled.begin_epoch(order, np.zeros(compiled.steps_per_epoch, np.int32), step=0, position=0)
    for _ in range(steps):
        compiled.step()
        compiled.validate()
    return compiled.store.tensors(compiled.store.gradients), compiled


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_that_averages_and_changed_images_on_a_gpu_are_those_of_the_cpu(precision):
    from engine.tensor.cupy_ops import CudaDevice

    project = TEMPLATES["small-resnet"].build()
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    labels = (np.arange(300) % 10).astype(np.int32)
    dataset = Dataset("noise", images[:200], labels[:200], images[200:], labels[200:], tuple("0123456789"))
    recipe = DataRecipe(
        crop_padding=4, border="reflect", mirror=True, rotation=15.0, shift=1.0, contrast=0.2, cutout=8
    )
    data = prepare(dataset, recipe)
    settings = TrainingSettings(
        batch_size=50, precision=precision, optimizer="sgd", nesterov=True, learning_rate=0.001, averaging=0.9,
        test_averaging="mirror",
    )  # fmt: skip
    answers, averages = [], []
    for device in (CpuDevice(2), CudaDevice(0, precision=precision)):
        network = Network.of(project.graph, DataShape((3, 32, 32), 10))
        compiled = CompiledNetwork(network, device, settings, data)
        compiled.initialise(1)
        compiled.set_rates(settings)
        order, starts = np.arange(150, dtype=np.int32), np.zeros(compiled.steps_per_epoch, np.int32)
        for epoch in range(2):
            compiled.begin_epoch(order, starts, step=3 * epoch, position=0)
            for _ in range(3):
                compiled.step()
                compiled.validate()
        answers.append(np.concatenate([found.probabilities for found in compiled.classify("test")]))
        averages.append(device.to_host(compiled.store.average))
        if device.is_mixed:
            rounded = device.to_host(compiled.store.rounded_average)
            np.testing.assert_array_equal(rounded, rounded_to_bfloat(np, averages[-1]))
    tolerance = {"float32": 1e-3, "bfloat16": 5e-2}[precision]
    assert np.linalg.norm(averages[1] - averages[0]) < tolerance * np.linalg.norm(averages[0])
    assert np.abs(answers[1] - answers[0]).max() < tolerance


TOLERANCE = {"float32": 2e-4, "tf32": 2e-2, "bfloat16": 1e-1}
"""Relative error of a whole network's gradients: rounding also moves errors from one winner of a pooling to another."""


@pytest.mark.gpu
@pytest.mark.parametrize("precision", TOLERANCE)
def test_that_gradients_on_a_gpu_are_those_of_float64(precision):
    from engine.tensor.cupy_ops import CudaDevice

    exact, _ = gradients(CpuDevice(2), "float64")
    found, compiled = gradients(CudaDevice(0, precision=precision), precision)
    errors = {key: np.linalg.norm(found[key] - exact[key]) / np.linalg.norm(exact[key]) for key in exact}
    print(precision, {key: f"{error:.1e}" for key, error in errors.items()})
    assert max(errors.values()) < TOLERANCE[precision], errors
    if precision == "bfloat16":
        parameters = compiled.device.to_host(compiled.store.parameters)
        rounded = compiled.device.to_host(compiled.store.rounded)
        np.testing.assert_array_equal(rounded, rounded_to_bfloat(np, parameters))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", TOLERANCE)
def test_that_deterministic_training_on_a_gpu_repeats_every_bit(precision):
    from engine.tensor.cupy_ops import CudaDevice

    runs = [
        gradients(CudaDevice(0, precision=precision, deterministic=True), precision, steps=5)
        for _ in range(2)
    ]
    first, second = (compiled.tensors() for _, compiled in runs)
    for key, tensor in first.items():
        np.testing.assert_array_equal(second[key], tensor, err_msg=key)
    np.testing.assert_array_equal(runs[0][1].history(1, 5), runs[1][1].history(1, 5))
