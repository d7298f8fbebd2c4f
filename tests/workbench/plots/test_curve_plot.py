import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QGraphicsView

from workbench.plots import AccuracyPanel, CurvePlot, CurveStyle, LossPanel
from workbench.plots.export import save_png
from workbench.theme import load_theme

THEME = load_theme("light")


@pytest.fixture
def plot(qtbot: Any) -> CurvePlot:
    widget = CurvePlot(THEME, name="Loss", empty_text="Press Train: loss appears here.")
    qtbot.addWidget(widget)
    widget.resize(600, 300)
    widget.show()
    QApplication.processEvents()
    return widget


def rest(qtbot: Any, count: Callable[[], int]) -> None:
    """Wait until a count stands still.

    One painting may lead to another by a chain of at most four timers, none longer than a round here; a round lasts
    until all timers that were due in it have fired, however late.
    """
    quiet = 0
    while quiet < 5:
        before = count()
        qtbot.wait(50)
        quiet = quiet + 1 if count() == before else 0


def test_that_what_is_drawn_is_what_was_stored(plot: CurvePlot) -> None:
    plot.set_series("Training", np.arange(1, 11), np.arange(10) ** 2)
    plot.append("Training", [11], [3.0])
    plot.refresh()
    x, y = plot.displayed("Training")
    assert np.array_equal(x, np.arange(1, 12))
    assert np.array_equal(y, [*(np.arange(10) ** 2), 3.0])
    assert np.array_equal(plot.series("Training")[1], y)


def test_that_new_values_are_painted_once(qtbot: Any, plot: CurvePlot) -> None:
    class Paintings(QObject):
        count = 0

        def eventFilter(self, _: QObject, event: QEvent) -> bool:
            self.count += event.type() == QEvent.Type.Paint
            return False

    (view,) = plot.findChildren(QGraphicsView)
    paintings = Paintings()
    view.viewport().installEventFilter(paintings)
    plot.set_series("Training", np.arange(1, 11), np.arange(10.0))
    plot.refresh()
    rest(qtbot, lambda: paintings.count)  # axes learn their width while they are painted
    before = paintings.count
    assert before > 0
    plot.append("Training", [11], [8.0])
    plot.refresh()
    rest(qtbot, lambda: paintings.count)
    assert paintings.count == before + 1


def test_that_a_million_points_are_drawn_as_some_thousand_with_their_spike(plot: CurvePlot) -> None:
    values = np.full(1_000_000, 0.5)
    values[123_456] = 40.0
    plot.set_series("Training", np.arange(1_000_000), values)
    plot.refresh()
    x, y = plot.displayed("Training")
    assert len(x) < 2500
    assert y.max() == 40.0
    assert (x[0], x[-1]) == (0, 999_999)
    assert len(plot.series("Training")[0]) == 1_000_000


def test_that_a_normalised_curve_begins_at_one_and_keeps_its_shape(plot: CurvePlot) -> None:
    plot.set_series("Training", [1, 2, 3], [4.0, 2.0, 1.0])
    plot.set_mode("normalised")
    plot.refresh()
    assert np.allclose(plot.displayed("Training")[1], [1.0, 0.5, 0.25])


def test_that_smoothing_keeps_the_values_visible_behind_it(plot: CurvePlot) -> None:
    values = np.random.default_rng(0).normal(size=200)
    plot.set_series("Training", np.arange(200), values)
    plot.set_smoothing(0.9)
    plot.refresh()
    assert np.array_equal(plot.displayed("Training", raw=True)[1], values)
    assert plot.displayed("Training")[1].std() < values.std() / 2
    plot.set_smoothing(0.0)
    plot.refresh()
    assert len(plot.displayed("Training", raw=True)[1]) == 0
    assert np.array_equal(plot.displayed("Training")[1], values)


