"""The report of a training: the window's plots as pictures, and the history as a table. Loads Qt."""

import csv
from pathlib import Path

import numpy as np

from engine.api import HISTORY_COLUMNS, Run
from workbench.commands.offscreen import drawing_application
from workbench.plots.confusion_matrix import ConfusionMatrix
from workbench.plots.export import save_png
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.history_panels import AccuracyPanel, LossPanel
from workbench.theme import load_theme

SIZE = (1200, 750)
"""Width and height of the curves, in pixels."""
SQUARE = (900, 900)


def write_report(run: Run, folder: Path) -> None:
    """Write loss.png, accuracy.png, filters.png, confusion-matrix.png and history.csv into a folder.

    A picture is left out when there is nothing to draw: filters of a network without convolution. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_history(run, folder / "history.csv")
    application = drawing_application()
    _draw_curves(run, folder)
    _draw_network(run, folder)
    application.processEvents()


def _write_history(run: Run, path: Path) -> None:
    """One row for each step; an empty field stands for what was not measured."""
    columns = [run.history[name] for name in HISTORY_COLUMNS]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["step", *HISTORY_COLUMNS])
        for step, row in enumerate(zip(*columns, strict=True), start=1):
            writer.writerow([step, *("" if np.isnan(value) else repr(float(value)) for value in row)])


def _draw_curves(run: Run, folder: Path) -> None:
    theme = load_theme("light")
    columns = [run.history[name] for name in HISTORY_COLUMNS]
    for panel, name in ((LossPanel(theme), "loss"), (AccuracyPanel(theme), "accuracy")):
        panel.set_steps_per_epoch(run.steps_per_epoch)
        panel.add_steps(1, *columns)
        if isinstance(panel, AccuracyPanel):
            for event in run.evaluations:
                if event.part == "test":
                    panel.add_test(event.step, event.accuracy)
        save_png(panel.plot, folder / f"{name}.png", *SIZE)


def _draw_network(run: Run, folder: Path) -> None:
    theme = load_theme("light")
    filters = [(event.filters, event.step) for event in run.snapshots if event.filters is not None]
    if filters:
        mosaic = FilterMosaic(theme)
        mosaic.set_filters(*filters[-1])
        save_png(mosaic, folder / "filters.png", *SQUARE)
    tested = [
        (event.confusion, f"test set, step {event.step}") for event in run.evaluations if event.part == "test"
    ]
    validated = [
        (e.confusion, f"validation images, step {e.step}") for e in run.snapshots if e.confusion is not None
    ]
    for counts, caption in (tested or validated)[-1:]:
        matrix = ConfusionMatrix(theme)
        matrix.set_matrix(counts, run.class_names, caption)
        save_png(matrix, folder / "confusion-matrix.png", *SQUARE)
