"""What a trained network does, shown on its nodes: how units fire, and the maps of one image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from engine.api import NODE_HEIGHT, NODE_WIDTH, NodeActivity
from workbench.canvas.ink import Ink
from workbench.canvas.lettering import HEADER
from workbench.canvas.node_item import BLOCK_ZOOM, PORT_RADIUS, NodeItem
from workbench.plots.activity_strips import shade
from workbench.plots.feature_maps import grey_levels

STRIP_HEIGHT = 4.0
MOST_MAPS = 8
"""Channels that a node shows of its maps at most."""
_ROW = 24
"""Up to so many units of a vector stand in one row."""
_MARGIN = 12.0
_INSET = 4.0
_GAP = 1
_ANSWER = 92.0
"""The width of the answer in words, left of the classes' bars."""
_MOST_CLASSES = 12


@dataclass(frozen=True, eq=False)
class NodePicture:
    """What one image gives at a node: maps side by side, units as a block, or bars and the answer in words."""

    image: QImage
    caption: str = ""
    """Written at the left of the picture."""
    keeps_shape: bool = True
    """Whether the picture's pixels must stay square; units and bars fill the room that there is."""
    words: str = ""
    """Which of its channels a node shows, for the tool tip."""


class NodeOverlay(QGraphicsItem):
    """Belongs to a node's item and moves with it. Paints pictures that were made when their values came."""

    def __init__(self, item: NodeItem, ink: Ink) -> None:
        super().__init__(item)
        self._node_item = item
        self._ink = ink
        self.activity: NodeActivity | None = None
        self.picture: NodePicture | None = None
        self._strip: QImage | None = None
        self._words = self._activity_words = ""
        self.setZValue(2)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        self._ink = ink
        self.set_activity(self.activity, self._activity_words)

    def set_activity(self, activity: NodeActivity | None, words: str = "") -> None:
        """Show a heat strip of how often units fire; `words` tell of dead ones."""
        self.activity = activity
        self._strip = None if activity is None else strip_image(activity, self._ink)
        self._words = "" if activity is None else count_words(activity)
        self._activity_words = words
        self._tell()
        self.update()

    def set_picture(self, picture: NodePicture | None) -> None:
        """Show maps in place of the node's own words, or these again."""
        self.picture = picture
        self._tell()
        self.update()

    def strip_place(self) -> QRectF:
        """Where the heat strip stands: between the node's title and its body."""
        return QRectF(0.5, HEADER, NODE_WIDTH - 1, STRIP_HEIGHT)

    def picture_room(self) -> QRectF:
        """The node's body below the heat strip: where its maps stand."""
        top = HEADER + _INSET + STRIP_HEIGHT * (self._strip is not None)
        left = _ANSWER if self.picture is not None and self.picture.caption else 0.0
        return QRectF(_INSET + left, top, NODE_WIDTH - 2 * _INSET - left, NODE_HEIGHT - top - _INSET)

    def picture_place(self) -> QRectF:
        """Where the maps stand: as large as their shape allows, a small picture at the right of the node's words."""
        if self.picture is None:
            return QRectF()
        room, image = self.picture_room(), self.picture.image
        if not self.picture.keeps_shape:
            return room
        scale = min(room.width() / image.width(), room.height() / image.height())
        width, height = image.width() * scale, image.height() * scale
        left = room.right() - width if width < room.width() / 2 else room.center().x() - width / 2
        return QRectF(left, room.center().y() - height / 2, width, height)

    @property
    def shows_picture(self) -> bool:
        """Whether maps are drawn: what the node has to tell of itself comes first."""
        item = self._node_item
        told = item.ghost or item.verdict is not None or item.look.status != "fits"
        return self.picture is not None and not told

    def boundingRect(self) -> QRectF:
        """The node."""
        return NodeItem.body()

    def shape(self) -> QPainterPath:
        """The strip and the maps: what the tool tip belongs to."""
        path = QPainterPath()
        path.addRect(self.strip_place().adjusted(0, -2, 0, 4))
        if self.shows_picture:
            path.addRect(self.picture_place())
        return path

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """The strip, the number of dead units or the maps; nothing while a box stands for the node."""
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        if self._node_item.is_folded or zoom < BLOCK_ZOOM:
            return
        if self._strip is not None:
            painter.drawImage(self.strip_place(), self._strip)
        if self.shows_picture:
            self._paint_picture(painter, zoom)
        elif self._words:
            letters = self._node_item.lettering
            painter.setFont(letters.body)
            painter.setPen(self._ink.problem)
            right = NODE_WIDTH - _MARGIN - letters.body_metrics.horizontalAdvance(self._words)
            painter.drawText(QPointF(right, letters.baselines[1]), self._words)

    def _paint_picture(self, painter: QPainter, zoom: float) -> None:
        assert self.picture is not None
        ink, place = self._ink, self.picture_place()
        is_wide = place.width() >= self.picture_room().width() / 2
        # Words that only begin beside the maps say nothing: what is half covered goes as a whole.
        ground = self.picture_room() if is_wide else place
        aside = _ANSWER if self.picture.caption else 0.0
        painter.fillRect(ground.adjusted(-aside, 1.0 - _INSET, 0, 0), ink.surface)
        if self.picture.caption:
            room = QRectF(_MARGIN, place.top(), _ANSWER - _MARGIN, place.height())
            font, text = self._node_item.lettering.fitted_title(self.picture.caption, room.width())
            painter.setFont(font)
            painter.setPen(ink.text)
            painter.drawText(room, _LEFT, text)
        # The output's port reaches into the body.
        port = QPainterPath()
        port.addEllipse(self._node_item.port_place("out", 0), PORT_RADIUS + 1, PORT_RADIUS + 1)
        around = QPainterPath()
        around.addRect(place)
        painter.save()
        if self._node_item.look.outputs:
            painter.setClipPath(around.subtracted(port))
        # Near by, values are squares; far out, leaving rows out would draw stripes that are not there.
        far = place.width() * zoom < self.picture.image.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, far)
        painter.drawImage(place, self.picture.image)
        # Without an edge a white unit at the end would be lost on white ground.
        painter.setPen(ink.outline)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(place)
        painter.restore()

    def _tell(self) -> None:
        picture_words = "" if self.picture is None else self.picture.words
        self.setToolTip("\n".join(words for words in (self._activity_words, picture_words) if words))


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


