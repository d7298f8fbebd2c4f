"""The plots of a training run: loss with its choices, and accuracy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from workbench.plots.axes import percent_text
from workbench.plots.curves import CurvePlot
from workbench.plots.legend import CurveStyle
from workbench.plots.plot_controls import (
    DropDown,
    control_row,
    fill_with_surface,
    smoothing_slider,
    stack_rows,
    toggle,
)
from workbench.plots.series import Floats
from workbench.plots.step_counter import StepAxis
from workbench.theme import Theme

TRAINING = CurveStyle("training")
VALIDATION = CurveStyle("validation", marker="circle")
TEST = CurveStyle("test", marker="diamond", line=False)


_AXES: tuple[tuple[str, str, StepAxis], ...] = (
    ("Steps", "Updates of the parameters", "step"),
    ("Epochs", "Times that every training image was seen", "epoch"),
    ("Time", "Time of training, without pauses", "time"),
)


_LOW = 330
"""Pixels of height below which there is none to give away."""


class HistoryPanel(QWidget):
    """What both panels share: a curve plot below a row of choices."""

    wide = 440
    """From this width on, in pixels, the slider has its word beside it."""

    def __init__(self, theme: Theme, plot: CurvePlot, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.plot = plot
        self.controls = control_row()
        stack_rows(self, theme, self.controls, plot)
        self.apply_theme(theme)

    def set_steps_per_epoch(self, steps: int) -> None:
        """How many steps make an epoch, so that the axis can count epochs."""
        self.plot.set_steps_per_epoch(steps)

    def set_epoch_ends(self, ends: Sequence[tuple[int, int]]) -> None:
        """The steps with which epochs ended, and how many were done then."""
        self.plot.set_epoch_ends(ends)

    def add_times(self, steps: ArrayLike, seconds: ArrayLike) -> None:
        """After how many seconds of training steps were done, so that the axis can show time."""
        self.plot.add_times(steps, seconds)

    def clear(self) -> None:
        """Forget the run; the choices stay."""
        self.plot.clear()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self.plot.apply_theme(theme)
        fill_with_surface(self, theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow dock the slider stands without its word; in a low one the axis is named by its choice alone."""
        super().resizeEvent(event)
        self.plot.set_named_above(self.height() < _LOW)
        self._smoothing_label.setVisible(self.width() >= self.wide)

    def add_common_controls(self, row: QHBoxLayout) -> tuple[QSlider, DropDown]:
        """The slider of smoothing and the choice of the horizontal axis, at the right end of a row."""
        row.addStretch(1)
        self._smoothing_label, slider = smoothing_slider(row)
        slider.valueChanged.connect(lambda value: self.plot.set_smoothing(value / 100))
        row.addSpacing(4)
        axis = DropDown("Horizontal axis", [(text, tip) for text, tip, _ in _AXES])
        axis.chosen.connect(lambda number: self.plot.set_x_axis(_AXES[number][2]))
        row.addWidget(axis)
        return slider, axis

    def _append(self, name: str, first_step: int, values: ArrayLike) -> None:
        """Store what was measured: a NaN stands for a step without a measurement, and is left out."""
        array: Floats = np.atleast_1d(np.asarray(values, dtype=np.float64))
        measured = np.flatnonzero(~np.isnan(array))
        self.plot.append(name, first_step + measured, array[measured])


