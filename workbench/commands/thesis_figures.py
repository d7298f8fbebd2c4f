"""The thesis's figures from stored results, by the plots of the window. Loads Qt."""

from pathlib import Path

import numpy as np

from engine.api import HISTORY_COLUMNS, ResultFolder, SeedResult, with_filter_kinds
from workbench.commands.offscreen import drawing_application
from workbench.plots.class_histogram import ClassHistogram
from workbench.plots.confusion_matrix import ConfusionMatrix
from workbench.plots.export import save_png
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.history_panels import AccuracyPanel, LossPanel
from workbench.theme import load_theme

EVERY = 50
"""Steps between two points of a curve, as the thesis draws them."""
CURVES = (1000, 625)
SQUARE = (800, 800)
PARTS = {"training": "Training", "validation": "Validation", "test": "Test"}


def tell_filters(folder: ResultFolder, name: str) -> None:
    """Tell the first-layer filters of every result apart where that has not been done; keeps the results."""
    for result in folder.results(name):
        if result.filters is None:
            folder.save(with_filter_kinds(result, folder.arrays(name, result.seed)))


def draw_figures(folder: ResultFolder, name: str) -> list[Path]:
    """Draw an experiment's `thesis_page.FIGURES`, of its first seed, into FOLDER/figures. Raises OSError."""
    result = folder.results(name)[0]
    arrays = folder.arrays(name, result.seed)
    place = folder.folder / "figures"
    place.mkdir(exist_ok=True)
    application = drawing_application()
    drawn = [
        *_draw_curves(result, arrays, place, name),
        *_draw_network(result, arrays, place, name),
        _draw_histogram(result, place),
    ]
    application.processEvents()
    return drawn


def _draw_curves(result: SeedResult, arrays: dict[str, np.ndarray], place: Path, name: str) -> list[Path]:
    theme = load_theme("light")
    steps = np.arange(1, result.steps + 1)
    shown = (steps == 1) | (steps % EVERY == 0)
    # What an earlier version did not record is not drawn.
    columns = [np.where(shown, arrays.get(column, np.nan), np.nan) for column in HISTORY_COLUMNS]
    drawn = []
    for figure in ("loss", "normalised-loss", "accuracy"):
        panel = AccuracyPanel(theme) if figure == "accuracy" else LossPanel(theme)
        panel.set_steps_per_epoch(result.steps_per_epoch)
        panel.add_steps(1, *columns)
        if isinstance(panel, LossPanel):
            panel.normalised.setChecked(figure == "normalised-loss")
        else:
            for epoch, accuracy in enumerate(result.test_by_epoch, 1):
                panel.add_test(min(epoch * result.steps_per_epoch, result.steps), accuracy)
        drawn.append(place / f"{name}-{figure}.png")
        save_png(panel.plot, drawn[-1], *CURVES)
    return drawn


def _draw_network(result: SeedResult, arrays: dict[str, np.ndarray], place: Path, name: str) -> list[Path]:
    theme = load_theme("light")
    drawn = []
    if "filters" in arrays:
        mosaic = FilterMosaic(theme)
        mosaic.set_filters(arrays["filters"], result.steps)
        drawn.append(place / f"{name}-filters.png")
        save_png(mosaic, drawn[-1], *SQUARE)
    matrix = ConfusionMatrix(theme)
    counts = np.array(result.confusion, np.int64)
    matrix.set_matrix(counts, tuple(result.class_names), f"test set, step {result.steps:,}")
    drawn.append(place / f"{name}-confusion-matrix.png")
    save_png(matrix, drawn[-1], *SQUARE)
    return drawn


def _draw_histogram(result: SeedResult, place: Path) -> Path:
    plot = ClassHistogram(load_theme("light"))
    counts = {label: np.array(result.histograms[part]) for part, label in PARTS.items()}
    plot.set_histograms(counts, tuple(result.class_names))
    path = place / f"{result.settings['data']}-class-histogram.png"
    save_png(plot, path, 1000, 90 + 34 * len(result.class_names))
    return path
