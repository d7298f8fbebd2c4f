"""The data dock in the real window: choosing, fetching, own images, broken files, repairs, duplicates, previews."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton

from engine.api import DataProgress, DataStoppedError
from workbench import data_control


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three classes of eight pictures of mixed sizes."""
    random = np.random.default_rng(3)
    for name in ("fern", "moss", "reed"):
        (tmp_path / "plants" / name).mkdir(parents=True)
        for number in range(8):
            size = (int(random.integers(20, 60)), int(random.integers(20, 60)), 3)
            pixels = random.integers(0, 256, size, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "plants" / name / f"{number}.png")
    return tmp_path / "plants"


def settle(qtbot, window) -> None:
    qtbot.waitUntil(lambda: not window.data.session._newest)


def shown(qtbot, window) -> None:
    window.docks.show("data")
    settle(qtbot, window)


def click(qtbot, window, text: str) -> None:
    def buttons() -> list[QPushButton]:
        found = window.data.panel.source.findChildren(QPushButton)
        return [button for button in found if button.text() == text and button.isVisible()]

    qtbot.waitUntil(lambda: len(buttons()) == 1)
    qtbot.mouseClick(buttons()[0], Qt.MouseButton.LeftButton)


def test_that_nothing_is_loaded_before_the_panel_is_looked_at(qtbot, window):
    window.files.new_from("mnist-sample")
    assert window.data.overview is None
    assert not window.data.session._running
    shown(qtbot, window)
    assert window.data.overview is not None


def test_that_the_panel_tells_counts_classes_and_statistics(qtbot, window):
    window.files.new_from("mnist-sample")
    shown(qtbot, window)
    panel = window.data.panel
    assert "10 classes, images of 1×28×28: 3,750 training, 1,250 validation, 1,000 test" in (
        panel.source.summary.text()
    )
    assert {part: int(c.sum()) for part, c in panel.histogram.shown.items()} == {
        "Training": 3750, "Validation": 1250, "Test": 1000,
    }  # fmt: skip
    assert "Grey mean 0.1" in panel.statistics.accessibleDescription()
    labels = window.data.overview.data.train_labels
    for label, row in enumerate(panel.preview.examples.shown):
        assert row
        assert set(labels[row]) == {label}


def test_that_a_chosen_image_is_shown_before_and_after(qtbot, window):
    window.files.new_from("mnist-sample")
    shown(qtbot, window)
    preview = window.data.panel.preview
    place = preview.examples.place(4, 1).center().toPoint()
    qtbot.mouseClick(preview.examples, Qt.MouseButton.LeftButton, pos=place)
    settle(qtbot, window)
    index = preview.examples.shown[4][1]
    raw, prepared = preview.pictures.items
    np.testing.assert_array_equal(raw.pixels, window.data.overview.data.train_images[index])
    assert prepared.line == "prepared"
    assert "“4”" in preview.words.text()


def test_that_augmentation_is_previewed_and_drawn_anew_without_loading(qtbot, window):
    window.files.new_from("mnist-sample")
    shown(qtbot, window)
    overview, settings = window.data.overview, window.data.panel.settings
    qtbot.mouseClick(settings.augmentation, Qt.MouseButton.LeftButton)
    box = settings.augmentation_form.editors["crop_padding"].box
    box.setFocus()
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), "4")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    settle(qtbot, window)
    changes, again = window.data.panel.preview.changes, window.data.panel.preview.again
    assert [item.line for item in changes.items] == ["changed 1", "changed 2", "changed 3", "changed 4"]
    before = [item.pixels for item in changes.items]
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    after = [item.pixels for item in changes.items]
    assert any((one != other).any() for one, other in zip(before, after, strict=True))
    assert window.data.overview is overview


def test_that_another_part_and_other_images_are_shown_on_request(qtbot, window):
    window.files.new_from("mnist-sample")
    shown(qtbot, window)
    preview = window.data.panel.preview
    first = preview.examples.shown
    qtbot.mouseClick(preview.more, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert preview.examples.shown != first
    preview.parts.button(2).click()
    settle(qtbot, window)
    labels = window.data.overview.data.test_labels
    assert all(set(labels[row]) == {label} for label, row in enumerate(preview.examples.shown))


def test_that_a_preparation_setting_is_one_undo_step_and_measured_anew(qtbot, window):
    window.files.new_from("mnist-sample")
    shown(qtbot, window)
    combo = window.data.panel.settings.form.editors["standardise"].combo
    combo.setCurrentIndex(combo.findData("none"))
    combo.activated.emit(combo.currentIndex())
    settle(qtbot, window)
    assert window.document.project.data.standardise == "none"
    assert window.data.overview.prepared.deviation[0] == pytest.approx(0.616, abs=0.01)
    window.document.undo_stack.undo()
    settle(qtbot, window)
    assert window.data.overview.prepared.deviation[0] == pytest.approx(1, abs=0.01)


def test_that_own_images_come_in_by_folder_dialog_and_repairs_fit_the_network(
    qtbot, window, pictures, monkeypatch
):
    window.files.new_from("mnist-sample")
    shown(qtbot, window)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args, **more: str(pictures))
    click(qtbot, window, "Folder…")
    settle(qtbot, window)
    document = window.document
    assert document.project.data.dataset == str(pictures)
    assert document.undo_stack.undoText() == "Choose own images"
    assert window.data.overview.data.dataset.class_names == ("fern", "moss", "reed")
    assert "Own images: plants" in window.training.data.text()
    click(qtbot, window, "Set shape to 3×32×32")
    click(qtbot, window, "Set outputs of Fully connected 2 to 3")
    assert document.inference.problems == ()


