"""Curves of several trainings beside the table that lists them: which measure is drawn, and where."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QSplitter, QWidget

from workbench.plots.plot_controls import choice

MEASURES = (("validation_loss", 1.0), ("train_loss", 1.0), ("validation_accuracy", 100.0))
"""What `curve_choice` offers, by its ids: columns of a history, and what its values are multiplied by."""


def curve_choice(row: QHBoxLayout) -> QButtonGroup:
    """The choice between the measures, added to a row."""
    return choice(
        row,
        "Curve",
        (
            ("Validation", "Loss on validation batches"),
            ("Training", "Loss on training batches"),
            ("Accuracy", "Accuracy on validation batches"),
        ),
    )


def side_by_side(table: QWidget, plot: QWidget) -> QSplitter:
    """A table and its curves, which share the width at first as 6 to 4."""
    splitter = QSplitter(Qt.Orientation.Horizontal)
    splitter.setChildrenCollapsible(False)
    for part in (table, plot):
        # Neither may claim room that the plots beside their panel need.
        part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        splitter.addWidget(part)
    splitter.setSizes([6000, 4000])
    return splitter
