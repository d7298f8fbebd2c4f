"""Settings changed while a network trains: when they take effect, what is recorded, what a resumed run repeats."""

import os
import threading
import time
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from engine.errors import DataError, DesignError, DeviceError, TrainingError
from engine.program.compiled import CompiledNetwork
from engine.tensor.cuda.plan_tuning import Tuners
from engine.tensor.device import Announce
from engine.training.events import Event, Notice, SettingChanged
from engine.training.run import Run
from engine.training.steering import Change, project_at
from engine.training.trainer import Trainer
from tests.engine.tensor.test_plan_tuning import COMMAND, ORDER, SLEEPS, task
from tests.engine.training.small_runs import assert_same_run, blocks, data, ended, project, trained

Plan = dict[int, list[Change]]
DROPOUT = "dropout-1"
PLAN: Plan = {
    3: [Change("learning_rate", 0.05)],
    5: [Change("weight_decay", 0.2), Change("keep", 0.9, DROPOUT)],
    9: [Change("batch_size", 5), Change("learning_rate", 0.002)],
}


def steered(trainer: Trainer, plan: Plan, *, until: int | None = None) -> list[Event]:
    """All events of a training that is asked for changes after these steps, as another thread would ask."""
    step = trainer.compiled.step

    def watched() -> None:
        step()
        done = int(trainer.compiled.store.clock[1])
        for change in plan.get(done, ()):
            trainer.change(change)
        if done == until:
            trainer.stop()

    events = []
    trainer.compiled.step = watched
    for event in trainer.events():
        events.append(event)
        if trainer.compiled.step is not watched:
            # Compiled anew.
            step = trainer.compiled.step
            trainer.compiled.step = watched
    return events


def changes(events: list[Event]) -> list[SettingChanged]:
    return [event for event in events if isinstance(event, SettingChanged)]


def test_that_changes_take_effect_one_step_later_and_a_batch_size_with_the_next_epoch():
    trainer = Trainer(project(schedule="linear", warm_up=0.5, final_rate=0.1), data())
    found = changes(steered(trainer, PLAN))
    assert [(c.step, c.node, c.name, c.old, c.new, c.steps_per_epoch) for c in found] == [
        (3, "", "learning_rate", 0.01, 0.05, 7),
        (5, "", "weight_decay", 0.001, 0.2, 7),
        (5, DROPOUT, "keep", 0.7, 0.9, 7),
        (9, "", "learning_rate", 0.05, 0.002, 7),
        (14, "", "batch_size", 4.0, 5.0, 6),
    ]
    run = trainer.run()
    assert list(run.changes) == found
    assert run.step == 14 + 6
    assert [epoch.step for epoch in run.epochs] == [7, 14, 20]
    plain = Trainer(project(schedule="linear", warm_up=0.5, final_rate=0.1), data())
    trained(plain)
    shares = plain.run().history["learning_rate"][:14] / 0.01
    bases = np.array([0.01] * 3 + [0.05] * 6 + [0.002] * 5)
    np.testing.assert_allclose(run.history["learning_rate"][:14], bases * shares, rtol=1e-12)


def test_that_a_change_leaves_what_came_before_as_it_was_and_matters_afterwards():
    plain = Trainer(project(), data())
    trained(plain)
    whole = plain.run().history
    for plan in (
        {4: [change]} for wishes in PLAN.values() for change in wishes if change.name != "batch_size"
    ):
        trainer = Trainer(project(), data())
        steered(trainer, plan)
        found = trainer.run().history
        np.testing.assert_array_equal(found["train_loss"][:4], whole["train_loss"][:4])
        assert (found["train_total"][4:] != whole["train_total"][4:]).any(), plan


