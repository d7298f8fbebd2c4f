"""Takes the pictures of the documentation from the real program: `make screenshots`.

    python docs/screenshots.py [FOLDER]     (needs a display, real or virtual)

Opens the window on the starter project, trains it for a while, and writes window-training.png; of a design with a
problem, window-editing.png; and of a residual network made of blocks, window-blocks.png.
Trains a network with large filters under strong weight decay, and writes filters-forming.gif.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
from PySide6.QtCore import QEventLoop, QSettings, QTimer

from engine.api import TEMPLATES, Graph, Trainer, edits, example_path, load_project, prepare, recipe_dataset
from workbench.application import make_application
from workbench.main_window import MainWindow
from workbench.plots.film import Film, write_gif
from workbench.theme import load_theme

SIZE = (1440, 900)


def run_until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Run the event loop until the condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            sys.exit(f"Waited {seconds:g} seconds in vain.")
        loop = QEventLoop()
        QTimer.singleShot(20, loop.quit)
        loop.exec()


def wait(seconds: float) -> None:
    """Let the window live for a while."""
    until = time.monotonic() + seconds
    run_until(lambda: time.monotonic() >= until)


def open_window(mode: str) -> MainWindow:
    """The window on the starter project, in one theme, with settings of its own."""
    settings = QSettings(str(Path(tempfile.mkdtemp()) / "settings.ini"), QSettings.Format.IniFormat)
    settings.setValue("theme", mode)
    window = MainWindow(settings=settings)
    window.resize(*SIZE)
    window.show()
    window.files.open_path(example_path("mnist-sample"))
    wait(1)
    return window


def close(window: MainWindow) -> None:
    """Close without questions."""
    window.control.end()
    window.document.set_saved(example_path("mnist-sample"))
    window.close()


def residual_bodies(graph: Graph) -> list[tuple[str, ...]]:
    """For each join, itself and what lies on the ways to it from where they part."""
    found = []
    for join in (i for i in graph.order if graph.nodes[i].layer.type_name == "add"):
        ways = [graph.ancestors(edge.source) | {edge.source} for edge in graph.incoming[join]]
        before = frozenset.intersection(*ways)
        found.append(tuple(i for i in graph.order if i in (graph.ancestors(join) - before) | {join}))
    return found


def make_blocks(window: MainWindow) -> None:
    """Each residual body as a block; one of them open."""
    canvas = window.canvas
    window.document.load(TEMPLATES["small-resnet"].build())
    wait(0.2)
    for number, body in enumerate(residual_bodies(window.document.project.graph)):
        canvas.select(body)
        dialog = canvas.block_commands.ask()
        assert dialog is not None
        dialog.name.setText("Halving" if number else "Residual")
        dialog.library.setChecked(False)
        dialog.accept()
    canvas.select(canvas.canvas.frames["Residual"].members)
    canvas.frame_commands.toggle_fold()
    canvas.select([])
    canvas.commands.arrange()
    canvas.frame_all()
    canvas.select(canvas.canvas.frames["Halving"].members)


def take_film(path: Path) -> None:
    """Filters of 9×9 pixels on the MNIST sample: weight decay takes away what they began with, and waves remain."""
    project = load_project(example_path("mnist-sample")).project
    graph = edits.set_settings(project.graph, "convolution-1", filters=24, size=(9, 9), padding=(4, 4, 4, 4))
    graph = edits.set_settings(graph, "convolution-2", filters=32)
    graph = edits.set_settings(graph, "fully_connected-1", outputs=64)
    training = msgspec.structs.replace(
        project.training, epochs=4, batch_size=50, learning_rate=0.003, weight_decay=4.0, snapshots_per_epoch=8,
        device="cpu",
    )  # fmt: skip
    project = replace(project, graph=graph, training=training)
    trainer = Trainer(project, prepare(recipe_dataset(project.data), project.data))
    for _ in trainer.events():
        pass
    film = Film("filters", project, (), load_theme("light"), (360, 260))
    write_gif(path, (film.frame(shot) for shot in trainer.run().snapshots), per_second=10)
    film.close()


def main() -> None:
    """Take every picture."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    # Trainings that end here must not be offered to the user later, nor to the second window.
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
    make_application()
    take_film(folder / "filters-forming.gif")
    window = open_window("light")
    window.control.train()
    run_until(lambda: len(window.results.loss.plot.series("Training total")[0]) >= 170)
    wait(0.5)
    window.grab().save(str(folder / "window-training.png"))
    close(window)
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
    window = open_window("dark")
    graph = edits.set_settings(window.document.project.graph, "max_pooling-2", size=(20, 20))
    window.document.apply_graph("Set region", graph)
    window.canvas.select(["max_pooling-2"])
    wait(0.5)
    window.grab().save(str(folder / "window-editing.png"))
    close(window)
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
    window = open_window("light")
    make_blocks(window)
    wait(0.5)
    window.grab().save(str(folder / "window-blocks.png"))
    close(window)


if __name__ == "__main__":
    main()