class LossPanel(HistoryPanel):
    """Loss of every step on training and validation batches: NLL alone, or total with weight decay."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(
            theme, CurvePlot(theme, name="Loss", empty_text="Press Train: loss appears here."), parent
        )
        for name, style in (("Training", TRAINING), ("Validation", VALIDATION)):
            for part in ("total", "NLL"):
                self.plot.add_series(f"{name} {part}", style)
        self._steps_per_epoch = 0
        self._epoch_means: list[float] = []
        self._is_told_best = False
        row = self.controls
        self.nll = toggle(
            "NLL",
            "NLL: the negative log likelihood alone, without weight decay; else the total loss, with it",
            "Negative log likelihood",
        )
        self.normalised = toggle(
            "Normalised", "Each curve divided by its first value, so that all begin at 1", "Normalised curves"
        )
        self.log = toggle(
            "Log", "Logarithmic scale of the loss, on which small values are told apart", "Logarithmic scale"
        )
        for button in (self.nll, self.normalised, self.log):
            row.addWidget(button)
        self.smoothing, self.axis = self.add_common_controls(row)
        self.nll.toggled.connect(self._show_part)
        self.normalised.toggled.connect(lambda on: self.plot.set_mode("normalised" if on else "plain"))
        self.log.toggled.connect(self.plot.set_log)
        self._show_part(False)

    def add_steps(
        self,
        first_step: int,
        train_nll: ArrayLike,
        train_total: ArrayLike,
        validation_nll: ArrayLike,
        validation_total: ArrayLike,
        train_accuracy: ArrayLike | None = None,
        validation_accuracy: ArrayLike | None = None,
        learning_rate: ArrayLike | None = None,
    ) -> None:
        """Add one value for each step from `first_step` on; NaN where a thing was not measured.

        Steps stored before that lie at or after `first_step` are replaced. Accuracies and learning rate are
        accepted, so that both panels take the same call, and not drawn.
        """
        self._append("Training NLL", first_step, train_nll)
        self._append("Training total", first_step, train_total)
        self._append("Validation NLL", first_step, validation_nll)
        self._append("Validation total", first_step, validation_total)
        self._mark_best_epoch(first_step)

    def set_steps_per_epoch(self, steps: int) -> None:
        """How many steps make an epoch: for the axis, and to mark the best epoch."""
        super().set_steps_per_epoch(steps)
        self._steps_per_epoch = steps
        self._epoch_means.clear()
        self._mark_best_epoch(1)

    def clear(self) -> None:
        """Forget the run; the choices stay."""
        super().clear()
        self._epoch_means.clear()
        self._is_told_best = False

    def set_best_epoch(self, epoch: int, step: int) -> None:
        """Mark the best epoch, which ends with `step`, as the run tells it; until then means of the curve say it."""
        self._is_told_best = True
        self.plot.add_marker(step, f"best epoch {epoch}", key="best epoch")

    @property
    def best_epoch(self) -> int | None:
        """The epoch (from 1) with the lowest mean validation NLL; None before two epochs are complete."""
        if len(self._epoch_means) < 2 or np.isnan(self._epoch_means).all():
            return None
        return int(np.nanargmin(self._epoch_means)) + 1

    def _mark_best_epoch(self, first_step: int) -> None:
        if not self._steps_per_epoch or self._is_told_best:
            return
        length = self._steps_per_epoch
        # Training steps end epochs: validation may be measured less often.
        trained = self.plot.series("Training NLL")[0]
        steps, values = self.plot.series("Validation NLL")
        del self._epoch_means[max(first_step - 1, 0) // length :]
        complete = int(trained[-1]) // length if len(trained) else 0
        for epoch in range(len(self._epoch_means), complete):
            begin, end = np.searchsorted(steps, (epoch * length, (epoch + 1) * length), side="right")
            self._epoch_means.append(float(values[begin:end].mean()) if end > begin else float("nan"))
        best = self.best_epoch
        if best is None:
            self.plot.remove_marker("best epoch")
        else:
            self.plot.add_marker(best * length, f"best epoch {best}", key="best epoch")

    def _show_part(self, nll: bool) -> None:
        part = "NLL" if nll else "total"
        self.plot.set_shown((f"Training {part}", f"Validation {part}"))
        self.plot.show_all()


class AccuracyPanel(HistoryPanel):
    """Accuracy in percent on training and validation batches, and on the test set where it was measured."""

    wide = 220

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        plot = CurvePlot(
            theme,
            name="Accuracy",
            empty_text="Press Train: accuracy appears here.",
            number_text=percent_text,
            tick_text=lambda value: f"{value:g} %",
        )
        super().__init__(theme, plot, parent)
        for name, style in (("Training", TRAINING), ("Validation", VALIDATION), ("Test", TEST)):
            self.plot.add_series(name, style)
        self.smoothing, self.axis = self.add_common_controls(self.controls)

    def add_steps(
        self,
        first_step: int,
        train_nll: ArrayLike | None,
        train_total: ArrayLike | None,
        validation_nll: ArrayLike | None,
        validation_total: ArrayLike | None,
        train_accuracy: ArrayLike,
        validation_accuracy: ArrayLike,
        learning_rate: ArrayLike | None = None,
    ) -> None:
        """Add accuracies (0..1) of the steps from `first_step` on; NaN where not measured."""
        self._append("Training", first_step, 100 * np.asarray(train_accuracy, dtype=np.float64))
        self._append("Validation", first_step, 100 * np.asarray(validation_accuracy, dtype=np.float64))

    def add_test(self, step: int, accuracy: float) -> None:
        """Add one accuracy (0..1) on the whole test set."""
        self.plot.append("Test", [step], [100 * accuracy])
