"""How every plot leaves the program: copied to the clipboard or written as PNG, SVG or CSV.

A plot says how it is drawn (`twin`) and what it shows (`values`), and calls `offer_export` once: menu, keys, file
dialogue and messages are the same for all of them.
"""

import csv
import errno
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QStatusTipEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget

from workbench.plots.picture import Twin, picture_image, picture_svg
from workbench.theme import Theme, load_theme

FORMATS = {".png": "PNG picture", ".svg": "SVG picture", ".csv": "Table of values"}
"""Endings of the files that can be written, and what they are called."""
_SCALE = 2.0
"""Pixels of a PNG for each of the screen, so that print is sharp."""
_LEAST = QSize(480, 320)
_MOST_COPIED = 200_000
"""Rows that the clipboard takes; other programs choke on more."""

Cell = str | int | float


@dataclass(frozen=True)
class ValueTable:
    """What a plot shows, as numbers: not-a-number is an empty cell."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]

    def text(self, delimiter: str = ",") -> str:
        """All of it as lines of cells; numbers in full precision."""
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows([_plain(cell) for cell in row] for row in self.rows)
        return stream.getvalue()


class ExportedPlot(Protocol):
    """What a widget must say to be exported."""

    def twin(self, theme: Theme) -> Twin:
        """A copy of the plot as it is shown now, in another theme."""

    def values(self) -> ValueTable:
        """What is shown, in full; no rows when there is nothing."""


def save_png(plot: ExportedPlot, path: Path, width: int, height: int) -> None:
    """Save a plot as PNG of `width` x `height` pixels in the light theme. Raises OSError."""
    _write_png(plot, path, QSize(width, height), scale=1.0)


def _write_png(plot: ExportedPlot, path: Path, size: QSize, *, scale: float) -> None:
    theme = load_theme("light")
    image = picture_image(plot.twin(theme), theme, size, scale=scale)
    if not image.save(str(path), "PNG"):  # type: ignore[call-overload]
        raise OSError(errno.EIO, "the disk or the folder does not take it", str(path))


def offer_export(plot: ExportedPlot, title: str, *, is_table: bool = False) -> "PlotExport":
    """Give a plot, which is a widget, its menu and its keys; `title` names pictures and files.

    Of a table Ctrl+C copies the values, and CSV is what is offered first.
    """
    return PlotExport(plot, title, is_table)


class PlotExport(QObject):
    """The export of one plot; it belongs to the plot's widget and stands in its context menu."""

    def __init__(self, plot: ExportedPlot, title: str, is_table: bool = False) -> None:
        assert isinstance(plot, QWidget)
        super().__init__(plot)
        self.title = title
        self._ending = ".csv" if is_table else ".png"
        keys = ("Ctrl+Shift+C", "Ctrl+C") if is_table else ("Ctrl+C", "Ctrl+Shift+C")
        self.copy_picture = self._action("Copy picture", keys[0], self.copy_as_picture)
        self.copy_values = self._action("Copy values", keys[1], self.copy_as_values)
        self.save = self._action("Export as PNG, SVG or CSV…", "Ctrl+E", self.ask_and_write)
        plot.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    @property
    def _widget(self) -> QWidget:
        # Asked of Qt each time: a reference of our own would be a circle, and leave the plot to the garbage collector.
        widget = self.parent()
        assert isinstance(widget, QWidget)
        return widget

    @property
    def _plot(self) -> ExportedPlot:
        return cast(ExportedPlot, self.parent())

    def _action(self, text: str, key: str, do: Callable[[], None]) -> QAction:
        action = QAction(text, self._widget)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(do)
        self._widget.addAction(action)
        return action

    def copy_as_picture(self) -> None:
        """Put the plot into the clipboard, as on white paper."""
        if self._is_empty():
            return
        theme = load_theme("light")
        QGuiApplication.clipboard().setImage(
            picture_image(self._plot.twin(theme), theme, self._size(), scale=_SCALE)
        )
        self._say(f"Copied the picture of {self.title}")

    def copy_as_values(self) -> None:
        """Put the numbers into the clipboard, as tables take them."""
        table = self._plot.values()
        if self._is_empty():
            return
        if len(table.rows) > _MOST_COPIED:
            self._say(f"{len(table.rows):,} rows are too many for the clipboard: export them as CSV (Ctrl+E)")
            return
        QGuiApplication.clipboard().setText(table.text("\t"))
        self._say(f"Copied {len(table.rows):,} rows of {self.title}")

    def ask_and_write(self) -> None:
        """Ask for a file, and write the plot as its ending says."""
        if self._is_empty():
            return
        kinds = ";;".join(f"{name} (*{ending})" for ending, name in FORMATS.items())
        chosen, kind = QFileDialog.getSaveFileName(
            self._widget.window(), f"Export {self.title}", f"{file_stem(self.title)}{self._ending}", kinds
        )
        if not chosen:
            return
        path = Path(chosen)
        if path.suffix.lower() not in FORMATS:
            ending = next((ending for ending in FORMATS if f"*{ending}" in kind), self._ending)
            path = path.with_name(path.name + ending)
        try:
            self.write(path)
        except OSError as error:
            reason = error.strerror or str(error)
            QMessageBox.warning(self._widget.window(), "Export", f"{path} could not be written: {reason}.")
        else:
            self._say(f"Wrote {path.name}")

    def write(self, path: Path) -> None:
        """Write the plot as PNG, SVG or CSV, by the ending of the name. Raises OSError."""
        theme = load_theme("light")
        ending = path.suffix.lower()
        if ending == ".csv":
            path.write_text(self._plot.values().text(), encoding="utf-8")
        elif ending == ".svg":
            svg = picture_svg(self._plot.twin(theme), self._size(), title=self.title)
            path.write_text(svg, encoding="utf-8")
        else:
            _write_png(self._plot, path, self._size(), scale=_SCALE)

    def _size(self) -> QSize:
        return self._widget.size().expandedTo(_LEAST)

    def _is_empty(self) -> bool:
        empty = not len(self._plot.values().rows)
        if empty:
            self._say(f"{self.title} shows nothing yet")
        return empty

    def _say(self, text: str) -> None:
        # Climbs to the window, whose status bar shows it.
        QApplication.sendEvent(self._widget, QStatusTipEvent(text))


def file_stem(title: str) -> str:
    """`confusion-matrix` for "Confusion matrix"."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "plot"


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or float(cell).is_integer():
        return int(cell)
    return "" if cell != cell else repr(float(cell))


def table_of(header: Iterable[str], rows: Iterable[Sequence[Any]]) -> ValueTable:
    """A table of NumPy's or Python's numbers."""
    plain = [[cell if isinstance(cell, str) else _number(cell) for cell in row] for row in rows]
    return ValueTable(tuple(header), plain)


def _number(cell: Any) -> Cell:
    return int(cell) if isinstance(cell, int) else float(cell)
