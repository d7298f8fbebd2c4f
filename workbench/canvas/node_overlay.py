"""What a trained network does, shown on its nodes: how units fire, and the maps of one image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from engine.api import NODE_HEIGHT, NODE_WIDTH, NodeActivity
from workbench.canvas.ink import Ink
from workbench.canvas.node_item import BASELINES, HEADER, NodeItem
from workbench.plots.activity_strips import shade
from workbench.plots.feature_maps import grey_levels

STRIP_HEIGHT = 4.0
MAPS_WIDTH = 33.0
"""Beside the node, where no connection runs."""
MOST_MAPS = 32
"""Channels that a node shows of its maps, the first ones."""
_MARGIN = 12.0
_ASIDE = 4.0
_GAP = 1


@dataclass(frozen=True, eq=False)
class NodePicture:
    """What one image gives at a node: its maps, or in words and bars the classes' probabilities."""

    image: QImage
    caption: str = ""
    """Written below the picture."""


class NodeOverlay(QGraphicsItem):
    """Belongs to a node's item and moves with it. Paints pictures that were made when their values came."""

    def __init__(self, item: NodeItem, ink: Ink) -> None:
        super().__init__(item)
        self._node_item = item
        self._ink = ink
        self.activity: NodeActivity | None = None
        self.picture: NodePicture | None = None
        self._strip: QImage | None = None
        self._words = ""
        self.setZValue(2)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        self._ink = ink
        self.set_activity(self.activity, self.toolTip())

    def set_activity(self, activity: NodeActivity | None, words: str = "") -> None:
        """Show a heat strip of how often units fire; `words` tell of dead ones."""
        self.activity = activity
        self._strip = None if activity is None else strip_image(activity, self._ink)
        self._words = "" if activity is None else count_words(activity)
        self.setToolTip(words)
        self.update()

    def set_picture(self, picture: NodePicture | None) -> None:
        """Show maps beside the node, or none."""
        self.prepareGeometryChange()
        self.picture = picture
        self.update()

    def strip_place(self) -> QRectF:
        """Where the heat strip stands: between the node's title and its body."""
        return QRectF(0.5, HEADER, NODE_WIDTH - 1, STRIP_HEIGHT)

    def picture_place(self) -> QRectF:
        """Where the maps stand: beside the node, as large as their shape allows."""
        if self.picture is None:
            return QRectF()
        image = self.picture.image
        scale = min(MAPS_WIDTH / image.width(), NODE_HEIGHT / image.height())
        return QRectF(NODE_WIDTH + _ASIDE, 0, image.width() * scale, image.height() * scale)

    def boundingRect(self) -> QRectF:
        """The node and what stands beside it."""
        return QRectF(0, 0, NODE_WIDTH + _ASIDE + MAPS_WIDTH + 60, NODE_HEIGHT + 18)

    def shape(self) -> QPainterPath:
        """The strip and the maps: what the tool tip belongs to."""
        path = QPainterPath()
        path.addRect(self.strip_place().adjusted(0, -2, 0, 4))
        path.addRect(self.picture_place())
        return path

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """The strip, the number of dead units, and the maps; nothing while a box stands for the node."""
        if self._node_item.is_folded:
            return
        if self._strip is not None:
            painter.drawImage(self.strip_place(), self._strip)
            if self._words:
                painter.setFont(self._ink.body)
                painter.setPen(self._ink.problem)
                right = NODE_WIDTH - _MARGIN - self._ink.body_metrics.horizontalAdvance(self._words)
                painter.drawText(QPointF(right, BASELINES[1]), self._words)
        if self.picture is not None:
            place = self.picture_place()
            zoom = option.levelOfDetailFromTransform(painter.worldTransform())
            # Near by, values are squares; far out, leaving rows out would draw stripes that are not there.
            far = place.width() * zoom < self.picture.image.width()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, far)
            painter.drawImage(place, self.picture.image)
            painter.setPen(QPen(self._ink.outline.color(), 0.8))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(place)
            if self.picture.caption:
                painter.setFont(self._ink.body)
                painter.setPen(self._ink.text)
                painter.drawText(QPointF(NODE_WIDTH + _ASIDE, NODE_HEIGHT + 14), self.picture.caption)


def strip_image(activity: NodeActivity, ink: Ink) -> QImage:
    """A pixel for each unit, the most active at the left; saturated ones and then dead ones at the right."""
    last = np.where(activity.dead, 2, np.where(activity.saturated, 1, 0))
    order = np.lexsort((-activity.fires, last))
    image = QImage(len(order), 1, QImage.Format.Format_RGB32)
    for place, unit in enumerate(order):
        if activity.dead[unit]:
            color = ink.problem
        elif activity.saturated[unit]:
            color = ink.warning
        else:
            color = QColor(shade(ink.theme, float(activity.fires[unit])))
        image.setPixelColor(place, 0, color)
    return image


def count_words(activity: NodeActivity) -> str:
    """`3 dead, 1 saturated`; "" when all are in use."""
    dead, saturated = int(activity.dead.sum()), int(activity.saturated.sum())
    parts = [f"{dead:,} dead"] * bool(dead) + [f"{saturated:,} saturated"] * bool(saturated)
    return ", ".join(parts)


def maps_image(values: NDArray[np.floating]) -> QImage:
    """The first maps of an output [C, H, W] as a mosaic of about the shape of the place beside a node.

    A vector's units are a block of pixels. Grey runs from the least to the greatest of all values.
    """
    channels, height, width = values.shape
    if height * width == 1:
        columns = max(round(float(np.sqrt(channels * MAPS_WIDTH / NODE_HEIGHT))), 1)
        shown, gap = channels, 0
    else:
        shown, gap = min(channels, MOST_MAPS), _GAP
        ratio = MAPS_WIDTH / NODE_HEIGHT * height / width
        columns = min(max(round(float(np.sqrt(shown * ratio))), 1), shown)
    rows = -(-shown // columns)
    levels = grey_levels(values)
    picture = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), 127, np.uint8)
    for number in range(shown):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        picture[top : top + height, left : left + width] = levels[number]
    picture = np.ascontiguousarray(picture)
    down, across = picture.shape
    return QImage(picture.data, across, down, across, QImage.Format.Format_Grayscale8).copy()


def bars_image(probabilities: NDArray[np.floating], ink: Ink) -> QImage:
    """Probabilities of at most twelve classes as bars, one below the other, the greatest in the accent colour."""
    most = np.sort(np.argsort(-probabilities, kind="stable")[:12])
    image = QImage(33, max(len(most), 1) * 6, QImage.Format.Format_RGB32)
    image.fill(ink.raised.color())
    painter = QPainter(image)
    for row, number in enumerate(most):
        color = ink.accent if number == int(probabilities.argmax()) else ink.muted
        length = round(float(probabilities[number]) * image.width())
        painter.fillRect(0, row * 6 + 1, length, 4, color)
    painter.end()
    return image
