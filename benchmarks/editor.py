"""How fast the editor is on large networks: edits, drags, zoom, undo, opening, and the start of the program.

Builds chains of 300 and 1,000 nodes in a real window, and measures until everything is painted again. Prints JSON, or
writes it with `--output`. Needs a display, or QT_QPA_PLATFORM=offscreen. An example:
`python benchmarks/editor.py --output benchmarks/results/editor.json`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from types import MappingProxyType

from PySide6.QtCore import QEvent, QPointF, QSettings
from PySide6.QtWidgets import QApplication

from engine.api import Edge, Graph, Project, arrange, edits, load_project, make_layer, save_project
from workbench.application import make_application, settle_memory
from workbench.main_window import MainWindow

TARGETS_MS = {
    "edit": 16,
    "edit_of_all": 16,
    "drag_frame": 2,
    "zoom_frame": 16,
    "undo_delete_100": 50,
    "open": 500,
}
"""For 300 nodes; the same is measured for 1,000."""
START_TARGET_MS = 1500
# Tells when the canvas was painted for the first time, and ends the program.
_CHILD = """
import os, sys
from PySide6.QtCore import QEvent, QObject
from workbench.canvas.view import CanvasView
paint = CanvasView.paintEvent
def painted(self, event):
    paint(self, event)
    os.write(1, b"painted\\n")
    os._exit(0)
