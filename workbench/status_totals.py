"""The totals of the network in the status bar: parameters, work, memory, problems."""

from concurrent.futures import ThreadPoolExecutor

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from engine.api import GaborError, MemoryForecast, Project, bytes_text, cost_of, forecast
from workbench.document.document import Document

_SMALL = 60
"""The memory of networks of so many nodes is shown at once; of larger ones when the edits rest."""
_REST_MS = 250
_PREFIXES = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def short_count(number: float) -> str:
    """`3.27 M`, `12.0 G`, `640`."""
    for prefix, size in _PREFIXES:
        if number >= size:
            return f"{number / size:.3g} {prefix}"
    return f"{number:.0f}"


class StatusTotals(QWidget):
    """Follows the document with every edit."""

    problems_requested = Signal()
    forecast = Signal(object)
    """MemoryForecast of the design as it is, when the edits rest; None where there is none."""
    _planned = Signal(object, object)
    """Project, and the forecast of the memory of its training."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.setSpacing(18)
        self.parameters, self.work, self.memory = QLabel(), QLabel(), QLabel()
        self.work.setToolTip("Multiply-adds of one image, forward")
        self.memory.setToolTip(_WITH_DATA)
        self.problems = QToolButton()
        self.problems.setToolTip("Show the list of problems")
        self.problems.clicked.connect(self.problems_requested)
        for widget in (self.parameters, self.work, self.memory, self.problems):
            row.addWidget(widget)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._plan)
        self._planner = ThreadPoolExecutor(1, "memory plan")
        self._planned.connect(self._show_plan)
        document.changed.connect(self._follow)
        self.refresh()

    def _follow(self, before: Project) -> None:
        now = self._document.project
        if (
            before.graph is not now.graph
            or before.training is not now.training
            or before.data is not now.data
        ):
            self.refresh()

    def refresh(self) -> None:
        """Show the totals of the design as it is now."""
        inference = self._document.inference
        work = sum(shape.cost.forward for shape in inference.shapes.values())
        self.parameters.setText(f"{inference.parameter_count:,} parameters")
        self.work.setText(f"{short_count(work)} multiply-adds")
        count = len(inference.problems)
        if not self._document.project.graph.nodes:
            # Nothing is wrong yet.
            count = 0
            self.problems.setText("Empty network")
        else:
            self.problems.setText(f"{count or 'No'} problem{'s' * (count != 1)}")
        if self.problems.property("problem") != bool(count):
            self.problems.setProperty("problem", bool(count))
            self.problems.style().unpolish(self.problems)
            self.problems.style().polish(self.problems)
        project = self._document.project
        if not inference.is_valid:
            self._rest.stop()
            self._show_size(0)
            self.forecast.emit(None)
            return
        self.memory.setEnabled(len(project.graph.nodes) <= _SMALL)
        if self.memory.isEnabled():
            self._show_size(_planned_memory(project))
        self._rest.start()

    def _plan(self) -> None:
        """Planning a thousand nodes, at several batch sizes, takes seconds, which the window shall not wait for."""
        project, planned = self._document.project, self._planned
        self._planner.submit(lambda: planned.emit(project, _forecast(project)))

    def _show_plan(self, project: Project, told: MemoryForecast | None) -> None:
        now = self._document.project
        if project.graph is not now.graph or project.training is not now.training:
            # An edit came meanwhile, and asks for a plan of its own.
            return
        self.memory.setEnabled(True)
        self._show_size(0 if told is None else told.cost.total)
        if told is not None:
            rows = "".join(
                f"<tr><td>{kind}</td><td align='right'>&nbsp; {size}</td></tr>" for kind, size in told.table()
            )
            self.memory.setToolTip(f"{_WITH_DATA}<table>{rows}</table><p>{told.sentence()}</p>")
            self.memory.setAccessibleDescription(told.sentence())
        self.forecast.emit(told)

    def _show_size(self, size: int) -> None:
        self.memory.setText(f"{bytes_text(size)} at batch {self._document.project.training.batch_size}")
        self.memory.setVisible(size > 0)


_WITH_DATA = "Memory that training takes at this batch size, with its data"


def _forecast(project: Project) -> MemoryForecast | None:
    try:
        return forecast(project)
    except GaborError:
        return None


def _planned_memory(project: Project) -> int:
    """Bytes that training takes with its data; 0 where that cannot be told."""
    try:
        return cost_of(project).total
    except GaborError:
        return 0
