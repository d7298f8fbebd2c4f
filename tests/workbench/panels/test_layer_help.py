import pytest
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent, QTextDocument
from PySide6.QtWidgets import QApplication, QToolTip

from engine.api import REGISTRY, TensorSpec, Window, make_layer, settings_of
from workbench.panels.layer_help import help_html, window_picture, window_words
from workbench.theme import load_theme

LIGHT = load_theme("light")


def plain(text: str) -> str:
    document = QTextDocument()
    document.setHtml(text)
    return document.toPlainText()


@pytest.mark.parametrize("type_name", sorted(REGISTRY))
def test_that_every_layer_tells_what_it_does_and_how(qapp, type_name: str) -> None:
    layer = make_layer(type_name)
    text = help_html(layer, LIGHT)
    assert layer.label in plain(text)
    assert layer.formula in plain(text)
    assert layer.formula or type_name == "input"
    assert ("<img" in text) == (layer.window() is not None)


def test_that_every_setting_tells_what_it_does(qapp) -> None:
    for layer in map(make_layer, REGISTRY):
        for setting in settings_of(type(layer)):
            text = help_html(layer, LIGHT, setting)
            assert setting.label in plain(text)
            assert setting.help
            assert setting.help in plain(text)


def test_that_settings_of_the_window_show_it_and_others_do_not(qapp) -> None:
    layer = make_layer("convolution", {"stride": 2})
    settings = {setting.name: setting for setting in settings_of(type(layer))}
    assert "<img" in help_html(layer, LIGHT, settings["stride"])
    assert "the next one, 2 to the right" in plain(help_html(layer, LIGHT, settings["padding"]))
    assert "<img" not in help_html(layer, LIGHT, settings["filters"])


def test_that_the_words_count_the_places_over_the_input_that_there_is() -> None:
    words = window_words(Window((5, 5), padding=(2, 2, 2, 2)), TensorSpec.of(1, 28, 28))
    assert words.endswith("Over the input of 28×28: 28 = ⌊(28 − 5 + 2·2)/1⌋ + 1 places down and across.")
    assert "padding of 2" in words


def test_that_the_picture_changes_with_stride_padding_and_dilation(qapp) -> None:
    windows = [
        Window((3, 3)), Window((3, 3), (2, 2)), Window((3, 3), padding=(1, 1, 1, 1)), Window((3, 3), dilation=(2, 2)),
        Window((3, 3), (1, 2)),
    ]  # fmt: skip
    pictures = [window_picture(window, LIGHT) for window in windows]
    assert all(picture is not None for picture in pictures)
    assert all(a != b for number, a in enumerate(pictures) for b in pictures[:number])
    assert window_picture(Window((40, 40)), LIGHT) is None


def test_that_hovering_a_setting_shows_it(qtbot, window) -> None:
    window.files.new_from("mnist")
    QApplication.processEvents()
    window.canvas.select(["convolution-2"])
    box = window.inspector.form.editors["stride"].boxes[0]
    QApplication.sendEvent(box, QHelpEvent(QEvent.Type.ToolTip, QPoint(3, 3), box.mapToGlobal(QPoint(3, 3))))
    assert "<b>Stride</b>" in QToolTip.text()
    assert "14 = ⌊(14 − 5 + 2·2)/1⌋ + 1" in QToolTip.text()


def test_that_f1_tells_about_what_has_the_keyboard(qtbot, window) -> None:
    window.files.new_from("mnist")
    QApplication.processEvents()
    window.activateWindow()
    window.canvas.setFocus()
    window.canvas.select(["dropout-1"])
    assert "<b>Dropout</b>" in window.menus.show_help()
    window.canvas.select(["convolution-2"])
    window.inspector.form.editors["padding"].setFocus()
    assert "<b>Padding</b>" in window.menus.show_help()
    palette = window.palette_panel
    palette.search.setText("tanh")
    palette.list.setFocus()
    assert "<b>Tanh</b>" in window.menus.show_help()
    f1 = next(action for action in window.menus.help.actions() if action.shortcut().toString() == "F1")
    assert "What is this" in f1.text()
