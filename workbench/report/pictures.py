"""The pictures of a report, drawn by the plots and the canvas of the window."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Literal

from PySide6.QtCore import QSize

from engine.api import HISTORY_COLUMNS, Run, best_epoch
from workbench.canvas.picture import network_svg
from workbench.panels.runs_model import spoken_change
from workbench.plots.confusion_matrix import ConfusionMatrix
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.history_panels import AccuracyPanel, LossPanel
from workbench.plots.picture import Twin, picture_svg
from workbench.report.adaptive import AdaptivePicture, adaptive
from workbench.report.facts import class_names, last_confusion
from workbench.theme import Theme, load_theme

_CURVES = QSize(720, 300)
_SQUARE = QSize(620, 560)
_MOSAIC = QSize(620, 430)
_SMOOTHED_FROM = 200
"""Steps from which on a smoothed line stands before the noise of single batches."""

Draw = Callable[[Theme], str]


@dataclass(frozen=True)
class RunPictures:
    """What could be drawn of a run."""

    design: AdaptivePicture | None
    loss: AdaptivePicture | None
    accuracy: AdaptivePicture | None
    filters: AdaptivePicture | None
    confusion: AdaptivePicture | None
    filters_caption: str = ""


def run_pictures(run: Run) -> RunPictures:
    """Draw everything that there is of a run, in both themes."""
    taken = [event for event in run.snapshots if event.filters is not None]
    caption = ""
    if taken:
        node = run.project.graph.nodes.get(taken[-1].filters_node)
        caption = f"{node.name if node else 'First convolution'} after step {taken[-1].step:,}"
    return RunPictures(
        design=_both(lambda theme: network_svg(run.project, theme), "The network")
        if run.project.graph.nodes
        else None,
        loss=_both(lambda theme: _loss(run, theme), "Loss of each step") if run.step else None,
        accuracy=_both(lambda theme: _accuracy(run, theme), "Accuracy of each step") if run.step else None,
        filters=_both(lambda theme: _filters(run, theme), "First-layer filters") if taken else None,
        confusion=_both(lambda theme: _confusion(run, theme), "Confusion matrix")
        if last_confusion(run) is not None
        else None,
        filters_caption=caption,
    )


def _both(draw: Draw, description: str) -> AdaptivePicture:
    names: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    light, dark = (draw(load_theme(name)) for name in names)
    return adaptive(light, dark, escape(description))


def _loss(run: Run, theme: Theme) -> str:
    panel = LossPanel(theme)
    panel.set_steps_per_epoch(run.steps_per_epoch)
    panel.add_steps(1, *(run.history[name] for name in HISTORY_COLUMNS))
    best = best_epoch(run)
    if best is not None and len(run.timeline.epoch_ends(run.step)) > 1:
        # As the run's settings have it; the curve alone would go by its means.
        panel.set_best_epoch(best.epoch, best.step)
    return _curves(panel, run, theme)


def _accuracy(run: Run, theme: Theme) -> str:
    panel = AccuracyPanel(theme)
    panel.set_steps_per_epoch(run.steps_per_epoch)
    panel.add_steps(1, *(run.history[name] for name in HISTORY_COLUMNS))
    for event in run.evaluations:
        if event.part == "test":
            panel.add_test(event.step, event.accuracy)
    return _curves(panel, run, theme)


def _curves(panel: LossPanel | AccuracyPanel, run: Run, theme: Theme) -> str:
    for change in run.changes:
        panel.plot.add_marker(change.step, spoken_change(change))
    if run.step >= _SMOOTHED_FROM:
        panel.plot.set_smoothing(0.9)
    return _drawn(panel.plot.twin(theme), _CURVES)


def _filters(run: Run, theme: Theme) -> str:
    newest = [event for event in run.snapshots if event.filters is not None][-1]
    assert newest.filters is not None
    mosaic = FilterMosaic(theme)
    mosaic.set_filters(newest.filters, newest.step)
    return _drawn(mosaic.twin(theme), _MOSAIC)


def _confusion(run: Run, theme: Theme) -> str:
    found = last_confusion(run)
    assert found is not None
    matrix = ConfusionMatrix(theme)
    matrix.set_matrix(found[0], class_names(run, len(found[0])), found[1])
    return _drawn(matrix.twin(theme), _SQUARE)


def _drawn(twin: Twin, size: QSize) -> str:
    return picture_svg(twin, size)
