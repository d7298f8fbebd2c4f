"""Joins document, session and panel: what Train, Resume, Pause and Stop do, and where runs go."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence

from engine.api import (
    Change,
    Event,
    Notice,
    Project,
    Run,
    RunEnded,
    RunStarted,
    check_recipe,
    check_settings,
    epochs_without_better,
    project_at,
)
from workbench.document.document import Document
from workbench.panels.run_progress import RunProgress
from workbench.panels.training_panel import TrainingActions, replace_struct
from workbench.training.session import State, TrainingSession


class TrainingControl(QObject):
    """The training of a window's document; `message` tells in words why something is not done."""

    message = Signal(str)
    state_changed = Signal(str)
    progressed = Signal(object, bool)
    """RunProgress, and whether it must be shown at once."""
    told = Signal(str, bool)
    """A sentence about the run, and whether it failed."""
    events = Signal(object)
    run_shown = Signal(object)
    """Another Run (or None) is the one that is looked at."""
    differs = Signal(str)
    """How the document differs by now from what was trained, in a sentence; "" when it does not."""
    began = Signal(object)
    """Project, with the settings that hold at the start, of a training that begins."""
    steered = Signal(object, str, bool)
    """A `Change` that was asked for, the answer, and whether it is a refusal."""
    exhausted = Signal(str)
    """What to do to train a run further that has done all its epochs; "" when there is none."""

    def __init__(self, document: Document, session: TrainingSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.session = session
        self._progress = RunProgress()
        self.actions = TrainingActions(
            train=self._action("&Train", "F5", "Train the network from the beginning", self.train),
            resume_run=self._action(
                "&Resume run", "Shift+F5", "Go on with the last run where it stopped", self.resume_run
            ),
            pause=self._action("&Pause", "F6", "Let the training stand still", self.pause_or_go_on),
            stop=self._action(
                "&Stop", "Shift+F6", "End the training; what was learned is kept", session.stop
            ),
        )
        session.state_changed.connect(self._follow_state)
        session.announced.connect(self._announce)
        session.events.connect(self._receive)
        session.ended.connect(self._keep)
        document.changed.connect(self._compare)
        document.runs_changed.connect(self._follow_runs)
        self._follow_runs()

    def _action(self, text: str, key: str, tip: str, do: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(key))
        action.setToolTip(f"{tip} ({key})")
        action.triggered.connect(lambda: do())
        return action

    @property
    def run(self) -> Run | None:
        """The newest run of the document."""
        return self._document.runs[-1] if self._document.runs else None

    def train(self) -> None:
        """Train the design as it is now, from the beginning."""
        if not self._tells_problems(self._document.project):
            self._start(self._document.project, None)

    def _tells_problems(self, project: Project) -> bool:
        """Whether a project cannot be trained, which is then told; of the document's design all problems are known."""
        same = project.graph is self._document.project.graph
        problems = [problem.message for problem in self._document.inference.problems] if same else []
        problems += check_settings(project.training) + check_recipe(project.data)
        if problems:
            more = f" ({len(problems) - 1} more in the list of problems.)" if len(problems) > 1 else ""
            self.message.emit(f"Training cannot begin yet. {problems[0]}{more}")
        return bool(problems)

    def resume_run(self) -> None:
        """Go on with the last run, with its own design and settings, to the number of epochs that is set now."""
        run = self.run
        if run is not None and run.checkpoint is not None and self._steps_left(run):
            self._start(self._continued(run), run)

    def go_on_with(self, run: Run) -> None:
        """Train a run from its checkpoint, such as a fork; all views show it with what came before."""
        if self._tells_problems(run.project):
            return
        self.run_shown.emit(run)
        self._start(run.project, run)

    def pause_or_go_on(self) -> None:
        """Pause, or end the pause."""
        if self.session.state in ("paused", "pausing"):
            self.session.resume()
        else:
            self.session.pause()

    def change(self, change: Change) -> None:
        """Change a setting of the running training; `steered` tells the answer."""
        self.session.change(change, lambda words, refused: self.steered.emit(change, words, refused))

    def take_run(self, then: Callable[[], None]) -> None:
        """Put the run as it is now into the document, then call `then`; waits for one step at most."""
        if not self.session.is_active:
            then()
            return

        def keep(run: Run | None) -> None:
            if run is not None:
                self._document.set_run(run)
            then()

        self.session.request_run(keep)

    def end(self) -> None:
        """Stop and wait; the document keeps what was learned."""
        self.session.close()

    def _start(self, project: Project, run: Run | None) -> None:
        self._progress = RunProgress()
        self.progressed.emit(self._progress, True)
        self.told.emit("", False)
        self.session.start(project, run, self._document.path)
        start = run.checkpoint.step if run is not None and run.checkpoint is not None else 0
        self.began.emit(project_at(project, run.changes if run is not None else (), start))
        self._compare()

    def _continued(self, run: Run) -> Project:
        now, then = self._document.project.training, run.project.training
        epochs = max(then.epochs, now.epochs)
        patience = 0 if now.patience == 0 else max(then.patience, now.patience)
        return replace(run.project, training=replace_struct(then, epochs=epochs, patience=patience))

    def _steps_left(self, run: Run) -> bool:
        settings = self._continued(run).training
        return not run.timeline.stretches or (
            run.step < run.timeline.steps_until(settings.epochs) and not self._is_past_best(run)
        )

    def _is_past_best(self, run: Run) -> bool:
        """Whether a run would end early at once."""
        settings = self._continued(run).training
        waited = epochs_without_better(run.epochs, settings.best_by)
        return 0 < settings.patience <= waited

    def _announce(self, text: str) -> None:
        # It may come after the word that steps have begun.
        if not self._progress.device:
            self.told.emit(f"{text} …", False)

    def _receive(self, events: tuple[Event, ...]) -> None:
        self._progress = self._progress.after(events)
        for event in events:
            if isinstance(event, RunStarted):
                self.told.emit(f"Training on {_spoken(event.device)}", False)
            elif isinstance(event, Notice):
                self.message.emit(event.message)
            elif isinstance(event, RunEnded):
                self.told.emit(event.message, event.reason == "failed")
        self.progressed.emit(self._progress, self._progress.ended is not None)
        self.events.emit(events)

    def _keep(self, run: Run | None) -> None:
        if run is not None:
            self._document.set_run(run)
        self._follow_state(self.session.state)

    def _follow_state(self, state: State) -> None:
        active = self.session.is_active
        paused = state in ("paused", "pausing")
        actions = self.actions
        actions.pause.setVisible(active)
        actions.pause.setText("Go &on" if paused else "&Pause")
        actions.pause.setToolTip(
            "Go on with the training (F6)" if paused else "Let the training stand still (F6)"
        )
        actions.pause.setEnabled(active and state != "stopping")
        actions.stop.setVisible(active)
        actions.stop.setText("Stopping …" if state == "stopping" else "&Stop")
        actions.stop.setEnabled(active and state != "stopping")
        actions.train.setVisible(not active)
        self._offer_resume()
        words = {
            "pausing": "Pausing after this step …",
            "paused": "Paused.",
            "stopping": "Stopping after this step …",
        }
        if state in words:
            self.told.emit(words[state], False)
        elif state == "training" and self._progress.device:
            self.told.emit(f"Training on {_spoken(self._progress.device)}", False)
        self.state_changed.emit(state)

    def _offer_resume(self) -> None:
        run, actions = self.run, self.actions
        resumable = run is not None and run.checkpoint is not None
        actions.resume_run.setVisible(resumable and not self.session.is_active)
        goes_on = run is not None and resumable and self._steps_left(run)
        actions.resume_run.setEnabled(goes_on)
        tip = "Go on with the last run where it stopped (Shift+F5)"
        actions.resume_run.setToolTip(
            tip if goes_on else "The run has come to its end: raise Epochs or Patience to train it further"
        )
        actions.train.setText("&Train anew" if resumable else "&Train")
        hint = ""
        if run is not None and resumable and not goes_on and not self.session.is_active:
            epochs = run.timeline.epochs_done(run.step)
            hint = f"Raise Epochs above {epochs:,} to train this run further."
            if self._is_past_best(run):
                hint = f"Raise Patience above {self._continued(run).training.patience:,} to train this run further."
        self.exhausted.emit(hint)

    def _follow_runs(self) -> None:
        self._follow_state(self.session.state)
        self._compare()

    def show_last_run(self) -> None:
        """Show the newest run of the document, as after loading."""
        run = self.run
        self._progress = RunProgress()
        self.progressed.emit(self._progress, True)
        if run is None:
            self.told.emit("", False)
        else:
            timeline, epochs = run.timeline, run.project.training.epochs
            total = timeline.steps_until(epochs)
            before, _, first = timeline.place(run.step) if timeline.stretches else (0, 0, 0)
            self._progress = RunProgress(
                device=run.device, step=run.step, total_steps=total, steps_per_epoch=run.steps_per_epoch,
                epochs_before=before, first_step=first,
                ended=RunEnded(run.id, run.step, run.status, run.message),
            )  # fmt: skip
            self.progressed.emit(self._progress, True)
            words = (
                run.message or f"Saved after {run.step:,} of {total:,} steps: Resume run goes on from there."
            )
            self.told.emit(words, run.status == "failed")
        self.run_shown.emit(run)
        self._compare()

    def _compare(self) -> None:
        trained = self.session.project if self.session.is_active else self.run.project if self.run else None
        self.differs.emit(_difference(trained, self._document.project) if trained is not None else "")
        if not self.session.is_active:
            self._offer_resume()


def _difference(trained: Project, now: Project) -> str:
    """What has changed since a training began, in a sentence; epochs, patience and room for snapshots are no change."""
    if trained.graph != now.graph:
        return "The design has changed since this run began; it is of an earlier design."
    was = trained.training
    training = replace_struct(
        now.training, epochs=was.epochs, patience=was.patience, snapshot_megabytes=was.snapshot_megabytes
    )
    if (trained.data, trained.training) != (now.data, training):
        return "Settings have changed: the run goes on with its own; Train anew uses the new ones."
    return ""


def _spoken(device: str) -> str:
    """`cpu: CPU, 2 threads` without its name for files and the command line."""
    return device.partition(": ")[2] or device
