"""Clicking a cell of the confusion matrix lists its images; clicking an image looks closer."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from engine.api import Snapshot, classify_images, confusion_matrix
from tests.workbench.inspection.inspected import trained_run
from workbench.inspection.time_line import TimeLine
from workbench.panels.cell_panel import NO_CELL, NO_RUN, CellPanel
from workbench.plots.confusion_matrix import ConfusionMatrix
from workbench.theme import load_theme

LIGHT = load_theme("light")


@pytest.fixture
def panel(qtbot, session):
    made = CellPanel(session, LIGHT)
    qtbot.addWidget(made)
    made.resize(400, 260)
    return made


def answers(network):
    probabilities = classify_images(network, network.data.test_images)
    return probabilities, network.data.test_labels


def fullest_cell(network) -> tuple[int, int]:
    probabilities, labels = answers(network)
    counts = confusion_matrix(probabilities.argmax(axis=1), labels, 3)
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    return int(row), int(column)


def test_that_every_cell_shows_its_images_the_most_confident_first(qtbot, panel, session, network):
    probabilities, labels = answers(network)
    session.set_run(trained_run())
    panel.show()
    for predicted in range(3):
        for true in range(3):
            panel.show_cell(predicted, true, "test")
            wanted = (predicted, true)
            qtbot.waitUntil(
                lambda w=wanted: bool(panel.cell) and (panel.cell.predicted, panel.cell.true) == w
            )
            chosen = [
                number for number in range(len(labels))
                if probabilities[number].argmax() == predicted and labels[number] == true
            ]  # fmt: skip
            chosen.sort(key=lambda number: -probabilities[number, predicted])
            assert panel.cell.numbers.tolist() == chosen
            answer, truth = (network.data.dataset.class_names[place] for place in wanted)
            told = f"Rightly answered {answer}" if answer == truth else f"Answered {answer}, truly {truth}"
            assert panel.caption.text().startswith(f"{told}: {len(chosen)} of {len(labels)} test images")
            if chosen:
                for item, number in zip(panel.thumbnails.items, chosen, strict=True):
                    np.testing.assert_array_equal(item.pixels, network.data.test_images[number])
                    assert item.line == f"{100 * probabilities[number, predicted]:.1f} %"
            else:
                assert panel.words.text().startswith("No test image is ")


def test_that_a_click_or_enter_on_an_image_opens_it(qtbot, panel, session, network):
    session.set_run(trained_run())
    panel.show()
    panel.show_cell(*fullest_cell(network), "test")
    qtbot.waitUntil(lambda: panel.cell is not None)
    numbers = panel.cell.numbers
    assert len(numbers) > 1
    with qtbot.waitSignal(panel.image_opened) as opened:
        place = panel.thumbnails.place(1).center().toPoint()
        qtbot.mouseClick(panel.thumbnails, Qt.MouseButton.LeftButton, pos=place)
    assert opened.args == ["test", numbers[1]]
    panel.thumbnails.choose(None)
    with qtbot.waitSignal(panel.image_opened) as opened:
        qtbot.keyClick(panel.thumbnails, Qt.Key.Key_Right)
        qtbot.keyClick(panel.thumbnails, Qt.Key.Key_Return)
    assert opened.args == ["test", numbers[0]]


def test_that_the_other_part_is_shown_on_demand(qtbot, panel, session, network):
    session.set_run(trained_run())
    panel.show()
    panel.show_cell(0, 0, "test")
    qtbot.waitUntil(lambda: panel.cell is not None)
    panel.part.button(1).click()
    qtbot.waitUntil(lambda: bool(panel.cell) and panel.cell.part == "validation")
    assert panel.cell.of == len(network.data.validation_labels)


def test_that_without_a_run_or_a_cell_it_says_what_to_do(panel, session):
    panel.show()
    assert panel.words.text() == NO_RUN
    session.set_run(trained_run())
    assert panel.words.text() == NO_CELL


def test_that_a_click_and_enter_on_the_matrix_name_the_cell(qtbot):
    matrix = ConfusionMatrix(LIGHT)
    qtbot.addWidget(matrix)
    matrix.resize(400, 400)
    matrix.show()
    matrix.set_matrix(np.arange(9).reshape(3, 3), ("a", "b", "c"))
    matrix.canvas.grab()
    place = next(
        point.toPoint()
        for x in range(0, 400, 5)
        for y in range(0, 400, 5)
        if matrix.canvas.cell_at(point := matrix.canvas.rect().topLeft().toPointF() + _point(x, y)) == (2, 1)
    )
    with qtbot.waitSignal(matrix.cell_activated) as activated:
        qtbot.mouseClick(matrix.canvas, Qt.MouseButton.LeftButton, pos=place)
    assert activated.args == [2, 1]
    matrix.canvas.choose((0, 2))
    with qtbot.waitSignal(matrix.cell_activated) as activated:
        qtbot.keyClick(matrix.canvas, Qt.Key.Key_Return)
    assert activated.args == [0, 2]


def _point(x: float, y: float):
    from PySide6.QtCore import QPointF

    return QPointF(x, y)


def test_that_the_newest_matrix_over_some_images_opens_those_that_it_counts(qtbot, session, network):
    labels = network.data.validation_labels
    some = labels[:5].astype(np.uint8)
    line = TimeLine(lambda: 50)
    run = trained_run()
    newest = Snapshot(
        run.id, 40, None, "", confusion_matrix(some, labels[:5], 3), some, np.full(5, 200, np.uint8)
    )
    line.set_run(replace(run, snapshots=(newest,)))
    session.set_run(run)
    panel = CellPanel(session, LIGHT, line=line)
    qtbot.addWidget(panel)
    panel.show()
    cell = int(some[0])
    panel.show_cell(cell, cell, "validation")
    qtbot.waitUntil(lambda: panel.cell is not None)
    assert sorted(panel.cell.numbers) == np.flatnonzero(labels[:5] == cell).tolist()
    assert "of 5 validation images" in panel.caption.text()
    # All of the validation images when the matrix counts all.
    whole = labels.astype(np.uint8)
    counts = confusion_matrix(whole, labels, 3)
    line.set_run(
        replace(run, snapshots=(replace(newest, confusion=counts, answers=whole, confidence=whole),))
    )
    panel.show_cell(cell, cell, "validation")
    qtbot.waitUntil(lambda: panel.cell is not None and panel.cell.step is None)
    assert f"of {len(labels)} validation images" in panel.caption.text()
