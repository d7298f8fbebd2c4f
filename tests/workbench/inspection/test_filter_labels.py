"""The pointer on a filter tells what it is like, by the engine's fits."""

import numpy as np
from PySide6.QtCore import Qt

from engine.api import filter_kind
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.filter_tiles import kind_in_words
from workbench.theme import load_theme


def known_filters() -> np.ndarray:
    rows, columns = np.mgrid[:5, :5] - 2.0
    wave = np.exp(-(rows**2 + columns**2) / 6) * np.cos(2 * np.pi * columns / 3.5)
    plus = np.where((np.abs(rows) + np.abs(columns)) == 1, 0.5, 0.0)
    plus[2, 2] = 1.0
    return np.stack([wave, plus, np.random.default_rng(0).normal(size=(5, 5))])[:, None]


def test_that_each_kind_of_filter_is_told_in_words(qtbot):
    mosaic = FilterMosaic(load_theme("light"))
    qtbot.addWidget(mosaic)
    mosaic.resize(400, 300)
    filters = known_filters()
    mosaic.set_filters(filters, 10)
    for expected in (
        "like a Gabor function: 0°, wavelength 3.5",
        "like a centre with its neighbours: row 3, column 3",
    ):
        qtbot.keyClick(mosaic, Qt.Key.Key_Right)
        assert expected in mosaic.toolTip()
    qtbot.keyClick(mosaic, Qt.Key.Key_Right)
    assert kind_in_words(filter_kind(filters[2])) in mosaic.accessibleDescription()
    assert "neither a Gabor function" in mosaic.accessibleDescription()


def test_that_later_filters_are_judged_anew(qtbot):
    mosaic = FilterMosaic(load_theme("light"))
    qtbot.addWidget(mosaic)
    mosaic.set_filters(known_filters(), 10)
    qtbot.keyClick(mosaic, Qt.Key.Key_Right)
    mosaic.set_filters(known_filters()[::-1], 20)
    assert "neither" in mosaic._caption()
