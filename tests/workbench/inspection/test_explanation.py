"""The map over the image is the engine's, for the answer or for the class that is clicked."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor

from engine.api import classify_images, grad_cam, gradient_times_input, occlusion
from tests.workbench.inspection.inspected import trained_run
from workbench.panels.activations_panel import DRAW, ActivationsPanel
from workbench.plots.image_view import AGAINST, FOR, ImageView, attribution_colors
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import load_theme

LIGHT = load_theme("light")
METHODS = {1: occlusion, 2: gradient_times_input, 3: grad_cam}


@pytest.fixture
def panel(qtbot, session):
    made = ActivationsPanel(session, LIGHT)
    qtbot.addWidget(made)
    made.resize(900, 360)
    session.set_run(trained_run())
    made.show()
    qtbot.waitUntil(lambda: made.seen is not None)
    return made


def wait_for_map(qtbot, panel, expected) -> None:
    qtbot.waitUntil(lambda: panel.image.map is not None and np.allclose(panel.image.map, expected))


@pytest.mark.parametrize("number", METHODS)
def test_that_the_map_is_the_engines_for_the_answer(qtbot, panel, network, number):
    image = network.data.test_images[0]
    answer = int(classify_images(network, image[None])[0].argmax())
    panel.explanation.method.setCurrentIndex(number)
    wait_for_map(qtbot, panel, METHODS[number](network, image, answer))
    assert f"orange speaks for {network.data.dataset.class_names[answer]}" in panel.caption.text()
    panel.explanation.method.setCurrentIndex(0)
    assert panel.image.map is None


def test_that_a_click_on_a_class_explains_it_and_another_click_the_answer_again(qtbot, panel, network):
    image = network.data.test_images[0]
    answer = int(classify_images(network, image[None])[0].argmax())
    other = (answer + 1) % 3
    panel.explanation.method.setCurrentIndex(2)
    place = QPoint(60, round(panel.bars.bar(other).center().y()))
    for target in (other, answer):
        qtbot.mouseClick(panel.bars, Qt.MouseButton.LeftButton, pos=place)
        wait_for_map(qtbot, panel, gradient_times_input(network, image, target))
        assert f"speaks for {network.data.dataset.class_names[target]}" in panel.caption.text()


def test_that_the_arrow_keys_walk_through_the_classes(qtbot, panel, network):
    image = network.data.test_images[0]
    answer = int(classify_images(network, image[None])[0].argmax())
    panel.bars.setFocus()
    qtbot.keyClick(panel.bars, Qt.Key.Key_Down if answer < 2 else Qt.Key.Key_Up)
    other = answer + 1 if answer < 2 else answer - 1
    wait_for_map(qtbot, panel, occlusion(network, image, other))
    assert panel.explanation.is_on


def test_that_another_image_gets_its_own_map_and_never_that_of_the_last(qtbot, panel, network):
    panel.explanation.method.setCurrentIndex(2)
    qtbot.waitUntil(lambda: panel.image.map is not None)
    panel.number.setValue(3)
    qtbot.waitUntil(lambda: panel.seen is not None and panel.seen.index == 2)
    image = network.data.test_images[2]
    answer = int(classify_images(network, image[None])[0].argmax())
    wait_for_map(qtbot, panel, gradient_times_input(network, image, answer))


def test_that_a_drawing_is_explained_while_one_draws(qtbot, panel):
    panel.explanation.method.setCurrentIndex(2)
    panel.source.button(DRAW).click()
    assert panel.image.map is None
    qtbot.mouseClick(panel.canvas, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    qtbot.waitUntil(lambda: panel.image.map is not None)
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Delete)
    assert panel.image.map is None


def test_that_the_strongest_place_is_opaque_and_the_sign_is_the_colour(qtbot):
    values = np.array([[2.0, -1.0], [0.0, np.nan]])
    colors = attribution_colors(values)
    assert colors[0, 0].tolist() == [*FOR, 255]
    assert colors[0, 1].tolist() == [*AGAINST, 128]
    assert colors[1, 0, 3] == colors[1, 1, 3] == 0
    assert not attribution_colors(np.zeros((2, 2)))[..., 3].any()
    view = ImageView(LIGHT, "image")
    qtbot.addWidget(view)
    view.resize(42, 42)
    view.set_pixels(np.zeros((2, 2, 1), np.uint8))
    view.set_map(values)
    assert view.grab().toImage().pixelColor(10, 10) == QColor(*FOR)
    assert view.describe(QPointF(30, 10)) == "Row 1, column 2: −1"
    assert view.describe(QPointF(500, 10)) == ""


def test_that_a_hidden_panel_computes_no_map(qtbot, panel, session):
    panel.explanation.method.setCurrentIndex(1)
    panel.hide()
    assert not session.is_busy


def test_that_a_map_without_anything_on_it_says_so(qtbot, panel, network):
    panel.explanation.method.setCurrentIndex(3)
    qtbot.waitUntil(lambda: panel.image.map is not None)
    panel.image.set_map(np.zeros_like(panel.image.map))
    answer = panel.seen.names[int(panel.seen.observation.probabilities.argmax())]
    assert panel.explanation.describe() == f"nothing speaks for {answer}"


def test_that_a_picture_under_a_heading_stands_at_the_top(qtbot):
    view = ImageView(load_theme("light"), "Spectrum")
    qtbot.addWidget(view)
    fill_with_surface(view, load_theme("dark"))
    view.resize(60, 200)
    view.set_pixels(np.full((8, 8, 1), 255, np.uint8))
    white = []
    for view.stands_at_top in (False, True):
        image = view.grab().toImage()
        column = [image.pixelColor(30, y).name() == "#ffffff" for y in range(200)]
        white.append(column.index(True))
    assert white[0] > 50
    assert white[1] <= 2
