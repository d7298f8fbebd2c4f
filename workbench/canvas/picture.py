"""The network as a picture for a paper: drawn by the canvas's own items, light, with text that stays text."""

import re
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QBuffer, QMarginsF, QRect, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QImage, QPageLayout, QPageSize, QPaintDevice, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QWidget

from engine.api import Project
from workbench.canvas.scene import CanvasScene
from workbench.document.document import Document
from workbench.theme import Theme, load_theme

FORMATS = {".svg": "SVG picture", ".png": "PNG picture", ".pdf": "PDF document"}
"""Endings of the files that can be written, and what they are called."""
_MARGIN = 12.0
_POINTS = 0.5
"""Of a scene unit on paper: three columns of nodes fill a page's width, in letters of 5.5 to 6.5 points."""
_PNG_SCALE = 3.0
_MOST_PIXELS = 16_000
_DPI = 1200


_FONT = re.compile(r'font-family="([^"]*)"')


class PictureError(OSError):
    """The picture cannot be written; `str(error)` says why."""


def save_network_picture(project: Project, path: Path) -> None:
    """Draw a network into an SVG, PNG or PDF file, by the ending of its name; PictureError when that fails."""
    write = {".svg": _write_svg, ".png": _write_png, ".pdf": _write_pdf}.get(path.suffix.lower())
    if write is None:
        raise PictureError(f"{path.name} is no picture's name: let it end in {', '.join(FORMATS)}.")
    if not project.graph.nodes:
        raise PictureError("The network is empty, so there is nothing to draw: add layers first.")
    if not path.absolute().parent.is_dir():
        raise PictureError(f"The folder {path.parent} does not exist: make it first.")
    # On white paper, also where a connection's text interrupts it.
    theme = replace(load_theme("light"), background="#ffffff")
    document = Document(project)
    scene = CanvasScene(document, theme, document)
    try:
        write(scene, _extent(scene), path, project.name)
    except OSError as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"The picture {path} could not be written: {error.strerror or error}.") from error
    finally:
        document.deleteLater()


def network_svg(project: Project, theme: Theme) -> str:
    """The network as an SVG document in a theme of the window, on the ground of its surface."""
    document = Document(project)
    scene = CanvasScene(document, replace(theme, background=theme.surface), document)
    svg = _svg(scene, _extent(scene), project.name)
    document.deleteLater()
    return svg


def ask_picture_path(parent: QWidget, document: Document) -> Path | None:
    """Ask for the file to draw into, named after the project; None when that was given up."""
    start = document.path.with_suffix(".svg") if document.path else Path(f"{document.project.name}.svg")
    kinds = ";;".join(f"{name} (*{ending})" for ending, name in FORMATS.items())
    chosen, kind = QFileDialog.getSaveFileName(parent, "Export picture", str(start), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    ending = next((ending for ending in FORMATS if f"*{ending}" in kind), ".svg")
    return path if path.suffix.lower() in FORMATS else path.with_name(path.name + ending)


def _extent(scene: CanvasScene) -> QRectF:
    rect = QRectF()
    shown = [item for node_id, item in scene.nodes.items() if scene.is_shown(node_id)]
    lines = [item for item in (*scene.edges.values(), *scene.frames.values()) if item.isVisible()]
    for item in (*shown, *lines):
        rect = rect.united(item.sceneBoundingRect())
    return rect.adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN)


def _write_svg(scene: CanvasScene, rect: QRectF, path: Path, title: str) -> None:
    path.write_text(_svg(scene, rect, title), encoding="utf-8")


def _svg(scene: CanvasScene, rect: QRectF, title: str) -> str:
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setTitle(title)
    generator.setDescription("A network drawn by Gabor")
    size = rect.size().toSize()
    generator.setSize(size)
    generator.setViewBox(QRect(0, 0, size.width(), size.height()))
    _draw(scene, rect, generator, QRectF(0, 0, size.width(), size.height()), Path(title))
    # Another computer may not have this one's font.
    text = bytes(buffer.data().data()).decode()
    return _FONT.sub(r'font-family="\1, Helvetica, Arial, sans-serif"', text)


def _write_pdf(scene: CanvasScene, rect: QRectF, path: Path, title: str) -> None:
    writer = QPdfWriter(str(path))
    writer.setTitle(title)
    writer.setCreator("Gabor")
    writer.setResolution(_DPI)
    paper = QPageSize(
        rect.size() * _POINTS, QPageSize.Unit.Point, title, QPageSize.SizeMatchPolicy.ExactMatch
    )
    # Qt takes a page that is wider than high for a portrait turned round.
    writer.setPageLayout(QPageLayout(paper, QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0)))
    pixels: QSizeF = rect.size() * _POINTS * (_DPI / 72)
    _draw(scene, rect, writer, QRectF(0, 0, pixels.width(), pixels.height()), path)


def _write_png(scene: CanvasScene, rect: QRectF, path: Path, title: str) -> None:
    scale = min(_PNG_SCALE, _MOST_PIXELS / max(rect.width(), rect.height()))
    size: QSize = (rect.size() * scale).toSize()
    image = QImage(size, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    dots = round(scale / _POINTS * 72 / 0.0254)
    image.setDotsPerMeterX(dots)
    image.setDotsPerMeterY(dots)
    image.setText("Title", title)
    _draw(scene, rect, image, QRectF(0, 0, size.width(), size.height()), path)
    if not image.save(str(path), "PNG"):  # type: ignore[call-overload]
        raise PictureError(f"The picture {path} could not be written.")


def _draw(scene: CanvasScene, rect: QRectF, paper: QPaintDevice, target: QRectF, path: Path) -> None:
    painter = QPainter()
    if not painter.begin(paper):
        raise PictureError(f"The picture {path} could not be written.")
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
    scene.render(painter, target, rect)
    painter.end()
