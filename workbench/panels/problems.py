"""The list of what keeps the network from training, with repairs; remarks stand apart from it."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from engine.api import DesignError, Problem, Repair, edits
from workbench.document.document import Document
from workbench.panels.field_editors import replace_body, surface

_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


def apply_repair(document: Document, problem: Problem, repair: Repair) -> None:
    """Make the repair: one undo entry under its label. Nothing happens when the node has changed meanwhile."""
    try:
        graph = edits.repaired(document.project.graph, problem.node, repair)
    except DesignError:
        return
    document.apply_graph(repair.label, graph)


class RepairButtons(QWidget):
    """A button for each repair of a problem."""

    def __init__(self, document: Document, problem: Problem) -> None:
        super().__init__()
        row = QVBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for repair in problem.repairs:
            button = QPushButton(repair.label)
            button.setToolTip("Repair the problem in one step; undo takes it back")
            button.clicked.connect(lambda _=False, repair=repair: apply_repair(document, problem, repair))
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        self.setVisible(bool(problem.repairs))


class ProblemRow(QFrame):
    """A problem or a remark in words; a click or Enter leads to its node."""

    activated = Signal(str)

    def __init__(self, document: Document, problem: Problem, *, hint: bool) -> None:
        super().__init__()
        self.problem = problem
        self.setProperty("row", True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if problem.node else Qt.FocusPolicy.NoFocus)
        if problem.node:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.setToolTip("Show the node")
        self.setAccessibleName(("Hint: " if hint else "Problem: ") + problem.message)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 4, 4, 4)
        row.setSpacing(8)
        mark = QLabel("i" if hint else "!")
        mark.setObjectName("hint-mark" if hint else "problem-mark")
        mark.setFixedSize(18, 18)
        mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(6)
        words = QLabel(problem.message)
        words.setWordWrap(True)
        column.addWidget(words)
        column.addWidget(RepairButtons(document, problem))
        row.addLayout(column, 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Lead to the node."""
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and self.problem.node:
            self.activated.emit(self.problem.node)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Lead to the node."""
        if event.key() in _KEYS and self.problem.node:
            self.activated.emit(self.problem.node)
        else:
            super().keyPressEvent(event)


class ProblemsPanel(QScrollArea):
    """Problems first, then remarks; follows the document, and builds its rows only when somebody looks."""

    node_activated = Signal(str)
    count_changed = Signal(int, int)
    """Numbers of problems and of remarks."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._shown: tuple[tuple[str, str], ...] | None = None
        self._rows: list[ProblemRow] = []
        self._stale = False
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Problems")
        document.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the problems of the design as it is now."""
        inference = self._document.inference
        found = (*inference.problems, *inference.hints)
        shown = tuple((problem.node, problem.message) for problem in found)
        if shown == self._shown:
            return
        self._shown, self._stale = shown, True
        # A panel behind another tab counts as visible, but shows nothing.
        if not self.visibleRegion().isEmpty():
            self._build()
        self.count_changed.emit(len(inference.problems), len(inference.hints))

    @property
    def rows(self) -> list[ProblemRow]:
        """The rows, as the design is now."""
        if self._stale:
            self._build()
        return self._rows

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what was changed while nobody looked."""
        super().showEvent(event)
        self.catch_up()

    def catch_up(self, is_seen: bool = True) -> None:
        """Show what was changed while the panel stood behind another."""
        if is_seen and self._stale:
            self._build()

    def _build(self) -> None:
        self._stale = False
        inference = self._document.inference
        body = surface()
        column = QVBoxLayout(body)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(4)
        self._rows = []
        if not inference.problems:
            column.addWidget(_words("No problems: the network is ready to train."))
        self._add_rows(column, inference.problems, hint=False)
        if inference.hints:
            column.addSpacing(6)
            column.addWidget(_words("Worth a look, but no obstacle:"))
        self._add_rows(column, inference.hints, hint=True)
        column.addStretch(1)
        replace_body(self, body)

    def _add_rows(self, column: QVBoxLayout, problems: Sequence[Problem], *, hint: bool) -> None:
        for problem in problems:
            row = ProblemRow(self._document, problem, hint=hint)
            row.activated.connect(self.node_activated)
            column.addWidget(row)
            self._rows.append(row)


def _words(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("muted", True)
    label.setWordWrap(True)
    return label
