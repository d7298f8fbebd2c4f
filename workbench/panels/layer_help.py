"""Documentation in place: what a layer or a setting does, its formula, and the picture of its window."""

import html

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from engine.api import Layer, Setting, TensorSpec, Window, settings_of
from workbench.theme import Theme, blend

_CELL = 11.0
_MAP = 7
"""Pixels of the drawn map's side, at least."""
_LARGEST = 21
"""A window that does not fit into so many cells is not drawn."""


def sentence_of(layer: type[Layer]) -> str:
    """What a layer type does: the first paragraph of its documentation."""
    return " ".join((layer.__doc__ or "").strip().split("\n\n")[0].split())


def documentation_of(layer: type[Layer]) -> str:
    """Everything that is told of a layer type, in small letters, to search in."""
    settings = " ".join(f"{setting.label} {setting.help}" for setting in settings_of(layer))
    return f"{' '.join((layer.__doc__ or '').split())} {layer.formula} {settings}".lower()


def help_html(layer: Layer, theme: Theme, setting: Setting | None = None, x: TensorSpec | None = None) -> str:
    """Rich text about a layer, or about one of its settings; `x` is the input that it has now."""
    muted = f'style="color: {blend(theme.background, theme.text, 0.35)}"'
    parts = []
    if setting is not None:
        parts.append(f"<b>{html.escape(setting.label)}</b><br>{html.escape(setting.help)}{_limits(setting)}")
    else:
        parts.append(f"<b>{html.escape(layer.label)}</b><br>{html.escape(sentence_of(type(layer)))}")
        if layer.formula:
            parts.append(f"<code>{html.escape(layer.formula)}</code>")
    window = layer.window()
    if window is not None and (setting is None or hasattr(window, setting.name)):
        picture = window_picture(window, theme)
        if picture is not None:
            parts.append(f'<img src="data:image/png;base64,{_base64(picture)}">')
        parts.append(f"<span {muted}>{html.escape(window_words(window, x))}</span>")
    return f'<table width="330"><tr><td>{"<br><br>".join(parts)}</td></tr></table>'


def _limits(setting: Setting) -> str:
    words = []
    if setting.minimum is not None:
        words.append(f"at least {setting.minimum:g}")
    if setting.maximum is not None and setting.maximum < 65_000:
        words.append(f"at most {setting.maximum:g}")
    live = " It may change while training." if setting.live else ""
    limits = " ".join([*words[:1], *(f"and {word}" for word in words[1:])])
    return (f" {limits.capitalize()}." if limits else "") + live


def window_words(window: Window, x: TensorSpec | None) -> str:
    """What the picture shows, and how many places there are over the input."""
    top, bottom, left, right = window.padding
    text = f"Solid: the first place of the window. Dashed: the next one, {window.stride[1]} to the right"
    text += f" or {window.stride[0]} down." if window.stride[0] != window.stride[1] else "."
    if any(window.padding):
        text += (
            f" The border: padding of {top}."
            if len({top, bottom, left, right}) == 1
            else " The border: padding."
        )
    if window.dilation != (1, 1):
        text += " Dots: the taps, which dilation spreads."
    if x is None:
        return text
    rows, columns = window.places(int(x.height), int(x.width))
    text += f" Over the input of {int(x.height)}×{int(x.width)}: {int(rows)} = {rows.formula} places down"
    same = columns.formula == rows.formula
    return f"{text} and across." if same else f"{text}, {int(columns)} = {columns.formula} across."


def window_picture(window: Window, theme: Theme) -> QImage | None:
    """A map with its padding, the window's first place with its taps, and the next one; None where it is too large."""
    height, width = (
        max(_MAP, reach + stride) for reach, stride in zip(window.reach, window.stride, strict=True)
    )
    top, bottom, left, right = window.padding
    rows, columns = height + top + bottom, width + left + right
    if max(rows, columns) > _LARGEST:
        return None
    scale = 2.0
    image = QImage(
        round((columns * _CELL + 2) * scale), round((rows * _CELL + 2) * scale), QImage.Format.Format_ARGB32
    )
    image.setDevicePixelRatio(scale)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(1, 1)
    # Tool tips are dark in the light theme and light in the dark one.
    paper, ink = QColor(theme.text), QColor(theme.background)
    line = QColor(blend(theme.text, theme.background, 0.35))
    for row in range(rows):
        for column in range(columns):
            inside = top <= row < top + height and left <= column < left + width
            painter.setPen(QPen(line, 0.5))
            painter.setBrush(QColor(blend(theme.text, theme.background, 0.22)) if inside else paper)
            painter.drawRect(QRectF(column * _CELL, row * _CELL, _CELL, _CELL))
    _draw_windows(
        painter, window, QColor(theme.tint("Convolution")) if not theme.is_dark else QColor("#2f47ad"), ink
    )
    painter.end()
    return image


def _draw_windows(painter: QPainter, window: Window, accent: QColor, ink: QColor) -> None:
    (height, width), (down, across) = window.reach, window.stride
    frame = QRectF(0, 0, width * _CELL, height * _CELL)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(ink, 1.4, Qt.PenStyle.DashLine))
    painter.drawRect(frame.translated(across * _CELL, 0))
    if down != across:
        painter.drawRect(frame.translated(0, down * _CELL))
    painter.setPen(QPen(accent, 2.2))
    painter.drawRect(frame)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(accent)
    for row in range(window.size[0]):
        for column in range(window.size[1]):
            left, top = column * window.dilation[1] * _CELL, row * window.dilation[0] * _CELL
            painter.drawEllipse(QRectF(left, top, _CELL, _CELL).center(), 1.9, 1.9)


def _base64(image: QImage) -> str:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    buffer.close()
    return bytes(content.toBase64().data()).decode("ascii")
