"""Writing a report of a run from the window."""

from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from engine.api import Run
from workbench.document.document import Document
from workbench.message_bar import MessageBar
from workbench.panels.runs_panel import RunsPanel
from workbench.report import write_html_report
from workbench.training_control import TrainingControl


class ReportControl(QObject):
    """One action: the report of the selected run, or else of the newest, as it is now."""

    def __init__(
        self,
        document: Document,
        control: TrainingControl,
        runs: RunsPanel,
        messages: MessageBar,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._document, self._control, self._runs = document, control, runs
        self._messages, self._window = messages, window
        self.action = QAction("&Write report…", self)
        self.action.setToolTip("Write all that is known of a run into one HTML file, for any browser")
        self.action.triggered.connect(self.ask_and_write)

    def ask_and_write(self) -> None:
        """Ask for a file and write the report; a training is asked for its run as it is now."""
        self._control.take_run(self._ask_and_write)

    def _ask_and_write(self) -> None:
        run = self._chosen()
        if run is None:
            self._messages.show_message("There is no run to report yet: train the network first.")
            return
        folder = self._document.path.parent if self._document.path else Path()
        start = folder / f"{self._document.project.name}-report.html"
        kind = "Web page (*.html)"
        chosen, _ = QFileDialog.getSaveFileName(self._window, "Write report", str(start), kind)
        if chosen:
            path = Path(chosen)
            self.write(
                run, path if path.suffix.lower() in (".html", ".htm") else path.with_name(path.name + ".html")
            )

    def write(self, run: Run, path: Path) -> None:
        """Write the report of a run, and offer to open it; tell in words why it cannot be written."""
        QGuiApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            write_html_report(run, self._document.runs, path)
        except OSError as error:
            reason = error.strerror or str(error)
            self._messages.show_message(f"The report {path} could not be written: {reason}.")
            return
        finally:
            QGuiApplication.restoreOverrideCursor()
        self._messages.show_message(
            f"Wrote {path.name}.",
            {"Open it": lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.absolute())))},
        )

    def _chosen(self) -> Run | None:
        selected = self._runs.selected if self._runs.isVisible() else ()
        run = self._document.find_run(selected[0]) if len(selected) == 1 else None
        return run or self._control.run
