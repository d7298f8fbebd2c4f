"""Checks of the computation from the window: gradients and parity, shown on the nodes and in a panel."""

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence

from engine.api import (
    GRADIENT_TOLERANCE,
    Inference,
    NodeParity,
    Project,
    TensorCheck,
    Way,
    infer,
    parity_tolerance,
)
from workbench.canvas.node_look import NodeVerdict
from workbench.canvas.view import CanvasView
from workbench.document.document import Document
from workbench.inspection.check_thread import CheckThread, GradientOrder, ParityOrder
from workbench.message_bar import MessageBar
from workbench.panels.checks_panel import GRADIENT_COLUMNS, PARITY_COLUMNS, ChecksPanel, milliseconds
from workbench.theme import Theme


class ChecksControl(QObject):
    """One check at a time, in a thread of its own, of the design as it was when it began."""

    wanted = Signal(str)
    """The name of a dock that shall be shown."""
    ended = Signal()

    def __init__(
        self, document: Document, canvas: CanvasView, messages: MessageBar, theme: Theme, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._document, self._canvas, self._messages = document, canvas, messages
        self.panel = ChecksPanel(theme)
        self.panel.on_gradients, self.panel.on_parity = self.check_gradients, self.compare
        self.panel.on_cancel = self.cancel
        self.panel.node_activated.connect(self._show_node)
        self._thread: CheckThread | None = None
        self._project = Project()
        self._results: list[TensorCheck | NodeParity] = []
        self._expected = 0
        self._limit = 0.0
        self._shows = False
        self._message = ""
        self.action = QAction("Check &gradients", self)
        self.action.setShortcut(QKeySequence("F8"))
        self.action.setToolTip(
            "Compare every gradient with central differences; nodes turn green or red (F8)"
        )
        self.action.triggered.connect(self.check_gradients)
        self.clear_action = QAction("Take the verdicts off the nodes", self)
        self.clear_action.triggered.connect(self.clear)
        self.clear_action.setEnabled(False)
        document.changed.connect(self._outdate)

    @property
    def actions(self) -> tuple[QAction, ...]:
        """What stands in the menu."""
        return self.action, self.clear_action

    def apply_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.panel.apply_theme(theme)

    @property
    def is_busy(self) -> bool:
        """Whether a check is under way."""
        return self._thread is not None

    def check_gradients(self) -> None:
        """Check the design as it is, with the parameters of the newest training where they fit."""
        project = self._document.project
        inference = self._document.inference
        tensors = sum(len(shape.parameters) for shape in inference.shapes.values())
        self._begin(GradientOrder(project, self._parameters(inference)), tensors + len(inference.shapes) - 2)
        if self.is_busy:
            self.panel.begin(GRADIENT_COLUMNS)
            self.panel.say("Checking gradients …")

    def compare(self, first: Way, second: Way) -> None:
        """Compare the design as it is, computed in two ways."""
        project, inference = self._document.project, self._document.inference
        self._begin(
            ParityOrder(project, first, second, self._parameters(inference)), len(inference.shapes) - 1
        )
        if self.is_busy:
            self.panel.begin([title.format(first=first, second=second) for title in PARITY_COLUMNS])
            self.panel.say(f"Comparing {first} with {second} …")

    def cancel(self) -> None:
        """Give the check up; what it found stays."""
        if self._thread is not None:
            self._thread.requestInterruption()
            self._message = "Given up; what was found until then is below."

    def close(self) -> None:
        """Give up and wait."""
        if self._thread is not None:
            self._thread.requestInterruption()
            self._thread.wait()
            self._finish()

    def clear(self) -> None:
        """Show the nodes' own words again."""
        self._shows = False
        self.clear_action.setEnabled(False)
        self._canvas.canvas.show_verdicts({})

    def _begin(self, order: GradientOrder | ParityOrder, expected: int) -> None:
        if self._thread is not None:
            return
        problems = infer(order.project.graph).problems or self._document.inference.problems
        if problems:
            self._messages.show_message(f"The network cannot be checked yet. {problems[0].message}")
            return
        self.clear()
        self._project, self._results, self._expected = order.project, [], max(expected, 1)
        self._message = ""
        self._limit = parity_tolerance(order.first, order.second) if isinstance(order, ParityOrder) else 0.0
        self.wanted.emit("checks")
        self.panel.set_busy(True)
        self.action.setEnabled(False)
        thread = self._thread = CheckThread(order)
        thread.found.connect(self._take)
        thread.failed.connect(self._fail)
        thread.finished.connect(self._finish)
        thread.start()

    def _parameters(self, inference: Inference) -> Mapping[str, np.ndarray] | None:
        """Those of the newest training, if they are of this design; else new ones are drawn."""
        run = next((run for run in reversed(self._document.runs) if run.checkpoint is not None), None)
        if run is None or run.checkpoint is None:
            return None
        found = {}
        for node_id, shape in inference.shapes.items():
            for name, spec in shape.parameters.items():
                tensor = run.checkpoint.tensors.get(f"parameter/{node_id}/{name}")
                if tensor is None or tuple(tensor.shape) != tuple(spec.shape):
                    return None
                found[f"{node_id}/{name}"] = tensor
        return found

    def _take(self, result: TensorCheck | NodeParity) -> None:
        if self._thread is None:
            return
        self._results.append(result)
        name = self._project.graph.nodes[result.node].name
        if isinstance(result, TensorCheck):
            self.panel.add_gradient(name, result)
        else:
            self.panel.add_parity(name, result, self._limit)
        self.panel.set_progress(min(len(self._results), self._expected), self._expected)
        if self._project.graph == self._document.project.graph:
            self._shows = True
            self.clear_action.setEnabled(True)
            self._canvas.canvas.show_verdicts(self.verdicts())

    def verdicts(self) -> dict[str, NodeVerdict]:
        """What is known of each node by now."""
        errors: dict[str, float] = {}
        found = {}
        for result in self._results:
            if isinstance(result, NodeParity):
                passed = result.largest <= self._limit
                times = " / ".join(milliseconds(seconds) for seconds in result.seconds)
                word = "agrees" if passed else "differs"
                found[result.node] = NodeVerdict(passed, (f"{word}: {result.largest:.1e}", times))
            else:
                errors[result.node] = max(errors.get(result.node, 0.0), result.max_relative_error)
        for node, error in errors.items():
            passed = error <= GRADIENT_TOLERANCE
            words = "gradients right" if passed else "a gradient is wrong"
            found[node] = NodeVerdict(passed, (words, f"error {error:.1e}"))
        return found

    def _fail(self, sentence: str) -> None:
        self._message = sentence

    def _finish(self) -> None:
        thread = self._thread
        if thread is None or not thread.isFinished():
            return
        text, failed = self._summary(thread)
        self._thread = None
        self.panel.set_busy(False)
        self.action.setEnabled(True)
        self.panel.say(text, failed=failed)
        thread.deleteLater()
        self.ended.emit()

    def _summary(self, thread: CheckThread) -> tuple[str, bool]:
        if self._message:
            return self._message, not self._message.startswith("Given up")
        verdicts = self.verdicts()
        wrong = [
            self._project.graph.nodes[node].name for node, verdict in verdicts.items() if not verdict.passed
        ]
        if isinstance(thread.order, GradientOrder):
            worst = max(
                (r.max_relative_error for r in self._results if isinstance(r, TensorCheck)), default=0.0
            )
            if wrong:
                return (
                    f"A gradient is wrong in {', '.join(wrong)}: the largest relative error is {worst:.1e}.",
                    True,
                )
            return f"The gradients are right: the largest relative error is {worst:.1e}.", False
        first, second = thread.order.first, thread.order.second
        largest = max((r.largest for r in self._results if isinstance(r, NodeParity)), default=0.0)
        times = [sum(r.seconds[way] for r in self._results if isinstance(r, NodeParity)) for way in (0, 1)]
        took = f"A pass took {milliseconds(times[0])} on {first} and {milliseconds(times[1])} on {second}."
        if wrong:
            told = (
                f"{first} and {second} differ in {', '.join(wrong)}, by {largest:.1e} of the largest value."
            )
        else:
            told = f"{first} and {second} agree: they differ by at most {largest:.1e} of the largest value."
        return f"{told} {took}", bool(wrong)

    def _show_node(self, node_id: str) -> None:
        if node_id in self._document.project.graph.nodes:
            self._canvas.select([node_id])
            self._canvas.center_on(node_id)

    def _outdate(self, before: Project) -> None:
        if self._shows and self._document.project.graph != before.graph:
            self.clear()
