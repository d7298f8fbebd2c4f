import colorsys
import itertools
import json
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QPushButton

from workbench import theme as theme_module
from workbench.theme import (
    Theme,
    ThemeHolder,
    contrast_ratio,
    field_border_color,
    load_theme,
    selection_color,
    style_sheet,
    theme_folder,
)

THEMES = ("light", "dark")
GROUPS = (
    "Input",
    "Linear",
    "Convolution",
    "Pooling",
    "Activation",
    "Normalisation",
    "Regularisation",
    "Join",
    "Output",
)
TEXTS = ("text", "muted_text", "problem", "waiting", "success", "warning", "accent")


def relative_luminance(color: str) -> float:
    """WCAG's definition, written apart from the one under test."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def wcag_contrast(first: str, second: str) -> float:
    a, b = sorted((relative_luminance(first), relative_luminance(second)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def lightness(color: str) -> float:
    """CIE L*, 0..100."""
    y = relative_luminance(color)
    return 116 * y ** (1 / 3) - 16


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> Theme:
    return load_theme(request.param)


def test_that_text_is_readable_on_every_ground(theme: Theme) -> None:
    for text, ground in itertools.product(TEXTS, ("background", "surface", "raised")):
        contrast = wcag_contrast(getattr(theme, text), getattr(theme, ground))
        assert contrast >= 4.5, (text, ground, contrast)
    assert wcag_contrast(theme.accent_text, theme.accent) >= 4.5
    for text in ("text", "muted_text", "accent", "problem", "success", "warning"):
        assert wcag_contrast(getattr(theme, text), selection_color(theme)) >= 4.5, text


def test_that_fields_stand_out_from_every_ground(theme: Theme) -> None:
    for ground in ("background", "surface"):
        assert wcag_contrast(field_border_color(theme), getattr(theme, ground)) >= 3, ground


def test_that_text_is_readable_on_the_tint_of_every_group(theme: Theme) -> None:
    for group in (*GROUPS, "Attention", "Recurrent", "Something else"):
        for text in ("text", "muted_text"):
            contrast = wcag_contrast(getattr(theme, text), theme.tint(group))
            assert contrast >= 4.5, (group, text, contrast)


def test_that_curves_differ_in_lightness_and_in_hue_and_stand_out_from_the_surface(theme: Theme) -> None:
    colors = [theme.training, theme.validation, theme.test]
    for first, second in itertools.combinations(colors, 2):
        assert abs(lightness(first) - lightness(second)) >= 8, (first, second)
        hues = [colorsys.rgb_to_hls(*(QColor(c).getRgbF()[:3]))[0] for c in (first, second)]  # type: ignore[index]
        assert min(abs(hues[0] - hues[1]), 1 - abs(hues[0] - hues[1])) > 0.1
    for color in colors:
        assert wcag_contrast(color, theme.surface) >= 3


def test_that_the_contrast_of_black_on_white_is_21() -> None:
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21)
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(
        wcag_contrast("#777777", "#ffffff"), rel=1e-3
    )


def test_that_every_layer_group_has_its_own_tint_and_an_unknown_group_keeps_its_derived_one(
    theme: Theme,
) -> None:
    tints = [theme.tint(group) for group in GROUPS]
    assert len(set(tints)) == len(GROUPS)
    assert theme.tint("Recurrent") == theme.tint("Recurrent")
    assert theme.tint("Recurrent") not in tints
    assert theme.tint("Recurrent") != theme.tint("Attention")


def test_that_a_token_that_is_no_colour_is_refused() -> None:
    tokens = json.loads((theme_folder() / "light.json").read_text())
    tokens["accent"] = "blue"
    with pytest.raises(msgspec.ValidationError, match="accent"):
        msgspec.json.decode(json.dumps(tokens), type=Theme)


def test_that_the_style_sheet_names_only_files_that_exist(theme: Theme) -> None:
    sheet = style_sheet(theme)
    assert "$" not in sheet
    files = [piece.split('")')[0] for piece in sheet.split('url("')[1:]]
    assert files
    assert all((theme_folder() / file.rsplit("/", 1)[1]).is_file() for file in files)


def test_that_digits_are_equally_wide_where_the_font_allows(qapp: QApplication) -> None:
    font = load_theme("light").font(12.0, bold=True)
    assert font.pointSizeF() == 12.0
    assert [tag.toString() for tag in font.featureTags()] == [b"tnum"]


def test_that_a_chosen_mode_dresses_the_application_and_tells_once(qtbot: Any, qapp: QApplication) -> None:
    holder = ThemeHolder("light")
    told: list[Theme] = []
    holder.changed.connect(told.append)
    before = (qapp.palette(), qapp.styleSheet(), qapp.font())
    try:
        holder.apply(qapp)
        holder.set_mode("dark")
        holder.set_mode("dark")
        assert [theme.name for theme in told] == ["dark"]
        assert holder.current.name == "dark"
        assert qapp.palette().color(QPalette.ColorRole.Window).name() == load_theme("dark").background
        button = QPushButton("Train")
        button.setProperty("primary", True)
        qtbot.addWidget(button)
        button.resize(120, 40)
        assert button.grab().toImage().pixelColor(10, 20).name() == load_theme("dark").accent
    finally:
        holder.set_mode("system")
        qapp.setPalette(before[0])
        qapp.setStyleSheet(before[1])
        qapp.setFont(before[2])


def test_that_the_system_is_followed_only_in_mode_system(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "light"
    monkeypatch.setattr(theme_module, "system_theme_name", lambda: asked)
    holder = ThemeHolder()
    assert holder.current.name == "light"
    asked = "dark"
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert holder.current.name == "dark"
    holder.set_mode("light")
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert holder.current.name == "light"
    holder.set_mode("system")
    assert holder.current.name == "dark"
