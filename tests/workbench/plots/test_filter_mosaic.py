from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage

from workbench.plots import FilterMosaic, mosaic
from workbench.plots.export import save_png
from workbench.theme import load_theme

LIGHT = load_theme("light")


def filters_of(count: int, channels: int, height: int = 5, width: int = 4) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, channels, height, width))


def shown(one: np.ndarray) -> np.ndarray:
    """Thesis eq. 3.8 for one filter [C, h, w], as it reads."""
    share = (one - one.min()) / (one.max() - one.min())
    return np.round(255 * np.stack([share[c if len(one) == 3 else 0] for c in range(3)], axis=-1))


@pytest.mark.parametrize("channels", [1, 3])
def test_that_each_filter_is_scaled_over_all_its_channels_together(channels: int) -> None:
    filters = filters_of(7, channels)
    picture = mosaic(filters)
    assert picture.dtype == np.uint8
    assert picture.shape == (3 * 5 + 2, 3 * 4 + 2, 3)
    for number, one in enumerate(filters):
        top, left = number // 3 * 6, number % 3 * 5
        assert np.array_equal(picture[top : top + 5, left : left + 4], shown(one))


def test_that_gaps_and_unused_places_are_white() -> None:
    picture = mosaic(filters_of(3, 1), gap=2)
    assert (picture[:, 4:6] == 255).all()
    assert (picture[5:7] == 255).all()
    assert (picture[7:, 6:] == 255).all()


def test_that_a_constant_or_broken_filter_is_mid_grey_and_harms_no_other() -> None:
    filters = filters_of(4, 3)
    filters[1] = 0.25
    filters[2, 0, 0, 0] = np.nan
    picture = mosaic(filters, gap=0, columns=4)
    assert (picture[:, 4:12] == 127).all()
    assert np.array_equal(picture[:, :4], shown(filters[0]))
    assert np.array_equal(picture[:, 12:], shown(filters[3]))


def test_that_filters_scaled_together_keep_their_proportion() -> None:
    filters = np.zeros((2, 1, 2, 2))
    filters[0, 0, 0, 0], filters[1, 0, 0, 0] = 1.0, 0.5
    picture = mosaic(filters, per_filter=False, gap=0, columns=2)
    assert picture[0, 0, 0] == 255
    assert picture[0, 2, 0] == 128


def test_that_another_number_of_channels_shows_the_mean_and_the_caption_says_so(qtbot: Any) -> None:
    filters = filters_of(4, 8)
    mean = filters.mean(axis=1, keepdims=True)
    assert np.array_equal(mosaic(filters), mosaic(mean))
    widget = FilterMosaic(LIGHT)
    qtbot.addWidget(widget)
    widget.set_filters(filters, 100)
    assert widget.accessibleDescription() == "Step 100 · 4 filters 5×4 · mean of 8 channels"


def test_that_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[K, C, h, w\], got \[3, 3\]"):
        mosaic(np.zeros((3, 3)))


def test_that_the_widget_shows_the_mosaic_in_whole_pixels_and_follows_its_own_shape(qtbot: Any) -> None:
    filters = filters_of(32, 3, 5, 5)
    widget = FilterMosaic(LIGHT)
    qtbot.addWidget(widget)
    for size, columns in (((1200, 150), 16), ((300, 620), 4)):
        widget.resize(*size)
        widget.show()
        widget.set_filters(filters, 1)
        assert np.array_equal(widget.displayed(), mosaic(filters, columns=widget.columns))
        assert widget.columns == columns
        image = widget.grab().toImage()
        tile = widget._tiles()[9]
        scale = tile.width() / 5
        assert scale == int(scale)
        assert scale >= 5
        expected = shown(filters[9])
        for row in range(5):
            for column in range(5):
                spot = tile.topLeft().toPoint()
                pixel = image.pixelColor(
                    int(spot.x() + (column + 0.5) * scale), int(spot.y() + (row + 0.5) * scale)
                )
                assert list(pixel.getRgb()[:3]) == list(expected[row, column])  # type: ignore[index]


def test_that_pointer_and_keys_read_a_filter(qtbot: Any) -> None:
    filters = filters_of(6, 1)
    widget = FilterMosaic(LIGHT)
    qtbot.addWidget(widget)
    widget.resize(400, 300)
    widget.show()
    widget.set_filters(filters, 1)
    place = widget._tiles()[4].center().toPoint()
    qtbot.mouseMove(widget, place + QPoint(1, 0))
    qtbot.mouseMove(widget, place)
    low, high = f"{filters[4].min():.4f}".replace("-", "−"), f"{filters[4].max():.4f}"
    qtbot.waitUntil(
        lambda: widget.accessibleDescription().startswith(
            f"Filter 5: smallest weight {low}, largest {high} · "
        )
    )
    qtbot.keyClick(widget, Qt.Key.Key_Right)
    assert widget.accessibleDescription().startswith("Filter 6:")
    qtbot.keyClick(widget, Qt.Key.Key_Escape)
    assert widget.accessibleDescription().startswith("Step 1 ·")


def test_that_an_empty_mosaic_teaches_and_more_filters_than_pixels_still_paint(
    qtbot: Any, tmp_path: Path
) -> None:
    widget = FilterMosaic(load_theme("dark"))
    qtbot.addWidget(widget)
    widget.resize(200, 150)
    assert "appear here" in widget.accessibleDescription()
    widget.grab()
    widget.set_filters(filters_of(2000, 1, 7, 7), 5)
    save_png(widget, tmp_path / "filters.png", 320, 240)
    image = QImage(str(tmp_path / "filters.png"))
    assert (image.width(), image.height()) == (320, 240)
    assert image.pixelColor(0, 0).name() == LIGHT.surface
    widget.clear()
    assert widget.displayed().size == 0
