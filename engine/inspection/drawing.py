"""From strokes of a pen to an image as a network was trained on."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DIGIT_BOX = 20 / 28
"""Part of an image's side that a digit of MNIST takes."""
PEN = 2.4 / 28
"""Width of the pen as part of an image's side: about that of MNIST's strokes."""


def draw_digit(strokes: Sequence[npt.ArrayLike], side: int = 28) -> npt.NDArray[np.uint8]:
    """Strokes as MNIST has its digits: white on black, uint8 [side, side].

    A stroke is a list of points (x, y) in any unit. The whole is scaled, without distortion, so that it fits a box of
    20/28 of the side; then the centre of mass of its pixels is put in the middle of the image (LeCun et al. 1998).
    """
    points = [np.asarray(stroke, np.float64).reshape(-1, 2) for stroke in strokes]
    points = [stroke for stroke in points if len(stroke)]
    if not points:
        return np.zeros((side, side), np.uint8)
    every = np.concatenate(points)
    low, high = every.min(axis=0), every.max(axis=0)
    extent = float((high - low).max())
    room = (DIGIT_BOX - PEN) * side
    scale = room / extent if extent > 0 else 1.0
    middle = side / 2
    placed = [(stroke - (low + high) / 2) * scale + middle for stroke in points]
    mass = _painted(placed, side)
    ys, xs = np.mgrid[:side, :side] + 0.5
    centre = np.array([(xs * mass).sum(), (ys * mass).sum()]) / mass.sum()
    return _as_bytes(_painted([stroke + (middle - centre) for stroke in placed], side))


def draw_plain(
    strokes: Sequence[npt.ArrayLike], height: int, width: int, channels: int
) -> npt.NDArray[np.uint8]:
    """Strokes where they were drawn: white on black, uint8 [height, width, channels]; points lie in [0, 1]²."""
    points = [np.asarray(stroke, np.float64).reshape(-1, 2) for stroke in strokes]
    side = max(height, width)
    # The pen is round: paint on a square, then take its middle.
    placed = [stroke * side for stroke in points if len(stroke)]
    whole = _painted(placed, side) if placed else np.zeros((side, side))
    top, left = (side - height) // 2, (side - width) // 2
    image = _as_bytes(whole[top : top + height, left : left + width])
    return np.repeat(image[:, :, None], channels, axis=2)


def _painted(strokes: Sequence[Floats], side: int) -> Floats:
    """Coverage 0..1 of each pixel by a round pen, from its centre's distance to the nearest segment."""
    ys, xs = np.mgrid[:side, :side] + 0.5
    nearest = np.full((side, side), np.inf)
    for stroke in strokes:
        ends = stroke[1:] if len(stroke) > 1 else stroke
        for (ax, ay), (bx, by) in zip(stroke, ends, strict=False):
            dx, dy = bx - ax, by - ay
            length = dx * dx + dy * dy
            along = np.clip(((xs - ax) * dx + (ys - ay) * dy) / length, 0.0, 1.0) if length else 0.0
            nearest = np.minimum(nearest, np.hypot(xs - ax - along * dx, ys - ay - along * dy))
    # A pixel's edge is half a pixel from its centre: coverage falls off over one pixel.
    return np.clip(PEN * side / 2 + 0.5 - nearest, 0.0, 1.0)


def _as_bytes(coverage: Floats) -> npt.NDArray[np.uint8]:
    return np.rint(255 * coverage).astype(np.uint8)
