import numpy as np

from engine.inspection.observation import observe
from tests.engine.inspection.trained_networks import by_pytorch, data, tensors, trained


def test_that_an_observation_holds_every_computed_node_as_pytorch_computes_it():
    image = data().test_images[4]
    seen = observe(trained(), image, 2)
    expected = by_pytorch(tensors(), image[None])
    assert [node.name for node in seen.nodes] == [
        "Convolution 1", "ReLU 1", "Max pooling 1", "Fully connected 1", "Sigmoid 1", "Dropout 1", "Fully connected 2",
    ]  # fmt: skip
    for node in seen.nodes:
        np.testing.assert_allclose(node.values.ravel(), expected[node.node][0].ravel(), atol=1e-12)
    np.testing.assert_allclose(seen.probabilities, expected["softmax_classifier-1"][0], atol=1e-12)
    assert seen.label == 2
    np.testing.assert_array_equal(seen.image, image)
