"""Training that goes on from a file or a journal equals training that never stopped, bit for bit."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.data.datasets import load_dataset
from engine.data.preparation import PreparedData, prepare
from engine.layers import make_layer
from engine.project import Project
from engine.project_file import load, save
from engine.templates import TEMPLATES, chain
from engine.training.run import Run
from engine.training.run_store import RunJournal, recover
from engine.training.trainer import Trainer

HALF = 9


def small(optimizer: str = "adam_decoupled") -> Project:
    """A network with every kind of tensor and with dropout, on the sample of digits; 14 steps in two epochs."""
    graph = chain(
        make_layer("input"),
        make_layer("convolution", {"filters": 4, "size": 5, "stride": 2}),
        make_layer("batch_normalisation"),
        make_layer("relu"),
        make_layer("max_pooling"),
        make_layer("dropout", {"keep": 0.75}),
        make_layer("fully_connected", {"outputs": 10}),
        make_layer("softmax_classifier"),
    )
    template = TEMPLATES["mnist-sample"].build()
    settings = msgspec.structs.replace(
        template.training,
        optimizer=optimizer,
        epochs=2,
        batch_size=500,
        device="cpu",
        threads=1,
        learning_rate=0.01,
    )
    return replace(template, graph=graph, layout={}, training=settings)


@pytest.fixture(scope="module")
def data() -> PreparedData:
    return prepare(load_dataset("mnist-sample"), small().data)


def uninterrupted(project: Project, data: PreparedData) -> Run:
    trainer = Trainer(project, data)
    for _ in trainer.events():
        pass
    return trainer.run()


def half_trained(project: Project, data: PreparedData) -> Trainer:
    trainer = Trainer(project, data)
    for _ in trainer.events():
        if trainer.step >= HALF:
            break
    return trainer


def resumed(project: Project, data: PreparedData, run: Run) -> Run:
    trainer = Trainer(project, data, resume=run)
    for _ in trainer.events():
        pass
    return trainer.run()


def assert_equal(found: Run, expected: Run) -> None:
    for part in ("history", "checkpoint"):
        one, other = getattr(found, part), getattr(expected, part)
        one, other = (getattr(one, "tensors", one), getattr(other, "tensors", other))
        assert sorted(one) == sorted(other)
        for name in other:
            assert np.asarray(one[name]).tobytes() == np.asarray(other[name]).tobytes(), name


@pytest.mark.parametrize("optimizer", ["adam_decoupled", "adam", "sgd"])
def test_that_a_run_resumed_from_a_file_ends_as_one_that_never_stopped(tmp_path, data, optimizer):
    project = small(optimizer)
    before = half_trained(project, data)
    assert before.step < before.total_steps
    save(tmp_path / "half.netproj", project, [before.run()])
    found = load(tmp_path / "half.netproj")
    assert found.runs[0].status == "paused"
    assert_equal(resumed(found.project, data, found.runs[0]), uninterrupted(project, data))


def test_that_a_run_recovered_from_its_journal_ends_as_one_that_never_stopped(tmp_path: Path, data):
    project = small()
    trainer = Trainer(project, data)
    journal = RunJournal(tmp_path, trainer.run())
    for event in trainer.events():
        journal.append(event)
        if 5 <= trainer.step < HALF:
            journal.checkpoint(trainer.checkpoint())
        if trainer.step >= HALF:
            break
    journal.close()
    (run,) = recover(tmp_path)
    assert run.step > run.checkpoint.step >= 5
    assert_equal(resumed(project, data, run), uninterrupted(project, data))
