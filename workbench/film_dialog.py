"""The dialog that exports a training as a film: what, how large, how fast, and where to."""

import queue
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QThread, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.api import Project
from workbench.inspection.time_line import TimeLine
from workbench.panels.number_box import CountBox
from workbench.plots.film import SUBJECTS, Film, Pixels, Subject, shots_of, write_frames, write_gif
from workbench.theme import Theme

_SIZES = ((480, 400), (720, 600), (1080, 900))
_NOTHING = "The snapshots of this run hold nothing of it."


class _GivenUpError(Exception):
    pass


class FilmWriter(QThread):
    """Writes the frames that it is given into a file, beside the window. Emits `done` with a sentence."""

    done = Signal(str, bool)
    """What became of it, and whether it failed."""

    def __init__(self, path: Path, as_gif: bool, per_second: int) -> None:
        super().__init__()
        self._path, self._as_gif, self._per_second = path, as_gif, per_second
        # A few frames at a time, so that a long film needs no memory.
        self._frames: queue.Queue[Pixels | _GivenUpError | None] = queue.Queue(maxsize=8)

    def has_room(self) -> bool:
        """True when `put` will not wait."""
        return not self._frames.full()

    def put(self, frame: Pixels | None) -> None:
        """The next frame; None ends the film."""
        self._frames.put(frame)

    def give_up(self) -> None:
        """End without a film."""
        while not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put(_GivenUpError())

    def run(self) -> None:
        """Write until the end."""
        try:
            if self._as_gif:
                count = write_gif(self._path, self._taken(), self._per_second)
            else:
                count = write_frames(self._path, self._taken())
        except _GivenUpError:
            return
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.done.emit(f"The film could not be written: {reason}.", True)
        except MemoryError:
            self.done.emit("There is too little memory for a film of this size: choose a smaller one.", True)
        else:
            self.done.emit(f"Wrote a film of {count} frames: {self._path.name}", False)

    def _taken(self) -> Iterator[Pixels]:
        while (frame := self._frames.get()) is not None:
            if isinstance(frame, _GivenUpError):
                raise frame
            yield frame


class FilmDialog(QDialog):
    """Asks for the film, then draws a frame at a time so that the window stays live."""

    written = Signal(str)
    """A sentence when a film was written."""

    def __init__(
        self,
        line: TimeLine,
        project: Project,
        names: tuple[str, ...],
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export film")
        self._snapshots, self._project, self._names, self._theme = line.snapshots, project, names, theme
        self._film: Film | None = None
        self._writer: FilmWriter | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._draw)
        self.subject = QComboBox()
        for key, text in SUBJECTS.items():
            self.subject.addItem(text, key)
        self.kind = QComboBox()
        self.kind.addItems(["Animated GIF", "Numbered PNG files"])
        self.size_box = QComboBox()
        for width, height in _SIZES:
            self.size_box.addItem(f"{width} × {height} pixels", (width, height))
        self.speed = CountBox(1, 30)
        self.speed.setValue(8)
        self.speed.setSuffix(" frames a second")
        self.about = QLabel()
        self.about.setProperty("muted", True)
        self.about.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the export")
        self.export = QPushButton("Export…")
        self.export.setProperty("primary", True)
        self.export.setDefault(True)
        self.cancel = QPushButton("Cancel")
        self._lay_out()
        self.subject.currentIndexChanged.connect(self._describe)
        self.export.clicked.connect(self._ask_path)
        self.cancel.clicked.connect(self.reject)
        self._describe()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setSpacing(10)
        for name, box in (
            ("Show", self.subject), ("Write", self.kind), ("Size", self.size_box), ("Speed", self.speed)
        ):  # fmt: skip
            box.setAccessibleName(name)
            form.addRow(name, box)
        roles = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox()
        buttons.addButton(self.export, roles.AcceptRole)
        buttons.addButton(self.cancel, roles.RejectRole)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(14)
        column.addLayout(form)
        column.addWidget(self.about)
        column.addWidget(self.progress)
        column.addWidget(buttons)
        self.progress.hide()

    def _describe(self) -> None:
        shots = shots_of(self._snapshots, self.subject.currentData())
        text = (
            f"{len(shots)} frames, from step {shots[0].step:,} to {shots[-1].step:,}." if shots else _NOTHING
        )
        self.about.setText(text)
        self.export.setEnabled(len(shots) > 1)

    def _ask_path(self) -> None:
        as_gif = self.kind.currentIndex() == 0
        ending, words = (".gif", "Animated GIF (*.gif)") if as_gif else (".png", "PNG pictures (*.png)")
        name = f"{self._project.name} {self.subject.currentData()}{ending}"
        chosen, _ = QFileDialog.getSaveFileName(self, "Export film", name, words)
        if chosen:
            path = Path(chosen)
            self.write(path if path.suffix.lower() == ending else path.with_name(path.name + ending))

    def write(self, path: Path) -> None:
        """Begin to write the chosen film."""
        subject: Subject = self.subject.currentData()
        self._left = list(shots_of(self._snapshots, subject))
        self._film = Film(subject, self._project, self._names, self._theme, self.size_box.currentData())
        self._writer = FilmWriter(path, self.kind.currentIndex() == 0, self.speed.value())
        self._writer.done.connect(self._finish)
        self.progress.setRange(0, len(self._left))
        self.progress.setValue(0)
        self.progress.show()
        for part in (self.export, self.subject, self.kind, self.size_box, self.speed):
            part.setEnabled(False)
        self._writer.start()
        self._timer.start(0)

    def _draw(self) -> None:
        writer, film = self._writer, self._film
        if writer is None or film is None or not writer.has_room():
            return
        if not self._left:
            self._timer.stop()
            writer.put(None)
            return
        writer.put(film.frame(self._left.pop(0)))
        self.progress.setValue(self.progress.maximum() - len(self._left))

    def _finish(self, sentence: str, failed: bool) -> None:
        self._end()
        if failed:
            self.about.setText(sentence)
            self.progress.hide()
            for part in (self.export, self.subject, self.kind, self.size_box, self.speed):
                part.setEnabled(True)
        else:
            self.written.emit(sentence)
            self.accept()

    def _end(self) -> None:
        self._timer.stop()
        writer, self._writer = self._writer, None
        if writer is not None:
            if writer.isRunning():
                writer.give_up()
            writer.wait()
        film, self._film = self._film, None
        if film is not None:
            film.close()

    def done(self, result: int) -> None:
        """Close; a film that is not finished is given up."""
        self._end()
        super().done(result)
