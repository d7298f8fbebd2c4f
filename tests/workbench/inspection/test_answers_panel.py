"""Answers over time: the images that were forgotten, wrong or late, and a way to the moment and the image."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from engine.api import Snapshot, answer_history
from tests.workbench.inspection.inspected import trained_run
from workbench.inspection.time_line import TimeLine
from workbench.panels.answers_panel import NO_RUN, NONE, NOT_KEPT, NOT_YET, AnswersPanel
from workbench.theme import blend, load_theme

LIGHT = load_theme("light")
RANDOM = np.random.default_rng(5)


def shots(labels: np.ndarray, moments: int = 5) -> tuple[Snapshot, ...]:
    made = []
    for n in range(moments):
        answers = np.where(RANDOM.random(len(labels)) < 0.3 + 0.1 * n, labels, (labels + 1) % 3)
        confidence = RANDOM.integers(90, 256, len(labels)).astype(np.uint8)
        made.append(Snapshot("run", 10 * n, None, "", None, answers.astype(np.uint8), confidence))
    return tuple(made)


@pytest.fixture
def told(network):
    return shots(network.data.validation_labels)


@pytest.fixture
def panel(qtbot, session, told):
    line = TimeLine(lambda: 50)
    session.set_run(trained_run())
    line.set_run(replace(trained_run(), snapshots=told))
    made = AnswersPanel(session, LIGHT, line=line)
    qtbot.addWidget(made)
    made.resize(600, 320)
    made.show()
    qtbot.waitUntil(lambda: made.table is not None)
    return made


def test_that_forgotten_images_come_with_the_most_forgotten_first(panel, told, network):
    history = answer_history(told, network.data.validation_labels)
    numbers = panel.rows.numbers
    counts = history.forgotten[numbers]
    assert (np.diff(counts) <= 0).all()
    assert counts.min() > 0
    assert len(numbers) == min(int((history.forgotten > 0).sum()), 80)
    right, never = int(history.right[-1].sum()), int((~history.right).all(axis=0).sum())
    once = int((history.forgotten > 0).sum())
    assert panel.summary.text() == (
        f"{right} of {len(history.labels)} right after step 40 · {once} forgotten at some time · {never} never right"
    )


def test_that_wrong_and_late_images_are_shown_on_demand(qtbot, panel, told, network):
    history = answer_history(told, network.data.validation_labels)
    panel.order.button(1).click()
    qtbot.waitUntil(lambda: set(panel.rows.numbers) == set(np.flatnonzero(~history.right[-1])))
    panel.order.button(2).click()
    qtbot.waitUntil(lambda: set(panel.rows.numbers) == set(np.flatnonzero(history.learned > 0)))
    assert (np.diff(history.learned[panel.rows.numbers]) <= 0).all()


def test_that_cells_say_by_colour_and_words_what_was_answered(panel, told, network):
    history = answer_history(told, network.data.validation_labels)
    picture = panel.rows.grab().toImage()
    ratio = picture.devicePixelRatio()
    names = network.data.dataset.class_names
    for moment in range(5):
        image = int(panel.rows.numbers[0])
        right, sure = history.right[moment, image], history.confidence[moment, image]
        full = LIGHT.success if right else LIGHT.problem
        corner = panel.rows.cell(0, moment).topLeft() * ratio
        shown = picture.pixelColor(int(corner.x()) + 2, int(corner.y()) + 2)
        assert shown == QColor(blend(LIGHT.surface, full, 0.15 + 0.75 * float(sure)))
        words = panel.rows.describe((0, moment))
        assert f"after step {10 * moment}: answered {names[history.answers[moment, image]]} (" in words


def test_that_a_click_on_a_cell_goes_to_its_moment_and_on_an_image_opens_it(qtbot, panel):
    place = panel.rows.cell(1, 2).center().toPoint()
    qtbot.mouseClick(panel.rows, Qt.MouseButton.LeftButton, pos=place)
    assert panel._line.moment.step == 20
    assert panel.rows._marked == 2
    place.setX(8)
    with qtbot.waitSignal(panel.image_opened) as opened:
        qtbot.mouseClick(panel.rows, Qt.MouseButton.LeftButton, pos=place)
    assert opened.args == ["validation", int(panel.rows.numbers[1])]


def test_that_the_answers_leave_the_program_as_a_table(panel, told, network):
    table, names = panel.rows.values(), network.data.dataset.class_names
    assert table.header == ("image", "true", "step 0", "step 10", "step 20", "step 30", "step 40")
    number = int(panel.rows.numbers[0])
    true = names[network.data.validation_labels[number]]
    assert tuple(table.rows[0]) == (number + 1, true, *(names[shot.answers[number]] for shot in told))


def test_that_the_keys_walk_read_and_open(qtbot, panel):
    panel.rows.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Left):
        qtbot.keyClick(panel.rows, key)
    assert panel.reading.text() == panel.rows.describe((1, 3))
    qtbot.keyClick(panel.rows, Qt.Key.Key_Space)
    assert panel._line.moment.step == 30
    with qtbot.waitSignal(panel.image_opened):
        qtbot.keyClick(panel.rows, Qt.Key.Key_Return)


def test_that_it_says_what_is_missing(qtbot, session, network):
    line = TimeLine(lambda: 50)
    panel = AnswersPanel(session, LIGHT, line=line)
    qtbot.addWidget(panel)
    panel.show()
    assert panel.words.text() == NO_RUN
    session.set_run(trained_run())
    line.set_run(replace(trained_run(), snapshots=(Snapshot("run", 0, None, "", None),)))
    qtbot.waitUntil(lambda: panel.words.text() == NOT_KEPT)
    labels = network.data.validation_labels
    some = Snapshot("run", 0, None, "", None, labels[:3].astype(np.uint8), np.full(3, 200, np.uint8))
    line.set_run(replace(trained_run(), snapshots=(some,)))
    qtbot.waitUntil(lambda: panel.words.text() == NOT_YET)
    perfect = Snapshot("run", 5, None, "", None, labels.astype(np.uint8), np.full(len(labels), 200, np.uint8))
    line.set_run(replace(trained_run(), snapshots=(perfect,)))
    qtbot.waitUntil(lambda: panel.words.text() == NONE[0])


def test_that_a_moment_in_mid_epoch_marks_the_latest_answers_to_all_images(qtbot, session, told):
    line = TimeLine(lambda: 50)
    session.set_run(trained_run())
    between = Snapshot("run", 15, None, "", None, told[0].answers[:3], told[0].confidence[:3])
    line.set_run(replace(trained_run(), snapshots=(*told[:2], between, *told[2:])))
    panel = AnswersPanel(session, LIGHT, line=line)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(lambda: panel.table is not None)
    assert panel.table.history.steps.tolist() == [0, 10, 20, 30, 40]
    marked = []
    panel.rows.mark = marked.append
    line.go(2)
    line.go(0)
    assert marked == [1, 0]