CanvasView.paintEvent = painted
from workbench.command_line import main
sys.argv = ["gabor", *sys.argv[1:]]
main()
"""


def long_network(count: int) -> Project:
    """A chain of so many nodes: convolutions, normalisations and activations on small maps, pooled now and then."""
    kinds = (
        make_layer("convolution", {"filters": 16, "size": 3, "padding": 1, "bias": False}),
        make_layer("batch_normalisation"), make_layer("relu"),
    )  # fmt: skip
    graph, before = edits.add_layer(Graph(), make_layer("input"))
    for number in range(count - 3):
        layer = make_layer("max_pooling") if number in (60, 150) else kinds[number % 3]
        graph, node = edits.add_layer(graph, layer)
        graph = graph.with_edges((*graph.edges, Edge(before.id, node.id)))
        before = node
    for layer in (make_layer("fully_connected"), make_layer("softmax_classifier")):
        graph, node = edits.add_layer(graph, layer)
        graph = graph.with_edges((*graph.edges, Edge(before.id, node.id)))
        before = node
    return Project(graph, MappingProxyType(arrange(graph)), name=f"{count} nodes")


class Bench:
    """Measures one network in one window."""

    def __init__(self, window: MainWindow, project: Project, folder: Path, repeats: int) -> None:
        self.window, self.project, self.repeats = window, project, repeats
        self.path = folder / f"{len(project.graph.nodes)}.netproj"
        save_project(self.path, project)

    def settle(self) -> None:
        """Until every event is handled and everything is painted."""
        application = QApplication.instance()
        assert application is not None
        for _ in range(3):
            application.sendPostedEvents()
            application.processEvents()

    def rest(self) -> None:
        """Until the memory plan, which is made beside the window, is there."""
        while not self.window.totals.memory.isEnabled():
            self.settle()
            time.sleep(0.01)

    def timed(
        self, do: Callable[[int], object], prepare: Callable[[int], object] | None = None
    ) -> dict[str, float]:
        """Median and largest milliseconds of doing something and painting what it changed."""
        taken = []
        for number in range(self.repeats):
            if prepare is not None:
                prepare(number)
                self.settle()
            start = time.perf_counter()
            do(number)
            self.settle()
            taken.append(1000 * (time.perf_counter() - start))
        return {"median_ms": round(median(taken), 2), "largest_ms": round(max(taken), 2)}

    def edit(self, number: int) -> None:
        """Another number of filters in the middle: shapes, badges and totals downstream follow."""
        document = self.window.document
        convolutions = [
            i for i, n in document.project.graph.nodes.items() if n.layer.type_name == "convolution"
        ]
        node_id = convolutions[len(convolutions) // 3]
        graph = edits.set_settings(document.project.graph, node_id, filters=17 + number % 2)
        document.apply_graph("Set filters", graph)

    def edit_of_all(self, number: int) -> None:
        """Another padding of the first convolution: the shape of every node behind it changes."""
        document = self.window.document
        node_id = next(i for i in document.project.graph.order if i.startswith("convolution"))
        padding = 2 + number % 2
        graph = edits.set_settings(document.project.graph, node_id, padding=(padding,) * 4)
        document.apply_graph("Set padding", graph)

    def drag(self, number: int) -> None:
        """One frame of dragging one node."""
        node_id = self.window.document.project.graph.order[7]
        x, y = self.window.document.project.layout[node_id]
        self.window.canvas.canvas.move_items({node_id: (x + number, y + number)})

    def zoom(self, number: int) -> None:
        """One frame of zooming about the middle."""
        view = self.window.canvas
        view.zoom_by(1.1 if number % 2 else 1 / 1.1, QPointF(view.viewport().rect().center()))

    def delete_hundred(self, _: int) -> None:
        """Remove a hundred nodes from the middle."""
        graph = self.window.document.project.graph
        gone = graph.order[len(graph.order) // 3 :][:100]
        self.window.document.apply_graph("Delete 100 nodes", edits.remove(graph, gone))

    def run(self) -> dict[str, dict[str, float]]:
        """All measurements."""
        window = self.window
        found = {
            "open": self.timed(lambda _: window.files.open_path(self.path), lambda _: window.files.new())
        }
        window.canvas.frame_all()
        self.settle()
        self.rest()
        settle_memory()
        found["edit"] = self.timed(self.edit)
        found["edit_of_all"] = self.timed(self.edit_of_all)
        window.docks.show("analysis")
        self.settle()
        self.rest()
        found["edit_with_analysis"] = self.timed(self.edit)
        window.docks["analysis"].hide()
        window.canvas.frame_all()
        self.settle()
        self.rest()
        found["zoom_frame"] = self.timed(self.zoom)
        found["drag_frame"] = self.timed(self.drag)
        window.canvas.canvas.restore_places()
        undo = window.document.undo_stack.undo
        found["undo_delete_100"] = self.timed(lambda _: undo(), self.delete_hundred)
        window.document.undo_stack.setClean()
        return found


def start_time(path: Path, repeats: int) -> dict[str, float]:
    """Milliseconds from the command to the first painted canvas, with bytecode at hand as after an installation."""
    taken = []
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(path.parent / "bytecode")
    command = [sys.executable, "-c", _CHILD, str(path)]
    for number in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
        if number:
            # The first start wrote the bytecode.
            taken.append(1000 * (time.perf_counter() - start))
    return {"median_ms": round(median(taken), 1), "largest_ms": round(max(taken), 1)}


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    names = [line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")]
    return {
        "node": platform.node(), "cpu": names[0] if names else platform.processor(), "cores": os.cpu_count(),
        "python": platform.python_version(), "platform": QApplication.platformName(),
    }  # fmt: skip


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[300, 1000])
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    make_application()
    results: dict[str, object] = {"targets_ms_for_300_nodes": {**TARGETS_MS, "start": START_TARGET_MS}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in arguments.nodes:
            window = MainWindow(settings=QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))
            window.resize(1600, 900)
            window.show()
            bench = Bench(window, long_network(count), folder, arguments.repeats)
            assert load_project(bench.path).project.graph == bench.project.graph
            results[f"{count}_nodes"] = bench.run()
            window.close()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        results["start"] = start_time(
            folder / f"{arguments.nodes[0]}.netproj", max(3, arguments.repeats // 4)
        )
    date = datetime.now(UTC).isoformat(timespec="seconds")
    report = {"date": date, "machine": machine(), "repeats": arguments.repeats, **results}
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
