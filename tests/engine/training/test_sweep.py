"""Grids of seeds, settings and designs, and the places where they are worked off."""

import msgspec
import pytest

from engine.api import (
    DeviceInfo,
    Project,
    Slot,
    TrainingError,
    placed,
    setting_values,
    slots,
    variants,
    whole_numbers,
)

GPUS = (DeviceInfo("cuda:0", "one", 1), DeviceInfo("cuda:1", "two", 1))
CPU = DeviceInfo("cpu", "CPU", 0)


def test_that_every_design_meets_every_setting_and_seed():
    found = variants([("", Project())], (3, 4), {"learning_rate": (0.1, 0.2), "batch_size": (10, 20)})
    settings = [
        (v.project.training.learning_rate, v.project.training.batch_size, v.project.training.seed)
        for v in found
    ]
    assert settings == [(r, b, s) for r in (0.1, 0.2) for b in (10, 20) for s in (3, 4)]
    assert found[0].label == "learning rate 0.1, batch size 10, seed 3"
    two = variants([("now", Project(name="a")), ("before", Project(name="b"))], (), {})
    assert [(v.label, v.project.name, v.project.training.seed) for v in two] == [
        ("now", "a", 1),
        ("before", "b", 1),
    ]


def test_that_the_same_value_given_twice_is_one_run():
    assert len(variants([("", Project())], (1, 1), {"epochs": (2, 2)})) == 1


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1, 2,5", (1, 2, 5)),
        ("0..3", (0, 1, 2, 3)),
        ("7-9 2", (7, 8, 9, 2)),
        ("", ()),
        ("4..4, 4", (4,)),
        ("1 .. 3", (1, 2, 3)),
    ],
)
def test_that_seeds_are_read_as_numbers_and_ranges(text, numbers):
    assert whole_numbers(text) == numbers


@pytest.mark.parametrize("text", ["x", "1.5", "-3", "5..2", "0..99999999", "1,,2,b"])
def test_that_what_is_no_list_of_numbers_is_told(text):
    with pytest.raises(TrainingError, match="no"):
        whole_numbers(text)


def test_that_values_are_of_the_settings_type():
    assert setting_values("learning_rate", "0.001, 5e-4") == (0.001, 0.0005)
    assert setting_values("batch_size", "50,100,50") == (50, 100)
    assert setting_values("optimizer", "adam, sgd") == ("adam", "sgd")
    assert setting_values("nesterov", "true,false") == (True, False)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("learning_rates", "1", "There are batch_size|There is no training setting"),
        ("seed", "1", "no training setting"),
        ("batch_size", "many", "Batch size does not take 'many'"),
        ("batch_size", "0", "Batch size does not take '0'"),
        ("learning_rate", "1000", "between 0 and 100"),
        ("optimizer", "magic", "Optimizer does not take 'magic'"),
    ],
)
def test_that_values_which_do_not_fit_are_told_in_words(name, text, told):
    with pytest.raises(TrainingError, match=told):
        setting_values(name, text)


def test_that_too_many_runs_are_refused():
    with pytest.raises(TrainingError, match="2,000 runs"):
        variants([("", Project())], range(1000), {"epochs": (1, 2)})


def test_that_gpus_take_one_run_each_and_the_cpu_shares_its_cores():
    assert slots((*GPUS, CPU), "auto", 4, 8) == (Slot("cuda:0"), Slot("cuda:1"))
    assert slots((*GPUS, CPU), "cuda:1", 4, 8) == (Slot("cuda:1"),)
    assert slots((*GPUS, CPU), "cpu", 3, 8) == (Slot("cpu", 3), Slot("cpu", 3), Slot("cpu", 2))
    assert slots((CPU,), "auto", 1, 2) == (Slot("cpu", 2),)
    assert slots((CPU,), "auto", 9, 2) == (Slot("cpu", 1), Slot("cpu", 1))


def test_that_a_run_is_placed_on_its_slot():
    project = Project()
    assert placed(project, Slot("cuda:1")).training.device == "cuda:1"
    assert placed(project, Slot("cuda:1")).training.threads == project.training.threads
    expected = msgspec.structs.replace(project.training, device="cpu", threads=3)
    assert placed(project, Slot("cpu", 3)).training == expected
