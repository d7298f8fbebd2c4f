"""Dropout: how many units it keeps, and that chance can be repeated."""

import numpy as np

from engine.layers import make_layer
from engine.tensor.spec import TensorSpec
from tests.engine.layers.layer_run import LayerRun


def dropout(*, seed: int = 3, step: int = 1, training: bool = True, keep: float = 0.7) -> LayerRun:
    spec = TensorSpec.of(20, 10, 10)
    return LayerRun(
        make_layer("dropout", {"keep": keep}), [spec], batch=10, seed=seed, step=step, training=training
    )


def mask_of(run: LayerRun) -> np.ndarray:
    y, _ = run.forward()
    return np.asarray(y != 0)


def test_that_dropout_keeps_units_with_its_probability_and_hands_the_error_to_those() -> None:
    run = dropout()
    y, backward = run.forward()
    kept = y != 0
    assert abs(kept.mean() - 0.7) < 4 * np.sqrt(0.7 * 0.3 / kept.size)
    np.testing.assert_array_equal(y[kept], run.inputs[0][kept])
    (gradient,) = backward(np.full_like(y, 2.0))
    np.testing.assert_array_equal(gradient, 2.0 * kept)
    # Every image and channel gets masks of its own.
    assert len(np.unique(kept.reshape(10, -1), axis=0)) == 10


def test_that_dropout_repeats_its_mask_for_the_same_seed_and_step_alone() -> None:
    first = mask_of(dropout())
    np.testing.assert_array_equal(first, mask_of(dropout()))
    for other in (dropout(step=2), dropout(seed=4)):
        differing = (first != mask_of(other)).mean()
        assert abs(differing - 2 * 0.7 * 0.3) < 0.02
    single = dropout()
    single.inputs = [x.astype(np.float32) for x in single.inputs]
    np.testing.assert_array_equal(first, mask_of(single))


def test_that_dropout_draws_other_masks_in_other_layers() -> None:
    run, other = dropout(), dropout()
    other.random_stream = lambda: 999  # type: ignore[method-assign]
    differing = (mask_of(run) != mask_of(other)).mean()
    assert abs(differing - 2 * 0.7 * 0.3) < 0.02


def test_that_dropout_scales_in_prediction_and_keeps_all_at_one() -> None:
    run = dropout(training=False)
    y, _ = run.forward()
    np.testing.assert_allclose(y, 0.7 * run.inputs[0], rtol=1e-15)
    all_kept = dropout(keep=1.0)
    np.testing.assert_array_equal(all_kept.forward()[0], all_kept.inputs[0])
