"""Layers against PyTorch in float64: forward and gradients."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.layers import Layer, make_layer
from engine.tensor.spec import TensorSpec
from tests.engine.layers.layer_run import LayerRun

torch.set_num_threads(1)
CLOSE = {"rtol": 1e-11, "atol": 1e-12}
Torch = dict[str, torch.Tensor]


def to_torch(x: np.ndarray) -> torch.Tensor:
    """[N, H, W, C] as a leaf [N, C, H, W]."""
    return torch.tensor(np.ascontiguousarray(x.transpose(0, 3, 1, 2)), requires_grad=True)


def from_torch(x: torch.Tensor) -> np.ndarray:
    """[N, C, H, W] or [N, C] as [N, H, W, C]."""
    array = x.detach().numpy()
    return array[:, None, None, :] if array.ndim == 2 else array.transpose(0, 2, 3, 1)


def compare(
    layer: Layer,
    shapes: list[tuple[int, int, int]],
    function: Callable[..., torch.Tensor],
    *,
    change: Callable[[LayerRun], None] = lambda run: None,
    batch: int = 3,
) -> LayerRun:
    """`function(*inputs, **parameters)` in PyTorch must give the layer's output and gradients."""
    run = LayerRun(layer, [TensorSpec.of(*shape) for shape in shapes], batch=batch)
    change(run)
    y, by_inputs = run.backward()
    inputs = [to_torch(x) for x in run.inputs]
    parameters = {
        name: torch.tensor(run.canonical(name, value), requires_grad=True)
        for name, value in run.parameters.items()
    }
    expected = function(*inputs, **parameters)
    np.testing.assert_allclose(y, from_torch(expected), **CLOSE)
    weights = torch.tensor(run.weights)
    seen = expected[:, :, None, None] if expected.ndim == 2 else expected
    (seen.permute(0, 2, 3, 1) * weights).sum().backward()
    for x, gradient in zip(inputs, by_inputs, strict=True):
        assert x.grad is not None
        np.testing.assert_allclose(gradient, from_torch(x.grad), **CLOSE)
    for name, parameter in parameters.items():
        assert parameter.grad is not None
        np.testing.assert_allclose(
            run.canonical(name, run.gradients[name]), parameter.grad.numpy(), **CLOSE, err_msg=name
        )
    return run


def sides(padding: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) as PyTorch's `pad` has it: the last axis first."""
    return padding[2], padding[3], padding[0], padding[1]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("shape", "filters", "size", "stride", "padding", "dilation", "groups"),
    [
        ((3, 7, 6), 4, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
        ((3, 7, 6), 4, (5, 5), (1, 1), (2, 2, 2, 2), (1, 1), 1),
        ((2, 8, 9), 3, (3, 2), (2, 3), (0, 0, 0, 0), (1, 1), 1),
        ((2, 8, 9), 3, (3, 2), (2, 3), (2, 1, 0, 3), (1, 1), 1),
        ((4, 9, 8), 6, (3, 3), (1, 1), (0, 2, 1, 1), (2, 3), 2),
        ((4, 9, 8), 4, (3, 2), (2, 1), (1, 1, 1, 1), (2, 1), 4),
        ((6, 5, 5), 3, (2, 2), (1, 2), (0, 0, 0, 0), (1, 1), 3),
        ((2, 3, 3), 3, (1, 1), (1, 1), (2, 2, 1, 0), (1, 1), 1),
        ((3, 4, 4), 2, (4, 4), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    ],
)
def test_that_convolution_agrees_with_pytorch(
    shape: tuple[int, int, int],
    filters: int,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
    groups: int,
    bias: bool,
) -> None:
    layer = make_layer(
        "convolution",
        {
            "filters": filters, "size": size, "stride": stride, "padding": padding, "dilation": dilation,
            "groups": groups, "bias": bias,
        },
    )  # fmt: skip

    def expected(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        padded = functional.pad(x, sides(padding))
        return functional.conv2d(padded, weight, bias, stride, 0, dilation, groups)

    compare(layer, [shape], expected)


def test_that_convolution_over_more_patches_than_fit_at_once_agrees_with_pytorch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.tensor.array_ops.windows.PATCH_BYTES", 20_000)
    for groups, stride in ((1, 1), (2, 2)):
        layer = make_layer("convolution", {"filters": 4, "size": 3, "groups": groups, "stride": stride})

        def expected(
            x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, how: tuple[int, int] = (stride, groups)
        ) -> torch.Tensor:
            return functional.conv2d(x, weight, bias, how[0], 0, 1, how[1])

        compare(layer, [(4, 8, 8)], expected, batch=7)


POOLINGS = [
    ((2, 6, 6), (2, 2), (2, 2), (0, 0, 0, 0)),
    ((2, 7, 5), (2, 2), (2, 2), (0, 0, 0, 0)),
    ((2, 7, 8), (3, 3), (2, 2), (0, 0, 0, 0)),
    ((2, 7, 8), (3, 3), (2, 2), (1, 1, 1, 1)),
    ((3, 7, 8), (3, 2), (1, 2), (1, 0, 0, 1)),
    ((1, 6, 9), (2, 5), (1, 1), (1, 1, 3, 4)),
]


@pytest.mark.parametrize(("shape", "size", "stride", "padding"), POOLINGS)
@pytest.mark.parametrize("ties", [False, True])
def test_that_max_pooling_agrees_with_pytorch(
    shape: tuple[int, int, int],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    ties: bool,
) -> None:
    layer = make_layer("max_pooling", {"size": size, "stride": stride, "padding": padding})

    def make_ties(run: LayerRun) -> None:
        if ties:
            run.inputs[0][...] = np.round(run.inputs[0]) - 3

    compare(
        layer,
        [shape],
        lambda x: functional.max_pool2d(functional.pad(x, sides(padding), value=-float("inf")), size, stride),
        change=make_ties,
    )


def test_that_the_first_of_equal_maxima_wins_the_error() -> None:
    run = LayerRun(make_layer("max_pooling"), [TensorSpec.of(1, 4, 4)], batch=1)
    run.inputs[0][...] = 7.0
    y, backward = run.forward()
    (gradient,) = backward(np.ones_like(y))
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(gradient[0, :, :, 0], expected)


@pytest.mark.parametrize(("shape", "size", "stride", "padding"), POOLINGS)
def test_that_average_pooling_counts_its_padding_as_pytorch_does(
    shape: tuple[int, int, int],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
) -> None:
    layer = make_layer("average_pooling", {"size": size, "stride": stride, "padding": padding})
    compare(layer, [shape], lambda x: functional.avg_pool2d(functional.pad(x, sides(padding)), size, stride))
    symmetric = (1, 1, 1, 1)
    if min(size) >= 2:
        layer = make_layer("average_pooling", {"size": size, "stride": stride, "padding": symmetric})
        compare(layer, [shape], lambda x: functional.avg_pool2d(x, size, stride, 1, count_include_pad=True))


def test_that_global_average_pooling_agrees_with_pytorch() -> None:
    compare(make_layer("global_average_pooling"), [(3, 4, 5)], lambda x: functional.adaptive_avg_pool2d(x, 1))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 4, 2), (7, 1, 1)])