def test_that_a_logarithmic_axis_reads_the_same_values_and_leaves_out_what_has_no_logarithm(
    plot: CurvePlot,
) -> None:
    plot.set_series("Training", [1, 2, 3, 4], [10.0, 1.0, 0.0, 0.1])
    plot.set_log(True)
    plot.refresh()
    assert np.array_equal(plot.displayed("Training")[1], [10.0, 1.0, 0.0, 0.1])
    low, high = plot._canvas.getPlotItem().getViewBox().viewRange()[1]
    assert -1.3 < low < -1
    assert 1 < high < 1.3


def test_that_the_axis_counts_epochs_once_their_length_is_known(plot: CurvePlot) -> None:
    plot.set_series("Training", [50, 100, 150], [3.0, 2.0, 1.0])
    plot.set_x_axis("epoch")
    plot.refresh()
    assert np.array_equal(plot.displayed("Training")[0], [50, 100, 150])
    plot.set_steps_per_epoch(100)
    plot.refresh()
    assert np.array_equal(plot.displayed("Training")[0], [0.5, 1.0, 1.5])


def test_that_a_part_of_an_epoch_is_named_without_a_factor(plot: CurvePlot) -> None:
    plot.set_series("Training", [1, 2, 3], [3.0, 2.0, 1.0])
    plot.set_steps_per_epoch(1000)
    plot.set_x_axis("epoch")
    plot.refresh()
    assert ">Epoch<" in plot._canvas.x_axis.labelString().replace(" ", "")


def colored(plot: CurvePlot, color: str) -> int:
    """Pixels of the canvas that have exactly a colour."""
    plot.refresh()
    image = plot._canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), -1)[:, : image.width()]
    return int(np.count_nonzero(pixels == np.uint32(QColor(color).rgb())))


def test_that_a_curve_without_points_leaves_nothing_behind_and_comes_back(plot: CurvePlot) -> None:
    color = plot._theme.training
    plot.set_series("Training", [1, 2, 3, 4], [1.0, 1.0, 1.0, 1.0], CurveStyle("training", marker="circle"))
    drawn = colored(plot, color)
    assert drawn > 20
    plot.set_shown(())
    assert colored(plot, color) == 0
    plot.set_shown(("Training",))
    assert colored(plot, color) == drawn
    plot.clear()
    assert colored(plot, color) == 0


def test_that_a_flood_of_values_redraws_at_the_allowed_rate(plot: CurvePlot, qtbot: Any) -> None:
    plot.pace.max_rate = 20
    plot.refresh()
    before = plot.pace.redraws
    start = time.perf_counter()
    for step in range(1, 101):
        plot.append("Training", [step], [1.0 / step])
        qtbot.wait(4)
    qtbot.waitUntil(lambda: len(plot.displayed("Training")[0]) == 100)
    passed = time.perf_counter() - start
    # A timer may come a millisecond early, and the clock starts in the middle of an interval.
    assert 3 <= plot.pace.redraws - before <= passed * 21 + 2


def test_that_nothing_is_redrawn_without_a_change_or_while_hidden(plot: CurvePlot, qtbot: Any) -> None:
    plot.append("Training", [1, 2], [2.0, 1.0])
    rest(qtbot, lambda: plot.pace.redraws)
    before = plot.pace.redraws
    qtbot.wait(100)
    assert plot.pace.redraws == before
    plot.hide()
    plot.append("Training", [3], [0.5])
    qtbot.wait(100)
    assert plot.pace.redraws == before
    plot.show()
    qtbot.waitUntil(lambda: plot.pace.redraws > before)
    assert len(plot.displayed("Training")[0]) == 3


def test_that_the_view_follows_until_it_is_moved_and_again_after_home(plot: CurvePlot, qtbot: Any) -> None:
    plot.set_series("Training", np.arange(1000), np.ones(1000))
    plot.refresh()
    view = plot._canvas.getPlotItem().getViewBox()
    view.setXRange(100, 200, padding=0)
    view.sigRangeChangedManually.emit([True, True])
    assert not plot.following
    plot.append("Training", np.arange(1000, 2000), np.ones(1000))
    plot.refresh()
    assert view.viewRange()[0] == [100, 200]
    x, _ = plot.displayed("Training")
    assert 98 <= x[0] <= 100
    assert 200 <= x[-1] <= 202
    plot.activateWindow()
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Home)
    plot.refresh()
    assert plot.following
    assert view.viewRange()[0][1] >= 1999


