"""Items follow the document by difference, and show what it says."""

import itertools
from dataclasses import replace

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem

from engine.api import NODE_HEIGHT, NODE_WIDTH, edits
from workbench.canvas.node_item import PORT_RADIUS, NodeItem
from workbench.canvas.node_words import short_summary

from .conftest import Hand


def test_that_an_edit_keeps_every_item_that_it_does_not_touch(mnist: Hand) -> None:
    canvas = mnist.view.canvas
    nodes, lines = dict(canvas.nodes), dict(canvas.edges)
    mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "fully_connected-1", outputs=512))
    mnist.document.apply_graph("Delete", edits.remove(mnist.graph, ["dropout-1"]))
    assert all(canvas.nodes[node_id] is nodes[node_id] for node_id in canvas.nodes)
    assert all(canvas.edges[edge] is lines[edge] for edge in canvas.edges)
    mnist.check_agreement()


def test_that_a_move_updates_no_look(mnist: Hand, monkeypatch: object) -> None:
    calls: list[str] = []
    original = NodeItem.set_look
    NodeItem.set_look = lambda self, look: calls.append(self.node_id) or original(self, look)  # type: ignore[method-assign, func-returns-value]
    try:
        mnist.document.apply_graph("Move", mnist.graph, {"relu-1": (500.0, 500.0)})
        assert calls == []
        mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "dropout-1", keep=0.5))
        assert calls == ["dropout-1"]
    finally:
        NodeItem.set_look = original  # type: ignore[method-assign]
    mnist.check_agreement()


def test_that_nodes_show_settings_shape_and_parameters(mnist: Hand) -> None:
    look = mnist.view.canvas.nodes["convolution-2"].look
    assert (look.title, look.summary, look.shape, look.parameters) == (
        "Convolution 2", "64 filters 5×5, padding 2", "64×14×14", "51,264 params"
    )  # fmt: skip
    texts = {(edge.source, item.text) for edge, item in mnist.view.canvas.edges.items()}
    assert ("max_pooling-1", "32×14×14") in texts


def test_that_only_the_root_cause_is_a_problem_and_the_rest_waits_for_it(mnist: Hand) -> None:
    mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "convolution-2", size=19, padding=0))
    looks = {node_id: item.look for node_id, item in mnist.view.canvas.nodes.items()}
    assert [i for i, look in looks.items() if look.status == "problem"] == ["convolution-2"]
    assert looks["convolution-2"].tool_tip.startswith("Convolution 2: a filter of 19×19 does not fit")
    assert looks["relu-2"].status_text == "waiting for Convolution 2"
    assert looks["max_pooling-1"].status == "fits"
    mnist.check_agreement()
    mnist.undo.undo()
    mnist.check_agreement()


def test_that_a_node_says_in_few_words_what_does_not_fit_with_both_sizes(mnist: Hand) -> None:
    mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "max_pooling-2", size=20))
    first, last = mnist.view.canvas.nodes["max_pooling-2"].words.status
    assert first.startswith("A region of 20×20")
    assert last.endswith("14×14")


def test_that_settings_which_do_not_fit_a_node_are_told_in_fewer_letters(mnist: Hand) -> None:
    whole = "64 filters 5×5, stride 2, padding 2"
    metrics = QFontMetricsF(mnist.view.canvas.ink.body)
    wide = metrics.horizontalAdvance(whole)
    assert short_summary(whole, metrics, wide) == whole
    assert short_summary(whole, metrics, wide - 1) == "64 filters 5×5, stride 2, pad 2"
    assert short_summary(whole, metrics, 10) == "64 × 5×5, stride 2, pad 2"


