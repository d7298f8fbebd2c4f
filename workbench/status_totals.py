"""The totals of the network in the status bar: parameters, work, memory, problems."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from engine.api import GaborError, cost_of
from workbench.document.document import Document

_PREFIXES = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def short_count(number: float) -> str:
    """`3.27 M`, `12.0 G`, `640`."""
    for prefix, size in _PREFIXES:
        if number >= size:
            return f"{number / size:.3g} {prefix}"
    return f"{number:.0f}"


def memory_text(size: int) -> str:
    """`52 MiB`, `1.4 GiB`."""
    mebibytes = size / 2**20
    return f"{mebibytes / 1024:.2g} GiB" if mebibytes >= 1000 else f"{mebibytes:,.0f} MiB"


class StatusTotals(QWidget):
    """Follows the document with every edit."""

    problems_requested = Signal()

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.setSpacing(18)
        self.parameters, self.work, self.memory = QLabel(), QLabel(), QLabel()
        self.work.setToolTip("Multiply-adds of one image, forward")
        self.memory.setToolTip("Memory that training needs at this batch size, without the data")
        self.problems = QToolButton()
        self.problems.setToolTip("Show the list of problems")
        self.problems.clicked.connect(self.problems_requested)
        for widget in (self.parameters, self.work, self.memory, self.problems):
            row.addWidget(widget)
        document.changed.connect(self.refresh)
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
        self._show_memory()

    def _show_memory(self) -> None:
        self.memory.hide()
        if not self._document.inference.is_valid:
            return
        try:
            memory = cost_of(self._document.project).memory
        except GaborError:
            return
        size = sum(size for kind, size in memory.items() if kind != "data")
        batch = self._document.project.training.batch_size
        self.memory.setText(f"{memory_text(size)} at batch {batch}")
        self.memory.show()