def test_that_the_pointer_reads_every_curve(plot: CurvePlot, qtbot: Any) -> None:
    plot.set_series("Training", np.arange(101), np.arange(101) / 100)
    plot.set_series(
        "Validation", np.arange(101), np.arange(101) / 50, CurveStyle("validation", marker="circle")
    )
    plot.refresh()
    rest(qtbot, lambda: plot.pace.redraws)  # axes learn their width while they are painted
    scene = plot._canvas.getPlotItem().getViewBox().sceneBoundingRect()
    place = plot._canvas.mapFromScene(scene.center())
    step = round(plot._canvas.x_at(place.toPointF()))
    qtbot.mouseMove(plot._canvas.viewport(), place + QPoint(1, 0))
    qtbot.mouseMove(plot._canvas.viewport(), place)
    qtbot.waitUntil(lambda: "at step" in plot.accessibleDescription())
    told = plot.accessibleDescription()
    assert told == f"Training {step / 100:.4f}, Validation {step / 50:.4f} at step {step}"


def test_that_a_line_under_training_is_told_by_marker_as_well_as_by_colour(qtbot: Any) -> None:
    panel = LossPanel(THEME)
    qtbot.addWidget(panel)
    styles = [panel.plot._curves[name].style for name in ("Training total", "Validation total")]
    assert styles[0].marker != styles[1].marker


def test_that_an_empty_plot_teaches_and_clear_comes_back_to_it(plot: CurvePlot) -> None:
    plot.refresh()
    assert plot._empty.isVisible()
    assert plot.accessibleDescription() == "Press Train: loss appears here."
    plot.set_series("Training", [1, 2], [1.0, 2.0])
    plot.add_marker(1, "best")
    plot.refresh()
    assert not plot._empty.isVisible()
    plot.clear()
    plot.refresh()
    assert plot._empty.isVisible()
    assert len(plot.series("Training")[0]) == 0


def test_that_a_marker_moves_by_its_key(plot: CurvePlot) -> None:
    plot.set_series("Training", [1, 2, 3], [1.0, 2.0, 3.0])
    plot.add_marker(1, "best epoch 1", key="best")
    plot.add_marker(2, "best epoch 2", key="best")
    plot.refresh()
    assert [(line.value(), line.label.toPlainText()) for line in plot._canvas._markers] == [
        (2, "best epoch 2")
    ]


@pytest.mark.parametrize("name", ["light", "dark"])
def test_that_a_theme_reaches_the_background(plot: CurvePlot, name: Any) -> None:
    plot.set_series("Training", [1, 2], [1.0, 2.0])
    plot.apply_theme(load_theme(name))
    plot.refresh()
    QApplication.processEvents()
    assert plot.grab().toImage().pixelColor(plot.width() - 3, 2).name() == load_theme(name).surface


def test_that_a_picture_has_the_asked_size_and_holds_the_curve_in_the_light_theme(
    qtbot: Any, tmp_path: Path
) -> None:
    panel = LossPanel(load_theme("dark"))
    qtbot.addWidget(panel)
    panel.add_steps(1, [3.0, 2.0], [4.0, 1.0], [3.0, 2.0], [4.0, 2.0])
    save_png(panel.plot, tmp_path / "loss.png", 640, 320)
    image = QImage(str(tmp_path / "loss.png"))
    assert (image.width(), image.height()) == (640, 320)
    colors = {image.pixelColor(x, y).name() for x in range(0, 640) for y in range(0, 320, 2)}
    assert image.pixelColor(1, 1).name() == THEME.surface
    assert {THEME.training, THEME.validation} <= colors


def test_that_a_picture_which_cannot_be_written_is_an_os_error(plot: CurvePlot, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="does not take it"):
        save_png(plot, tmp_path / "missing" / "loss.png", 100, 100)


