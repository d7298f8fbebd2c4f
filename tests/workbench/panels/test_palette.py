import pytest
from PySide6.QtCore import Qt

from engine.api import GROUPS, REGISTRY
from workbench.canvas.drag_types import BLOCK_MIME, LAYER_MIME
from workbench.panels.palette import Palette, grouped, matching
from workbench.theme import load_theme


@pytest.fixture
def palette(qtbot) -> Palette:
    made = Palette(load_theme("light"))
    qtbot.addWidget(made)
    made.show()
    return made


def shown(palette: Palette) -> list[str]:
    names = []
    for row in range(palette.list.topLevelItemCount()):
        heading = palette.list.topLevelItem(row)
        names += [
            heading.child(place).data(0, Qt.ItemDataRole.UserRole) for place in range(heading.childCount())
        ]
    return names


def test_that_every_registered_layer_stands_in_its_group(palette):
    assert sorted(shown(palette)) == sorted(REGISTRY)
    headings = [palette.list.topLevelItem(row).text(0) for row in range(palette.list.topLevelItemCount())]
    assert headings == [group for group in GROUPS if any(layer.group == group for layer in REGISTRY.values())]


def test_that_an_unknown_group_follows_the_known_ones():
    class Odd(REGISTRY["relu"]):
        group = "Attention"

    assert list(grouped([Odd, REGISTRY["input"]])) == ["Input", "Attention"]


def test_that_names_come_before_descriptions():
    found = [layer.type_name for layer in matching("pool")]
    assert set(found) >= {"max_pooling", "average_pooling", "global_average_pooling"}
    assert matching("strongest")[0].type_name == "max_pooling"
    assert matching("no such layer") == []


def test_that_typing_filters_and_enter_adds_the_best_match(qtbot, palette):
    added: list[str] = []
    palette.add_requested.connect(added.append)
    qtbot.keyClicks(palette.search, "drop")
    assert shown(palette)[0] == "dropout"
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert added == ["dropout"]


def test_that_a_search_without_a_result_says_so(qtbot, palette):
    qtbot.keyClicks(palette.search, "qqq")
    assert palette.empty.isVisible()
    assert shown(palette) == []


def test_that_enter_and_a_double_click_add_the_chosen_layer(qtbot, palette):
    added: list[str] = []
    palette.add_requested.connect(added.append)
    item = palette.list.topLevelItem(0).child(0)
    palette.list.setCurrentItem(item)
    palette.list.setFocus()
    qtbot.keyClick(palette.list, Qt.Key.Key_Return)
    place = palette.list.visualItemRect(item).center()
    qtbot.mouseClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert added == ["input", "input"]
    other = palette.list.topLevelItem(1).child(0)
    place = palette.list.visualItemRect(other).center()
    qtbot.mouseDClick(palette.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert added[2:] == [other.data(0, Qt.ItemDataRole.UserRole)]


def test_that_a_drag_carries_the_type_name(palette):
    item = palette.list.topLevelItem(0).child(0)
    data = palette.list.mimeData([item])
    assert bytes(data.data(LAYER_MIME).data()) == b"input"
    assert palette.list.mimeTypes() == [LAYER_MIME, BLOCK_MIME]


def test_that_words_of_the_documentation_find_layers_behind_those_of_the_name() -> None:
    assert [layer.label for layer in matching("dilation")] == ["Convolution"]
    assert {layer.label for layer in matching("padding")} >= {"Convolution", "Max pooling"}
    assert matching("statistics running")[0].label == "Batch normalisation"
    assert matching("max")[0].label == "Max pooling"
