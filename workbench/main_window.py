"""The window: puts canvas, panels and plots together."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QMenuBar,
    QUndoView,
    QVBoxLayout,
    QWidget,
)

from engine.api import Project, Run, journal_folder
from workbench.best_weights import BestWeights
from workbench.canvas.view import CanvasView
from workbench.checks_control import ChecksControl
from workbench.compare_designs import CompareDesigns
from workbench.damaged_runs import offer_the_rest
from workbench.data_control import DataControl
from workbench.docks import Docks
from workbench.document.block_shelf import BlockShelf
from workbench.document.document import Document
from workbench.file_actions import SUFFIX, FileActions
from workbench.focus_ring import FocusRing
from workbench.fork_control import ForkControl
from workbench.inspection_control import InspectionControl
from workbench.menus import Menus
from workbench.message_bar import MessageBar
from workbench.node_overlays import NodeOverlays
from workbench.panels.analysis import AnalysisPanel
from workbench.panels.inspector import Inspector
from workbench.panels.palette import Palette
from workbench.panels.problems import ProblemsPanel
from workbench.panels.results import Results
from workbench.panels.training_panel import TrainingPanel
from workbench.queue_control import QueueControl
from workbench.recovered_runs import offer_recovered
from workbench.report_control import ReportControl
from workbench.start_search import StartSearch
from workbench.status_totals import StatusTotals
from workbench.steering_control import wire_steering
from workbench.theme import Mode, Theme, ThemeHolder
from workbench.time_control import TimeControl
from workbench.tool_bar import ToolBar
from workbench.training.pending_queue import pending_folder
from workbench.training.run_queue import RunQueue
from workbench.training.session import TrainingSession
from workbench.training_control import TrainingControl
from workbench.window_memory import WindowMemory


class MainWindow(QMainWindow):
    """One project: its design, its training, its results."""

    def __init__(
        self,
        project: Project | None = None,
        *,
        settings: QSettings | None = None,
        theme_holder: ThemeHolder | None = None,
        session: TrainingSession | None = None,
    ) -> None:
        super().__init__()
        self._was_shown = False
        settings = settings or QSettings("Gabor", "Gabor")
        self.memory = WindowMemory(settings)
        self.theme_holder = theme_holder or ThemeHolder(self.memory.theme_mode())
        # Before the first widget: a style sheet set later would undo what widgets ask of their palettes.
        self.theme_holder.apply(qapplication())
        theme = self.theme_holder.current
        self.document = Document(project, self)
        self.control = TrainingControl(
            self.document, session or TrainingSession(journals=journal_folder()), self
        )
        self.files = FileActions(self.document, self.control, settings, self)
        self.blocks = BlockShelf(self.document)
        self.canvas = CanvasView(self.document, theme, shelf=self.blocks)
        self.palette_panel = Palette(theme, self.blocks)
        self.inspector = Inspector(self.document, theme)
        self.analysis = AnalysisPanel(self.document, theme)
        self.problems = ProblemsPanel(self.document)
        self.training = TrainingPanel(self.document, self.control.actions)
        self.results = Results(theme, self)
        self.inspection = InspectionControl(self.document, self.control, self.results, theme, self)
        self.overlays = NodeOverlays(
            self.canvas.canvas,
            self.inspection.session,
            self.inspection.line,
            self.inspection.activations,
            self,
        )
        self.inspection.also_needs.append(self.overlays.needs_parameters)
        self.time = TimeControl(self.inspection.line, self.document, self.results, theme, self)
        self.data = DataControl(self.document, theme, self)
        self.messages = MessageBar()
        self.reports = ReportControl(self.document, self.control, self.inspection.runs, self.messages, self)
        self.forks = ForkControl(self.document, self.control, self.inspection.runs, self)
        self.weights = BestWeights(self.document, self.control, self)
        self.training.offer(self.weights.action)
        self.queue = QueueControl(
            self.document, RunQueue(parent=self, journals=journal_folder()), self.messages, theme, self,
            pending=pending_folder(),
        )  # fmt: skip
        self.checks = ChecksControl(self.document, self.canvas, self.messages, theme, self)
        self.totals = StatusTotals(self.document)
        self.ring = FocusRing(self, theme)
        self._build_centre()
        self.docks = Docks(self, self._panels())
        self.menu_bar = QMenuBar()
        self.menus = Menus(self)
        self.tools = ToolBar(self.menus, self.canvas, self.control)
        self._build_head()
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addPermanentWidget(self.totals)
        self._wire_up()
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self.memory.restore(self, self.docks)
        self._apply_theme(theme)
        self._show_title()
        self.start_search = StartSearch(self)
        self.start_search.found_devices.connect(self.training.set_devices)
        self.start_search.found_devices.connect(self.queue.set_devices)
        self.start_search.found_devices.connect(self.totals.refresh)
        self.start_search.found_devices.connect(self.checks.panel.set_devices)
        self.start_search.found_runs.connect(self._offer_recovered)
        self.start_search.start()

    # Building

    def menuBar(self) -> QMenuBar:
        """The menus: Qt's own would not share its line with the tools."""
        return self.menu_bar

    def _build_head(self) -> None:
        """Menus and tools in one line: on a small screen the canvas needs the other."""
        head = QWidget()
        line = QHBoxLayout(head)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self.menu_bar, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addWidget(self.tools, 1)
        self.setMenuWidget(head)

    def _build_centre(self) -> None:
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.messages)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.time.bar)
        self.setCentralWidget(centre)

    def _panels(self) -> dict[str, tuple[str, QWidget]]:
        history = QUndoView(self.document.undo_stack)
        history.setEmptyLabel("As opened")
        history.setAccessibleName("Undo history")
        results = self.results
        return {
            "palette": ("Layers", self.palette_panel),
            "inspector": ("Inspector", self.inspector),
            "training": ("Training", self.training),
            "data": ("Data", self.data.panel),
            "problems": ("Problems", self.problems),
            "history": ("History", history),
            "analysis": ("Analysis", self.analysis),
            "loss": ("Loss", results.loss),
            "accuracy": ("Accuracy", results.accuracy),
            "layers": ("Layers while training", results.layers),
            "confusion": ("Confusion matrix", results.confusion),
            **self.inspection.panels(),
            "queue": ("Queue", self.queue.panel),
            "checks": ("Checks", self.checks.panel),
        }

    def _wire_up(self) -> None:
        self._wire_design()
        self._wire_files()
        self._wire_training()
        self.theme_holder.changed.connect(self._apply_theme)

    def _wire_design(self) -> None:
        canvas, inspector, analysis = self.canvas, self.inspector, self.analysis
        canvas.selection_changed.connect(inspector.set_selection)
        canvas.selection_changed.connect(analysis.set_selection)
        canvas.node_activated.connect(self._edit_node)
        canvas.message.connect(self.show_message)
        inspector.tried.connect(canvas.canvas.show_ghost)
        inspector.try_ended.connect(canvas.canvas.hide_ghost)
        analysis.nodes_selected.connect(canvas.select)
        analysis.node_activated.connect(self._show_node)
        analysis.message.connect(self.show_message)
        self.palette_panel.add_requested.connect(canvas.add_layer)
        self.palette_panel.block_requested.connect(canvas.place_block)
        if self.blocks.problems:
            self.show_message(self.blocks.problems[0])
        self.problems.node_activated.connect(self._show_node)
        self.problems.count_changed.connect(self._count_problems)
        self._count_problems(len(self.document.inference.problems), 0)
        self.totals.forecast.connect(analysis.set_forecast)
        self.totals.problems_requested.connect(lambda: self.docks.show("problems"))
        for name, panel in (("problems", self.problems), ("analysis", analysis)):
            self.docks[name].visibilityChanged.connect(panel.catch_up)
        self.docks["data"].visibilityChanged.connect(self.data.set_seen)

    def _wire_files(self) -> None:
        self.canvas.template_requested.connect(self.files.new_from)
        self.files.message.connect(self.show_message)
        self.files.damaged.connect(partial(offer_the_rest, self.messages, self.files))
        self.files.saved.connect(lambda path: self.statusBar().showMessage(f"Saved {path.name}", 4000))
        self.files.loaded.connect(self._show_loaded)
        self.files.guards.append(self.queue.may_close)
        self.files.stayed.connect(self.queue.stay)
        self.files.leaving.connect(self.queue.leave)
        self.files.loaded.connect(self.queue.offer_pending)
        for signal in (self.document.changed, self.document.path_changed, self.document.runs_changed):
            signal.connect(self._show_title)
        self.document.undo_stack.cleanChanged.connect(self._show_title)

    def _wire_training(self) -> None:
        control, training = self.control, self.training
        training.data_requested.connect(lambda: self.docks.show("data"))
        self.data.wanted.connect(lambda: self.docks.show("data"))
        control.message.connect(self.show_message)
        control.session.warned.connect(self.show_message)
        self.inspection.wanted.connect(self.docks.show)
        self.queue.wanted.connect(self.docks.show)
        self.checks.wanted.connect(self.docks.show)
        self.time.told.connect(lambda text: self.statusBar().showMessage(text, 4000))
        control.events.connect(self.results.receive)
        control.run_shown.connect(self._show_run)
        control.progressed.connect(lambda progress, now: training.show_progress(progress, at_once=now))
        control.told.connect(lambda text, failed: training.show_sentence(text, failed=failed))
        control.differs.connect(training.show_difference)
        control.exhausted.connect(training.show_further)
        wire_steering(control, training, self.results)
        control.state_changed.connect(self._follow_training)
        control.session.ended.connect(self._show_title)

    # What happens

    def show_message(self, text: str) -> None:
        """Say something in the bar above the canvas."""
        self.messages.show_message(text)

    def _offer_recovered(self, runs: list[Run]) -> None:
        offer_recovered(self.messages, self.files, runs)

    def _edit_node(self, node_id: str) -> None:
        selected = self.canvas.canvas.selected_nodes
        self.inspector.set_selection(selected if node_id in selected else (node_id,))
        self.docks.show("inspector")
        self.inspector.edit_name()

    def _show_node(self, node_id: str) -> None:
        self.canvas.select([node_id])
        self.canvas.center_on(node_id)

    def _count_problems(self, problems: int, _: int) -> None:
        counted = problems and self.document.project.graph.nodes
        self.docks["problems"].setWindowTitle(f"Problems ({problems})" if counted else "Problems")

    def _show_loaded(self) -> None:
        self.messages.dismiss()
        self._show_title()
        self.canvas.setFocus()

    def _show_run(self, run: Run | None) -> None:
        self.results.clear()
        if run is not None:
            self.results.show_run(run)
        self.docks.show_plots(run is not None)

    def _follow_training(self, state: str) -> None:
        if state == "preparing":
            self.docks.show_plots(True)
            self.docks.show("training")
        self.tools.show_icons(self.theme_holder.current)
        self._show_title()

    def _show_title(self, _: object = None) -> None:
        path = self.document.path
        name = path.stem if path else self.document.project.name
        self.setWindowTitle(f"{name}[*] — Gabor")
        self.setWindowModified(self.document.is_modified or self.control.session.is_active)

    # Look and layout

    def set_theme_mode(self, mode: Mode) -> None:
        """Light, dark, or as the system has it; remembered."""
        self.theme_holder.set_mode(mode)
        self.memory.keep_theme_mode(mode)

    def reset_layout(self) -> None:
        """Put every panel back where it was at first."""
        self.memory.reset(self, self.docks)

    def _apply_theme(self, theme: Theme) -> None:
        for part in (
            self.canvas,
            self.palette_panel,
            self.analysis,
            self.inspector,
            self.results,
            self.inspection,
            self.queue,
            self.checks,
            self.time,
            self.overlays,
            self.data,
            self.ring,
        ):
            part.apply_theme(theme)
        self.tools.show_icons(theme)

    # Events of the window

    def showEvent(self, event: QShowEvent) -> None:
        """Sizes of docks hold only once the window has one."""
        super().showEvent(event)
        # A first view in space makes Qt put the window up anew; by then its docks stand as the user wants.
        if not self.memory.has_layout and not self._was_shown:
            self.docks.apply_sizes()
        self._was_shown = True

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A project file may come in, or own images."""
        if _dropped_project(event) is not None or self.data.dropped(event.mimeData().urls()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the dropped project, or learn from the dropped images."""
        path, images = _dropped_project(event), self.data.dropped(event.mimeData().urls())
        if path is not None:
            event.acceptProposedAction()
            self.files.open_path(path)
        elif images is not None:
            event.acceptProposedAction()
            self.data.open_path(images)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask once about what would be lost, end the training, remember the layout."""
        if not self.files.may_close():
            event.ignore()
            return
        self.control.end()
        self.inspection.close()
        self.queue.close()
        self.data.close()
        self.checks.close()
        self.files.wait()
        self.start_search.wait()
        self.memory.keep_layout(self)
        event.accept()

    def compare_designs(self) -> CompareDesigns:
        """Lay the design over an earlier one, or over that of another file."""
        dialog = CompareDesigns(self.document, self.theme_holder.current, self)
        dialog.show()
        return dialog


def qapplication() -> QApplication:
    """The application; it must have been made before a window."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    return application


def _dropped_project(event: QDropEvent) -> Path | None:
    for url in event.mimeData().urls():
        if url.isLocalFile() and url.toLocalFile().endswith(SUFFIX):
            return Path(url.toLocalFile())
    return None
