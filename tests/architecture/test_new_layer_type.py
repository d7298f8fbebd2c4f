"""A new layer type is one new file: everything else reads its declaration."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pytestqt.qtbot import QtBot

import engine.layers
from engine.api import (
    REGISTRY,
    Edge,
    Graph,
    Layer,
    Node,
    Project,
    Trainer,
    TrainingSettings,
    check_gradients,
    load_dataset,
    load_project,
    make_layer,
    prepare,
    save_project,
)
from workbench.document.document import Document
from workbench.panels.inspector import Inspector
from workbench.panels.palette import Palette, matching
from workbench.theme import load_theme

ROOT = Path(__file__).parents[2]
SOURCE = '''
"""A unit that decides by itself how much passes."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type("soft_gate", group="Activation", label="Soft gate", is_activation=True)
class SoftGate(Layer):
    """Lets a value pass by its own sigmoid; negative ones are first made smaller."""

    leak: float = setting(default=0.25, label="Leak", minimum=0.0, maximum=1.0, help="Slope for negative values.")

    def output(self, *xs: TensorSpec) -> TensorSpec:
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        (x,), ops = xs, run.ops
        passed, gate = ops.leaky_relu(x, self.leak), ops.sigmoid(x)

        def backward(dy: Array) -> tuple[Array | None, ...]:
            by_value = ops.leaky_relu_gradient(ops.elementwise("multiply", dy, gate), x, self.leak)
            by_gate = ops.sigmoid_gradient(ops.elementwise("multiply", dy, passed), gate)
            return (ops.add(by_value, by_gate),)

        return ops.elementwise("multiply", passed, gate), backward
'''


@pytest.fixture
def soft_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Layer]]:
    """The new type, found because its file lies where layers are looked for."""
    (tmp_path / "soft_gate.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(engine.layers, "__path__", [*engine.layers.__path__, str(tmp_path)])
    assert "soft_gate" not in REGISTRY
    engine.layers.discover()
    yield REGISTRY["soft_gate"]
    del REGISTRY["soft_gate"]
    del sys.modules["engine.layers.soft_gate"]
    del engine.layers.soft_gate  # type: ignore[attr-defined]


@pytest.fixture
def project(soft_gate: type[Layer]) -> Project:
    """A network that reads digits through the new layer."""
    layers = {
        "input-1": make_layer("input", {"shape": (1, 28, 28)}),
        "convolution-1": make_layer("convolution", {"filters": 2, "size": 5, "stride": 4}),
        "soft_gate-1": make_layer("soft_gate", {"leak": 0.5}),
        "fully_connected-1": make_layer("fully_connected", {"outputs": 10}),
        "softmax_classifier-1": make_layer("softmax_classifier"),
    }
    nodes = [Node(node_id, node_id, layer) for node_id, layer in layers.items()]
    edges = [Edge(source, target) for source, target in zip(layers, list(layers)[1:], strict=False)]
    training = TrainingSettings(device="cpu", batch_size=10, epochs=1)
    return Project(Graph.of(nodes, edges), training=training, name="With a soft gate")


def test_that_the_palette_offers_it(qtbot: QtBot, soft_gate: type[Layer]) -> None:
    palette = Palette(load_theme("light"))
    qtbot.addWidget(palette)
    assert matching("soft gate") == [soft_gate]
    shown = [
        heading.child(row).text(0)
        for heading in (
            palette.list.topLevelItem(number) for number in range(palette.list.topLevelItemCount())
        )
        for row in range(heading.childCount())
    ]
    assert "Soft gate" in shown


def test_that_the_inspector_edits_its_settings(qtbot: QtBot, project: Project) -> None:
    document = Document(project)
    inspector = Inspector(document, load_theme("light"))
    qtbot.addWidget(inspector)
    inspector.set_selection(["soft_gate-1"])
    assert list(inspector.form.editors) == ["leak"]
    inspector.form.edited.emit("leak", 0.75)
    assert document.project.graph.nodes["soft_gate-1"].layer == make_layer("soft_gate", {"leak": 0.75})


def test_that_a_project_file_keeps_it(project: Project, tmp_path: Path) -> None:
    save_project(tmp_path / "gate.netproj", project)
    assert load_project(tmp_path / "gate.netproj").project == project


def test_that_its_gradients_are_checked_and_right(project: Project) -> None:
    data = prepare(load_dataset("mnist-sample"), project.data)
    errors = [check.max_relative_error for check in check_gradients(project, data, samples=20)]
    assert len(errors) == 4
    assert max(errors) <= 1e-6


def test_that_it_trains(project: Project) -> None:
    trainer = Trainer(project, prepare(load_dataset("mnist-sample"), project.data), steps=2)
    for _ in trainer.events():
        pass
    assert trainer.run().status == "finished"


def test_that_the_documentation_tells_of_it(soft_gate: type[Layer]) -> None:
    page = layer_reference_tool().layer_reference()
    assert "### Soft gate" in page
    assert "| Leak | `leak` | 0.25 | 0 to 1 | Slope for negative values. |" in page


def test_that_the_layer_page_is_what_the_layers_declare_today() -> None:
    tool = layer_reference_tool()
    assert tool.PAGE.read_text("utf-8") == tool.layer_reference(), "run `make docs`"


def layer_reference_tool() -> ModuleType:
    """docs/layer_reference.py as a module."""
    spec = importlib.util.spec_from_file_location("layer_reference", ROOT / "docs" / "layer_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
