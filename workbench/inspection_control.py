"""Joins the panels that look into networks with the document and its training: which run they show, and when."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from engine.api import Event, Run, RunStarted, Snapshot
from workbench.document.document import Document
from workbench.inspection.answers import Part
from workbench.inspection.session import InspectionSession
from workbench.inspection.time_line import TimeLine
from workbench.panels.activations_panel import ActivationsPanel
from workbench.panels.activity_panel import ActivityPanel
from workbench.panels.answers_panel import AnswersPanel
from workbench.panels.cell_panel import CellPanel
from workbench.panels.filter_panel import FilterPanel
from workbench.panels.filters_panel import FiltersPanel
from workbench.panels.inspected_panel import InspectedPanel
from workbench.panels.results import Results
from workbench.panels.runs_panel import RunsPanel
from workbench.panels.space_panel import SpacePanel
from workbench.panels.volumes_panel import VolumesPanel
from workbench.theme import Theme
from workbench.training_control import TrainingControl


class InspectionControl(QObject):
    """The panels that look into the newest run of a document; while it trains, after each of its snapshots.

    A training is asked for its parameters only while one of the panels is seen.
    """

    wanted = Signal(str)
    """The name of a dock that shall be shown."""

    def __init__(
        self,
        document: Document,
        control: TrainingControl,
        results: Results,
        theme: Theme,
        parent: QObject | None = None,
        *,
        session: InspectionSession | None = None,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._owes_newer = False
        self.also_needs: list[Callable[[], bool]] = []
        """Asked beside the panels whether a training is to hand out its parameters."""
        self._training = control.session
        self.session = session or InspectionSession(self)
        self.line = TimeLine(lambda: document.project.training.snapshot_megabytes, self)
        self.activations = ActivationsPanel(self.session, theme, line=self.line)
        self.images = CellPanel(self.session, theme, line=self.line)
        self.activity = ActivityPanel(self.session, theme, line=self.line)
        self.filters = FiltersPanel(results.filters, self.session, self.line, theme)
        self.filter = FilterPanel(self.session, theme, line=self.line)
        self.space = SpacePanel(self.session, theme, line=self.line)
        self.answers = AnswersPanel(self.session, theme, line=self.line)
        self.volumes = VolumesPanel(self.session, theme, self.activations.work)
        self.activations.showed.connect(self.volumes.show_seen)
        self.runs = RunsPanel(document, theme)
        self._results = results
        self.runs.show_requested.connect(self._show_run)
        results.confusion.cell_activated.connect(self._open_cell)
        self.filters.filter_opened.connect(self._open_filter)
        for panel in (self.images, self.filter, self.space, self.answers):
            panel.image_opened.connect(self._open_image)
        document.runs_changed.connect(self._follow)
        control.events.connect(self._receive)
        control.run_shown.connect(self.line.set_run)
        self.session.seen.connect(self._take_newest)
        self.session.rested.connect(self._catch_up)
        self._follow()

    def panels(self) -> dict[str, tuple[str, QWidget]]:
        """Title and widget of each panel, by the name of its dock."""
        return {
            "filters": ("Filters", self.filters),
            "filter": ("One filter", self.filter),
            "activations": ("Activations", self.activations),
            "images": ("Images of a cell", self.images),
            "activity": ("Unit activity", self.activity),
            "answers": ("Answers over time", self.answers),
            "space": ("Data in 3-D", self.space),
            "volumes": ("Network in 3-D", self.volumes),
            "runs": ("Runs", self.runs),
        }

    def apply_theme(self, theme: Theme) -> None:
        """Draw all of them with another theme."""
        for panel in self._all():
            panel.apply_theme(theme)
        self.runs.apply_theme(theme)

    def close(self) -> None:
        """Give up what is being computed and wait for the thread."""
        self.session.close()

    def _all(self) -> tuple[InspectedPanel, ...]:
        return (
            self.activations,
            self.images,
            self.activity,
            self.filters,
            self.filter,
            self.space,
            self.answers,
            self.volumes,
        )

    def _needs(self) -> list[Callable[[], bool]]:
        return [panel.needs_parameters for panel in self._all()] + self.also_needs

    def _open_cell(self, predicted: int, true: int) -> None:
        self.wanted.emit("images")
        self.images.show_cell(predicted, true, self._results.confusion_part)

    def _open_filter(self, node: str, number: int) -> None:
        self.wanted.emit("filter")
        self.filter.show_filter(node, number)

    def _open_image(self, part: Part, index: int) -> None:
        self.wanted.emit("activations")
        self.activations.show_image(part, index)

    def _show_run(self, run_id: str) -> None:
        run = self._document.find_run(run_id)
        # While a training goes on, the plots are its own.
        if run is not None and not self._training.is_active:
            self._results.show_run(run)
            self.line.set_run(run)
            self.session.set_run(run)

    def _follow(self) -> None:
        runs = [run for run in self._document.runs if run.checkpoint is not None]
        self.session.set_run(runs[-1] if runs else None)
        for run in self._document.runs:
            self.line.complete(run)

    def _receive(self, events: tuple[Event, ...]) -> None:
        if any(isinstance(event, RunStarted) for event in events):
            self.line.set_project(self._training.project)
        self.line.receive(events)
        if any(isinstance(event, Snapshot) for event in events) and any(
            p.needs_parameters() for p in self._all()
        ):
            # A look that takes longer than the time between snapshots must still come to its end.
            self._owes_newer = self.session.is_busy
            if not self._owes_newer:
                self._take_newest()

    def _catch_up(self) -> None:
        if self._owes_newer:
            self._owes_newer = False
            self._take_newest()

    def _take_newest(self) -> None:
        if self._training.is_active:
            self._training.request_run(self._show)

    def _show(self, run: Run | None) -> None:
        if run is None or run.checkpoint is None:
            return
        # The answer may come after the end of the training, when a later state of the run is shown.
        shown = self.session.run
        is_later = (
            shown is not None
            and shown.checkpoint is not None
            and shown.id == run.id
            and shown.checkpoint.step >= run.checkpoint.step
        )
        if not is_later:
            self.line.complete(run)
            self.session.set_run(run)