def test_that_fully_connected_sees_its_input_in_the_order_c_h_w(
    shape: tuple[int, int, int], bias: bool
) -> None:
    layer = make_layer("fully_connected", {"outputs": 4, "bias": bias})

    def expected(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        return functional.linear(x.flatten(1), weight, bias)

    compare(layer, [shape], expected)


def test_that_flatten_lays_out_c_then_h_then_w() -> None:
    compare(make_layer("flatten"), [(3, 4, 2)], lambda x: x.flatten(1))


@pytest.mark.parametrize(
    ("name", "settings", "function"),
    [
        ("relu", {}, functional.relu),
        ("leaky_relu", {"slope": 0.2}, lambda x: functional.leaky_relu(x, 0.2)),
        ("sigmoid", {}, torch.sigmoid),
        ("tanh", {}, torch.tanh),
        ("gelu", {}, lambda x: functional.gelu(x, approximate="tanh")),
        ("silu", {}, functional.silu),
        ("elu", {"alpha": 0.3}, lambda x: functional.elu(x, 0.3)),
        ("elu", {}, functional.elu),
        ("scale", {"factor": -0.125}, lambda x: -0.125 * x),
    ],
)
def test_that_activations_agree_with_pytorch(
    name: str, settings: dict[str, object], function: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    def stretch(run: LayerRun) -> None:
        run.inputs[0] *= 5
        run.inputs[0][0, 0, 0, 0] = 0.0

    compare(make_layer(name, settings), [(2, 4, 3)], function, change=stretch)


def test_that_sigmoid_does_not_overflow_far_out() -> None:
    run = LayerRun(make_layer("sigmoid"), [TensorSpec.of(4)], batch=1)
    run.inputs[0][...] = np.array([-1e4, -800.0, 800.0, 1e4])
    y, backward = run.forward()
    np.testing.assert_array_equal(y.reshape(-1), [0, 0, 1, 1])
    np.testing.assert_array_equal(backward(np.ones_like(y))[0], np.zeros_like(y))


def test_that_joins_agree_with_pytorch() -> None:
    compare(make_layer("add"), [(2, 3, 4)] * 3, lambda *xs: xs[0] + xs[1] + xs[2])
    compare(make_layer("concatenate"), [(1, 3, 4), (3, 3, 4), (2, 3, 4)], lambda *xs: torch.cat(xs, 1))


@pytest.mark.parametrize("shape", [(3, 4, 5), (6, 1, 1)])
def test_that_batch_normalisation_agrees_with_pytorch_in_training(shape: tuple[int, int, int]) -> None:
    layer = make_layer("batch_normalisation", {"momentum": 0.3, "epsilon": 1e-3})
    start: dict[str, np.ndarray] = {}
    kept: Torch = {}

    def remember(run: LayerRun) -> None:
        start.update({name: value.copy() for name, value in run.states.items()})

    def expected(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        kept.update({name: torch.tensor(value) for name, value in start.items()})
        return functional.batch_norm(x, kept["mean"], kept["variance"], scale, shift, True, 0.3, 1e-3)

    run = compare(layer, [shape], expected, change=remember, batch=4)
    np.testing.assert_allclose(run.states["mean"], kept["mean"].numpy(), **CLOSE)
    np.testing.assert_allclose(run.states["variance"], kept["variance"].numpy(), **CLOSE)
    assert not np.allclose(run.states["variance"], start["variance"])


def test_that_batch_normalisation_predicts_with_running_statistics() -> None:
    layer = make_layer("batch_normalisation", {"epsilon": 1e-3})
    run = LayerRun(layer, [TensorSpec.of(3, 4, 5)], training=False)
    before = {name: value.copy() for name, value in run.states.items()}
    y, _ = run.forward()
    tensors = {name: torch.tensor(value) for name, value in {**run.parameters, **before}.items()}
    expected = functional.batch_norm(
        to_torch(run.inputs[0]), tensors["mean"], tensors["variance"], tensors["scale"], tensors["shift"],
        False, 0.1, 1e-3,
    )  # fmt: skip
    np.testing.assert_allclose(y, from_torch(expected), **CLOSE)
    for name, value in before.items():
        np.testing.assert_array_equal(run.states[name], value)


def test_that_batch_normalisation_keeps_its_running_statistics_when_a_batch_overflows() -> None:
    run = LayerRun(make_layer("batch_normalisation"), [TensorSpec.of(2, 3, 3)], dtype="float32")
    before = {name: value.copy() for name, value in run.states.items()}
    run.inputs[0][..., 0] *= 1e30
    with np.errstate(all="ignore"):
        run.forward()
    assert run.states["variance"][0] == before["variance"][0]
    assert run.states["variance"][1] != before["variance"][1]
    assert all(np.isfinite(value).all() for value in run.states.values())


@pytest.mark.parametrize("name", ["gelu", "silu", "elu"])
def test_that_smooth_activations_do_not_overflow_far_out(name: str) -> None:
    run = LayerRun(make_layer(name), [TensorSpec.of(4)], batch=1, dtype="float32")
    run.inputs[0][...] = np.array([-1e30, -800.0, 800.0, 1e30])
    with np.errstate(over="ignore"):
        y, backward = run.forward()
        (slope,) = backward(np.ones_like(y))
    np.testing.assert_array_equal(
        y.reshape(-1), [*([-1.0] * 2 if name == "elu" else [0, 0]), 800, np.float32(1e30)]
    )
    assert slope is not None
    np.testing.assert_array_equal(slope.reshape(-1), [0, 0, 1, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.15])
@pytest.mark.parametrize("stretch", [1.0, 500.0])
def test_that_the_classifier_agrees_with_pytorch(stretch: float, smoothing: float) -> None:
    run = LayerRun(make_layer("softmax_classifier", {"smoothing": smoothing}), [TensorSpec.of(6)], batch=5)
    run.inputs[0] *= stretch
    probabilities, by_inputs = run.backward()
    scores = torch.tensor(run.inputs[0].reshape(5, 6), requires_grad=True)
    labels = torch.tensor(run.labels.astype(np.int64))
    losses = functional.cross_entropy(scores, labels, reduction="none", label_smoothing=smoothing)
    losses.mean().backward()
    assert scores.grad is not None
    np.testing.assert_allclose(run.losses, losses.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(
        probabilities.reshape(5, 6), functional.softmax(scores, 1).detach().numpy(), **CLOSE
    )
    assert by_inputs[0] is not None
    np.testing.assert_allclose(by_inputs[0].reshape(5, 6), scores.grad.numpy(), **CLOSE)
    np.testing.assert_array_equal(run.predictions, scores.argmax(1).numpy())


def test_that_labels_are_smooth_only_while_training() -> None:
    specs = [TensorSpec.of(6)]
    for training in (True, False):
        plain, smooth = (
            LayerRun(make_layer("softmax_classifier", {"smoothing": s}), specs, batch=5, training=training)
            for s in (0.0, 0.2)
        )
        np.testing.assert_array_equal(plain.forward()[0], smooth.forward()[0])
        assert np.array_equal(plain.losses, smooth.losses) == (not training)