def maps_picture(values: NDArray[np.floating]) -> NodePicture:
    """The maps of an output [C, H, W] side by side: those that vary most, as many as are large enough to be read.

    A vector's units are a block of pixels. Grey runs from the least to the greatest of all values.
    """
    channels, height, width = values.shape
    levels = grey_levels(values)
    if height * width == 1:
        return NodePicture(_grey(_block(levels.ravel())), keeps_shape=False)
    room = (NODE_WIDTH - 2 * _INSET) / (NODE_HEIGHT - HEADER - 2 * _INSET)
    shown = shown_channels(values, max(1, min(MOST_MAPS, round(room * height / width))))
    picture = np.full((height, len(shown) * (width + _GAP) - _GAP), 127, np.uint8)
    for place, channel in enumerate(shown):
        left = place * (width + _GAP)
        picture[:, left : left + width] = levels[channel]
    numbers = ", ".join(str(channel + 1) for channel in shown)
    words = f"Channels {numbers} of {channels}: those that vary most" if len(shown) < channels else ""
    return NodePicture(_grey(picture), words=words)


def shown_channels(values: NDArray[np.floating], most: int) -> tuple[int, ...]:
    """The `most` channels of an output [C, H, W] whose values vary most over the map, in their order."""
    spread = values.reshape(len(values), -1).std(axis=1)
    chosen = np.argsort(-spread, kind="stable")[:most]
    return tuple(sorted(chosen.tolist()))


def _block(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Units row by row, about as wide and as high as the room of a node; few of them in one row."""
    count = len(levels)
    ratio = NODE_WIDTH / (NODE_HEIGHT - HEADER)
    columns = count if count <= _ROW else round(float(np.sqrt(count * ratio)))
    rows = -(-count // columns)
    block = np.full(rows * columns, 127, np.uint8)
    block[:count] = levels
    return block.reshape(rows, columns)


def _grey(picture: NDArray[np.uint8]) -> QImage:
    picture = np.ascontiguousarray(picture)
    down, across = picture.shape
    return QImage(picture.data, across, down, across, QImage.Format.Format_Grayscale8).copy()


def bars_picture(probabilities: NDArray[np.floating], answer: str, ink: Ink) -> NodePicture:
    """Probabilities of at most twelve classes as columns in their order, the greatest in the accent colour."""
    most = np.sort(np.argsort(-probabilities, kind="stable")[:_MOST_CLASSES])
    column, height = 8, 32
    image = QImage(max(len(most), 1) * column, height, QImage.Format.Format_RGB32)
    image.fill(ink.surface.color())
    painter = QPainter(image)
    for place, number in enumerate(most):
        color = ink.accent if number == int(probabilities.argmax()) else ink.muted
        tall = max(1, round(float(probabilities[number]) * height))
        painter.fillRect(place * column + 1, 0, column - 2, height, ink.raised)
        painter.fillRect(place * column + 1, height - tall, column - 2, tall, color)
    painter.end()
    return NodePicture(image, answer, keeps_shape=False)


_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
