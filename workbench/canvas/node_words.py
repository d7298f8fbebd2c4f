"""The texts of a node, shortened to the room that it has."""

import re
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetricsF

from engine.api import NODE_WIDTH
from workbench.canvas.lettering import Lettering
from workbench.canvas.node_look import NodeLook

MARGIN = 12.0
_ADVICE = re.compile(r"[;:] .*")


@dataclass(frozen=True, slots=True)
class NodeWords:
    """What fits of a `NodeLook`; `parameters_x` is where the count of parameters begins."""

    title_font: QFont
    title: str
    summary: str
    status: tuple[str, ...]
    shape: str
    parameters: str
    parameters_x: float


def fitted_words(look: NodeLook, letters: Lettering) -> NodeWords:
    """Measure and shorten the texts of a node in some lettering."""
    metrics, mark = letters.body_metrics, letters.mark
    room, elide = NODE_WIDTH - 2 * MARGIN, Qt.TextElideMode.ElideRight
    title_font, title = letters.fitted_title(
        look.title, room - (mark + 6) * look.shows_hint - 44 * look.muted
    )
    text = look.status_text.removeprefix(f"{look.title}: ")
    if look.status == "problem":
        # What is wrong: what to do about it stands in the inspector.
        text = _ADVICE.sub("", text)
        text = text[:1].upper() + text[1:]
    status = _two_lines(text, metrics, room - mark - 6)
    if look.status == "waiting" and letters.has_parameters:
        # The settings have the other line.
        status = (metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room - mark - 6),)
    summary = look.summary if letters.has_settings or not look.shape else ""
    parameters = look.parameters if letters.has_parameters else ""
    parameters_x = NODE_WIDTH - MARGIN - metrics.horizontalAdvance(parameters)
    return NodeWords(
        title_font,
        title,
        summary=metrics.elidedText(short_summary(summary, metrics, room), elide, room),
        status=status,
        shape=metrics.elidedText(look.shape, elide, parameters_x - MARGIN - 8),
        parameters=parameters,
        parameters_x=parameters_x,
    )


def short_summary(text: str, metrics: QFontMetricsF, room: float) -> str:
    """The settings, in fewer letters where they would not fit."""
    for long, short in (("padding ", "pad "), (" filters ", " × ")):
        if metrics.horizontalAdvance(text) > room:
            text = text.replace(long, short)
    return text


def _two_lines(text: str, metrics: QFontMetricsF, width: float) -> tuple[str, ...]:
    """The text on one or two lines, broken between words; the last one shortened in its middle: numbers end it."""
    words, first = text.split(), ""
    while words and metrics.horizontalAdvance(f"{first} {words[0]}".strip()) <= width:
        first = f"{first} {words.pop(0)}".strip()
    rest = metrics.elidedText(" ".join(words), Qt.TextElideMode.ElideMiddle, width)
    return tuple(line for line in (first, rest) if line)
