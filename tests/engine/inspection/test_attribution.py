"""Attribution maps equal those that PyTorch's autograd gives for the same weights."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.design import edits
from engine.inspection.attribution import cam_node, grad_cam, gradient_times_input, occlusion
from engine.inspection.trained import TrainedNetwork
from engine.project import Project
from tests.engine.inspection.trained_networks import data, tensors, trained
from tests.engine.small_networks import chain, compile_network, layer, small_data

IMAGE = data().test_images[4]


class Reference:
    """The small network of `trained_networks` on one image, with everything that gradients are wanted of."""

    def __init__(self, image: np.ndarray, values: dict[str, np.ndarray], prepared: np.ndarray | None = None):
        t = {key.removeprefix("parameter/"): torch.from_numpy(value) for key, value in values.items()}
        array = data().apply(image[None], np.float64) if prepared is None else prepared
        self.x = torch.from_numpy(array).permute(0, 3, 1, 2).contiguous().requires_grad_()
        maps = functional.conv2d(self.x, t["convolution-1/weight"], t["convolution-1/bias"], padding=1).relu()
        self.maps = functional.max_pool2d(maps, 2)
        self.maps.retain_grad()
        hidden = functional.linear(
            self.maps.flatten(1), t["fully_connected-1/weight"], t["fully_connected-1/bias"]
        ).sigmoid()
        self.scores = functional.linear(
            0.8 * hidden, t["fully_connected-2/weight"], t["fully_connected-2/bias"]
        )


@pytest.mark.parametrize("target", [0, 2])
def test_that_gradient_times_input_is_that_of_autograd(target):
    reference = Reference(IMAGE, tensors())
    reference.scores[0, target].backward()
    expected = (reference.x.grad * reference.x).sum(dim=1)[0].detach().numpy()
    np.testing.assert_allclose(
        gradient_times_input(trained(), IMAGE, target), expected, rtol=1e-10, atol=1e-14
    )
    assert np.abs(expected).max() > 0


@pytest.mark.parametrize("target", [0, 1])
def test_that_grad_cam_is_that_of_autograd(target):
    network = trained()
    assert cam_node(network) == "max_pooling-1"
    reference = Reference(IMAGE, tensors())
    reference.scores[0, target].backward()
    weights = reference.maps.grad.mean(dim=(2, 3), keepdim=True)
    small = (weights * reference.maps).sum(dim=1, keepdim=True).relu()
    expected = functional.interpolate(small, (6, 6), mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(
        grad_cam(network, IMAGE, target), expected.detach().numpy(), rtol=1e-10, atol=1e-14
    )


def test_that_grad_cam_of_another_node_takes_its_maps():
    found = grad_cam(trained(), IMAGE, 0, "relu-1")
    assert found.shape == (6, 6)
    assert not np.allclose(found, grad_cam(trained(), IMAGE, 0))


@pytest.mark.parametrize(("patch", "stride"), [(1, 1), (2, 1), (3, 2)])
def test_that_occlusion_is_the_mean_fall_of_the_probability(patch, stride):
    values, target = tensors(), 1
    prepared = data().apply(IMAGE[None], np.float64)
    whole = Reference(IMAGE, values).scores.softmax(1)[0, target].item()
    falls: dict[tuple[int, int], list[float]] = {}
    starts = sorted({*range(0, 6 - patch + 1, stride), 6 - patch})
    for y in starts:
        for x in starts:
            hidden = prepared.copy()
            hidden[:, y : y + patch, x : x + patch] = 0
            left = Reference(IMAGE, values, hidden).scores.softmax(1)[0, target].item()
            for place in [(y + i, x + j) for i in range(patch) for j in range(patch)]:
                falls.setdefault(place, []).append(whole - left)
    expected = np.array([[np.mean(falls[y, x]) for x in range(6)] for y in range(6)])
    found = occlusion(trained(), IMAGE, target, patch=patch, stride=stride)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_that_occlusion_ends_when_it_is_told_to():
    assert occlusion(trained(), IMAGE, 0, stopped=lambda: True) is None


def test_that_a_network_without_maps_has_no_class_activation_map():
    shape = (1, 4, 4)
    graph = chain(
        layer("input", shape=shape), layer("fully_connected", outputs=3), layer("softmax_classifier")
    )
    values = compile_network(graph, small_data(shape, 3, 30, 5), precision="float64").tensors()
    network = TrainedNetwork(Project(graph=graph), values, small_data(shape, 3, 30, 5))
    image = network.data.test_images[0]
    assert grad_cam(network, image, 0) is None
    weight = values["parameter/fully_connected-1/weight"][1].reshape(1, 4, 4)[0]
    expected = weight * network.prepared(image[None])[0, :, :, 0]
    np.testing.assert_allclose(gradient_times_input(network, image, 1), expected)


def test_that_gradients_pass_branches_and_batch_normalisation():
    """A network with a branch, against central differences of its own score."""
    shape = (1, 6, 6)
    graph = chain(
        layer("input", shape=shape),
        layer("convolution", filters=3, size=3, padding=1),
        layer("batch_normalisation"),
        layer("tanh"),
        layer("convolution", filters=3, size=3, padding=1),
        layer("add"),
        layer("global_average_pooling"),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    graph = edits.connect(graph, "tanh-1", "add-1", 1)
    prepared_data = small_data(shape, 3, 30, 5)
    values = compile_network(graph, prepared_data, precision="float64").tensors()
    values["state/batch_normalisation-1/mean"] = np.array([0.1, -0.2, 0.3])
    values["state/batch_normalisation-1/variance"] = np.array([0.5, 1.5, 2.0])
    network = TrainedNetwork(Project(graph=graph), values, prepared_data)
    image = prepared_data.test_images[0]
    prepared = network.prepared(image[None])

    def score(pixels: np.ndarray) -> float:
        return float(network.passed(pixels).outputs["fully_connected-1"].reshape(-1)[2])

    gradient = np.zeros((6, 6))
    for y in range(6):
        for x in range(6):
            step = np.zeros_like(prepared)
            step[0, y, x, 0] = 1e-5
            gradient[y, x] = (score(prepared + step) - score(prepared - step)) / 2e-5
    found = gradient_times_input(network, image, 2)
    np.testing.assert_allclose(found, gradient * prepared[0, :, :, 0], rtol=1e-6, atol=1e-9)
