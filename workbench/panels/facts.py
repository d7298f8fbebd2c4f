"""What follows from a node's settings: shapes that explain themselves, parameters, work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from engine.api import Node, TensorSpec
from workbench.canvas.provenance import explanation
from workbench.document.document import Document


@dataclass(frozen=True)
class Fact:
    """A line of the list; one with a `spec` is a shape whose numbers open their formulas."""

    text: str
    help: str = ""
    spec: TensorSpec | None = None
    owner: str = ""
    """Name of the node whose output the shape is."""


class ShapeLabel(QLabel):
    """A shape whose numbers are links; `linkActivated` carries the axis. Keys reach them too."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.RichText)
        flags = Qt.TextInteractionFlag
        self.setTextInteractionFlags(
            flags.TextSelectableByMouse | flags.LinksAccessibleByMouse | flags.LinksAccessibleByKeyboard
        )

    def show_spec(self, spec: TensorSpec, opened: int | None) -> None:
        """Show a shape; the number whose formulas are open is bold."""
        color = self.palette().text().color().name()
        style = f"color: {color}; text-decoration: underline; text-decoration-color: {color};"
        numbers = [
            f'<a href="{axis}" style="{style}{"font-weight: 600;" if axis == opened else ""}">{int(size)}</a>'
            for axis, size in enumerate(spec.shape)
        ]
        text = "×".join(numbers)
        if text != self.text():
            self.setText(text)


class Facts(QWidget):
    """A list of facts; a click on a number of a shape shows the formulas that made it below, another hides them."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setColumnMinimumWidth(0, 104)
        self._grid.setColumnStretch(1, 1)
        line = QFrame()
        line.setObjectName("divider")
        self._grid.addWidget(line, 0, 0, 1, 2)
        self._rows: dict[str, tuple[QLabel, QLabel, QLabel]] = {}
        self._facts: Mapping[str, Fact] = {}
        self.opened: tuple[str, int] | None = None
        """The row and axis whose formulas are shown."""

    def show_node(self, document: Document, node: Node) -> None:
        """Shapes and counts of one node."""
        shape = document.inference.shapes.get(node.id)
        if shape is None:
            self._fill({"Output": Fact("not known yet")})
            return
        graph = document.project.graph
        rows = {}
        for number, (edge, spec) in enumerate(
            zip(graph.incoming[node.id], shape.inputs, strict=True), start=1
        ):
            name = "Input" if len(shape.inputs) == 1 else f"Input {number}"
            rows[name] = Fact(str(spec), _SHAPE_HELP, spec, graph.nodes[edge.source].name)
        rows["Output"] = Fact(str(shape.output), _SHAPE_HELP, shape.output, node.name)
        tensors = (f"{name}: {'×'.join(map(str, spec.shape))}" for name, spec in shape.parameters.items())
        rows["Parameters"] = Fact(f"{shape.parameter_count:,}", "\n".join(tensors))
        rows["Multiply-adds"] = Fact(f"{shape.cost.forward:,}", "For one image, forward.")
        self._fill(rows)

    def show_sum(self, document: Document, nodes: Sequence[Node]) -> None:
        """Counts of several nodes together."""
        known = document.inference.shapes
        shapes = [known[node.id] for node in nodes if node.id in known]
        if not shapes:
            self._fill({})
            return
        rows = {
            "Nodes": Fact(f"{len(nodes)}"),
            "Parameters": Fact(f"{sum(shape.parameter_count for shape in shapes):,}"),
            "Multiply-adds": Fact(
                f"{sum(shape.cost.forward for shape in shapes):,}", "For one image, forward."
            ),
        }
        self._fill(rows)

    def explain(self, row: str, axis: int) -> None:
        """Show the formulas of one number; hide them when they are shown already."""
        self.opened = None if self.opened == (row, axis) else (row, axis)
        self._fill(self._facts)

    def explanation_text(self) -> str:
        """The formulas that are shown; "" when none are."""
        return "" if self.opened is None else self._rows[self.opened[0]][2].text()

    def _fill(self, facts: Mapping[str, Fact]) -> None:
        self._facts = facts
        if self.opened is not None and (self.opened[0] not in facts or facts[self.opened[0]].spec is None):
            self.opened = None
        for name in [name for name, row in self._rows.items() if not self._suits(row, facts.get(name))]:
            for label in self._rows.pop(name):
                self._grid.removeWidget(label)
                label.hide()
                label.deleteLater()
        for number, (name, fact) in enumerate(facts.items()):
            if name not in self._rows:
                self._rows[name] = self._make_row(name, fact)
            for place, label in enumerate(self._rows[name]):
                self._grid.addWidget(label, 2 * number + 1 + place // 2, place % 2, 1, 1 + place // 2)
            self._show(name, fact)
        self.setVisible(bool(facts))

    @staticmethod
    def _suits(row: tuple[QLabel, QLabel, QLabel], fact: Fact | None) -> bool:
        return fact is not None and isinstance(row[1], ShapeLabel) == (fact.spec is not None)

    def _make_row(self, name: str, fact: Fact) -> tuple[QLabel, QLabel, QLabel]:
        title, formulas = QLabel(name), QLabel()
        title.setProperty("muted", True)
        formulas.setWordWrap(True)
        formulas.setContentsMargins(10, 2, 0, 6)
        formulas.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        if fact.spec is None:
            value = QLabel()
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        else:
            value = ShapeLabel()
            value.linkActivated.connect(lambda link: self.explain(name, int(link)))
        return title, value, formulas

    def _show(self, name: str, fact: Fact) -> None:
        title, value, formulas = self._rows[name]
        axis = self.opened[1] if self.opened is not None and self.opened[0] == name else None
        for label in (title, value):
            label.setToolTip(fact.help)
        if fact.spec is not None and isinstance(value, ShapeLabel):
            value.show_spec(fact.spec, axis)
        else:
            value.setText(fact.text)
        value.setAccessibleName(f"{name}: {fact.text}")
        if axis is not None and fact.spec is not None:
            formulas.setText("\n".join(explanation(fact.owner, fact.spec, axis)))
            formulas.setAccessibleName(formulas.text())
        formulas.setVisible(axis is not None)


_SHAPE_HELP = "Channels × height × width of one image. Click a number to see where it comes from."