def test_that_a_click_on_a_number_shows_the_formulas_that_made_it(mnist: Hand) -> None:
    canvas, card = mnist.view.canvas, mnist.view.shape_card
    item = canvas.nodes["max_pooling-1"]
    places = [QPointF(x, y) for y in range(66) for x in range(0, 120, 2)]
    heights = [place for place in places if item.number_at(place) == 1]
    height = heights[len(heights) // 2]
    mnist.click(item.pos() + height)
    assert card.isVisible()
    assert card.title.text() == "Height of Max pooling 1: 14"
    assert (
        card.text.text()
        == "14 = ⌊(28 − 2 + 2·0)/2⌋ + 1\n28 = ⌊(28 − 5 + 2·2)/1⌋ + 1\n28 = height of the input"
    )
    mnist.key(Qt.Key.Key_Escape)
    assert not card.isVisible()
    assert canvas.selected_nodes == ("max_pooling-1",)
    mnist.key(Qt.Key.Key_E)
    assert card.title.text() == "Max pooling 1: 32×14×14"
    assert card.text.text().startswith("Channels:\n32 is set by the layer")
    mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "dropout-1", keep=0.5))
    assert not card.isVisible()


def test_that_the_numbers_on_an_edge_explain_themselves_too(mnist: Hand) -> None:
    edge = next(edge for edge in mnist.graph.edges if edge.source == "relu-1")
    middle = mnist.view.canvas.edges[edge].path.pointAtPercent(0.5)
    mnist.click(middle)
    assert mnist.view.shape_card.title.text() == "Height of ReLU 1: 28"


def test_that_a_hint_does_not_hide_the_shape(mnist: Hand) -> None:
    mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "max_pooling-2", size=3, stride=2))
    look = mnist.view.canvas.nodes["max_pooling-2"].look
    assert look.status == "fits"
    assert "unseen" in look.hint
    assert look.shape == "64×6×6"


def test_that_renaming_renames_the_node_and_those_that_wait_for_it(mnist: Hand) -> None:
    mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "convolution-2", size=19, padding=0))
    mnist.document.apply_graph("Rename", edits.rename(mnist.graph, "convolution-2", "Eyes"))
    assert mnist.view.canvas.nodes["relu-2"].look.status_text == "waiting for Eyes"
    mnist.check_agreement()


def test_that_every_state_is_painted_at_every_zoom(mnist: Hand) -> None:
    graph = edits.set_muted(
        edits.set_settings(mnist.graph, "convolution-2", size=19, padding=0), ["relu-1"], True
    )
    mnist.document.apply_graph("Set", graph)
    mnist.view.select(["relu-1", "dropout-1"])
    pictures = []
    for zoom in (0.05, 0.2, 0.45, 1.0, 4.0):
        mnist.view.zoom_by(zoom / mnist.view.zoom, mnist.view.position_of(mnist.middle("convolution-2")))
        pictures.append(mnist.view.grab().toImage())
    assert all(a != b for a, b in itertools.pairwise(pictures))


def test_that_the_same_layout_as_before_is_no_edit(mnist: Hand) -> None:
    project = mnist.document.project
    mnist.document.apply("Nothing", replace(project))
    assert mnist.undo.count() == 0


@pytest.mark.parametrize("zoom", [0.5, 0.6, 1.0])
def test_that_the_texts_of_a_node_keep_clear_of_its_ports(mnist: Hand, zoom: float) -> None:
    ink = mnist.view.canvas.ink
    letters = ink.lettering(zoom)
    title, body = QFontMetricsF(letters.titles[0]), letters.body_metrics
    ring = PORT_RADIUS + ink.wire.widthF() / 2
    assert letters.title_baseline - title.tightBoundingRect("Tlf").height() >= ring + 1
    bottom = letters.baselines[1] + body.tightBoundingRect("1,606,464 params").bottom()
    assert bottom <= NODE_HEIGHT - ring - 1
    if letters.has_settings:
        assert letters.baselines[1] - letters.baselines[0] >= body.tightBoundingRect("1gp").height()


def test_that_names_and_shapes_can_be_read_on_a_laptop_while_a_network_trains(mnist: Hand) -> None:
    at = mnist.view.position_of(mnist.middle("relu-2"))
    for zoom in (0.65, 0.81, 0.83, 1.0):
        mnist.view.zoom_by(zoom / mnist.view.zoom, at)
        mnist.view.grab()
        letters = mnist.view.canvas.nodes["convolution-2"].lettering
        assert min(letters.body.pixelSize(), letters.label.pixelSize()) * zoom >= 8.3
        assert letters.titles[0].pixelSize() * zoom >= 10.3
        assert letters.has_parameters == (zoom > 0.82)


