"""A node on the canvas: one item that paints its title, settings, shape, parameters, badge and ports."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyle, QStyleOptionGraphicsItem, QWidget

from engine.api import NODE_HEIGHT, NODE_WIDTH
from workbench.canvas.ink import Ink, draw_mark
from workbench.canvas.lettering import HEADER, Lettering
from workbench.canvas.node_look import NodeLook, NodeVerdict
from workbench.canvas.node_words import MARGIN, NodeWords, fitted_words
from workbench.canvas.provenance import number_at

PORT_RADIUS = 5.0
BLOCK_ZOOM = 0.42
"""Below this zoom a node is a coloured block with its name alone."""
_RADIUS = 8.0
_PORT_GAP = 30.0


class NodeItem(QGraphicsItem):
    """Shows a `NodeLook`. It never changes the document; gestures and the scene move it."""

    def __init__(self, node_id: str, look: NodeLook, ink: Ink) -> None:
        super().__init__()
        self.node_id = node_id
        self.look = look
        self._ink = ink
        self._hovered_port: tuple[str, int] | None = None
        self._fits: frozenset[int] | None = None
        self._fitting_side = ""
        self._accused = False
        self._ghost = ""
        self._ghost_fails = False
        self._verdict: NodeVerdict | None = None
        self.hovered = False
        self.is_folded = False
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIsSelectable)
        self.setZValue(1)
        self._words: NodeWords | None = None
        self.lettering = ink.near
        """How it was written the last time."""
        self._is_block = False
        """Whether it was painted as a block the last time."""
        self.setToolTip(look.tool_tip)

    def set_look(self, look: NodeLook) -> None:
        """Show something else."""
        if look.tool_tip != self.look.tool_tip:
            self.setToolTip(look.tool_tip)
        before, self.look = self.look, look
        self._words = None
        # A block shows nothing of numbers: hundreds of them need no painting when only those change.
        if not self._is_block or look.block != before.block:
            self.update()

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        self._ink = ink
        self.lettering = ink.near
        self._words = None
        self.update()

    def set_hovered(self, hovered: bool, port: tuple[str, int] | None = None) -> None:
        """Mark the node, or one of its ports (`("in", 0)`), as under the pointer."""
        if (hovered, port) != (self.hovered, self._hovered_port):
            self.hovered, self._hovered_port = hovered, port
            self.update()

    def set_folded(self, folded: bool) -> None:
        """Give way to the box of a folded frame. Qt would deselect an item that is made invisible."""
        if folded != self.is_folded:
            self.prepareGeometryChange()
            self.is_folded = folded
            self.update()

    def set_fitting(self, side: str, ports: frozenset[int] | None) -> None:
        """While a wire is drawn: the ports of a side ("in" or "out") that take it; None ends that."""
        self._fitting_side, self._fits = side, ports
        self.update()

    def set_accused(self, accused: bool) -> None:
        """Light the node up as part of a cycle that a wire would close."""
        if accused != self._accused:
            self._accused = accused
            self.update()

    def set_ghost(self, text: str, *, fails: bool = False) -> None:
        """What the node would show if the wire being drawn were dropped; "" shows what holds now."""
        if (text, fails) != (self._ghost, self._ghost_fails):
            self._ghost, self._ghost_fails = text, fails
            self.update()

    def set_verdict(self, verdict: NodeVerdict | None) -> None:
        """What a check found out about the node; None shows the node's own words again."""
        if verdict != self._verdict:
            self._verdict = verdict
            self.update()

    @property
    def verdict(self) -> NodeVerdict | None:
        """What a check found out, while it is shown."""
        return self._verdict

    @property
    def ghost(self) -> str:
        """What the node would show after the drop, or ""."""
        return self._ghost

    @property
    def accused(self) -> bool:
        """True while the node is lit up as part of a cycle."""
        return self._accused

    @property
    def fitting(self) -> frozenset[int] | None:
        """The ports that take the wire being drawn, or None when no wire is drawn."""
        return self._fits

    def port_place(self, side: str, port: int) -> QPointF:
        """Centre of a port, in the node's own coordinates."""
        if side == "out":
            return QPointF(NODE_WIDTH / 2, NODE_HEIGHT)
        gap = min(_PORT_GAP, (NODE_WIDTH - 2 * MARGIN) / max(self.look.inputs, port + 1))
        return QPointF(NODE_WIDTH / 2 + (port - (max(self.look.inputs, port + 1) - 1) / 2) * gap, 0.0)

    def number_at(self, place: QPointF) -> int | None:
        """Which number of the output shape lies at a place of the node (0 channels, 1 height, 2 width)."""
        if self.look.status != "fits" or not self.look.shape:
            return None
        letters = self.lettering
        baseline = letters.baselines[1] if self.words.summary else letters.middle
        if not baseline - 12 <= place.y() <= baseline + 5:
            return None
        return number_at(self.look.shape, letters.body_metrics, place.x() - MARGIN)

    def ports(self) -> list[tuple[str, int]]:
        """All ports: inputs from left to right, then the output."""
        return [*(("in", port) for port in range(self.look.inputs)), *([("out", 0)] * self.look.outputs)]

    def boundingRect(self) -> QRectF:
        """The body with its ports, shadow and selection glow."""
        return QRectF(-5, -PORT_RADIUS - 4, NODE_WIDTH + 10, NODE_HEIGHT + 2 * PORT_RADIUS + 8)

    def shape(self) -> QPainterPath:
        """The body; nothing while a box stands for the node."""
        path = QPainterPath()
        if not self.is_folded:
            path.addRect(self.body())
        return path

    @staticmethod
    def body() -> QRectF:
        """The node's rectangle, in its own coordinates."""
        return QRectF(0, 0, NODE_WIDTH, NODE_HEIGHT)

    @property
    def words(self) -> NodeWords:
        """The texts in the room there is; measured when they are first seen, which far out is never."""
        if self._words is None:
            self._words = fitted_words(self.look, self.lettering)
        return self._words

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the node, as detailed as the zoom allows."""
        if self.is_folded:
            return
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        fades = self._fits is not None and not self._fits and not self._accused
        painter.setOpacity(0.45 if fades else 1.0)
        self._is_block = zoom < BLOCK_ZOOM
        if self._is_block:
            self._paint_block(painter, selected, zoom)
            return
        if (letters := self._lettering(zoom)) is not self.lettering:
            self.lettering, self._words = letters, None
        self._paint_body(painter, selected)
        self._paint_texts(painter)
        for side, port in self.ports():
            self._paint_port(painter, side, port)

    def _lettering(self, zoom: float) -> Lettering:
        """Farther out there is room for a name and a shape alone: who has more to say writes smaller."""
        letters = self._ink.lettering(zoom)
        speaks = self.look.status != "fits" or self._ghost or self._verdict is not None
        return self._ink.far if speaks and not letters.has_settings else letters

    def _border(self, selected: bool) -> QPen:
        if self._ghost and not self._ghost_fails:
            return self._ink.selected
        if self._verdict is not None and not selected:
            return self._ink.passed if self._verdict.passed else self._ink.failed
        if self._accused or (self.look.status == "problem" and not selected):
            return self._ink.failed
        if selected:
            return self._ink.selected
        if self.look.muted:
            return self._ink.dashed
        return self._ink.hovered if self.hovered else self._ink.outline

    def _paint_block(self, painter: QPainter, selected: bool, zoom: float) -> None:
        ink = self._ink
        fill, line = ink.tint(self.look.group)
        border = QPen(self._border(selected))
        if not (selected or self._accused or self._verdict or self.look.status == "problem"):
            border.setColor(line)
        border.setWidthF(max(border.widthF(), 1.4 / zoom))
        painter.setPen(border)
        painter.setBrush(ink.raised if self.look.status == "waiting" or self.look.muted else fill)
        painter.drawRoundedRect(self.body(), _RADIUS, _RADIUS)
        if zoom > 0.16:
            painter.setFont(ink.block)
            painter.setPen(ink.problem if self.look.status == "problem" else ink.text)
            painter.drawText(self.body(), _BLOCK, self.look.title)

    def _paint_body(self, painter: QPainter, selected: bool) -> None:
        ink, look = self._ink, self.look
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink.glow if selected else ink.shadow)
        grown = self.body().adjusted(-3, -3, 3, 3) if selected else self.body().adjusted(0, 1.5, 0, 2.5)
        painter.drawRoundedRect(grown, _RADIUS + 2 * selected, _RADIUS + 2 * selected)
        painter.fillPath(_BODY, ink.surface)
        quiet = look.status == "waiting" or look.muted
        painter.fillPath(_HEADER_BAND, ink.raised if quiet else ink.tint(look.group)[0])
        painter.setPen(self._border(selected))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(_BODY)

    def _paint_texts(self, painter: QPainter) -> None:
        ink, look, letters, words = self._ink, self.look, self.lettering, self.words
        right = NODE_WIDTH - MARGIN
        painter.setFont(words.title_font)
        painter.setPen(ink.muted if look.muted or look.status == "waiting" else ink.text)
        painter.drawText(QPointF(MARGIN, letters.title_baseline), words.title)
        if look.shows_hint:
            place = QRectF(
                right - letters.mark, HEADER / 2 - letters.mark / 2 + 2, letters.mark, letters.mark
            )
            draw_mark(painter, place, ink.warning, "i", ink.surface.color())
        painter.setFont(letters.body)
        if self._ghost:
            sign = "!" if self._ghost_fails else "→"
            color = ink.problem if self._ghost_fails else ink.accent
            self._paint_status(painter, color, sign, self._ghost.split("\n"))
            return
        if self._verdict is not None:
            color = ink.success if self._verdict.passed else ink.problem
            self._paint_status(painter, color, "✓" if self._verdict.passed else "!", self._verdict.lines)
            return
        if look.muted:
            painter.setPen(ink.muted)
            text_right = right - (letters.mark + 6) * look.shows_hint
            painter.drawText(QRectF(0, 2, text_right, HEADER), _RIGHT, "muted")
        if look.status == "problem":
            self._paint_status(painter, ink.problem, "!", words.status)
            return
        lines = [words.summary] if words.summary else []
        if look.status == "waiting":
            before = lines if letters.has_parameters else []
            self._paint_status(painter, ink.waiting, "…", [*before, *words.status], first=len(before))
            return
        painter.setPen(ink.muted if look.muted else ink.text)
        second = letters.baselines[1] if lines else letters.middle
        if lines:
            painter.drawText(QPointF(MARGIN, letters.baselines[0]), words.summary)
        painter.setPen(ink.muted)
        painter.drawText(QPointF(MARGIN, second), words.shape)
        painter.drawText(QPointF(words.parameters_x, second), words.parameters)

    def _paint_status(
        self, painter: QPainter, color: QColor, sign: str, lines: Sequence[str], first: int = 0
    ) -> None:
        """One or two lines in a colour; the mark before the `first` that it is about says the same by its form."""
        ink, letters = self._ink, self.lettering
        room = NODE_WIDTH - 2 * MARGIN - letters.mark - 6
        if any(letters.body_metrics.horizontalAdvance(line) > room for line in lines):
            letters = ink.near
        mark = letters.mark
        painter.setFont(letters.body)
        baselines = letters.baselines if len(lines) > 1 else (letters.middle,)
        place = QRectF(MARGIN, baselines[first] - 0.81 * mark, mark, mark)
        draw_mark(painter, place, color, sign, ink.surface.color())
        painter.setPen(color)
        for number, (line, baseline) in enumerate(zip(lines, baselines, strict=False)):
            painter.drawText(QPointF(MARGIN + (mark + 6) * (number >= first), baseline), line)

    def _paint_port(self, painter: QPainter, side: str, port: int) -> None:
        ink = self._ink
        place, radius = self.port_place(side, port), PORT_RADIUS
        painter.setBrush(ink.surface)
        painter.setPen(ink.wire)
        if self._fits is not None:
            takes = side == self._fitting_side and port in self._fits
            painter.setOpacity(1.0 if takes else 0.3)
            if takes:
                painter.setPen(ink.selected)
        if self._hovered_port == (side, port):
            painter.setBrush(ink.accent)
            painter.setPen(ink.selected)
            radius += 2
        painter.drawEllipse(place, radius, radius)


def _band() -> tuple[QPainterPath, QPainterPath]:
    """The body and its header, the same for every node."""
    body, top = QPainterPath(), QPainterPath()
    body.addRoundedRect(QRectF(0, 0, NODE_WIDTH, NODE_HEIGHT), _RADIUS, _RADIUS)
    top.addRect(QRectF(0, 0, NODE_WIDTH, HEADER))
    return body, body.intersected(top)


_BODY, _HEADER_BAND = _band()
_BLOCK = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