def test_that_the_values_on_the_device_are_those_of_the_change():
    trainer = Trainer(project(optimizer="sgd", momentum=0.0, precision="float64"), data())
    seen: list[tuple[float, float, float]] = []
    validate = trainer.compiled.validate

    def watched() -> None:
        store = trainer.compiled.store
        seen.append((float(store.rates[0]), float(store.rates[1]), float(store.live[f"{DROPOUT}/keep"][0])))
        validate()

    trainer.compiled.validate = watched
    steered(trainer, {n: [c for c in wishes if c.name != "batch_size"] for n, wishes in PLAN.items()})
    expected = [(0.01, 0.001, 0.7)] * 3 + [(0.05, 0.001, 0.7)] * 2 + [(0.05, 0.2, 0.9)] * 4
    assert seen == expected + [(0.002, 0.2, 0.9)] * 12


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
@pytest.mark.parametrize("stop", [3, 4, 5, 8, 17])
def test_that_a_resumed_run_repeats_what_was_changed(schedule: str, stop: int):
    settings = {"schedule": schedule, "epochs": 4, "plateau_patience": 0}
    whole = Trainer(project(**settings), data())
    steered(whole, PLAN)
    first = Trainer(project(**settings), data())
    steered(first, PLAN, until=stop)
    again = Trainer(project(**settings), data(), resume=first.run())
    steered(again, {step: wishes for step, wishes in PLAN.items() if step > stop})
    assert_same_run(again.run(), whole.run())
    assert without_run(again.run()) == without_run(whole.run())


def without_run(run: Run) -> list[SettingChanged]:
    return [replace(change, run="") for change in run.changes]


@pytest.mark.parametrize("step", [0, 2, 4, 7, 11, 14, 16])
def test_that_changes_after_an_earlier_checkpoint_come_again(step: int):
    """As after a crash, or in a fork: the run knows what was changed later than its checkpoint."""
    whole = Trainer(project(epochs=4), data())
    steered(whole, PLAN)
    run = whole.run()
    early = Trainer(project(epochs=4), data())
    steered(early, PLAN, until=step)
    checkpoint = early.checkpoint() if step else None
    again = Trainer(project(epochs=4), data(), resume=replace(run, checkpoint=checkpoint, checkpoints=()))
    trained(again)
    assert_same_run(again.run(), run)
    assert again.run().changes == run.changes
    assert again.run().stretches == run.stretches


def test_that_the_users_word_replaces_what_would_be_repeated():
    whole = Trainer(project(), data())
    steered(whole, PLAN)
    again = Trainer(project(), data(), resume=replace(whole.run(), checkpoint=None, checkpoints=()))
    found = changes(steered(again, {2: [Change("learning_rate", 0.5)]}))
    assert [(c.step, c.name) for c in found] == [
        (2, "learning_rate"), (5, "weight_decay"), (5, "keep"), (14, "batch_size"),
    ]  # fmt: skip
    assert list(again.run().changes) == found


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (Change("learning_rate", 101.0), TrainingError, "Learning rate must lie between"),
        (Change("batch_size", float("inf")), TrainingError, "finite number"),
        (Change("keep", float("nan"), DROPOUT), TrainingError, "finite number"),
        (Change("weight_decay", -1), TrainingError, "Weight decay must lie between"),
        (Change("seed", 3), TrainingError, "cannot be changed while"),
        (Change("filters", 3, "convolution-1"), TrainingError, "cannot be changed while"),
        (Change("keep", 0.5, "nobody"), TrainingError, "cannot be changed while"),
        (Change("keep", 1.5, DROPOUT), DesignError, "must be at most 1"),
        (Change("batch_size", 31), DataError, "only 30 examples"),
        (Change("batch_size", 0), DataError, "at least 1"),
    ],
)
def test_that_a_change_that_cannot_be_is_refused_in_words_and_training_goes_on(change, error, words):
    trainer = Trainer(project(), data())
    with pytest.raises(error, match=words):
        trainer.change(change)
    assert not changes(trained(trainer))
    assert trainer.run().status == "finished"


def test_that_an_answer_says_when_the_change_takes_effect():
    trainer = Trainer(project(), data())
    assert trainer.change(Change("learning_rate", 0.5)) == "From step 1 on."
    assert trainer.change(Change("batch_size", 8)).startswith("From epoch 2 on;")
    found = changes(trained(trainer))
    assert [(c.step, c.name) for c in found] == [(0, "learning_rate"), (0, "batch_size")]


