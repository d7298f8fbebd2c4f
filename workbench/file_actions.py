"""New, open, save: what the File menu does, and the question about unsaved changes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QSettings, QThread, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from engine.api import (
    TEMPLATES,
    DamagedRunsError,
    GaborError,
    Project,
    ProjectFile,
    Run,
    example_names,
    forget_run,
    journal_folder,
    load_project,
    project_file_of_run,
    resource_path,
    save_project,
    set_project_file_of_run,
)
from workbench.canvas.picture import PictureError, ask_picture_path, save_network_picture
from workbench.document.document import Document
from workbench.left_runs import belongs_to, is_held, project_of
from workbench.training_control import TrainingControl

SUFFIX = ".netproj"
EXAMPLES = (
    ("mnist-sample", "MNIST sample, ready to train"),
    ("mnist", "MNIST"),
    ("cifar10-model-a", "CIFAR-10 model A"),
    ("cifar10-model-b", "CIFAR-10 model B"),
    ("cifar10-model-c", "CIFAR-10 model C"),
    ("cifar10-best", "CIFAR-10 best"),
)
"""Name and title of each packaged project."""
_FILTER = f"Gabor projects (*{SUFFIX})"
_RECENT_KEY, _MOST_RECENT = "recent_files", 8

Decision = Literal["save", "discard", "cancel"]


class FileActions(QObject):
    """Loads and saves the document of a window; `message` tells in words what went wrong."""

    message = Signal(str)
    damaged = Signal(object, object)
    """Path of a file that can be opened only without its damaged runs, and the DamagedRunsError."""
    leaving = Signal()
    """The document is about to hold another project, and nobody minds."""
    stayed = Signal()
    """The user stays with the project after all, although a guard had let it go."""
    loaded = Signal()
    """Another project is in the document."""
    saved = Signal(object)
    """Path that the project, or its picture, was written to."""
    recent_changed = Signal()

    def __init__(
        self, document: Document, control: TrainingControl, settings: QSettings, window: QWidget
    ) -> None:
        super().__init__(window)
        self._document, self._control, self._settings, self._window = document, control, settings, window
        self._writing: _Writing | None = None
        self._next: Path | None = None
        """Where to write when what is being written is finished."""
        self.guards: list[Callable[[], bool]] = []
        """Asked before the project is left: each may say no, after asking the user."""

    # Opening

    def new(self) -> None:
        """Begin with an empty network."""
        self._unless_unsaved(lambda: self._load(Project(), (), None))

    def new_from(self, name: str) -> None:
        """Begin with a packaged network, as a project without a file."""
        if name in example_names():
            self.open_path(example_path(name))
        else:
            self._unless_unsaved(lambda: self._load(TEMPLATES[name].build(), (), None))

    def open(self) -> None:
        """Ask for a file and open it."""
        folder = str(self._document.path.parent) if self._document.path else ""
        path, _ = QFileDialog.getOpenFileName(self._window, "Open project", folder, _FILTER)
        if path:
            self.open_path(Path(path))

    def open_path(self, path: Path) -> None:
        """Open this file, after the question about unsaved changes; a file that cannot be read changes nothing."""
        found = self._read(path)
        if found is None or not self.may_close():
            return
        if path.resolve() == self._document.path:
            # It may just have been saved.
            found = self._read(path) or found
        self._load_from(path, found)

    def _load_from(self, path: Path, found: ProjectFile) -> None:
        # The packaged projects are there to begin with, not to be written over.
        packaged = path.resolve().parent == example_path("any").resolve().parent
        self._load(found.project, found.runs, None if packaged else path.resolve())
        if not packaged:
            self._remember(path.resolve())

    def _read(self, path: Path) -> ProjectFile | None:
        try:
            return load_project(path)
        except DamagedRunsError as error:
            self.damaged.emit(path, error)
            return None
        except GaborError as error:
            self._forget(path)
            self.message.emit(str(error))
            return None

    def _load(self, project: Project, runs: tuple[Run, ...], path: Path | None) -> None:
        self._control.end()
        self.leaving.emit()
        self._document.load(project, runs, path)
        self._control.show_last_run()
        self.loaded.emit()

    def open_without_damaged_runs(self, path: Path) -> None:
        """Open what can be read of this file, as a project without a file: what is damaged stays as it is."""

        def show() -> None:
            try:
                found = load_project(path, without_damaged_runs=True)
            except GaborError as error:
                self.message.emit(str(error))
                return
            self._load(found.project, found.runs, None)
            self.message.emit(f"“{path.name}” is as it was; save what is open under another name.")

        self._unless_unsaved(show)

    def open_run(self, run: Run) -> None:
        """Show a run that was never saved, in the file of its project; by itself where it does not fit in there."""
        file = project_file_of_run(journal_folder(), run.id)
        is_open = file is not None and file == self._document.path and not self._control.session.is_active
        if is_open and belongs_to(run, self._document.project):
            self._add_run(run)
            return
        if not self.may_close():
            return
        found, problem = (None, "") if file is None else project_of(run, file)
        if file is not None and found is not None:
            self._load_from(file, found)
        else:
            self._load(run.project, (), None)
        self._add_run(run)
        if problem:
            self.message.emit(f"{problem} The training is open by itself, as a project without a file.")

    def _add_run(self, run: Run) -> None:
        if is_held(run, self._document.runs):
            forget_run(journal_folder(), run.id)
            self.message.emit("The project holds this training already, as far as it was kept.")
            return
        self._document.set_newest_run(run)
        self._control.show_last_run()

    # Saving

    def save(self) -> None:
        """Save to the document's file, or ask for one."""
        if self._document.path is None:
            self.save_as()
        else:
            self._begin_writing(self._document.path)

    def save_as(self) -> None:
        """Ask for a file and save to it."""
        path = self._ask_path()
        if path is not None:
            self._begin_writing(path)

    def save_and_wait(self) -> bool:
        """Save before something else happens; False when it was given up or failed."""
        path = self._document.path or self._ask_path()
        if path is None:
            return False
        self.wait()
        project = _named(self._document.project, path)
        try:
            save_project(path, project, self._document.runs)
        except GaborError as error:
            self.message.emit(str(error))
            return False
        self._wrote(path, self._document.project, self._document.runs)
        return True

    def wait(self) -> None:
        """Until a file that is being written is finished."""
        while self._writing is not None:
            self._writing.wait()
            self._finish_writing()

    def _ask_path(self) -> Path | None:
        start = self._document.path or Path(f"{self._document.project.name}{SUFFIX}")
        chosen, _ = QFileDialog.getSaveFileName(self._window, "Save project", str(start), _FILTER)
        if not chosen:
            return None
        path = Path(chosen)
        return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)

    def _begin_writing(self, path: Path) -> None:
        """Write in a thread of its own: a large network takes a second, in which training and window go on."""

        def write() -> None:
            if self._writing is not None and self._writing.isRunning():
                self._next = path
                return
            self._finish_writing()
            self._writing = _Writing(path, self._document.project, self._document.runs)
            self._writing.finished.connect(self._finish_writing)
            self._writing.start()

        self._control.take_run(write)

    def _finish_writing(self) -> None:
        writing = self._writing
        if writing is None or not writing.isFinished():
            return
        self._writing = None
        if writing.problem:
            self.message.emit(writing.problem)
        else:
            self._wrote(writing.path, writing.project, writing.runs)
        writing.deleteLater()
        following, self._next = self._next, None
        if following is not None:
            self._begin_writing(following)

    def _wrote(self, path: Path, project: Project, runs: tuple[Run, ...]) -> None:
        if (self._document.project, self._document.runs) == (project, runs):
            self._document.set_saved(path)
        else:
            self._document.set_path(path)
        self._forget_journals(runs)
        for run in runs:
            # What goes on training.
            set_project_file_of_run(journal_folder(), run.id, path)
        self._remember(path.resolve())
        self.saved.emit(path)

    def _forget_journals(self, runs: tuple[Run, ...]) -> None:
        """What the file holds, or nobody wants, need not be offered at the next start; one in use stays."""
        for run in runs:
            forget_run(journal_folder(), run.id)

    def export_picture(self) -> None:
        """Ask for a file and draw the network into it, as papers need it."""
        path = ask_picture_path(self._window, self._document)
        if path is None:
            return
        try:
            save_network_picture(self._document.project, path)
        except PictureError as error:
            self.message.emit(str(error))
        else:
            self.saved.emit(path)

    # Unsaved changes

    def may_close(self) -> bool:
        """Ask once about what would be lost; stops a training. False when the user wants to stay."""
        if not all(guard() for guard in self.guards):
            return False
        if self._may_lose():
            return True
        self.stayed.emit()
        return False

    def _may_lose(self) -> bool:
        training = self._control.session.is_active
        if not training and not self._document.is_modified:
            return True
        decision = self.ask(training)
        if decision == "cancel":
            return False
        self._control.end()
        if decision == "save":
            return self.save_and_wait()
        self._forget_journals(self._document.runs)
        return True

    def ask(self, training: bool) -> Decision:
        """Save, discard or cancel."""
        name = self._document.path.name if self._document.path else self._document.project.name
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Unsaved changes")
        box.setText(f"Save the changes to {name}?")
        box.setInformativeText(
            "Training is going on and will be stopped. Saving keeps what was learned; Resume run goes on from there."
            if training
            else "What is not saved is lost."
        )
        button = QMessageBox.StandardButton
        box.setStandardButtons(button.Save | button.Discard | button.Cancel)
        box.setDefaultButton(button.Save)
        answers: dict[int, Decision] = {int(button.Save): "save", int(button.Discard): "discard"}
        return answers.get(box.exec(), "cancel")

    def _unless_unsaved(self, do: Callable[[], None]) -> None:
        if self.may_close():
            do()

    # Recent files

    def recent(self) -> list[Path]:
        """The files opened or saved last, newest first."""
        stored: Any = self._settings.value(_RECENT_KEY, [])
        names = [stored] if isinstance(stored, str) else list(stored or [])
        return [Path(name) for name in names]

    def clear_recent(self) -> None:
        """Forget all of them."""
        self._store_recent([])

    def _remember(self, path: Path) -> None:
        self._store_recent([path, *(other for other in self.recent() if other != path)][:_MOST_RECENT])

    def _forget(self, path: Path) -> None:
        self._store_recent([other for other in self.recent() if other != path])

    def _store_recent(self, paths: list[Path]) -> None:
        self._settings.setValue(_RECENT_KEY, [str(path) for path in paths])
        self.recent_changed.emit()


class _Writing(QThread):
    """Writes a project with its runs; both are immutable, so nothing can change under it."""

    def __init__(self, path: Path, project: Project, runs: tuple[Run, ...]) -> None:
        super().__init__()
        self.path, self.project, self.runs = path, project, runs
        self.problem = ""

    def run(self) -> None:
        """Write, and keep the reason when it cannot be done."""
        try:
            save_project(self.path, _named(self.project, self.path), self.runs)
        except GaborError as error:
            self.problem = str(error)


def example_path(name: str) -> Path:
    """Where a packaged project lies."""
    return resource_path("examples", f"{name}{SUFFIX}")


def _named(project: Project, path: Path) -> Project:
    """A project that was never named takes the name of its first file."""
    return replace(project, name=path.stem) if project.name == Project().name else project
