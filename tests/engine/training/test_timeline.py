"""Epochs of different lengths among the steps of a run, held against counting them one by one."""

from engine.training.timeline import Stretch, Timeline


def counted(lengths: list[int]) -> list[tuple[int, int, int]]:
    """(epoch, position, first step) of every step of epochs of these lengths."""
    found, first = [], 0
    for epoch, length in enumerate(lengths):
        found += [(epoch, position, first) for position in range(length)]
        first += length
    return found


def test_that_every_step_is_placed_as_counting_places_it():
    timeline = Timeline((Stretch(0, 0, 7),)).with_length(14, 3).with_length(20, 5)
    for step, place in enumerate(counted([7, 7, 3, 3, 5, 5])):
        assert timeline.place(step) == place
    assert timeline.epoch_ends(30) == (7, 14, 17, 20, 25, 30)
    assert timeline.epoch_ends(19) == (7, 14, 17)
    assert [step for step in range(31) if timeline.ends_epoch(step)] == [7, 14, 17, 20, 25, 30]
    assert timeline.steps_until(6) == 30
    assert timeline.epochs_done(24) == 4


def test_that_a_length_set_in_mid_epoch_begins_the_next_one():
    timeline = Timeline((Stretch(0, 0, 7),)).with_length(10, 4)
    assert [timeline.place(step)[:2] for step in (9, 10, 13, 14)] == [(1, 2), (2, 0), (2, 3), (3, 0)]
    assert not timeline.ends_epoch(10)
    assert timeline.epoch_ends(18) == (7, 14, 18)


def test_that_an_equal_length_changes_nothing_and_later_stretches_can_be_taken_back():
    timeline = Timeline((Stretch(0, 0, 7),)).with_length(7, 3)
    assert timeline.with_length(12, 3) == timeline
    assert timeline.until(7) == Timeline((Stretch(0, 0, 7),))
    assert timeline.until(8) == timeline
    assert timeline.with_length(7, 7) == Timeline((Stretch(0, 0, 7),))


def test_that_an_empty_timeline_knows_no_epochs():
    nothing = Timeline()
    assert (nothing.epochs_done(5), nothing.epoch_ends(5), nothing.steps_until(2)) == (0, (), 0)
    assert not nothing.ends_epoch(5)
