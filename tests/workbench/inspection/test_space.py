"""Views in space: where things stand, what is said without OpenGL, and with it (mark gl) what is seen and clicked."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QMatrix4x4, QVector3D

from engine.api import Snapshot, observe, turned_to
from tests.workbench.inspection.inspected import trained_run
from tests.workbench.timers import let_timers_end
from workbench.inspection.time_line import TimeLine
from workbench.panels import space_panel, volumes_panel
from workbench.panels.activations_panel import ActivationsPanel
from workbench.panels.space_panel import NOT_KEPT, SpacePanel, class_colors, paths
from workbench.panels.volumes_panel import VolumesPanel
from workbench.plots.view_3d import (
    NO_SCREEN,
    angle_across,
    nearest_point,
    opengl_missing,
    places_by,
    screen_places,
)
from workbench.plots.volumes import MOST_SLICES, slice_texture, strengths, volumes_of
from workbench.theme import load_theme

LIGHT = load_theme("light")
RANDOM = np.random.default_rng(8)
POINTS = [RANDOM.normal(size=(12, 3)).astype(np.float32) * size for size in (1.0, 4.0, 9.0)]


def shot(step: int, points: np.ndarray | None) -> Snapshot:
    answers = np.arange(15, dtype=np.uint8) % 3
    return Snapshot(
        "run", step, None, "", None, answers, np.full(15, 204, np.uint8), None, None, None, points
    )


@pytest.fixture
def line(qtbot):
    made = TimeLine(lambda: 50)
    shots = tuple(shot(20 * n, points) for n, points in enumerate(POINTS))
    made.set_run(replace(trained_run(), snapshots=shots))
    return made


def test_that_points_go_through_the_matrix_as_qt_maps_them():
    matrix = QMatrix4x4()
    matrix.perspective(50, 1.5, 0.1, 100)
    matrix.lookAt(QVector3D(3, -8, 4), QVector3D(0, 0, 0), QVector3D(0, 0, 1))
    points = RANDOM.normal(size=(6, 3))
    found = places_by(np.array(matrix.copyDataTo()).reshape(4, 4), points, 300, 200)
    for place, point in zip(found, points, strict=True):
        clip = matrix.map(QVector3D(*point))
        assert place[0] == pytest.approx((clip.x() + 1) / 2 * 300, abs=1e-3)
        assert place[1] == pytest.approx((1 - clip.y()) / 2 * 200, abs=1e-3)
    behind = places_by(np.array(matrix.copyDataTo()).reshape(4, 4), np.array([[6.0, -16.0, 8.0]]), 300, 200)
    assert np.isinf(behind).all()


def test_that_a_low_and_a_narrow_view_see_as_much_across_their_shorter_side():
    assert angle_across(60, 300, 300) == pytest.approx(60)
    assert angle_across(60, 200, 400) == pytest.approx(60)
    wide = angle_across(60, 600, 200)
    assert 60 < wide < 180
    assert np.tan(np.radians(wide / 2)) * 200 / 600 == pytest.approx(np.tan(np.radians(30)))


def test_that_a_click_means_the_nearest_point_and_the_one_in_front():
    places = np.array([[50, 50, 0.9], [52, 50, 0.2], [100, 100, 0.5], [108, 100, 0.5], [np.inf] * 3])
    assert nearest_point(places, QPointF(51, 50)) == 1
    assert nearest_point(places, QPointF(107, 101)) == 3
    assert nearest_point(places, QPointF(200, 20)) is None


def test_that_each_moment_is_turned_to_the_last_and_of_one_size():
    shots = tuple(shot(n, points) for n, points in enumerate(POINTS))
    found = paths((shot(-1, None), *shots))
    assert list(found) == [0, 1, 2]
    for points in found.values():
        assert np.sqrt((points**2).sum(axis=1).mean()) == pytest.approx(1)
    turned = turned_to(POINTS[1], found[0])
    np.testing.assert_allclose(found[1], turned / np.sqrt((turned**2).sum(axis=1).mean()))


def test_that_a_moment_of_fewer_images_is_turned_by_those_that_both_have():
    fewer = POINTS[1][:7]
    found = paths((shot(0, POINTS[0]), shot(1, fewer), shot(2, POINTS[2])))
    assert [len(points) for points in found.values()] == [12, 7, 12]
    turned = turned_to(fewer, found[0][:7])
    np.testing.assert_allclose(found[1], turned / np.sqrt((turned**2).sum(axis=1).mean()))
    left, _, right = np.linalg.svd(POINTS[2][:7].T @ found[1])
    back = POINTS[2] @ (left @ right)
    np.testing.assert_allclose(found[2], back / np.sqrt((back**2).sum(axis=1).mean()), rtol=1e-5)


def test_that_ten_classes_and_many_have_colours_of_their_own():
    for count in (3, 10, 37):
        colors = class_colors(count, LIGHT)
        assert colors.shape == (count, 4)
        assert len({tuple(color) for color in np.round(colors, 6).tolist()}) == count


def test_that_volumes_stand_in_the_order_of_the_network_without_overlap(network):
    observation = observe(network, network.data.test_images[0])
    volumes = volumes_of(observation, ("cat", "dog", "frog"))
    names = [volume.name for volume in volumes]
    assert names[0] == "Image"
    assert names[1:-1] == [node.name for node in observation.nodes]
    best = int(observation.probabilities.argmax())
    assert names[-1].startswith(("cat", "dog", "frog")[best])
    for one, other in pairwise(volumes):
        assert one.end < other.start
    assert volumes[0].start == pytest.approx(-volumes[-1].end)
    conv, values = volumes[1], observation.nodes[0].values
    np.testing.assert_array_equal(conv.slices, strengths(values))
    np.testing.assert_array_equal(strengths(values), np.rint(255 * np.abs(values) / np.abs(values).max()))
    corner = conv.matrix(2) @ [0, 0, 0, 1]
    far = conv.matrix(2) @ [conv.slices.shape[2], conv.slices.shape[1], 0, 1]
    x = conv.start + 2 * conv.spacing
    np.testing.assert_allclose(corner[:3], [x, -conv.width / 2, conv.height / 2])
    np.testing.assert_allclose(far[:3], [x, conv.width / 2, -conv.height / 2])


def test_that_a_thick_node_shows_some_of_its_channels_and_a_vector_a_square(network):
    observation = observe(network, network.data.test_images[0])
    many = replace(observation.nodes[0], values=RANDOM.normal(size=(90, 6, 6)))
    wide = replace(observation.nodes[0], values=RANDOM.normal(size=(50, 1, 1)))
    volumes = volumes_of(replace(observation, nodes=(many, wide)), ("a", "b", "c"))
    assert volumes[1].slices.shape == (MOST_SLICES, 6, 6)
    assert volumes[1].channels == 90
    np.testing.assert_array_equal(volumes[1].slices[-1], strengths(many.values)[-1])
    assert volumes[2].slices.shape == (1, 8, 7)
    np.testing.assert_array_equal(volumes[2].slices.ravel()[:50], strengths(wide.values).ravel())
    texture = slice_texture(np.array([[0, 255], [100, 0], [0, 0]], np.uint8), (1, 2, 3))
    assert texture.shape == (2, 3, 4)
    assert texture[1, 0].tolist() == [1, 2, 3, 191]
    assert texture[0, 1, 3] == 75
    assert texture[0, 0, 3] > 0


def test_that_without_opengl_both_panels_say_so_and_the_rest_works(qtbot, session, line, monkeypatch):
    for module in (space_panel, volumes_panel):
        monkeypatch.setattr(module, "opengl_missing", lambda: NO_SCREEN)
    session.set_run(trained_run())
    activations = ActivationsPanel(session, LIGHT)
    volumes = VolumesPanel(session, LIGHT, activations.work)
    activations.showed.connect(volumes.show_seen)
    space = SpacePanel(session, LIGHT, line=line)
    for panel in (activations, volumes, space):
        qtbot.addWidget(panel)
        panel.show()
    for panel in (volumes, space):
        assert panel.words.isVisible()
        assert panel.words.text() == NO_SCREEN
        assert panel.view is None
    line.go(0)
    qtbot.waitUntil(lambda: activations.seen is not None)


def test_that_the_offscreen_platform_has_no_opengl(qtbot):
    if QGuiApplication.platformName() == "offscreen":
        assert opengl_missing() == NO_SCREEN


def test_that_in_the_window_the_docks_say_what_is_missing(qtbot, window):
    if not opengl_missing():
        pytest.skip("there is OpenGL")
    for name, panel in (("space", window.inspection.space), ("volumes", window.inspection.volumes)):
        window.docks.show(name)
        assert panel.words.text() == NO_SCREEN


@pytest.fixture
def space(qtbot, session, line):
    session.set_run(trained_run())
    made = SpacePanel(session, LIGHT, line=line)
    qtbot.addWidget(made)
    made.resize(640, 420)
    with qtbot.waitExposed(made):
        made.show()
    qtbot.waitUntil(lambda: made._labelled is not None)
    return made


@pytest.mark.gl
def test_that_points_stand_where_the_last_moment_puts_them_in_the_colours_of_their_classes(
    qtbot, space, line, network
):
    expected = paths(line.snapshots)[40] * 10
    np.testing.assert_allclose(space.points, expected)
    labels = network.data.validation_labels[:12]
    np.testing.assert_allclose(space.colors(), class_colors(3, LIGHT)[labels])
    let_timers_end(qtbot)
    picture = space.view.grabFramebuffer()
    ratio = picture.width() / space.view.width()
    places = screen_places(space.view, space.points)
    front = int(places[:, 2].argmin())
    at = (QPointF(*places[front, :2]) * ratio).toPoint()
    wanted, shown = QColor.fromRgbF(*space.colors()[front]), picture.pixelColor(at)
    assert abs(wanted.red() - shown.red()) + abs(wanted.green() - shown.green()) < 40


@pytest.mark.gl
def test_that_a_click_on_a_point_shows_its_image_and_enter_opens_it(qtbot, space, network):
    places = screen_places(space.view, space.points)
    front = int(places[:, 2].argmin())
    at = QPointF(*places[front, :2]).toPoint()
    qtbot.mouseClick(space.view, Qt.MouseButton.LeftButton, pos=at)
    assert space.chosen == front
    image = network.data.validation_images[front]
    assert space.image.image.pixelColor(2, 3).red() == round(float(image[3, 2].mean()))
    true = network.data.dataset.class_names[network.data.validation_labels[front]]
    assert space.caption.text().startswith(f"Validation image {front + 1}: {true}, answered ")
    assert "(80.0 %) after step 40" in space.caption.text()
    with qtbot.waitSignal(space.image_opened) as opened:
        qtbot.keyClick(space.view, Qt.Key.Key_Return)
    assert opened.args == ["validation", front]
    qtbot.mouseClick(space.view, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    assert space.chosen is None
    qtbot.keyClick(space.view, Qt.Key.Key_N)
    assert space.chosen == 0


@pytest.mark.gl
def test_that_points_move_with_the_slider(qtbot, space, line):
    known = paths(line.snapshots)
    for number, step in enumerate((0, 20)):
        line.go(number)
        np.testing.assert_allclose(space.points, known[step] * 10)
        np.testing.assert_allclose(space._scatter.pos, known[step] * 10)


@pytest.mark.gl
def test_that_dragging_turns_the_view_and_chooses_nothing(qtbot, space):
    before = space.view.cameraParams()["azimuth"]
    qtbot.mousePress(space.view, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    qtbot.mouseMove(space.view, QPoint(160, 120))
    qtbot.mouseRelease(space.view, Qt.MouseButton.LeftButton, pos=QPoint(160, 120))
    assert space.chosen is None
    assert space.view.cameraParams()["azimuth"] != before


@pytest.mark.gl
def test_that_a_run_without_places_says_so(qtbot, session, line):
    line.set_run(replace(trained_run(), snapshots=(shot(0, None), shot(5, None))))
    panel = SpacePanel(session, LIGHT, line=line)
    qtbot.addWidget(panel)
    panel.show()
    assert panel.words.text() == NOT_KEPT


@pytest.mark.gl
def test_that_the_network_stands_in_space_for_the_image_of_the_activations_panel(qtbot, session, network):
    session.set_run(trained_run())
    activations = ActivationsPanel(session, LIGHT)
    panel = VolumesPanel(session, LIGHT, activations.work)
    activations.showed.connect(panel.show_seen)
    for widget in (activations, panel):
        qtbot.addWidget(widget)
        widget.resize(700, 400)
        with qtbot.waitExposed(widget):
            widget.show()
    qtbot.waitUntil(lambda: panel.view is not None and activations.seen is not None)
    activations.number.setValue(3)
    expected = volumes_of(observe(network, network.data.test_images[2]), network.data.dataset.class_names)
    qtbot.waitUntil(
        lambda: all(
            np.array_equal(one.slices, other.slices)
            for one, other in zip(panel.volumes, expected, strict=True)
        )
    )
    let_timers_end(qtbot)
    picture = panel.view.grabFramebuffer()
    colors = {picture.pixelColor(x, y).name() for x in range(0, 600, 3) for y in range(0, 300, 3)}
    assert len(colors) > 20
    assert LIGHT.surface in colors
