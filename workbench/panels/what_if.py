"""What would follow from a value that is still being turned: shapes, parameters, work and memory, now and then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout

from engine.api import Graph, Inference, analyse, bytes_text, infer
from workbench.document.document import Document

KEYS = "Enter keeps it, Esc takes it back."


@dataclass(frozen=True)
class WhatIf:
    """A design that is only tried: what it would be, compared with what the document holds."""

    inference: Inference
    changed: tuple[str, ...]
    """Ids of the nodes whose shape, parameters or problem would be others, in order."""
    rows: tuple[tuple[str, str], ...]
    """(what, how much of it there would be in the whole network); of a single node its output too."""
    remark: str
    """How many nodes change, or what would not fit any more."""


def what_if(document: Document, graph: Graph, node_ids: Sequence[str]) -> WhatIf:
    """Compare a tried design with the document's; `node_ids` are the nodes that are edited."""
    now, then = document.inference, infer(graph, document.data_shape)
    changed = tuple(node_id for node_id in graph.order if _facts(now, node_id) != _facts(then, node_id))
    before = analyse(document.project, now)
    after = analyse(replace(document.project, graph=graph), then)
    rows = []
    if len(node_ids) == 1:
        shapes = [found.shapes.get(node_ids[0]) for found in (now, then)]
        was, would = (str(shape.output) if shape else "none" for shape in shapes)
        rows.append(("Output", f"{would}, as now" if was == would else would))
    rows += [
        ("Parameters", f"{after.parameters:,}{_difference(before.parameters, after.parameters)}"),
        ("Multiply-adds", f"{after.multiply_adds:,}{_difference(before.multiply_adds, after.multiply_adds)}"),
        # The status bar tells what a training takes, with its buffers sharing places; that needs a plan.
        ("Memory", f"{bytes_text(after.memory)} unshared{_difference(before.memory, after.memory)}"),
    ]
    return WhatIf(then, changed, tuple(rows), _remark(now, then, changed, node_ids))


def _facts(found: Inference, node_id: str) -> tuple[object, ...]:
    shape = found.shapes.get(node_id)
    problem = found.problem_of.get(node_id)
    return (shape and str(shape.output), shape and shape.parameter_count, problem and problem.message)


def _difference(was: int, would: int) -> str:
    if was == would:
        return ", as now"
    percent = 100 * (would - was) / max(1, was)
    text = f" ({percent:+.0f} %)" if abs(percent) >= 0.5 else f" ({would - was:+,})"
    return text.replace("-", "−")


def _remark(now: Inference, then: Inference, changed: Sequence[str], node_ids: Sequence[str]) -> str:
    old = {problem.message for problem in now.problems}
    new = next((problem.message for problem in then.problems if problem.message not in old), "")
    if new:
        return new
    behind = sum(node_id not in node_ids for node_id in changed)
    mended = len(now.problems) - len(then.problems)
    text = (
        f"{behind} node{'s' * (behind != 1)} behind would change."
        if behind
        else "Nothing behind would change."
    )
    return f"{text} {mended} problem{'s' * (mended != 1)} would go." if mended > 0 else text


class WhatIfCard(QFrame):
    """Shows a comparison while a value is being turned."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("what-if")
        self.setAccessibleName("What would follow")
        self._title = QLabel()
        self._title.setProperty("heading", True)
        self._remark = QLabel()
        self._remark.setWordWrap(True)
        keys = QLabel(KEYS)
        keys.setProperty("muted", True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(10)
        self._grid.setColumnMinimumWidth(0, 94)
        self._grid.setColumnStretch(1, 1)
        self._labels: dict[str, tuple[QLabel, QLabel]] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(5)
        column.addWidget(self._title)
        column.addLayout(self._grid)
        column.addWidget(self._remark)
        column.addWidget(keys)
        self.hide()

    def show_comparison(self, title: str, found: WhatIf) -> None:
        """Show what would follow."""
        self._title.setText(title)
        for number, (name, text) in enumerate(found.rows):
            if name not in self._labels:
                heading, value = QLabel(name), QLabel()
                heading.setProperty("muted", True)
                value.setWordWrap(True)
                self._labels[name] = (heading, value)
                self._grid.addWidget(heading, number, 0)
                self._grid.addWidget(value, number, 1)
            self._labels[name][1].setText(text)
        for name, labels in self._labels.items():
            for label in labels:
                label.setVisible(name in dict(found.rows))
        self._remark.setText(found.remark)
        is_problem = not found.inference.is_valid and found.remark in {
            p.message for p in found.inference.problems
        }
        if self._remark.property("problem") != is_problem:
            self._remark.setProperty("problem", is_problem)
            self._remark.style().unpolish(self._remark)
            self._remark.style().polish(self._remark)
        self.show()

    def text(self) -> str:
        """All that is shown, a line each."""
        rows = [f"{name.text()}: {value.text()}" for name, value in self._labels.values()]
        return "\n".join([self._title.text(), *rows, self._remark.text()])
