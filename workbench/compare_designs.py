"""Two versions of a design laid over each other: what was added, removed and changed, and the totals side by side."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.api import (
    Analysis,
    Comparison,
    GaborError,
    Inference,
    Overlay,
    Project,
    analyse,
    bytes_text,
    compare,
    framing,
    infer,
    load_project,
    overlaid,
)
from workbench.canvas.network_view import NetworkView
from workbench.canvas.node_item import NodeItem
from workbench.canvas.scene import CanvasScene
from workbench.document.document import Document
from workbench.document.edit_command import EditCommand
from workbench.theme import Theme

_SIGNS = {"added": "+", "removed": "−", "changed": "~"}


class _Overlay(Document):
    """Shows a graph with shapes that were inferred elsewhere."""

    def __init__(self, project: Project, inference: Inference, parent: QWidget) -> None:
        self._given = inference
        super().__init__(project, parent)

    def _infer(self) -> Inference:
        return self._given


class ComparisonView(NetworkView):
    """The overlaid network; differences are framed in a colour and marked by a sign."""

    def __init__(self, document: Document, theme: Theme, overlay: Overlay) -> None:
        super().__init__(CanvasScene(document, theme))
        self._colors = {"added": theme.success, "removed": theme.problem, "changed": theme.warning}
        self._surface = QColor(theme.surface)
        self.overlay = overlay
        for node_id, item in self.canvas.nodes.items():
            item.setFlag(NodeItem.GraphicsItemFlag.ItemIsSelectable, False)
            item.setOpacity(0.55 if overlay.nodes.get(node_id) == "removed" else 1.0)
        self.setAccessibleName("Both designs over each other")

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """A broad band below each connection that differs, so that its text stays readable."""
        super().drawBackground(painter, rect)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for edge, mark in self.overlay.edges.items():
            dashes = Qt.PenStyle.DashLine if mark == "removed" else Qt.PenStyle.SolidLine
            if self.canvas.edges[edge].isVisible():
                painter.setPen(QPen(QColor(self._colors[mark]), 7.0, dashes, Qt.PenCapStyle.FlatCap))
                painter.drawPath(self.canvas.edges[edge].path)

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """Frames and signs of the nodes that differ."""
        font = painter.font()
        font.setPixelSize(17)
        font.setBold(True)
        painter.setFont(font)
        boxes: dict[str, str] = {}
        for node_id, mark in self.overlay.nodes.items():
            box = self.canvas.framing.box_of(node_id)
            if box is not None:
                # A box shows one sign: what is inside differs, in whatever way.
                own = boxes.setdefault(box.path, mark)
                boxes[box.path] = own if own == mark else "changed"
        marked = [
            (self.canvas.body_of(i), mark)
            for i, mark in self.overlay.nodes.items()
            if self.canvas.is_shown(i)
        ]
        for body, mark in (*marked, *((self.canvas.frames[path].rect, mark) for path, mark in boxes.items())):
            color = QColor(self._colors[mark])
            painter.setPen(QPen(color, 3.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(body.adjusted(-2, -2, 2, 2), 9, 9)
            badge = QRectF(body.right() - 12, body.top() - 12, 24, 24)
            painter.setBrush(color)
            painter.drawEllipse(badge)
            painter.setPen(self._surface)
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, _SIGNS[mark])


class CompareDesigns(QDialog):
    """The design as it is now against an earlier point of its history, or another file."""

    def __init__(self, document: Document, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._document, self._theme = document, theme
        self.setWindowTitle("Compare designs")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.choice = QComboBox()
        self.choice.setAccessibleName("The earlier design")
        for text, project in history(document):
            self.choice.addItem(text, project)
        self.other = QPushButton("Another file…")
        self.other.clicked.connect(self.ask_file)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.changes = QTreeWidget()
        self.changes.setHeaderHidden(True)
        self.changes.setRootIsDecorated(False)
        self.changes.setWordWrap(True)
        self.changes.setAccessibleName("Differences")
        self.changes.itemClicked.connect(lambda item: self._centre(item.data(0, Qt.ItemDataRole.UserRole)))
        self.totals = QGridLayout()
        self.totals.setHorizontalSpacing(16)
        self._view_place = QVBoxLayout()
        self.view: ComparisonView | None = None
        self._lay_out()
        self.choice.currentIndexChanged.connect(self._choose)
        self.resize(1180, 720)
        self._choose()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(QLabel("Now against"))
        top.addWidget(self.choice, 1)
        top.addWidget(self.other)
        side = QVBoxLayout()
        side.addWidget(self.words)
        side.addWidget(self.changes, 1)
        side.addLayout(self.totals)
        middle = QHBoxLayout()
        middle.addLayout(self._view_place, 5)
        middle.addLayout(side, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 14)
        column.setSpacing(10)
        column.addLayout(top)
        column.addLayout(middle, 1)

    def ask_file(self) -> None:
        """Ask for a project to compare with."""
        chosen, _ = QFileDialog.getOpenFileName(self, "Compare with", "", "Gabor projects (*.netproj)")
        if chosen:
            self.add_file(Path(chosen))

    def add_file(self, path: Path) -> None:
        """Compare with the project in a file; what is wrong with it is said in words."""
        try:
            project = load_project(path).project
        except GaborError as error:
            self.words.setText(str(error))
            return
        self.choice.addItem(path.name, project)
        self.choice.setCurrentIndex(self.choice.count() - 1)

    def _choose(self) -> None:
        earlier = self.choice.currentData() or self._document.project
        self.compare_with(earlier)

    def compare_with(self, earlier: Project) -> None:
        """Show what the design has now that an earlier one had not, and the other way round."""
        now, shape = self._document.project, self._document.data_shape
        inferences = infer(earlier.graph, shape), infer(now.graph, shape)
        overlay = overlaid((earlier.graph, inferences[0]), (now.graph, inferences[1]))
        layout = dict(now.layout) | {
            new: earlier.layout.get(old, (0.0, 0.0)) for new, old in overlay.earlier.items()
        }
        states = framing.states_after(now.frames, overlay.graph)
        shown = _Overlay(
            Project(overlay.graph, layout, frames=states, blocks=now.blocks),
            replace(overlay.inference, graph=overlay.graph),
            self,
        )
        if self.view is not None:
            self._view_place.removeWidget(self.view)
            self.view.hide()
            self.view.deleteLater()
        self.view = ComparisonView(shown, self._theme, overlay)
        self._view_place.addWidget(self.view)
        self.view.frame_all()
        self._fill(compare(earlier.graph, now.graph), overlay)
        self._fill_totals(analyse(earlier, inferences[0]), analyse(now, inferences[1]))

    def _fill(self, found: Comparison, overlay: Overlay) -> None:
        self.changes.clear()
        for node_id, mark in overlay.nodes.items():
            name = overlay.graph.nodes[node_id].name
            words = f": {', '.join(found.changed[node_id])}" if mark == "changed" else ""
            item = QTreeWidgetItem([f"{_SIGNS[mark]}  {name} {mark}{words}"])
            item.setData(0, Qt.ItemDataRole.UserRole, node_id)
            item.setToolTip(0, item.text(0))
            self.changes.addTopLevelItem(item)
        edges = f"Connections: {len(found.edges_added)} added, {len(found.edges_removed)} removed."
        counts = f"Nodes: {len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed. {edges}"
        self.words.setText("The designs are the same." if found.is_same else counts)

    def _fill_totals(self, before: Analysis, after: Analysis) -> None:
        while (item := self.totals.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        rows = [
            ("", "Then", "Now"),
            ("Parameters", f"{before.parameters:,}", f"{after.parameters:,}"),
            ("Multiply-adds", f"{before.multiply_adds:,}", f"{after.multiply_adds:,}"),
            ("Memory, unshared", bytes_text(before.memory), bytes_text(after.memory)),
        ]
        for number, row in enumerate(rows):
            for place, text in enumerate(row):
                label = QLabel(text)
                label.setProperty("muted", number == 0 or place == 0)
                side = Qt.AlignmentFlag.AlignRight if place else Qt.AlignmentFlag.AlignLeft
                self.totals.addWidget(label, number, place, side)

    def totals_text(self) -> list[str]:
        """The cells of the totals, row by row."""
        cells = (self.totals.itemAt(number) for number in range(self.totals.count()))
        widgets = [cell.widget() for cell in cells if cell is not None]
        return [widget.text() for widget in widgets if isinstance(widget, QLabel)]

    def _centre(self, node_id: str) -> None:
        if self.view is not None:
            self.view.center_on(node_id)


def history(document: Document) -> list[tuple[str, Project]]:
    """The designs before each edit of the undo history, the last one first."""
    stack = document.undo_stack
    commands = (stack.command(number) for number in range(stack.index()))
    edits = [command for command in commands if isinstance(command, EditCommand)]
    return [(f"before “{command.text()}”", command.before) for command in reversed(edits)]
