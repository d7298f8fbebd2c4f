from dataclasses import replace

import numpy as np
import pytest

from engine.design.arrange import arrange
from engine.design.blocks import expose, make_block
from engine.design.framing import FrameState, wrap_in_frame
from engine.design.inference import infer
from engine.layers import make_layer
from engine.project import Project
from engine.settings import TrainingSettings
from engine.templates import chain
from engine.training.events import EpochDone, Evaluated, SettingChanged, Snapshot
from engine.training.run import HISTORY_COLUMNS, Checkpoint, Run
from engine.training.samples import Samples
from engine.training.timeline import Stretch

CLASSES = 3


def small_project() -> Project:
    graph = chain(
        make_layer("input", {"shape": (1, 8, 8)}),
        make_layer("convolution", {"filters": 2, "size": 3}),
        make_layer("batch_normalisation"),
        make_layer("relu"),
        make_layer("max_pooling"),
        make_layer("fully_connected", {"outputs": CLASSES}),
        make_layer("softmax_classifier"),
    )
    layout = arrange(graph)
    pair = ("convolution-1", "batch_normalisation-1")
    graph = expose(graph, pair, {("convolution-1", "filters"): "Filters"})
    block = make_block("Pair", graph, pair, layout)
    graph, path = wrap_in_frame(graph, pair, "Eyes")
    return Project(
        graph=graph,
        layout=layout,
        name="Small",
        training=TrainingSettings(batch_size=4),
        frames={path: FrameState(folded=True, block="Pair")},
        blocks={"Pair": block},
    )


def looked_at(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "answers": rng.integers(0, CLASSES, 7).astype(np.uint8),
        "confidence": rng.integers(0, 256, 7).astype(np.uint8),
        "fires": rng.random(5).astype(np.float32),
        "fires_in": rng.random(5).astype(np.float32),
        "unit_states": rng.integers(0, 3, 5).astype(np.uint8),
        "points": rng.random((4, 3)).astype(np.float32),
    }


def trained_run(project: Project, run_id: str = "run-1", steps: int = 20, seed: int = 1) -> Run:
    """A run as training leaves it: random numbers, but every part that a run can have."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for node_id, shape in infer(project.graph).shapes.items():
        for name, spec in shape.parameters.items():
            for kind in ("parameter", "optimizer/m", "optimizer/v"):
                tensors[f"{kind}/{node_id}/{name}"] = rng.normal(size=spec.shape).astype(np.float32)
        for name, state in shape.states.items():
            tensors[f"state/{node_id}/{name}"] = rng.normal(size=state.shape)
    history = {name: rng.normal(size=steps) for name in HISTORY_COLUMNS}
    history["validation_loss"][3] = np.nan
    confusion = rng.integers(0, 9, (CLASSES, CLASSES))
    filters = rng.normal(size=(2, 1, 3, 3)).astype(np.float32)
    return Run(
        id=run_id,
        project=project,
        created="2026-11-23T14:00:00+00:00",
        device="CPU: two cores",
        threads=2,
        steps_per_epoch=10,
        class_names=("cat", "dog", "deer"),
        implementations={"Convolution 1: forward": "im2col"},
        status="finished",
        message="Finished 2 epochs.",
        seconds=1.25,
        history=history,
        samples=Samples(
            ("Convolution 1", "Fully connected 1"),
            np.array([1, 7, 20]),
            np.array([0.1, 0.5, 1.2]),
            *(rng.random((3, 2)) for _ in range(3)),
        ),
        snapshots=(
            Snapshot(run_id, 0, filters, "convolution-1", None),
            Snapshot(run_id, 10, filters * 2, "convolution-1", confusion),
            Snapshot(run_id, 20, filters * 3, "convolution-1", confusion + 1, **looked_at(rng)),
        ),
        evaluations=(
            Evaluated(run_id, 10, "validation", float("inf"), 0.5, confusion),
            Evaluated(run_id, 20, "test", 0.1 + 0.2, 1 / 3, confusion),
        ),
        epochs=(
            EpochDone(run_id, 10, 1, 0.1 + 0.2, 1 / 3, 0.5, 0.25, 2 / 3, 0.75),
            EpochDone(run_id, 20, 2, 0.2, 1 / 7, 0.75, 0.5, float("inf"), 0.5),
        ),
        changes=(
            SettingChanged(run_id, 5, "", "learning_rate", 0.001, 1 / 3000, 10),
            SettingChanged(run_id, 5, "dropout-1", "keep", 0.5, 0.75, 10),
        ),
        stretches=(Stretch(0, 0, 10),),
        checkpoint=Checkpoint(steps, tensors),
        checkpoints=(Checkpoint(10, {name: tensor / 2 for name, tensor in tensors.items()}),),
        parent="run-0",
        fork_step=4,
        result_step=10,
    )


def assert_same_run(found: Run, expected: Run) -> None:
    plain = {
        "history": {}, "snapshots": (), "evaluations": (), "checkpoint": None, "checkpoints": (), "result_step": -1,
    }  # fmt: skip
    assert found.result_step == expected.result_step
    for one, other in zip(found.checkpoints, expected.checkpoints, strict=True):
        assert one.step == other.step
        assert_same_arrays(one.tensors, other.tensors)
    assert replace(found, **plain) == replace(expected, **plain)
    assert_same_arrays(found.history, expected.history)
    for one, other in zip(
        (*found.snapshots, *found.evaluations), (*expected.snapshots, *expected.evaluations), strict=True
    ):
        assert type(one) is type(other)
        for name in one.__slots__:
            assert_same_value(getattr(one, name), getattr(other, name))
        assert (one.run, one.step) == (other.run, other.step)
    assert (found.checkpoint is None) == (expected.checkpoint is None)
    if found.checkpoint and expected.checkpoint:
        assert found.checkpoint.step == expected.checkpoint.step
        assert_same_arrays(found.checkpoint.tensors, expected.checkpoint.tensors)


def assert_same_arrays(found, expected) -> None:
    assert sorted(found) == sorted(expected)
    for name in expected:
        assert_same_value(found[name], expected[name])


def assert_same_value(found, expected) -> None:
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tobytes() == expected.tobytes()
    else:
        assert found == expected


@pytest.fixture
def project() -> Project:
    return small_project()


@pytest.fixture
def run(project) -> Run:
    return trained_run(project)


@pytest.fixture
def make_run():
    return trained_run


@pytest.fixture
def same_run():
    return assert_same_run
