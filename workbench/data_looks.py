"""What the data dock shows of loaded data, made ready in threads: examples, previews, duplicates."""

from collections.abc import Callable

from PySide6.QtCore import QObject

from engine.api import DataOverview, DataRecipe, GaborError, examples_of, find_duplicates, preview_of
from workbench.data.session import DataSession
from workbench.panels.data_panel import DataPanel
from workbench.panels.data_preview import MOST_SHOWN
from workbench.plots.class_examples import MOST_CLASSES

TWINS = "duplicates"
_EXAMPLES, _PREVIEW = "examples", "preview"


class DataLooks(QObject):
    """Answers the sections of the panel that look at images."""

    def __init__(
        self,
        panel: DataPanel,
        session: DataSession,
        recipe: Callable[[], DataRecipe],
        fail: Callable[[GaborError], None],
        parent: QObject,
    ) -> None:
        """`recipe` gives the recipe as it is now, by which images are changed at random."""
        super().__init__(parent)
        self._panel, self._session, self._recipe, self._fail = panel, session, recipe, fail
        self.overview: DataOverview | None = None
        self._owes_twins = False
        panel.preview.examples_wanted.connect(self._show_examples)
        panel.preview.part_changed.connect(lambda: session.cancel(_PREVIEW))
        panel.preview.wanted.connect(self._show_preview)
        panel.twins.wanted.connect(self.look_for_twins)

    def set_overview(self, overview: DataOverview | None) -> None:
        """Look at other data, or at nothing; what is being made ready of the old one is not wanted any more."""
        for key in (_EXAMPLES, _PREVIEW, TWINS):
            self._session.cancel(key)
        self.overview = overview
        self._panel.show_overview(overview)
        if overview is not None and self._owes_twins:
            self.look_for_twins()

    def look_for_twins(self) -> None:
        """Look for duplicates; when the data is still being loaded, as soon as it is there."""
        overview = self.overview
        self._owes_twins = overview is None
        if overview is not None:
            self._session.run(
                TWINS,
                lambda report, cancelled: find_duplicates(overview.data, report=report, cancelled=cancelled),
                lambda found: self._panel.show_twins(found, overview.data),
                self._fail,
            )

    def _show_examples(self, part: str, first: int) -> None:
        overview = self.overview
        if overview is not None:
            self._session.run(
                _EXAMPLES,
                lambda report, cancelled: examples_of(
                    overview.data,
                    part,
                    first=first,
                    count=MOST_SHOWN,
                    most_classes=MOST_CLASSES,
                    cancelled=cancelled,
                ),
                self._panel.preview.show_examples,
                self._fail,
            )

    def _show_preview(self, part: str, index: int, seed: int) -> None:
        overview, recipe = self.overview, self._recipe()
        if overview is not None:
            self._session.run(
                _PREVIEW,
                lambda report, cancelled: preview_of(overview.data, recipe, part, index, seed=seed),
                self._panel.preview.show_preview,
                self._fail,
            )
