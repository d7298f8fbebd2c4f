"""How often and at how many images a training is looked at: a rule of counts, with a bounded cost."""

import itertools

import pytest

from engine.settings import TrainingSettings
from engine.training.snapshot_plan import FEWEST_LOOKED_AT, LOOK_SHARE, MOST_LOOKED_AT, snapshot_plan


def plan_of(snapshots: int, training: int, validation: int = 5000, batch: int = 100):
    settings = TrainingSettings(snapshots_per_epoch=snapshots, batch_size=batch)
    return snapshot_plan(settings, training // batch, training, validation)


@pytest.mark.parametrize("snapshots", [0, 1, 2, 3, 7, 40, 1000])
@pytest.mark.parametrize("training", [1300, 3750, 55_000, 200_000])
@pytest.mark.parametrize("batch", [16, 100, 1000])
def test_that_no_more_than_a_share_of_what_is_trained_on_is_looked_at_or_classified(
    snapshots, training, batch
):
    plan = plan_of(snapshots, training, batch=batch)
    looks = max(1, len(plan.looks))
    assert looks * plan.images * LOOK_SHARE <= training
    assert looks * plan.classified * LOOK_SHARE <= training
    assert plan.images <= MOST_LOOKED_AT
    assert plan.classified == 0 or plan.images < plan.classified <= 5000
    assert plan.classified % batch == 0 or plan.classified == 5000
    assert plan.looks <= plan.steps


@pytest.mark.parametrize("snapshots", [1, 2, 3, 7, 1000])
def test_that_snapshots_are_evenly_spread_and_an_epoch_ends_with_a_look(snapshots):
    plan = plan_of(snapshots, 55_000)
    assert max(plan.steps) == max(plan.looks) == 550
    assert len(plan.steps - {0}) == min(snapshots, 550)
    steps = sorted({0, *plan.steps})
    gaps = [b - a for a, b in itertools.pairwise(steps)]
    assert max(gaps) - min(gaps) <= 1


def test_that_many_snapshots_of_few_images_keep_the_filters_alone_and_look_at_enough_images_in_between():
    plan = plan_of(4, 3750, 1250)
    assert (len(plan.steps), len(plan.looks)) == (4, 2)
    assert plan.images >= FEWEST_LOOKED_AT
    assert plan_of(1000, 3750, 1250).images >= FEWEST_LOOKED_AT


def test_that_the_smallest_data_is_looked_at_all_the_same():
    plan = plan_of(2, 40, 10, batch=4)
    assert (plan.looks, plan.images, plan.classified) == ({10}, 10, 0)


def test_that_the_number_of_images_depends_on_counts_that_a_batch_size_does_not_change():
    assert plan_of(2, 3750, batch=100).images == plan_of(2, 3750, batch=37).images


def test_that_a_large_share_classifies_all_validation_images():
    assert plan_of(1, 200_000, 5000).classified == 5000
