import numpy as np
import pytest
from msgspec.structs import replace

from engine.data.dataset import Dataset
from engine.data.preparation import prepare
from engine.data.recipe import DataRecipe
from engine.design.findings import DataShape
from engine.layers import make_layer
from engine.program import programs as programs_module
from engine.program import update_passes
from engine.program.compiled import CompiledNetwork
from engine.program.network import Network
from engine.settings import TrainingSettings
from engine.templates import chain
from engine.tensor.array_ops import KERNELS
from engine.tensor.fused_ops import FUSED_KERNELS
from engine.tensor.numpy_ops import CpuDevice

SETTINGS = TrainingSettings(batch_size=6, precision="float64", device="cpu")


def network(*middle):
    layers = [make_layer("input", {"shape": (2, 9, 8)}), *middle]
    layers += [make_layer("fully_connected", {"outputs": 3}), make_layer("softmax_classifier")]
    return Network.of(chain(*layers), DataShape((2, 9, 8), 3))


def data():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 9, 8, 2), dtype=np.uint8)
    labels = (np.arange(40) % 3).astype(np.int32)
    dataset = Dataset("noise", images[:30], labels[:30], images[30:], labels[30:], ("a", "b", "c"))
    return prepare(dataset, DataRecipe())


def trained(net, steps=3):
    compiled = CompiledNetwork(net, CpuDevice(2), SETTINGS, data())
    compiled.initialise(1)
    compiled.set_rates(replace(SETTINGS, learning_rate=0.01))
    order = np.arange(len(data().train_labels), dtype=np.int32)
    compiled.begin_epoch(order, np.zeros(compiled.steps_per_epoch, np.int32), step=0, position=0)
    for _ in range(steps):
        compiled.step()
        compiled.validate()
    return compiled


MIDDLES = {
    "conv, relu, pool": [
        make_layer("convolution", {"filters": 4, "size": 3, "padding": 1}), make_layer("relu"),
        make_layer("max_pooling"),
    ],
    "overlapping and padded pooling": [
        make_layer("convolution", {"filters": 4, "size": 3}), make_layer("relu"),
        make_layer("max_pooling", {"size": 3, "stride": 2, "padding": 1}),
    ],
    "fully connected, relu": [make_layer("fully_connected", {"outputs": 5}), make_layer("relu")],
    "relu twice": [make_layer("convolution", {"filters": 4, "size": 3}), make_layer("relu"), make_layer("relu")],
}  # fmt: skip


@pytest.mark.parametrize("middle", MIDDLES.values(), ids=MIDDLES)
def test_that_fused_programs_learn_exactly_what_plain_ones_do(middle, monkeypatch):
    net = network(*middle)
    fused = trained(net)
    monkeypatch.setattr(programs_module, "fuse", lambda program, kernels: program)
    plain = trained(net)
    joined, apart = ({step.name for step in each._training.program.operations} for each in (fused, plain))
    assert joined - apart
    assert apart - joined
    for key, tensor in plain.tensors().items():
        np.testing.assert_allclose(fused.tensors()[key], tensor, rtol=1e-10, atol=1e-13, err_msg=key)


def test_that_a_map_which_someone_else_reads_is_not_fused_away():
    from engine.design import edits

    graph = chain(
        make_layer("input", {"shape": (2, 9, 8)}),
        make_layer("convolution", {"filters": 2, "size": 3, "padding": 1}),
        make_layer("relu"),
        make_layer("add"),
        make_layer("fully_connected", {"outputs": 3}),
        make_layer("softmax_classifier"),
    )
    graph = edits.connect(graph, "convolution-1", "add-1", 1)
    compiled = trained(Network.of(graph, DataShape((2, 9, 8), 3)))
    names = [operation.name for operation in compiled._training.program.operations]
    assert "convolution" in names
    assert "relu" in names


