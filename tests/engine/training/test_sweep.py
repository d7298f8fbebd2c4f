"""Grids of seeds, settings and designs, and the places where they are worked off."""

import msgspec
import pytest

from engine.api import (
    DeviceInfo,
    Project,
    Slot,
    TrainingError,
    placed,
    slots,
    variants,
    whole_numbers,
)
from tests.engine.small_networks import chain, layer

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


def test_that_settings_of_data_and_nodes_vary_like_those_of_training():
    graph = chain(layer("input", shape=(1, 8, 8)), layer("fully_connected", outputs=3))
    values = {"data.mirror": (False, True), "Fully connected 1.outputs": (3, 5)}
    found = variants([("", Project(graph=graph))], (), values)
    outputs = [v.project.graph.nodes["fully_connected-1"].layer.outputs for v in found]
    assert [(v.project.data.mirror, count) for v, count in zip(found, outputs, strict=True)] == [
        (False, 3), (False, 5), (True, 3), (True, 5),
    ]  # fmt: skip
    assert found[3].label == "mirror on, Fully connected 1 outputs 5"
    assert dict(found[3].varied) == {"data.mirror": True, "Fully connected 1.outputs": 5}


def test_that_a_design_without_the_node_that_varies_is_named():
    graph = chain(layer("input", shape=(1, 8, 8)), layer("fully_connected", outputs=3))
    designs = [("a", Project(graph=graph)), ("b", Project())]
    with pytest.raises(TrainingError, match="b: There is no node “Fully connected 1”"):
        variants(designs, (), {"Fully connected 1.outputs": (3,)})


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
