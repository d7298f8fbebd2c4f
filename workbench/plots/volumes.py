"""A network as volumes in space: each node's feature maps for one image as a row of slices, from input to answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.api import Observation

MOST_SLICES = 24
"""Channels of a node that are shown, evenly chosen from all."""
_BETWEEN = 11.0
_VECTOR = 14.0
"""Side of a vector's square."""
_LARGEST = 30.0
"""Side of the largest map, in the view's units."""
_LEAST_SIDE = 6.0
_OPACITY = 0.75
_FAINT = 7
"""Opacity of a value that is the least of its node, so that a slice is seen at all."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Volume:
    """One node: slices [n, H, W], 0 to 255, that stand one behind the other along x, centred on the axis."""

    name: str
    slices: NDArray[np.uint8]
    channels: int
    """Channels of the output, of which `slices` may be some."""
    start: float
    """x of the first slice."""
    spacing: float
    side: float
    """Size of a pixel."""

    @property
    def end(self) -> float:
        """x of the last slice."""
        return self.start + self.spacing * (len(self.slices) - 1)

    @property
    def height(self) -> float:
        """Size along z."""
        return float(self.slices.shape[1] * self.side)

    @property
    def width(self) -> float:
        """Size along y."""
        return float(self.slices.shape[2] * self.side)

    def matrix(self, number: int) -> Floats:
        """4×4: from a slice's pixels (column, row, 0) to space. Rows go down, columns away from the reader."""
        placed = np.zeros((4, 4))
        placed[1, 0], placed[2, 1], placed[0, 2] = self.side, -self.side, 1.0
        placed[:3, 3] = self.start + number * self.spacing, -self.width / 2, self.height / 2
        placed[3, 3] = 1.0
        return placed

    def title(self) -> str:
        """`Convolution 1 · 32×28×28`."""
        _, height, width = self.slices.shape
        return f"{self.name} · {self.channels}×{height}×{width}" if height * width > 1 else self.name


def volumes_of(observation: Observation, names: Sequence[str]) -> tuple[Volume, ...]:
    """The image, every node and the answer, side by side along x around its middle."""
    image = observation.image
    parts: list[tuple[str, NDArray[np.uint8], int]] = [
        ("Image", np.moveaxis(image, 2, 0), image.shape[2]),
        *((node.name, _slices(node.values), len(node.values)) for node in observation.nodes),
    ]
    best = int(observation.probabilities.argmax())
    answer = np.rint(255 * np.clip(observation.probabilities, 0, 1)).astype(np.uint8)[None, :, None]
    parts.append(
        (f"{names[best]} ({100 * float(observation.probabilities[best]):.0f} %)", answer, len(names))
    )
    largest = max(max(levels.shape[1:]) for _, levels, _ in parts[:-1])
    placed: list[Volume] = []
    x = 0.0
    for name, levels, channels in parts:
        height, width = levels.shape[1:]
        side = _LARGEST / max(largest, 1)
        side *= max(1.0, _LEAST_SIDE / (max(height, width) * side))
        if len(levels) == 1 and name != "Image":
            side = _VECTOR / max(height, width)
        spacing = min(1.4, 18.0 / max(len(levels), 1))
        volume = Volume(name, levels, channels, x, spacing, side)
        placed.append(volume)
        x = volume.end + _BETWEEN
    middle = (placed[0].start + placed[-1].end) / 2
    return tuple(Volume(v.name, v.slices, v.channels, v.start - middle, v.spacing, v.side) for v in placed)


def strengths(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """|v| from 0, which is seen through, to the greatest of all values."""
    sizes = np.abs(np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0))
    most = float(sizes.max()) if sizes.size else 0.0
    return np.rint(255 * sizes / most).astype(np.uint8) if most > 0 else np.zeros(sizes.shape, np.uint8)


def _slices(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Sizes of some maps of an output [C, H, W] as levels; a vector becomes one nearly square slice."""
    levels = strengths(values)
    channels, height, width = levels.shape
    if height * width == 1:
        columns = max(round(float(np.sqrt(channels))), 1)
        square = np.zeros(-(-channels // columns) * columns, np.uint8)
        square[:channels] = levels.ravel()
        return square.reshape(1, -1, columns)
    if channels > MOST_SLICES:
        levels = levels[np.linspace(0, channels - 1, MOST_SLICES).round().astype(int)]
    return levels


def slice_texture(levels: NDArray[np.uint8], color: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A slice [H, W] as a texture [W, H, 4] of one colour whose opacity is the value."""
    texture = np.empty((*levels.T.shape, 4), np.uint8)
    texture[..., :3] = color
    texture[..., 3] = np.maximum(np.rint(levels.T * _OPACITY), _FAINT)
    return texture