def test_that_the_loss_panel_stores_what_was_measured_and_shows_the_part_asked_for(qtbot: Any) -> None:
    panel = LossPanel(THEME)
    qtbot.addWidget(panel)
    nan = np.nan
    panel.add_steps(1, [3.0, 2.0, 1.0], [4.0, 3.0, 2.0], [3.0, nan, 1.5], [4.0, nan, 2.5])
    panel.add_steps(4, [0.5], [1.5], [nan], [nan])
    assert np.array_equal(panel.plot.series("Training NLL")[1], [3, 2, 1, 0.5])
    assert np.array_equal(panel.plot.series("Validation total")[0], [1, 3])
    panel.plot.refresh()
    assert np.array_equal(panel.plot.displayed("Training total")[1], [4, 3, 2, 1.5])
    assert len(panel.plot.displayed("Training NLL")[1]) == 0
    panel.nll.click()
    panel.plot.refresh()
    assert np.array_equal(panel.plot.displayed("Training NLL")[1], [3, 2, 1, 0.5])
    assert len(panel.plot.displayed("Training total")[1]) == 0
    panel.normalised.click()
    panel.plot.refresh()
    assert np.allclose(panel.plot.displayed("Training NLL")[1], [1, 2 / 3, 1 / 3, 1 / 6])


def test_that_the_best_epoch_is_the_one_with_the_lowest_mean_validation_loss(qtbot: Any) -> None:
    panel = LossPanel(THEME)
    qtbot.addWidget(panel)
    panel.set_steps_per_epoch(2)
    losses = np.array([5.0, 5.0, 1.0, 2.0, 0.5, 9.0])
    for step, loss in enumerate(losses, start=1):
        panel.add_steps(step, [0.0], [0.0], [loss], [loss])
        expected = (
            int(np.argmin(losses[: step // 2 * 2].reshape(-1, 2).mean(axis=1))) + 1 if step >= 4 else None
        )
        assert panel.best_epoch == expected
    panel.add_steps(3, [0.0, 0.0], [0.0, 0.0], [8.0, 8.0], [8.0, 8.0])
    assert panel.best_epoch == 1


def test_that_accuracies_are_shown_in_percent_with_the_test_as_a_point(qtbot: Any) -> None:
    panel = AccuracyPanel(THEME)
    qtbot.addWidget(panel)
    panel.add_steps(1, None, None, None, None, [0.1, 0.9], [np.nan, 0.8])
    panel.add_test(2, 0.9731)
    assert np.allclose(panel.plot.series("Training")[1], [10, 90])
    assert np.allclose(panel.plot.series("Validation"), [[2], [80]])
    assert np.allclose(panel.plot.series("Test"), [[2], [97.31]])
    panel.clear()
    assert len(panel.plot.series("Test")[0]) == 0


def test_that_the_panels_fit_a_narrow_dock_with_every_control_visible(qtbot: Any) -> None:
    panel = LossPanel(THEME)
    qtbot.addWidget(panel)
    panel.resize(380, 240)
    panel.show()
    QApplication.processEvents()
    assert panel.width() == 380  # and 310 with the style sheet
    for control in (panel.nll, panel.normalised, panel.log, panel.smoothing, panel.axis):
        assert control.isVisible()
        assert panel.rect().contains(control.geometry())
        assert control.accessibleName()


def test_that_the_choices_explain_themselves_and_the_slider_keeps_its_word_in_a_narrow_dock(
    qtbot: Any,
) -> None:
    loss, accuracy = LossPanel(THEME), AccuracyPanel(THEME)
    for panel in (loss, accuracy):
        qtbot.addWidget(panel)
        panel.resize(300, 250)
        panel.show()
    assert accuracy._smoothing_label.isVisible()
    assert loss.nll.accessibleName() == "Negative log likelihood"
    assert "weight decay" in loss.nll.toolTip()
    for control in (loss.normalised, loss.log, loss.axis, loss.smoothing):
        assert control.toolTip()
        assert control.accessibleDescription() == control.toolTip()