def test_that_own_images_can_be_read_as_the_network_takes_them(qtbot, window, pictures):
    window.files.new_from("mnist-sample")
    shown(qtbot, window)
    window.data.open_path(pictures)
    settle(qtbot, window)
    click(qtbot, window, "Read the images as 1×28×28")
    settle(qtbot, window)
    recipe = window.document.project.data
    assert (recipe.image_mode, recipe.image_height, recipe.image_width) == ("grey", 28, 28)
    assert window.data.overview.data.dataset.image_shape == (1, 28, 28)


def drag(window, path: Path) -> tuple[QDragEnterEvent, QDropEvent]:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window.mime = mime  # Qt does not keep it
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(500, 300), action, mime, button, keys)
    QApplication.sendEvent(window, enter)
    drop = QDropEvent(QPointF(500, 300), action, mime, button, keys)
    if enter.isAccepted():
        QApplication.sendEvent(window, drop)
    return enter, drop


def test_that_a_folder_dropped_on_the_window_is_learned_from(qtbot, window, pictures):
    window.files.new_from("mnist-sample")
    enter, _ = drag(window, pictures)
    assert enter.isAccepted()
    settle(qtbot, window)
    assert window.document.project.data.dataset == str(pictures)
    assert window.data.panel.isVisible()


def test_that_a_text_dropped_on_the_window_is_not_taken(window, tmp_path):
    (tmp_path / "note.txt").write_text("no images", encoding="utf-8")
    enter, _ = drag(window, tmp_path / "note.txt")
    assert not enter.isAccepted()


def test_that_a_folder_without_classes_leaves_the_document_as_it_was(qtbot, window, tmp_path):
    window.files.new_from("mnist-sample")
    (tmp_path / "empty").mkdir()
    window.data.open_path(tmp_path / "empty")
    settle(qtbot, window)
    source = window.data.panel.source
    assert "empty" in source.problem.text().replace("\u200b", "")
    assert source.problem.isVisible()
    assert window.document.project.data.dataset == "mnist-sample"
    assert window.document.undo_stack.count() == 0


def test_that_broken_files_are_listed_by_name_and_left_out_by_one_click(qtbot, window, pictures):
    (pictures / "moss" / "3.png").write_bytes(b"no picture")
    (pictures / "reed" / "5.png").write_bytes(b"")
    window.files.new_from("mnist-sample")
    window.data.open_path(pictures)
    settle(qtbot, window)
    source = window.data.panel.source
    assert f"2 images of {pictures.name} cannot be read" in source.problem.text()
    lines = source.broken.toPlainText().splitlines()
    assert [line.split(":")[0] for line in lines] == ["moss/3.png", "reed/5.png"]
    assert window.document.project.data.dataset == "mnist-sample"
    click(qtbot, window, "Leave them out")
    settle(qtbot, window)
    assert window.document.project.data.skip_broken
    assert len(window.data.overview.data.dataset.skipped) == 2
    assert source.skipped.text() == "2 images are left out, as they cannot be read:"
    assert source.skipped.isVisibleTo(window.data.panel)
    assert source.broken.isVisible()
    assert not source.problem.isVisible()


def test_that_missing_files_offer_to_fetch_which_tells_progress_and_can_be_cancelled(
    qtbot, window, monkeypatch
):
    asked = []

    def fetch(name, *, report, cancelled):
        asked.append(name)
        report(DataProgress("cifar-10-binary.tar.gz", 50 * 2**20, 162 * 2**20, counts_bytes=True))
        while not cancelled():
            pass
        raise DataStoppedError("Stopped.")

    monkeypatch.setattr(data_control, "fetch_dataset", fetch)
    window.files.new_from("cifar10-model-a")
    shown(qtbot, window)
    source = window.data.panel.source
    assert source.problem.text() == (
        "The files of CIFAR-10 are not on this computer: fetch them, or show where they are."
    )
    click(qtbot, window, "Fetch CIFAR-10")
    qtbot.waitUntil(lambda: source.step.text() == "cifar-10-binary.tar.gz: 50.0 of 162.0 MiB")
    assert source.bar.isVisible()
    click(qtbot, window, "Cancel")
    assert not source.bar.isVisible()
    assert source.problem.text() == "Stopped. What has arrived is kept: Fetch goes on from there."
    assert not source.problem.property("problem")
    assert asked == ["cifar10"]
    click(qtbot, window, "Fetch CIFAR-10")
    qtbot.waitUntil(lambda: len(asked) == 2)


def test_that_duplicates_across_the_split_are_told_and_shown_in_pairs(qtbot, window, tmp_path):
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
    test = random.integers(0, 256, (10, 12, 12, 3), dtype=np.uint8)
    test[2] = images[0]  # in the training or in the validation part
    labels = np.arange(40) % 2
    path = tmp_path / "twice.npz"
    np.savez(path, train_images=images, train_labels=labels, test_images=test, test_labels=labels[:10])
    window.data.open_path(path)
    settle(qtbot, window)
    twins = window.data.panel.twins
    twins.look.click()
    settle(qtbot, window)
    assert "1 image of the test part is the same as one of the" in twins.words.text()
    first, second = twins.pairs.items
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert "image 3 of the test part" in second.words
    qtbot.waitUntil(lambda: not twins.words.visibleRegion().isEmpty())


def test_that_the_keyboard_reaches_the_data_and_the_menu_names_it(qtbot, window):
    qtbot.keyClick(window, "6", Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: window.data.panel.isVisible())
    settle(qtbot, window)
    texts = [action.text().replace("&", "") for action in window.data.actions]
    assert "Own images from a folder…" in texts
