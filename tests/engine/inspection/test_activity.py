import numpy as np
import pytest

from engine.inspection import trained as trained_module
from engine.inspection.activity import Activity, NodeActivity, dead_since, measure_activity
from tests.engine.inspection.trained_networks import by_pytorch, data, tensors, trained


def values_with_silent_units() -> dict[str, np.ndarray]:
    """Filter 1 never fires; feature 2 stands at one, feature 3 at zero, feature 5 always at a half."""
    values = tensors()
    values["parameter/convolution-1/bias"][1] = -1e6
    values["parameter/fully_connected-1/weight"] *= 0.3
    for feature, bias in ((2, 40.0), (3, -40.0)):
        values["parameter/fully_connected-1/weight"][feature] *= 20
        values["parameter/fully_connected-1/bias"][feature] = bias
    values["parameter/fully_connected-1/weight"][5] = 0.0
    return values


@pytest.mark.parametrize("kept_bytes", [1, 64 << 20])
def test_that_rates_equal_those_counted_from_all_outputs_at_once(monkeypatch, kept_bytes):
    monkeypatch.setattr(trained_module, "_KEPT_BYTES", kept_bytes)
    images = data().validation_images
    activity = measure_activity(trained(), images)
    expected = by_pytorch(tensors(), images)
    relu, sigmoid = activity.nodes
    assert (relu.node, sigmoid.node, activity.images) == ("relu-1", "sigmoid-1", len(images))
    assert relu.is_map
    assert not sigmoid.is_map
    np.testing.assert_allclose(relu.fires, (expected["relu-1"] > 0).mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(relu.fires_in, (expected["relu-1"] > 0).any(axis=(2, 3)).mean(axis=0))
    np.testing.assert_allclose(sigmoid.fires, (expected["sigmoid-1"] > 0.5).mean(axis=0))
    assert 0 < relu.fires.mean() < 1


def test_that_dead_and_saturated_units_are_found_and_no_others():
    values = values_with_silent_units()
    images = data().validation_images
    expected = by_pytorch(values, images)["sigmoid-1"]
    ends = ((expected <= 0.01) | (expected >= 0.99)).mean(axis=0)
    still = np.ptp(expected, axis=0) <= 0.01
    activity = measure_activity(trained(values), images)
    relu, sigmoid = activity.nodes
    assert relu.dead.tolist() == [False, True, False, False]
    assert not relu.saturated.any()
    np.testing.assert_array_equal(sigmoid.dead, still)
    np.testing.assert_array_equal(sigmoid.saturated, (ends >= 0.95) & ~still)
    assert sigmoid.dead[5]
    assert (activity.units, activity.dead) == (12, 1 + int(still.sum()))
    assert activity.share_in_use == pytest.approx(1 - (activity.dead + activity.saturated) / 12)


def test_that_a_saturated_unit_that_still_changes_counts_as_saturated():
    values = tensors()
    weight = values["parameter/fully_connected-1/weight"]
    weight[...] = 0.0
    weight[4, 0] = 1e6
    images = data().validation_images
    first = np.sort(by_pytorch(values, images)["max_pooling-1"][:, 0, 0, 0])
    values["parameter/fully_connected-1/bias"][4] = -1e6 * first[7:9].mean()
    sigmoid = measure_activity(trained(values), images).nodes[1]
    assert sigmoid.saturated.tolist() == [number == 4 for number in range(8)]
    assert sigmoid.dead.tolist() == [number != 4 for number in range(8)]
    assert sigmoid.in_use == 0


def test_that_measuring_ends_when_it_is_told_to():
    assert measure_activity(trained(), data().validation_images, lambda: True) is None


def test_that_units_that_became_nan_count_as_dead():
    values = tensors()
    values["parameter/convolution-1/weight"][0] = np.nan
    relu = measure_activity(trained(values), data().validation_images).nodes[0]
    assert relu.dead[0]
    assert not relu.dead[1:].any()


def activity_of(*dead: bool) -> Activity:
    none = np.zeros(len(dead))
    node = NodeActivity("relu-1", "ReLU 1", True, none, none, np.array(dead), np.zeros(len(dead), bool))
    return Activity(5, (node,))


def test_that_dead_since_is_the_start_of_the_unbroken_row_of_deaths():
    measured = [
        (10, activity_of(True, True, False, False)),
        (20, activity_of(True, False, True, False)),
        (30, activity_of(True, True, True, False)),
    ]
    assert dead_since(measured)["relu-1"].tolist() == [10, 30, 20, -1]
    assert dead_since([]) == {}
