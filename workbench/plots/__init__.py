"""Plots of training: curves, first-layer filters, confusion matrix."""

from workbench.plots.confusion_matrix import ConfusionMatrix
from workbench.plots.curves import CurvePlot
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.filter_tiles import mosaic
from workbench.plots.history_panels import AccuracyPanel, LossPanel
from workbench.plots.legend import CurveStyle

__all__ = [
    "AccuracyPanel",
    "ConfusionMatrix",
    "CurvePlot",
    "CurveStyle",
    "FilterMosaic",
    "LossPanel",
    "mosaic",
]
