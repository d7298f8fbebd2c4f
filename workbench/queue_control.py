"""Joins the queue of trainings with document, panel and window: what is added, kept, promoted and forked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMessageBox, QWidget

from engine.api import DeviceInfo, Project, Run, check_recipe, check_settings, fork, infer, slots
from workbench.compare_designs import history
from workbench.document.document import Document
from workbench.message_bar import MessageBar
from workbench.panels.grid_builder import GridBuilder
from workbench.panels.queue_panel import QueuePanel
from workbench.theme import Theme
from workbench.training.pending_queue import PendingRun, find_pending, keep_pending
from workbench.training.run_queue import QueueEntry, RunQueue

_MOST_DESIGNS = 20
Decision = Literal["keep", "forget", "cancel"]


class QueueControl(QObject):
    """The queue of a window: results go into the document's runs, what is not done survives the window."""

    wanted = Signal(str)
    """The name of a dock that shall be shown."""

    def __init__(
        self,
        document: Document,
        queue: RunQueue,
        messages: MessageBar,
        theme: Theme,
        window: QWidget,
        *,
        pending: Path | None = None,
    ) -> None:
        """`pending`: the folder where queues wait between two starts; None keeps none."""
        super().__init__(window)
        self._document, self.queue, self._messages, self._window = document, queue, messages, window
        self._pending = pending
        self._devices: tuple[DeviceInfo, ...] = ()
        self._left: tuple[QueueEntry, ...] = ()
        self._keeps = False
        self.panel = QueuePanel(queue, theme)
        self.panel.on_add, self.panel.on_promote, self.panel.on_fork = (
            self.ask_for_runs,
            self.promote,
            self.ask_for_fork,
        )
        self.panel.at_once.valueChanged.connect(self._place)
        self.add_action = QAction("Train &several…", self)
        self.add_action.setShortcut(QKeySequence("Ctrl+F5"))
        self.add_action.setToolTip("Queue trainings with several seeds, settings or designs (Ctrl+F5)")
        self.add_action.triggered.connect(self.ask_for_runs)
        queue.ended.connect(self._keep)
        document.changed.connect(self._place)
        document.path_changed.connect(self._name_file)
        self._name_file()
        self._place()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.panel.apply_theme(theme)

    def set_devices(self, found: Sequence[DeviceInfo]) -> None:
        """What there is to compute on."""
        self._devices = tuple(found)
        self._place()

    def _name_file(self) -> None:
        self.queue.project_file = self._document.path

    def _place(self, _: object = None) -> None:
        wish = self._document.project.training.device
        places = slots(self._devices, wish, self.panel.at_once.value())
        self.panel.at_once.setEnabled(places[0].device == "cpu")
        self.queue.set_slots(places)

    # Adding

    def ask_for_runs(self) -> None:
        """Ask for a grid and put its trainings into the queue, which begins at once."""
        dialog = GridBuilder(_designs(self._document), self._window)
        dialog.accepted.connect(lambda: self._add(dialog))
        dialog.open()

    def _add(self, dialog: GridBuilder) -> None:
        for variant in dialog.variants:
            problems = [problem.message for problem in infer(variant.project.graph).problems]
            problems += check_settings(variant.project.training) + check_recipe(variant.project.data)
            if problems:
                self._messages.show_message(f"“{variant.label}” cannot be trained yet. {problems[0]}")
                return
        self.wanted.emit("queue")
        self.queue.add(dialog.variants)
        self.queue.start()

    # What comes of it

    def _keep(self, entry: QueueEntry) -> None:
        if entry.run is not None and entry.run.step:
            self._document.set_run(entry.run)

    def promote(self, entry: QueueEntry) -> None:
        """Make design, settings and parameters of a training those of the project, as they are now."""
        self._with_run(entry, lambda run: self._promote(entry, run))

    def _promote(self, entry: QueueEntry, run: Run) -> None:
        now, trained = self._document.project, entry.project
        project = replace(trained, name=now.name, notes=now.notes)
        self._document.apply(f"Promote “{entry.label}”", project)
        self._document.set_newest_run(run)
        self._messages.show_message(
            f"“{entry.label}” is the project's network now: its design and settings can be undone, "
            "its parameters are those that all views show and Resume run goes on with."
        )

    def ask_for_fork(self, entry: QueueEntry) -> None:
        """Ask with what settings a training shall be gone on with beside itself, and queue that."""
        self._with_run(entry, lambda run: self._ask_for_fork(entry, run))

    def _ask_for_fork(self, entry: QueueEntry, run: Run) -> None:
        if run.checkpoint is None:
            self._messages.show_message(f"“{entry.label}” has nothing learned to go on from.")
            return
        base = replace(entry.project, graph=run.project.graph)
        dialog = GridBuilder(
            [("", base)], self._window, forks=f"“{entry.label}” at step {run.checkpoint.step:,}"
        )

        def add() -> None:
            self.queue.add_entries(
                [
                    QueueEntry(
                        f"{entry.label} → {variant.label}",
                        variant.project,
                        fork(run, None, variant.project).run,
                    )
                    for variant in dialog.variants
                ]
            )
            self.queue.start()

        dialog.accepted.connect(add)
        dialog.open()

    def _with_run(self, entry: QueueEntry, then: Callable[[Run], None]) -> None:
        if entry.session is not None:
            entry.session.request_run(lambda run: then(run) if run is not None else None)
        elif entry.run is not None:
            then(entry.run)

    # Closing and starting

    def may_close(self) -> bool:
        """Ask once what shall become of a queue that is not done; False when the user wants to stay."""
        if not self.queue.active and not self.queue.waiting:
            return True
        decision = self.ask(len(self.queue.active), len(self.queue.waiting))
        if decision == "cancel":
            return False
        self._left = self.queue.close()
        self._keeps = decision == "keep"
        return True

    def stay(self) -> None:
        """The window stays after all: what was stopped for its end waits again."""
        self.queue.wait_again(self._left)
        self._left = ()

    def ask(self, training: int, waiting: int) -> Decision:
        """Keep for the next start, forget or cancel."""
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Queue")
        box.setText(f"The queue is not done: {training} training, {waiting} waiting.")
        box.setInformativeText(
            "What trains is stopped, and what it learned is a run of the project. "
            "Kept runs are offered when this project is opened again."
        )
        keep = box.addButton("Keep for later", QMessageBox.ButtonRole.AcceptRole)
        forget = box.addButton("Forget the queue", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(keep)
        box.exec()
        pressed = box.clickedButton()
        return "keep" if pressed is keep else "forget" if pressed is forget else "cancel"

    def leave(self) -> None:
        """Another project comes into the window: what belongs to the old one goes with it."""
        self.close()
        self._left, self._keeps = (), False
        self.queue.clear()

    def close(self) -> None:
        """End everything and wait; keep what is left if that was wanted."""
        left = self._left or self.queue.close()
        if left and self._keeps:
            self._store([PendingRun(e.label, e.project, e.resume.id if e.resume else "") for e in left])

    def offer_pending(self) -> None:
        """Offer what waited for the document's file when the program ended."""
        self._messages.withdraw("queue")
        if self._pending is None:
            return
        found = find_pending(self._pending, self._document.path)
        if not found:
            return
        count = len(found)
        self._messages.ask(
            "queue",
            f"{count} queued run{'s' * (count != 1)} of this project waited when Gabor ended.",
            {"Queue them": lambda: self._take_up(found), "Forget them": lambda: self._store(())},
        )

    def _take_up(self, found: Sequence[PendingRun]) -> None:
        self._store(())
        self.wanted.emit("queue")
        self.queue.add_entries(
            [QueueEntry(run.label, run.project, self._resumable(run.run_id)) for run in found]
        )
        self.queue.start()

    def _resumable(self, run_id: str) -> Run | None:
        run = self._document.find_run(run_id)
        return run if run is not None and run.checkpoint is not None else None

    def _store(self, runs: Sequence[PendingRun]) -> None:
        if self._pending is None:
            return
        try:
            keep_pending(self._pending, self._document.path, runs)
        except OSError as error:
            self._messages.show_message(f"The queue could not be kept: {error.strerror or error}.")


def _designs(document: Document) -> list[tuple[str, Project]]:
    """The design as it is, and the others of its undo history."""
    kept = [("this design", document.project)]
    for name, project in history(document):
        if project.graph.nodes and all(project.graph != other.graph for _, other in kept):
            kept.append((name, project))
    return kept[:_MOST_DESIGNS]