FIRST_LAYERS = {
    **MIDDLES,
    "first layer, pooling, dropout": [
        make_layer("convolution", {"filters": 8, "size": 3, "padding": 1}), make_layer("relu"),
        make_layer("max_pooling"), make_layer("convolution", {"filters": 4, "size": 3, "padding": 1}),
        make_layer("relu"), make_layer("max_pooling"), make_layer("fully_connected", {"outputs": 6}),
        make_layer("relu"), make_layer("dropout", {"keep": 0.5}),
    ],
    "first layer without pooling": [
        make_layer("convolution", {"filters": 8, "size": 3, "padding": 1}), make_layer("relu"),
        make_layer("convolution", {"filters": 4, "size": 3, "padding": 1}), make_layer("relu"),
    ],
    "no biases": [
        make_layer("convolution", {"filters": 8, "size": 3, "bias": False}), make_layer("relu"),
        make_layer("max_pooling"), make_layer("fully_connected", {"outputs": 6, "bias": False}), make_layer("relu"),
        make_layer("dropout", {"keep": 0.5}),
    ],
    "normalised, relu": [
        make_layer("convolution", {"filters": 8, "size": 3, "bias": False}), make_layer("batch_normalisation"),
        make_layer("relu"), make_layer("convolution", {"filters": 4, "size": 3, "bias": False}),
        make_layer("max_pooling"), make_layer("batch_normalisation"), make_layer("relu"),
    ],
    "two products": [
        make_layer("fully_connected", {"outputs": 8}), make_layer("relu"),
        make_layer("fully_connected", {"outputs": 4}), make_layer("relu"),
    ],
    "dropout of a map": [
        make_layer("convolution", {"filters": 8, "size": 3}), make_layer("relu"), make_layer("dropout", {"keep": 0.5}),
        make_layer("max_pooling"),
    ],
}  # fmt: skip
WANTED = {
    "first layer, pooling, dropout": {
        "convolution_relu_pooling", "pooled_weight_gradient", "bias_relu_pooling", "linear_relu_dropout",
        "relu_gradient_sum", "cross_entropy_step", "gather_next", "adam_update_recorded",
    },
    "normalised, relu": {
        "first_convolution", "first_weight_gradient", "normalise_batch_relu", "normalise_batch_relu_gradient",
    },
    "first layer without pooling": {"first_convolution_relu", "rectified_weight_gradient", "relu_gradient_sum"},
}  # fmt: skip


@pytest.mark.parametrize("name", FIRST_LAYERS)
def test_that_what_gpus_fuse_learns_exactly_what_plain_programs_do(name, monkeypatch):
    net = network(*FIRST_LAYERS[name])
    plain = trained(net)
    monkeypatch.setattr(CpuDevice, "__init__", with_generic_kernels(CpuDevice.__init__))
    fused = trained(net)
    names = {operation.name for operation in fused._training.program.operations}
    assert WANTED.get(name, set()) <= names
    assert not names & {"advance", "record_squared_weights", "record_outcome"}
    for key, tensor in plain.tensors().items():
        np.testing.assert_allclose(fused.tensors()[key], tensor, rtol=1e-9, atol=1e-12, err_msg=key)
    np.testing.assert_allclose(fused.history(1, 3), plain.history(1, 3), rtol=1e-10)


def with_generic_kernels(plain):
    def init(self, *arguments):
        plain(self, *arguments)
        self.kernels = {**KERNELS, **FUSED_KERNELS}

    return init


def test_that_products_learn_early_and_exactly_as_they_would_late(monkeypatch):
    net = network(*FIRST_LAYERS["first layer, pooling, dropout"])
    plain = trained(net)
    monkeypatch.setattr(CpuDevice, "__init__", with_generic_kernels(CpuDevice.__init__))
    monkeypatch.setattr(update_passes, "SMALLEST_EARLY", 1)
    early = trained(net)
    names = [operation.name for operation in early._training.program.operations]
    assert names.index("adam_update_early") < names.index("convolution_weight_gradient")
    assert names.index("adam_update_early") > max(
        i for i, name in enumerate(names) if name.startswith("linear")
    )
    for key, tensor in plain.tensors().items():
        np.testing.assert_allclose(early.tensors()[key], tensor, rtol=1e-9, atol=1e-12, err_msg=key)
    np.testing.assert_allclose(early.history(1, 3), plain.history(1, 3), rtol=1e-10)
