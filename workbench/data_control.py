"""Joins the data dock with the document: what is loaded when, what is asked of the user, what comes in by drop."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePath

import msgspec
from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QWidget

from engine.api import (
    BrokenImagesError,
    DataOverview,
    DataProgress,
    DataRecipe,
    GaborError,
    MissingFilesError,
    Project,
    default_recipe,
    fetch_dataset,
    look_at_data,
)
from workbench.data.session import DataSession
from workbench.data_looks import TWINS, DataLooks
from workbench.document.document import Document
from workbench.panels.data_panel import DataPanel
from workbench.panels.training_settings import AUGMENTATION, WORDS
from workbench.theme import Theme

_LOAD, _FETCH = "load", "fetch"
_TOLD = (_LOAD, _FETCH, TWINS)
_OWN_FILES = "Own images (*.csv *.zip *.npz)"
OWN_ENDINGS = (".csv", ".zip", ".npz")


class DataControl(QObject):
    """The data of a window's document. Nothing is loaded before the panel is looked at."""

    wanted = Signal()
    """The panel shall be shown."""

    def __init__(
        self, document: Document, theme: Theme, window: QWidget, *, session: DataSession | None = None
    ) -> None:
        super().__init__(window)
        self._document = document
        self._window = window
        self.session = session or DataSession(self)
        self.panel = DataPanel(document, theme)
        self.looks = DataLooks(
            self.panel, self.session, lambda: document.project.data, self._show_failure, self
        )
        self._is_seen = False
        self._loaded: DataRecipe | None = None
        """What `overview`, or the problem on show, belongs to."""
        self._tried: DataRecipe | None = None
        """The recipe that is being loaded or that failed, which the document may not hold yet."""
        self._attempt = document.project.data, ""
        """The last recipe that was tried, and what the edit is called that it would become."""
        self.actions = self._actions()
        self._wire_up()

    def _actions(self) -> tuple[QAction, ...]:
        named: tuple[tuple[str, Callable[[], object]], ...] = (
            ("Own images from a &folder…", self.choose_folder),
            ("Own images from a &table or archive…", self.choose_file),
            ("Look for &duplicates", self._look_for_twins),
        )
        actions = []
        for text, do in named:
            action = QAction(text, self)
            action.triggered.connect(lambda _=False, do=do: do())
            actions.append(action)
        return tuple(actions)

    def _wire_up(self) -> None:
        source = self.panel.source
        source.chosen.connect(self.choose_known)
        source.folder_requested.connect(self.choose_folder)
        source.file_requested.connect(self.choose_file)
        source.files_requested.connect(self.choose_official_files)
        source.fetch_requested.connect(lambda: self.fetch(self._document.project.data.dataset))
        source.cancelled.connect(self._cancel)
        source.read_requested.connect(self._read_as)
        source.skip_requested.connect(self._skip_broken)
        self.session.progressed.connect(self._show_progress)
        self.session.busy_changed.connect(self._follow_work)
        self._document.changed.connect(self._follow)

    @property
    def overview(self) -> DataOverview | None:
        """The data on show."""
        return self.looks.overview

    def apply_theme(self, theme: Theme) -> None:
        """Draw with another theme."""
        self.panel.apply_theme(theme)

    def close(self) -> None:
        """Give up what is going on and wait for its threads."""
        self.session.close()

    # What the user asks for

    def choose_known(self, name: str) -> None:
        """Learn from a data set that Gabor knows by name, with the preparation that suits it."""
        recipe = self._document.project.data
        if name != recipe.dataset:
            self._apply("Set data set", msgspec.structs.replace(default_recipe(name), folder=recipe.folder))
        elif self.overview is None:
            self._reload()

    def choose_folder(self) -> None:
        """Ask for a folder of own images."""
        path = QFileDialog.getExistingDirectory(self._window, "Folder with one sub-folder for each class")
        if path:
            self.open_path(Path(path))

    def choose_file(self) -> None:
        """Ask for a table, an archive or arrays of own images."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Table, archive or arrays", "", _OWN_FILES)
        if path:
            self.open_path(Path(path))

    def choose_official_files(self) -> None:
        """Ask for the folder with the official files of the data set."""
        recipe = self._document.project.data
        path = QFileDialog.getExistingDirectory(
            self._window,
            f"Folder with the files of {WORDS.get(recipe.dataset, recipe.dataset)}",
            recipe.folder or "",
        )
        if path:
            self._loaded = None
            self._apply("Choose data folder", msgspec.structs.replace(recipe, folder=path))
            self._catch_up()

    def open_path(self, path: Path) -> None:
        """Learn from own images; the document changes once they have been read."""
        self.wanted.emit()
        self._try(default_recipe(str(path.absolute())), "Choose own images")

    def dropped(self, urls: Iterable[QUrl]) -> Path | None:
        """The own images among what is dragged over the window; None when there are none."""
        for url in urls:
            if url.isLocalFile():
                path = Path(url.toLocalFile())
                if path.suffix.lower() in OWN_ENDINGS or path.is_dir():
                    return path
        return None

    def fetch(self, name: str) -> None:
        """Download a known data set, then show it."""
        self.panel.source.show_problem("")
        self.session.run(
            _FETCH,
            lambda report, cancelled: fetch_dataset(name, report=report, cancelled=cancelled),
            lambda _: self._reload(),
            self._show_failure,
        )

    # Loading

    def _apply(self, text: str, recipe: DataRecipe) -> None:
        self._document.apply(text, replace(self._document.project, data=recipe))

    def set_seen(self, seen: bool) -> None:
        """Whether the panel is looked at; one behind another tab is not."""
        self._is_seen = seen
        self._catch_up()

    def _catch_up(self) -> None:
        """Load what the document names, unless nobody looks or that is on show already."""
        if not self._is_seen:
            return
        recipe = _loading_part(self._document.project.data)
        if recipe != self._loaded and not (self.session.is_busy(_LOAD) and recipe == self._tried):
            self._try(self._document.project.data, "")

    def _reload(self) -> None:
        self._loaded = None
        self._catch_up()

    def _try(self, recipe: DataRecipe, text: str) -> None:
        """Load a recipe; when that works the document gets it, as an edit called `text`."""
        self._tried = _loading_part(recipe)
        self.panel.source.show_problem("")

        def show(overview: DataOverview) -> None:
            self._loaded = _loading_part(recipe)
            # Before the document tells of it: whoever looks then must find the new data.
            self.looks.set_overview(overview)
            if text:
                self._apply(text, recipe)
            self.panel.source.show_skipped(overview.data.dataset.skipped)

        def fail(error: GaborError) -> None:
            if not text:
                self._loaded = _loading_part(recipe)
                self.looks.set_overview(None)
            self._show_failure(error)

        self._attempt = recipe, text
        self.session.run(
            _LOAD,
            lambda report, cancelled: look_at_data(recipe, report=report, cancelled=cancelled),
            show,
            fail,
        )

    def _show_failure(self, error: GaborError) -> None:
        broken = error.broken if isinstance(error, BrokenImagesError) else ()
        text = str(error)
        if isinstance(error, MissingFilesError):
            name = self._document.project.data.dataset
            text = f"The files of {WORDS[name]} are not on this computer: fetch them, or show where they are."
        if broken:
            images = "1 image" if len(broken) == 1 else f"{len(broken):,} images"
            tried = self._attempt[0]
            where = ""
            if tried.dataset != self._document.project.data.dataset:
                # Above stands what the project goes on with.
                where = f" of {PurePath(tried.dataset).name}"
            text = f"{images}{where} cannot be read. Mend or remove what is named, or leave it out:"
        self.panel.source.show_problem(text, broken)

    def _read_as(self, changes: dict[str, object]) -> None:
        sizes = msgspec.structs.replace(self._document.project.data, **changes)
        self._try(sizes, "Read the images in another size")

    def _skip_broken(self) -> None:
        recipe, text = self._attempt
        self._try(msgspec.structs.replace(recipe, skip_broken=True), text or "Skip broken images")

    def _follow(self, before: Project) -> None:
        recipe = self._document.project.data
        if recipe == before.data:
            return
        self._catch_up()
        if self.overview is not None and _loading_part(recipe) == self._loaded:
            self.panel.preview.ask()

    def _look_for_twins(self) -> None:
        self.wanted.emit()
        self.panel.ensureWidgetVisible(self.panel.twins)
        self.looks.look_for_twins()

    # Progress

    def _show_progress(self, key: str, progress: DataProgress) -> None:
        if key in _TOLD:
            self.panel.source.set_progress(progress)

    def _follow_work(self, key: str, busy: bool) -> None:
        if key == _LOAD and busy:
            self.panel.source.set_progress(DataProgress("Loading", 0, 1))
        if not any(self.session.is_busy(told) for told in _TOLD):
            self.panel.source.set_progress(None)
        self.panel.twins.look.setEnabled(not self.session.is_busy(TWINS))

    def _cancel(self) -> None:
        source = self.panel.source
        if self.session.is_busy(_FETCH):
            source.show_problem("Stopped. What has arrived is kept: Fetch goes on from there.", is_wish=True)
        elif self.session.is_busy(_LOAD):
            source.show_problem("Stopped. Choose the data again to go on.", is_wish=True)
        for key in _TOLD:
            self.session.cancel(key)
        self._tried = None


def _loading_part(recipe: DataRecipe) -> DataRecipe:
    """The recipe without what is done to images while training: a change there loads nothing anew."""
    usual = DataRecipe()
    names = [setting.name for setting in AUGMENTATION]
    return msgspec.structs.replace(recipe, **{name: getattr(usual, name) for name in names})
