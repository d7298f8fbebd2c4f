"""What a training tells: losses, accuracies, its end, and refusals in words."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.data.batches import epoch_order, validation_starts
from engine.data.preparation import PreparedData
from engine.design import edits
from engine.errors import DataError, DesignError, DeviceError, GaborError, TrainingError
from engine.inspection.confusion import confusion_matrix, row_rates
from engine.training.events import EpochDone, Evaluated, RunStarted, Snapshot
from engine.training.trainer import Trainer
from tests.engine.small_networks import chain, layer, small_data
from tests.engine.training.small_runs import SHAPE, blocks, data, ended, graph, linear_graph, project, trained

torch.set_num_threads(1)
COLUMNS = ("train_loss", "train_total", "validation_loss", "validation_total", "train_accuracy")


def reference(
    data: PreparedData, tensors: dict[str, np.ndarray], index: np.ndarray, part: str
) -> tuple[np.ndarray, np.ndarray]:
    """(losses, predictions) of the linear network in plain NumPy."""
    images = data.apply(getattr(data, f"{part}_images")[index], np.float64).transpose(0, 3, 1, 2)
    scores = images.reshape(len(index), -1) @ tensors["fully_connected-1/weight"].T
    scores += tensors["fully_connected-1/bias"]
    labels = getattr(data, f"{part}_labels")[index]
    highest = scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(scores - highest).sum(axis=1)) + highest[:, 0]
    return total - scores[np.arange(len(index)), labels], scores.argmax(axis=1)


def test_that_losses_and_accuracies_are_those_of_plain_numpy() -> None:
    settings = {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.05, "precision": "float64"}
    prepared = data()
    trainer = Trainer(project(linear_graph(), epochs=2, **settings), prepared)
    parameters = []
    step = trainer.compiled.step

    def remember() -> None:
        parameters.append(trainer.compiled.store.tensors(trainer.compiled.store.parameters))
        step()

    trainer.compiled.step = remember
    trained(trainer)
    parameters.append(trainer.compiled.store.tensors(trainer.compiled.store.parameters))
    history = trainer.run().history
    count = len(prepared.validation_labels)
    for number in range(14):
        epoch, position = divmod(number, 7)
        order = epoch_order(9, epoch, len(prepared.train_labels))
        losses, right = reference(
            prepared, parameters[number], order[position * 4 : position * 4 + 4], "train"
        )
        decay = 0.5 * 0.05 * float((parameters[number]["fully_connected-1/weight"] ** 2).sum())
        accuracy = (right == prepared.train_labels[order[position * 4 : position * 4 + 4]]).mean()
        assert history["train_loss"][number] == pytest.approx(losses.mean(), rel=1e-12)
        assert history["train_total"][number] == pytest.approx(losses.mean() + decay, rel=1e-12)
        assert history["train_accuracy"][number] == accuracy
        # The paired batch: consecutive examples from a random start, wrapping round, after the update.
        paired = (validation_starts(9, number, 1, count) + np.arange(4)) % count
        losses, right = reference(prepared, parameters[number + 1], paired, "validation")
        assert history["validation_loss"][number] == pytest.approx(losses.mean(), rel=1e-12)
        assert history["validation_accuracy"][number] == (right == prepared.validation_labels[paired]).mean()


def test_that_an_epoch_trains_on_each_example_at_most_once_and_drops_the_last_partial_batch() -> None:
    prepared = data()
    trainer = Trainer(project(epochs=1), prepared)
    events = trained(trainer)
    assert len(prepared.train_labels) == 30
    assert trainer.step == 7
    assert isinstance(events[0], RunStarted)
    assert (events[0].steps_per_epoch, events[0].total_steps) == (7, 7)


@pytest.mark.parametrize("batch_size", [4, 7, 30])
def test_that_every_test_image_counts_in_the_test_accuracy(batch_size: int) -> None:
    prepared = data(test=13)
    trainer = Trainer(project(batch_size=batch_size, precision="float64"), prepared)
    events = trained(trainer)
    found = [event for event in events if isinstance(event, Evaluated)][-1]
    tensors = {key: torch.tensor(value) for key, value in trainer.checkpoint().tensors.items()}
    images = prepared.apply(prepared.test_images, np.float64)
    x = torch.tensor(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    x = functional.conv2d(x, tensors["parameter/convolution-1/weight"], padding=1)
    x = functional.batch_norm(
        x,
        tensors["state/batch_normalisation-1/mean"],
        tensors["state/batch_normalisation-1/variance"],
        tensors["parameter/batch_normalisation-1/scale"],
        tensors["parameter/batch_normalisation-1/shift"],
    )
    x = functional.max_pool2d(torch.relu(x), 2).flatten(1)
    for number in (1, 2):
        name = f"parameter/fully_connected-{number}"
        x = functional.linear(x, tensors[f"{name}/weight"], tensors[f"{name}/bias"])
        x = 0.7 * torch.tanh(x) if number == 1 else x
    labels = torch.tensor(prepared.test_labels.astype(np.int64))
    assert found.part == "test"
    assert found.confusion.sum() == 13
    assert found.accuracy == pytest.approx(float((x.argmax(1) == labels).double().mean()), abs=1e-12)
    assert found.loss == pytest.approx(functional.cross_entropy(x, labels).item(), rel=1e-9)
    np.testing.assert_array_equal(
        found.confusion, confusion_matrix(x.argmax(1).numpy(), prepared.test_labels, 3)
    )


def test_that_a_confusion_matrix_has_predictions_in_rows() -> None:
    predicted, true = np.array([0, 0, 2, 2, 2]), np.array([0, 1, 2, 0, 2])
    counts = confusion_matrix(predicted, true, 4)
    expected = np.zeros((4, 4), int)
    for y, t in zip(predicted, true, strict=True):
        expected[y, t] += 1
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_allclose(row_rates(counts)[:3], [[0.5, 0.5, 0, 0], [0, 0, 0, 0], [1 / 3, 0, 2 / 3, 0]])


def test_that_blocks_cover_every_step_once() -> None:
    events = trained(Trainer(project(), data()))
    expected = 1
    for block in blocks(events):
        assert block.first_step == expected
        for name in COLUMNS:
            assert getattr(block, name).shape == (block.step - block.first_step + 1,)
            assert getattr(block, name).dtype == np.float64
        assert block.examples_per_second > 0
        expected = block.step + 1
    assert expected == 22
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == [1, 2, 3]


def test_that_snapshots_show_the_first_filters_and_the_validation_confusion() -> None:
    prepared = data()
    trainer = Trainer(project(snapshots_per_epoch=2), prepared)
    events = trained(trainer)
    snapshots = [event for event in events if isinstance(event, Snapshot)]
    assert [snapshot.step for snapshot in snapshots] == [0, 3, 7, 10, 14, 17, 21]
    weight = trainer.checkpoint().tensors["parameter/convolution-1/weight"]
    assert snapshots[-1].filters is not None
    assert snapshots[-1].filters.dtype == np.float32
    np.testing.assert_array_equal(snapshots[-1].filters, weight.astype(np.float32))
    assert snapshots[-1].filters_node == "convolution-1"
    ends = [snapshot for snapshot in snapshots if snapshot.step in (7, 14, 21)]
    for snapshot in ends:
        assert snapshot.confusion is not None
        assert snapshot.confusion.sum() == len(prepared.validation_labels)


def test_that_a_network_without_convolution_has_snapshots_without_filters() -> None:
    events = trained(Trainer(project(linear_graph(), epochs=1), data()))
    snapshots = [event for event in events if isinstance(event, Snapshot)]
    assert snapshots
    assert all(snapshot.filters is None for snapshot in snapshots)


def test_that_training_learns_what_can_be_learned() -> None:
    trainer = Trainer(project(epochs=40, weight_decay=0.0), small_data(SHAPE, 3, 120, 30))
    events = trained(trainer)
    history = trainer.run().history["train_loss"]
    assert history[-10:].mean() < 0.5 * history[:10].mean()
    assert ended(events).reason == "finished"
    accuracy = trainer.run().test_accuracy()
    assert accuracy is not None
    assert accuracy > 0.6
    assert f"{100 * accuracy:.2f} %" in ended(events).message


def test_that_stop_ends_between_steps_with_a_sentence_and_everything_kept() -> None:
    trainer = Trainer(project(), data())
    events = trained(trainer, until=5)
    end = ended(events)
    assert (end.reason, end.step, trainer.step) == ("stopped", 5, 5)
    assert end.message == "Stopped after 5 of 21 steps; what was learned is kept."
    assert trainer.run().status == "stopped"
    assert trainer.run().step == 5


def test_that_a_run_begins_with_the_checkpoint_that_it_goes_on_from_or_with_its_seed_alone() -> None:
    first = Trainer(project(epochs=1), data())
    assert first.begun_run().checkpoint is None
    trained(first)
    run = first.run()
    again = Trainer(project(epochs=2), data(), resume=run)
    begins = again.begun_run()
    assert begins.checkpoint is not None
    assert begins.checkpoint.step == run.checkpoint.step
    for name, tensor in run.checkpoint.tensors.items():
        np.testing.assert_array_equal(begins.checkpoint.tensors[name], tensor)
    assert begins.history["train_loss"].tolist() == run.history["train_loss"].tolist()
    size = sum(tensor.nbytes for tensor in begins.checkpoint.tensors.values())
    assert size <= again.checkpoint_bytes < 2 * size + 4096


def test_that_a_number_of_steps_ends_a_training_early_as_finished() -> None:
    trainer = Trainer(project(), data(), steps=10)
    end = ended(trained(trainer))
    assert (end.reason, trainer.step) == ("finished", 10)
    assert end.message.startswith("Finished 10 steps")
    whole = Trainer(project(), data())
    trained(whole)
    for name, values in trainer.run().history.items():
        np.testing.assert_array_equal(values, whole.run().history[name][:10])


def test_that_stop_before_the_first_step_is_heeded() -> None:
    trainer = Trainer(project(), data())
    trainer.stop()
    assert ended(trained(trainer)).reason == "stopped"
    assert trainer.step == 0


def test_that_stop_at_the_end_of_an_epoch_leaves_out_what_would_follow() -> None:
    trainer = Trainer(project(), data())
    events = trained(trainer, until=7)
    assert ended(events).reason == "stopped"
    assert not any(isinstance(event, Evaluated) for event in events)


def test_that_stop_from_another_thread_at_any_moment_ends_in_words() -> None:
    trainer = Trainer(project(), data())
    events = trainer.events()
    while trainer.step == 0:
        next(events)
    steps = trainer._steps

    def stop_first(most: int) -> object:
        trainer.stop()
        return steps(most)

    trainer._steps = stop_first  # type: ignore[method-assign,assignment]
    assert ended(list(events)).reason == "stopped"


@pytest.mark.parametrize("threads", [1, 2])
def test_that_a_network_without_parameters_can_run(threads: int) -> None:
    plain = chain(layer("input", shape=(3, 1, 1)), layer("softmax_classifier"))
    trainer = Trainer(project(plain, threads=threads, epochs=1), small_data((3, 1, 1), 3, 24, 6))
    assert ended(trained(trainer)).reason == "finished"


def refusal(kind: type[GaborError], **how: object) -> str:
    with pytest.raises(kind) as caught:
        Trainer(project(**how), data())  # type: ignore[arg-type]
    text = str(caught.value)
    assert not text[0].isascii() or text[0].isupper()
    assert text.endswith(".")
    return text


def test_that_refusals_are_sentences() -> None:
    assert "31" in refusal(DataError, batch_size=31)
    assert "30 examples" in refusal(DataError, batch_size=31)
    assert "'tpu'" in refusal(DeviceError, device="tpu")
    assert "Learning rate" in refusal(TrainingError, learning_rate=float("nan"))
    assert "between 0 and 100" in refusal(TrainingError, learning_rate=-1.0)
    both = refusal(TrainingError, momentum=1.5, epsilon=0.0)
    assert "Momentum" in both
    assert "ε" in both
    wrong = edits.set_settings(graph(), "fully_connected-2", outputs=4)
    assert "gets 4 scores, but the data has 3 classes" in refusal(DesignError, design=wrong)
    other = edits.set_settings(graph(), "input-1", shape=(1, 6, 6))
    text = refusal(DesignError, design=other)
    assert "1×6×6" in text
    assert "2×6×6" in text


def test_that_a_batch_of_one_with_batch_normalisation_of_features_names_the_node() -> None:
    design = chain(
        layer("input", shape=SHAPE),
        layer("fully_connected", outputs=3),
        layer("batch_normalisation"),
        layer("softmax_classifier"),
    )
    text = refusal(DesignError, design=design, batch_size=1)
    assert "Batch normalisation 1" in text
    assert "batch of at least 2" in text


def test_that_a_network_too_large_for_memory_is_refused_in_words() -> None:
    huge = chain(
        layer("input", shape=SHAPE),
        layer("fully_connected", outputs=1_000_000),
        layer("fully_connected", outputs=1_000_000),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    assert "memory" in refusal(DeviceError, design=huge)