def test_that_a_batch_size_without_room_is_told_and_nothing_is_lost(monkeypatch):
    plain = Trainer(project(), data())
    trained(plain)
    trainer = Trainer(project(), data())
    compiling = CompiledNetwork.__init__

    def compile_small(self, network, device, settings, prepared, announce) -> None:
        if settings.batch_size > 4:
            raise DeviceError("The device has too little memory.")
        compiling(self, network, device, settings, prepared, announce)

    monkeypatch.setattr(CompiledNetwork, "__init__", compile_small)
    events = steered(trainer, {3: [Change("batch_size", 20)]})
    (notice,) = (event for event in events if isinstance(event, Notice))
    assert notice.step == 7
    assert "too little memory for a batch size of 20: training goes on with 4" in notice.message
    assert_same_run(trainer.run(), plain.run())
    assert ended(events).reason == "finished"
    assert not changes(events)


def test_that_a_stop_ends_the_processes_that_time_convolutions_for_another_batch_size(tmp_path, monkeypatch):
    trainer, note = Trainer(project(), data()), tmp_path / "process"
    order = msgspec.structs.replace(ORDER, precision="noted", environment=str(note))

    def tune(operations: object, announce: Announce) -> None:
        if trainer.step == 7 and not trainer._stopping:
            with Tuners(order, command=COMMAND) as tuners:
                list(tuners.answers([(task(SLEEPS),)], announce))

    def stop_when_it_has_begun() -> None:
        while not (note.exists() and note.read_text()):
            time.sleep(0.01)
        trainer.stop()

    monkeypatch.setattr(trainer.device, "tune", tune)
    stopping = threading.Thread(target=stop_when_it_has_begun, daemon=True)
    stopping.start()
    events = steered(trainer, {3: [Change("batch_size", 5)]})
    stopping.join()
    assert (ended(events).reason, trainer.step) == ("stopped", 7)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
    (notice,) = (event for event in events if isinstance(event, Notice))
    assert "before the network was ready for a batch size of 5: the run stays with 4" in notice.message
    assert not changes(events)
    again = Trainer(project(), data(), resume=trainer.run())
    trained(again)
    plain = Trainer(project(), data())
    trained(plain)
    assert_same_run(again.run(), plain.run())


def test_that_what_was_learned_outlives_a_batch_size_for_which_nothing_can_be_compiled(monkeypatch):
    trainer = Trainer(project(), data())

    def compile_nothing(self, *_: object) -> None:
        raise MemoryError

    trainer.change(Change("batch_size", 8))
    monkeypatch.setattr(CompiledNetwork, "__init__", compile_nothing)
    assert "The memory was full after step 0" in ended(list(trainer.events())).message
    run = trainer.run()
    assert run.checkpoint is not None
    monkeypatch.undo()
    again = Trainer(project(), data(), resume=run)
    trained(again)
    plain = Trainer(project(), data())
    trained(plain)
    assert_same_run(again.run(), plain.run())


def test_that_an_interruption_ends_the_block_in_hand():
    trainer = Trainer(project(epochs=30), data())
    step, taken = trainer.compiled.step, []

    def interrupted() -> None:
        step()
        taken.append(trainer.step)
        if len(taken) == 5:
            trainer.interrupt()

    trainer.compiled.step = interrupted
    lengths = [len(block.train_loss) for block in blocks(trained(trainer, until=40))]
    assert 5 in np.cumsum(lengths)


def test_that_the_project_of_a_moment_has_the_settings_that_held_then():
    trainer = Trainer(project(), data())
    steered(trainer, PLAN)
    run = trainer.run()
    at = [project_at(run.project, run.changes, step) for step in (2, 3, 13, 14)]
    assert [p.training.learning_rate for p in at] == [0.01, 0.05, 0.002, 0.002]
    assert [p.training.batch_size for p in at] == [4, 4, 4, 5]
    assert [p.graph.nodes[DROPOUT].layer.keep for p in at] == [0.7, 0.7, 0.9, 0.9]
    assert at[0] == run.project
