"""In the window: one goes back through a training of real digits, plays it, and exports it as a film."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt

from engine.api import (
    Trainer,
    activities_of,
    edits,
    example_path,
    load_project,
    prepare,
    recipe_dataset,
)
from workbench.plots.film import Film, shots_of, write_gif
from workbench.plots.filter_tiles import scaled_filters
from workbench.theme import load_theme


@pytest.fixture(scope="module")
def trained_run():
    """A small network after an epoch of the sample of MNIST: of its snapshots in mid-epoch one tells of images."""
    project = load_project(example_path("mnist-sample")).project
    graph = project.graph
    for node in graph.nodes.values():
        if type(node.layer).__name__ == "FullyConnected" and node.layer.outputs > 10:
            graph = edits.set_settings(graph, node.id, outputs=16)
        elif type(node.layer).__name__ == "Convolution":
            graph = edits.set_settings(graph, node.id, filters=8)
    training = msgspec.structs.replace(
        project.training, epochs=1, snapshots_per_epoch=6, device="cpu", threads=1, batch_size=100
    )
    project = replace(project, graph=graph, training=training)
    trainer = Trainer(project, prepare(recipe_dataset(project.data), project.data))
    for _ in trainer.events():
        pass
    return trainer.run()


@pytest.fixture
def looking(window, trained_run):
    window.files.new_from("mnist-sample")
    window.document.load(trained_run.project, (trained_run,))
    window.control.show_last_run()
    return window


def shown_filters(window) -> np.ndarray:
    return window.results.filters._filters


def test_that_pictures_go_back_with_the_slider_and_come_back_to_the_end(qtbot, looking, trained_run):
    shots, bar = trained_run.snapshots, looking.time.bar
    assert len(shots) >= 6
    assert bar.isVisible()
    assert bar.describe().endswith(f"{len(shots)} of {len(shots)}")
    at_the_end = np.array(looking.results.confusion.displayed())
    bar.slider.setFocus()
    qtbot.keyClick(bar.slider, Qt.Key.Key_Home)
    for key, number in ((None, 0), *((Qt.Key.Key_Right, number) for number in (1, 2, 3, 4))):
        if key is not None:
            qtbot.keyClick(bar.slider, key)
        np.testing.assert_array_equal(shown_filters(looking), shots[number].filters)
        # The latest matrix that is known of a moment without one.
        shot = [known for known in shots[: number + 1] if known.confusion is not None][-1]
        rates = shot.confusion / np.maximum(shot.confusion.sum(axis=1, keepdims=True), 1)
        np.testing.assert_allclose(looking.results.confusion.displayed(), rates)
        told = f"of {len(shot.answers):,}) · validation images after step {shot.step:,}"
        assert looking.results.confusion.accessibleDescription().endswith(told)
        assert looking.results.confusion_part == "validation"
        assert f"{number + 1} of {len(shots)}" in bar.describe()
    looking.time.newest.trigger()
    np.testing.assert_array_equal(shown_filters(looking), shots[-1].filters)
    np.testing.assert_array_equal(looking.results.confusion.displayed(), at_the_end)
    assert looking.results.confusion_part == "test"


def test_that_the_confusion_of_a_moment_is_that_of_its_answers(looking, trained_run):
    project = trained_run.project
    labels = prepare(recipe_dataset(project.data), project.data).validation_labels
    told = [shot for shot in trained_run.snapshots if shot.confusion is not None]
    assert [shot.step for shot in told] == [0, 18, 37]
    for shot in told:
        of_them = labels[: len(shot.answers)]
        np.testing.assert_array_equal(shot.confusion.sum(axis=1), np.bincount(shot.answers, minlength=10))
        np.testing.assert_array_equal(shot.confusion.sum(axis=0), np.bincount(of_them, minlength=10))
    assert len(told[-1].answers) == len(labels)


def test_that_unit_activity_goes_back_too(qtbot, looking, trained_run):
    looking.docks.show("activity")
    panel = looking.inspection.activity
    # Moment 4 tells of the filters alone: the activity of moment 3 is what is known of it.
    looking.time.line.go(4)
    shot = trained_run.snapshots[3]
    (expected,) = activities_of(trained_run.project, [shot])
    assert (
        panel.activity.images == expected.images == len(shot.points) < len(trained_run.snapshots[-1].answers)
    )
    for shown, told in zip(panel.activity.nodes, expected.nodes, strict=True):
        np.testing.assert_array_equal(shown.fires, told.fires)
    assert f"step {shot.step:,}" in panel.summary.text()


def test_that_a_cell_shows_the_images_that_were_answered_so_at_that_moment(qtbot, looking, trained_run):
    looking.time.line.go(4)
    shot = trained_run.snapshots[3]
    predicted, true = np.unravel_index(
        int((shot.confusion - np.diag(np.diag(shot.confusion))).argmax()), shot.confusion.shape
    )
    looking.results.confusion.cell_activated.emit(int(predicted), int(true))
    panel = looking.inspection.images
    qtbot.waitUntil(lambda: panel.cell is not None and panel.cell.step == shot.step)
    assert len(panel.cell.numbers) == shot.confusion[predicted, true]
    assert (shot.answers[panel.cell.numbers] == predicted).all()
    confidence = shot.confidence[panel.cell.numbers].astype(int)
    assert (np.diff(confidence) <= 0).all()


def test_that_the_film_plays_to_the_newest_moment_and_stops(qtbot, looking, trained_run):
    seen = []
    time = looking.time
    time.line.moved.connect(lambda: seen.append(time.line.position))
    time._timer.setInterval(1)
    time.play.trigger()
    assert time.plays
    qtbot.waitUntil(lambda: not time.plays)
    assert seen == list(range(len(trained_run.snapshots)))
    assert time.line.moment is None


def test_that_the_room_for_snapshots_is_set_in_the_bar_and_undone(qtbot, looking):
    bar = looking.time.bar
    assert bar.limit.value() == 50
    assert bar.taken.text().startswith("Snapshots 0.")
    bar.limit.setValue(20)
    assert looking.document.project.training.snapshot_megabytes == 20
    assert looking.training.earlier.isHidden()
    looking.document.undo_stack.undo()
    assert bar.limit.value() == 50


def test_that_one_goes_back_while_the_training_goes_on(qtbot, make_window, trained_run):
    """The real trainer on real digits; answers and filters of the past stay, the slider grows, the newest is found."""
    window = make_window(fake=False)
    training = msgspec.structs.replace(trained_run.project.training, epochs=2, snapshots_per_epoch=9)
    window.document.load(replace(trained_run.project, training=training))
    window.docks.show("answers")
    line, session = window.time.line, window.control.session
    window.control.train()
    qtbot.waitUntil(lambda: len(line.snapshots) >= 3)
    line.go(1)
    shot = line.snapshots[1]
    counts = [len(line.snapshots)]
    line.grew.connect(lambda: counts.append(len(line.snapshots)))
    panel = window.inspection.answers
    qtbot.waitUntil(lambda: panel.table is not None or not session.is_active)
    qtbot.waitUntil(lambda: not session.is_active)
    run = window.document.runs[-1]
    assert run.status == "finished", run.message
    assert len(line.snapshots) == len(run.snapshots) == counts[-1]
    assert sorted(counts) == counts
    assert line.moment is shot
    np.testing.assert_array_equal(shown_filters(window), shot.filters)
    window.time.newest.trigger()
    np.testing.assert_array_equal(shown_filters(window), run.snapshots[-1].filters)
    last = run.evaluations[-1].confusion
    rates = last / np.maximum(last.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(window.results.confusion.displayed(), rates)
    qtbot.waitUntil(lambda: panel.table is not None)
    qtbot.waitUntil(lambda: panel.table.history.steps.tolist() == [37, 74])


def test_that_without_a_past_there_is_no_bar(window):
    assert window.time.bar.isHidden()
    assert not window.time.play.isEnabled()


def told_of(run, subject) -> int:
    """Frames of a film: activity of three moments; the matrices of the beginning and of all images."""
    known = [shot for shot in run.snapshots if shot.fires is not None]
    return len(known) if subject == "activity" else len(known) - 1


@pytest.mark.parametrize("subject", ["filters", "confusion", "activity"])
@pytest.mark.parametrize("kind", [0, 1])
def test_that_a_film_is_exported_with_a_frame_for_each_moment(
    qtbot, looking, trained_run, tmp_path, subject, kind
):
    dialog = looking.time.export_film()
    dialog.subject.setCurrentIndex(dialog.subject.findData(subject))
    dialog.kind.setCurrentIndex(kind)
    count = len(trained_run.snapshots) if subject == "filters" else told_of(trained_run, subject)
    assert dialog.about.text().startswith(f"{count} frames")
    path = tmp_path / ("film.png" if kind else "film.gif")
    with qtbot.waitSignal(dialog.written) as told:
        dialog.write(path)
    assert told.args == [f"Wrote a film of {count} frames: {path.name}"]
    if kind:
        files = sorted(tmp_path.iterdir())
        assert [file.name for file in files] == [f"film-{n:04d}.png" for n in range(1, count + 1)]
        frames = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    else:
        assert [file.name for file in tmp_path.iterdir()] == ["film.gif"]
        with Image.open(path) as film:
            frames = []
            for number in range(film.n_frames):
                film.seek(number)
                frames.append(np.asarray(film.convert("RGB")))
        assert len(frames) == count
    assert all(frame.shape == (400, 480, 3) for frame in frames)
    assert any((frames[0] != frame).any() for frame in frames[1:])


def test_that_a_frame_shows_the_filters_of_its_moment(qtbot, trained_run):
    shot = trained_run.snapshots[2]
    film = Film("filters", trained_run.project, trained_run.class_names, load_theme("light"), (480, 400))
    frame = film.frame(shot)
    tile = film._widget._tiles()[3]
    levels = scaled_filters(shot.filters)[3]
    scale = tile.width() / levels.shape[1]
    for row, column in ((0, 0), (2, 3), (4, 4)):
        y, x = int(tile.top() + (row + 0.5) * scale), int(tile.left() + (column + 0.5) * scale)
        np.testing.assert_array_equal(frame[y, x], levels[row, column])
    film.close()


def test_that_a_film_that_cannot_be_written_says_why_and_leaves_nothing(qtbot, looking, tmp_path):
    dialog = looking.time.export_film()
    dialog.write(tmp_path / "missing" / "film.gif")
    qtbot.waitUntil(lambda: "could not be written" in dialog.about.text())
    assert dialog.export.isEnabled()
    assert list(tmp_path.iterdir()) == []
    dialog.reject()


def test_that_a_film_is_given_up_by_cancel(qtbot, looking, tmp_path):
    dialog = looking.time.export_film()
    dialog.write(tmp_path / "film.gif")
    dialog.cancel.click()
    assert not dialog.isVisible()
    assert list(tmp_path.iterdir()) == []


def test_that_very_long_films_leave_moments_out_evenly(trained_run):
    many = [at_step(trained_run.snapshots[0], step) for step in range(1000)]
    steps = [shot.step for shot in shots_of(many, "filters")]
    assert (len(steps), steps[0], steps[-1]) == (400, 0, 999)
    assert set(np.diff(steps)) <= {2, 3}


def at_step(shot, step):
    return replace(shot, step=step)


def test_that_an_empty_film_is_refused(tmp_path):
    with pytest.raises(OSError, match="nothing to show"):
        write_gif(tmp_path / "a.gif", iter(()), 8)
