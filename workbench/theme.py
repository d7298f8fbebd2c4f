"""The look of the workbench: tokens for light and dark, the palette and the style sheet built from them."""

import string
import zlib
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

Color = Annotated[str, msgspec.Meta(pattern="^#[0-9a-f]{6}$")]
Mode = Literal["system", "light", "dark"]


@dataclass(frozen=True, kw_only=True)
class Theme:
    """All colours (``#rrggbb``), font sizes (points) and distances (pixels) that the workbench draws with."""

    name: Literal["light", "dark"]
    background: Color
    surface: Color
    raised: Color
    text: Color
    muted_text: Color
    border: Color
    accent: Color
    accent_text: Color
    problem: Color
    waiting: Color
    success: Color
    warning: Color
    grid: Color
    training: Color
    validation: Color
    test: Color
    tints: dict[str, Color] = field(hash=False)
    tint_saturation: float
    tint_lightness: float
    font_small: float
    font_normal: float
    font_large: float
    font_title: float
    spacing: int
    radius: int

    @property
    def is_dark(self) -> bool:
        """Whether text is light on a dark ground."""
        return self.name == "dark"

    def tint(self, group: str) -> str:
        """The fill of a node of this layer group; an unknown group always gets the same derived tint."""
        known = self.tints.get(group)
        if known is not None:
            return known
        hue = zlib.crc32(group.encode()) % 360 / 360
        return QColor.fromHslF(hue, self.tint_saturation, self.tint_lightness).name()

    def font(self, points: float | None = None, *, bold: bool = False) -> QFont:
        """The system's UI font at a size in points (default: normal), with digits of equal width."""
        font = ui_font()
        font.setPointSizeF(self.font_normal if points is None else points)
        if bold:
            font.setWeight(QFont.Weight.DemiBold)
        return font


def ui_font() -> QFont:
    """The system's UI font; tabular digits where the font has them, so that changing numbers stand still."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def theme_folder() -> Path:
    """The folder of the theme's files: in the installed resources, else beside the `workbench` package."""
    try:
        folder = Path(str(resources.files("gabor_resources"))) / "theme"
        if folder.is_dir():
            return folder
    except ModuleNotFoundError:
        pass
    return Path(__file__).resolve().parent.parent / "resources" / "theme"


@cache
def load_theme(name: Literal["light", "dark"]) -> Theme:
    """Read one theme's tokens; a token that is missing or no colour raises `msgspec.ValidationError`."""
    return msgspec.json.decode((theme_folder() / f"{name}.json").read_bytes(), type=Theme)


def rgb(color: QColor | str) -> tuple[int, int, int]:
    """Red, green and blue of a colour, 0..255 each."""
    color = QColor(color)
    return color.red(), color.green(), color.blue()


def blend(first: str, second: str, share: float) -> str:
    """The colour that has `share` (0..1) of `second` and the rest of `first`."""
    mixed = [round(x + (y - x) * share) for x, y in zip(rgb(first), rgb(second), strict=True)]
    return QColor(*mixed).name()


def luminance(color: str) -> float:
    """Relative luminance (0..1) by WCAG 2."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast_ratio(first: str, second: str) -> float:
    """Contrast of two colours by WCAG 2: 1 (equal) to 21 (black on white)."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def readable_on(theme: Theme, background: str) -> str:
    """The colour to write with on a background: of the theme where that is readable, else black or white."""

    def best(colors: tuple[str, str]) -> str:
        return max(colors, key=lambda color: contrast_ratio(color, background))

    own = best((theme.text, theme.surface))
    return own if contrast_ratio(own, background) >= 4.5 else best(("#000000", "#ffffff"))


def palette(theme: Theme) -> QPalette:
    """A Qt palette for what the style sheet leaves to the Fusion style."""
    role = QPalette.ColorRole
    colors = {
        role.Window: theme.background,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: theme.background,
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.problem,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.accent_text,
        role.Accent: theme.accent,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.ToolTipBase: theme.text,
        role.ToolTipText: theme.background,
        role.PlaceholderText: theme.muted_text,
        role.Light: theme.surface,
        role.Midlight: theme.raised,
        role.Mid: theme.border,
        role.Dark: theme.muted_text,
        role.Shadow: blend(theme.background, "#000000", 0.6),
    }
    result = QPalette()
    for which, color in colors.items():
        result.setColor(which, QColor(color))
    faint = QColor(_disabled_text(theme))
    for which in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, which, faint)
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(theme.border))
    return result


def style_sheet(theme: Theme) -> str:
    """The one style sheet of the workbench, filled with a theme's tokens."""
    folder = theme_folder()
    tokens = {key: str(value) for key, value in asdict(theme).items() if not isinstance(value, dict)}
    tokens |= {
        "icons": folder.as_posix(),
        "disabled_text": _disabled_text(theme),
        "accent_hover": blend(theme.accent, theme.text, 0.18),
        "input": theme.background if theme.is_dark else theme.surface,
        "selection": selection_color(theme),
        "field_border": field_border_color(theme),
        "scroll": blend(theme.border, theme.muted_text, 0.25),
    }
    return string.Template((folder / "workbench.qss").read_text(encoding="utf-8")).substitute(tokens)


def selection_color(theme: Theme) -> str:
    """The ground of selected rows: quiet enough for the theme's text colour."""
    return blend(theme.surface, theme.accent, 0.2 if theme.is_dark else 0.15)


def field_border_color(theme: Theme) -> str:
    """The edge of a field that one can type into: as much contrast as WCAG 2 asks of a control, 3 to 1."""
    return blend(theme.border, theme.muted_text, 0.45 if theme.is_dark else 0.65)


def _disabled_text(theme: Theme) -> str:
    return blend(theme.muted_text, theme.background, 0.4)


def system_theme_name() -> Literal["light", "dark"]:
    """What the desktop asks for; light where it does not say."""
    is_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return "dark" if is_dark else "light"


class ThemeHolder(QObject):
    """Holds the current theme, follows the system when asked to, and dresses the application.

    `changed` carries the new `Theme`; it is emitted only when the theme really differs.
    """

    changed = Signal(object)

    def __init__(self, mode: Mode = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mode: Mode = mode
        self._app: QApplication | None = None
        self._current = self._wanted()
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)

    @property
    def current(self) -> Theme:
        """The theme in use."""
        return self._current

    @property
    def mode(self) -> Mode:
        """What was asked for: the system's theme, light or dark."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """Follow the system, or stay light or dark; the application applied to changes at once."""
        self._mode = mode
        hints = QGuiApplication.styleHints()
        # Qt passes the wish on to the window frame and to native dialogues.
        if mode == "system":
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if mode == "dark" else Qt.ColorScheme.Light)
        self._refresh()

    def apply(self, app: QApplication) -> None:
        """Give the application Fusion style, palette, font and style sheet, now and whenever they change."""
        self._app = app
        app.setStyle("Fusion")
        self._dress(app)

    def _wanted(self) -> Theme:
        return load_theme(system_theme_name() if self._mode == "system" else self._mode)

    def _follow_system(self) -> None:
        if self._mode == "system":
            self._refresh()

    def _refresh(self) -> None:
        theme = self._wanted()
        if theme == self._current:
            return
        self._current = theme
        if self._app is not None:
            self._dress(self._app)
        self.changed.emit(theme)

    def _dress(self, app: QApplication) -> None:
        app.setPalette(palette(self._current))
        app.setFont(self._current.font())
        app.setStyleSheet(style_sheet(self._current))
