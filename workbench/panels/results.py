"""The four pictures of a run: loss, accuracy, first-layer filters and confusion matrix."""

from collections.abc import Iterable
from typing import Literal

from PySide6.QtCore import QObject

from engine.api import (
    HISTORY_COLUMNS,
    EpochDone,
    Evaluated,
    Event,
    Run,
    RunEnded,
    RunStarted,
    Sampled,
    Samples,
    SettingChanged,
    Snapshot,
    StepsDone,
    best_of_epochs,
)
from workbench.panels.runs_model import spoken_change
from workbench.plots.confusion_matrix import ConfusionMatrix
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.history_panels import AccuracyPanel, LossPanel
from workbench.plots.layer_curves import NORMS, LayerCurves
from workbench.theme import Theme


class Results(QObject):
    """Feeds the plots from a running training, or from a run that was saved."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.loss = LossPanel(theme)
        self.accuracy = AccuracyPanel(theme)
        self.layers = LayerCurves(theme)
        self.filters = FilterMosaic(theme)
        self.confusion = ConfusionMatrix(theme)
        self._class_names: tuple[str, ...] = ()
        self.confusion_part: Literal["test", "validation"] = "validation"
        """The part of the data that the confusion matrix on show tells of."""
        self._tested: Evaluated | None = None
        self._newest: Snapshot | None = None
        self._newest_matrix: Snapshot | None = None
        self._moment: Snapshot | None = None
        self._ended_at: int | None = None
        self._seconds = self._seconds_before = 0.0
        self.best_by: Literal["accuracy", "loss"] = "accuracy"
        """What makes an epoch the best, as the run's settings have it."""
        self._epochs: list[EpochDone] = []
        self._steps_per_epoch = 0
        self.filters.setMinimumWidth(150)

    def apply_theme(self, theme: Theme) -> None:
        """Draw all of them with another theme."""
        for panel in (self.loss, self.accuracy, self.layers, self.filters, self.confusion):
            panel.apply_theme(theme)

    def clear(self) -> None:
        """Show nothing."""
        self._seconds = self._seconds_before = 0.0
        self._epochs = []
        self._tested = self._newest = self._newest_matrix = self._moment = self._ended_at = None
        for panel in (self.loss, self.accuracy, self.layers, self.filters, self.confusion):
            panel.clear()

    def show_run(self, run: Run) -> None:
        """Show what a run holds."""
        self.clear()
        self._class_names = run.class_names
        self._set_steps_per_epoch(run.steps_per_epoch)
        if run.step:
            columns = [run.history[name] for name in HISTORY_COLUMNS]
            self.loss.add_steps(1, *columns)
            self.accuracy.add_steps(1, *columns)
            self.layers.add_rates(1, run.history["learning_rate"])
        if len(run.samples.steps):
            self._add_samples(run.samples)
        # The newest may tell of the filters alone.
        self.receive([shot for shot in run.snapshots if shot.confusion is not None][-1:])
        self.receive(run.snapshots[-1:])
        self.receive(run.evaluations)
        self.receive(run.changes)
        self.best_by = run.project.training.best_by
        self.receive(run.epochs)
        if run.status == "finished":
            self._show_test(run.step)

    def receive(self, events: Iterable[Event]) -> None:
        """Show what just happened."""
        for event in events:
            if isinstance(event, StepsDone):
                columns = [getattr(event, name) for name in HISTORY_COLUMNS]
                self.loss.add_steps(event.first_step, *columns)
                self.accuracy.add_steps(event.first_step, *columns)
                self.layers.add_rates(event.first_step, event.learning_rate)
            elif isinstance(event, Sampled):
                self._add_samples(Samples.of([event]), after=self._seconds_before)
            elif isinstance(event, Snapshot):
                self._show_snapshot(event)
            elif isinstance(event, Evaluated) and event.part == "test":
                self.accuracy.add_test(event.step, event.accuracy)
                self._tested = event
            elif isinstance(event, SettingChanged):
                self._mark(event)
            elif isinstance(event, EpochDone):
                self._mark_best(event)
            elif isinstance(event, RunEnded):
                self._show_test(event.step)
            elif isinstance(event, RunStarted):
                self._class_names = event.class_names
                self._set_steps_per_epoch(event.steps_per_epoch)
                self._ended_at = None
                if event.step == 0:
                    self.clear()
                self._seconds_before = self._seconds

    def _add_samples(self, samples: Samples, after: float = 0.0) -> None:
        """Norms and times of some steps; `after` other seconds of the same run."""
        seconds = after + samples.seconds
        self._seconds = float(seconds[-1])
        for panel in (self.loss, self.accuracy, self.layers):
            panel.add_times(samples.steps, seconds)
        norms = {name: getattr(samples, name) for name in NORMS}
        self.layers.add_samples(samples.nodes, samples.steps, **norms)

    def _mark_best(self, event: EpochDone) -> None:
        self._epochs = [*(epoch for epoch in self._epochs if epoch.step < event.step), event]
        ends = [(epoch.step, epoch.epoch) for epoch in self._epochs]
        for panel in (self.loss, self.accuracy, self.layers):
            panel.set_epoch_ends(ends)
        best = best_of_epochs(self._epochs, self.best_by)
        if best is not None and len(self._epochs) > 1:
            self.loss.set_best_epoch(best.epoch, best.step)

    def _mark(self, change: SettingChanged) -> None:
        """A line on the curves where a setting was changed."""
        if change.steps_per_epoch != self._steps_per_epoch:
            self._set_steps_per_epoch(change.steps_per_epoch)
        text = spoken_change(change)
        for plot in (self.loss.plot, self.accuracy.plot):
            plot.add_marker(change.step, text, key=f"change of {change.node}/{change.name} at {change.step}")

    def show_moment(self, moment: Snapshot | None, matrix: Snapshot | None) -> None:
        """Show filters as they were at a moment of the past, and the latest matrix until then; None: the newest."""
        self._moment = moment
        if moment is None:
            for plot in (self.loss.plot, self.accuracy.plot):
                plot.remove_marker("moment")
            if self._newest is not None:
                self._show_filters(self._newest)
            if self._newest_matrix is not None:
                self._show_confusion(self._newest_matrix)
            if self._ended_at is not None:
                self._show_test(self._ended_at)
            return
        for plot in (self.loss.plot, self.accuracy.plot):
            plot.add_marker(moment.step, "shown", key="moment")
        self._show_filters(moment)
        if matrix is not None:
            self._show_confusion(matrix)

    def _show_test(self, step: int) -> None:
        """At the end the test set takes the place of validation, when it was looked at after the last step."""
        self._ended_at = step
        if self._moment is None and self._tested is not None and self._tested.step == step:
            caption = f"test set after step {step:,}"
            self.confusion_part = "test"
            self.confusion.set_matrix(
                self._tested.confusion, self._names(len(self._tested.confusion)), caption
            )

    def _show_snapshot(self, event: Snapshot) -> None:
        self._newest = event if event.filters is not None else self._newest
        self._newest_matrix = event if event.confusion is not None else self._newest_matrix
        if self._moment is None:
            self._show_filters(event)
            self._show_confusion(event)

    def _show_filters(self, event: Snapshot) -> None:
        if event.filters is not None:
            self.filters.set_filters(event.filters, event.step)

    def _show_confusion(self, event: Snapshot) -> None:
        if event.confusion is not None:
            caption = f"validation images after step {event.step:,}"
            self.confusion_part = "validation"
            self.confusion.set_matrix(event.confusion, self._names(len(event.confusion)), caption)

    def _names(self, count: int) -> tuple[str, ...]:
        if len(self._class_names) == count:
            return self._class_names
        return tuple(str(number) for number in range(count))

    def _set_steps_per_epoch(self, steps: int) -> None:
        self._steps_per_epoch = steps
        for panel in (self.loss, self.accuracy, self.layers):
            panel.set_steps_per_epoch(steps)