def test_that_a_long_name_far_out_is_written_smaller_before_it_is_cut(mnist: Hand) -> None:
    far = mnist.view.canvas.ink.far
    fonts = [far.fitted_title(name, 184.0)[0].pixelSize() for name in ("ReLU 1", "Softmax classifier 1")]
    assert fonts == sorted(fonts, reverse=True)
    assert far.fitted_title("Softmax classifier 1", 184.0)[1] == "Softmax classifier 1"
    cut = far.fitted_title("Convolution of the left half of the body 12", 184.0)[1]
    assert "…" in cut
    assert cut.endswith("12")


def test_that_farther_out_a_node_is_a_name_and_a_shape_unless_it_has_a_problem(mnist: Hand) -> None:
    mnist.view.zoom_by(0.5 / mnist.view.zoom, mnist.view.position_of(mnist.middle("max_pooling-2")))
    mnist.view.grab()
    item, ink = mnist.view.canvas.nodes["convolution-2"], mnist.view.canvas.ink
    assert item.lettering is ink.farther
    assert (item.words.title, item.words.summary, item.words.shape) == ("Convolution 2", "", "64×14×14")
    assert item.lettering.body.pixelSize() * 0.5 >= 8
    mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "convolution-2", size=40, padding=0))
    mnist.view.grab()
    assert item.lettering is ink.far
    assert item.words.status[0].startswith("A filter")


@pytest.mark.parametrize("zoom", [0.5, 0.6, 1.0])
def test_that_a_node_tells_which_one_it_waits_for_at_every_zoom(mnist: Hand, zoom: float) -> None:
    mnist.document.apply_graph("Set", edits.set_settings(mnist.graph, "max_pooling-2", size=40, padding=0))
    mnist.view.zoom_by(zoom / mnist.view.zoom, mnist.view.position_of(mnist.middle("fully_connected-1")))
    item = mnist.view.canvas.nodes["fully_connected-1"]
    drawn: list[str] = []

    class Listening(QPainter):
        def drawText(self, *arguments: object) -> None:
            drawn.append(str(arguments[-1]))

    image = QImage(10, 10, QImage.Format.Format_RGB32)
    painter = Listening(image)
    painter.scale(zoom, zoom)
    item.paint(painter, QStyleOptionGraphicsItem())
    painter.end()
    assert " ".join(drawn).endswith("waiting for Max pooling 2")


def test_that_a_shape_between_two_columns_of_nodes_keeps_clear_of_both(mnist: Hand) -> None:
    nodes = {i: item.pos() for i, item in mnist.view.canvas.nodes.items()}
    canvas = mnist.view.canvas
    edge = canvas.edges[next(e for e in canvas.edges if e.source == "max_pooling-1")]
    assert nodes["convolution-2"].y() < nodes["max_pooling-1"].y()
    for letters in (canvas.ink.near, canvas.ink.far):
        width = letters.label_metrics(True).horizontalAdvance(edge.text)
        assert width <= nodes["convolution-2"].x() - nodes["max_pooling-1"].x() - NODE_WIDTH - 8


def test_that_a_shape_explains_its_numbers_far_out_too(mnist: Hand) -> None:
    item = mnist.view.canvas.nodes["max_pooling-1"]
    mnist.view.zoom_by(0.6 / mnist.view.zoom, mnist.view.position_of(mnist.middle("max_pooling-1")))
    mnist.view.grab()
    letters = item.lettering
    x = 12 + letters.body_metrics.horizontalAdvance("32×1")
    mnist.click(item.pos() + QPointF(x, letters.baselines[1] - 4))
    assert mnist.view.shape_card.title.text() == "Height of Max pooling 1: 14"
    edge = mnist.view.canvas.edges[next(e for e in mnist.view.canvas.edges if e.source == "convolution-1")]
    middle = edge.path.pointAtPercent(0.5)
    assert edge.number_at(middle) == 1
    wide = letters.label_metrics(False).horizontalAdvance("32×28×28") / 2
    assert edge.number_at(middle - QPointF(wide - 2, 0)) == 0
