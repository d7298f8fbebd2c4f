"""Moving, selecting and dropping, driven with a real mouse."""

from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent

from engine.api import NODE_HEIGHT, ROW_GAP, edits, make_layer
from workbench.canvas.drag_types import LAYER_MIME

from .conftest import LEFT, PLAIN, Hand

COPY = Qt.DropAction.CopyAction


def test_that_a_drag_moves_a_node_in_one_undo_step_and_undo_restores_its_exact_place(short: Hand) -> None:
    before = short.document.project
    short.drag(short.middle("relu-1"), short.middle("relu-1") + QPointF(133.7, 51.3))
    x, y = short.document.project.layout["relu-1"]
    assert abs(x - before.layout["relu-1"][0] - 133.7) < 3
    assert abs(y - before.layout["relu-1"][1] - 51.3) < 3
    assert short.undo.count() == 1
    assert short.undo.undoText() == "Move ReLU 1"
    short.check_agreement()
    short.undo.undo()
    assert short.document.project == before
    short.check_agreement()


def test_that_a_drag_moves_the_whole_selection(short: Hand) -> None:
    short.view.select(["relu-1", "convolution-1"])
    before = dict(short.document.project.layout)
    short.drag(short.middle("relu-1"), short.middle("relu-1") + QPointF(80, 40))
    after = short.document.project.layout
    ways = {i: (after[i][0] - before[i][0], after[i][1] - before[i][1]) for i in after}
    assert ways["relu-1"] == ways["convolution-1"] != (0, 0)
    assert ways["input-1"] == (0, 0)
    assert short.undo.count() == 1


def test_that_escape_puts_dragged_nodes_back_without_an_undo_entry(short: Hand) -> None:
    before = short.document.project
    end = short.middle("relu-1") + QPointF(90, 30)
    short.start_drag(short.middle("relu-1"), end)
    assert short.view.canvas.nodes["relu-1"].x() != before.layout["relu-1"][0]
    short.key(Qt.Key.Key_Escape)
    short.release(end)
    assert short.document.project == before
    assert short.undo.count() == 0
    short.check_agreement()


def test_that_a_press_without_a_drag_selects_and_changes_nothing(short: Hand) -> None:
    heard: list[tuple[str, ...]] = []
    short.view.selection_changed.connect(heard.append)
    short.click(short.middle("relu-1"))
    assert heard == [("relu-1",)]
    assert short.undo.count() == 0
    short.click(short.middle("input-1"), Qt.KeyboardModifier.ControlModifier)
    assert heard[-1] == ("input-1", "relu-1")
    short.click(short.middle("relu-1"), Qt.KeyboardModifier.ControlModifier)
    assert heard[-1] == ("input-1",)
    short.click(short.empty_place())
    assert heard[-1] == ()


def test_that_a_rubber_band_selects_what_it_touches(short: Hand) -> None:
    rect = short.view.canvas.network_rect(["input-1", "convolution-1"])
    short.drag(rect.topLeft() - QPointF(30, 0), rect.bottomRight() - QPointF(50, 10))
    assert short.view.canvas.selected_nodes == ("input-1", "convolution-1")


def test_that_escape_in_a_rubber_band_restores_the_selection(short: Hand) -> None:
    short.view.select(["softmax_classifier-1"])
    rect = short.view.canvas.network_rect(["input-1"])
    short.start_drag(rect.topLeft() - QPointF(30, 0), rect.center() + QPointF(0, 10))
    assert short.view.canvas.selected_nodes == ("input-1",)
    short.key(Qt.Key.Key_Escape)
    short.release(rect.center())
    assert short.view.canvas.selected_nodes == ("softmax_classifier-1",)


def test_that_a_free_node_dropped_on_an_edge_is_inserted_and_the_rest_moves_aside(short: Hand) -> None:
    graph, node = edits.add_layer(short.graph, make_layer("tanh"))
    short.document.apply_graph("Add", graph, {node.id: (-400.0, 0.0)})
    before = short.document.project
    edge = next(e for e in graph.edges if (e.source, e.target) == ("convolution-1", "relu-1"))
    short.view.frame_all()
    short.drag(short.middle(node.id), short.view.canvas.edges[edge].path.pointAtPercent(0.5))
    assert {("convolution-1", "tanh-1"), ("tanh-1", "relu-1")} <= short.edge_pairs()
    assert ("convolution-1", "relu-1") not in short.edge_pairs()
    assert short.undo.count() == 2
    places = short.document.project.layout
    for above, below in (("convolution-1", "tanh-1"), ("tanh-1", "relu-1")):
        assert places[below][1] - places[above][1] >= NODE_HEIGHT + ROW_GAP - 0.01
    short.check_agreement()
    short.undo.undo()
    assert short.document.project == before


def test_that_undo_in_the_middle_of_a_drag_ends_the_drag(short: Hand) -> None:
    short.drag(short.middle("relu-1"), short.middle("relu-1") + QPointF(60, 0))
    end = short.middle("relu-1") + QPointF(0, 70)
    short.start_drag(short.middle("relu-1"), end)
    short.undo.undo()
    assert short.view.gesture is None
    short.release(end)
    short.check_agreement()
    assert short.undo.index() == 0


def palette_drag(hand: Hand, type_name: str, place: QPointF, *, drop: bool = True) -> None:
    """What Qt sends to a view when a layer is dragged in from the palette."""
    data = QMimeData()
    data.setData(LAYER_MIME, type_name.encode())
    position = hand.at(place)
    viewport = hand.view.viewport()
    for event in (
        QDragEnterEvent(position, COPY, data, LEFT, PLAIN),
        QDragMoveEvent(position, COPY, data, LEFT, PLAIN),
        QDropEvent(QPointF(position), COPY, data, LEFT, PLAIN) if drop else QDragLeaveEvent(),
    ):
        hand.view.viewportEvent(event)
    assert viewport is not None


def test_that_a_layer_dropped_on_empty_canvas_is_added_there_and_selected(short: Hand) -> None:
    place = short.empty_place()
    palette_drag(short, "sigmoid", place)
    assert short.view.canvas.selected_nodes == ("sigmoid-1",)
    assert short.undo.undoText() == "Add Sigmoid 1"
    short.check_agreement()


def test_that_a_layer_dropped_on_an_edge_is_inserted(short: Hand) -> None:
    edge = next(e for e in short.graph.edges if e.source == "relu-1")
    palette_drag(short, "dropout", short.view.canvas.edges[edge].path.pointAtPercent(0.5))
    assert {("relu-1", "dropout-1"), ("dropout-1", edge.target)} <= short.edge_pairs()
    assert short.undo.count() == 1
    short.check_agreement()


def test_that_a_layer_dragged_out_again_leaves_no_trace(short: Hand) -> None:
    before = short.document.project
    palette_drag(short, "dropout", short.middle("relu-1"), drop=False)
    assert short.document.project == before
    assert short.view.gesture is None


def test_that_a_foreign_drag_is_not_taken(short: Hand) -> None:
    palette_drag(short, "no_such_layer", short.empty_place())
    assert short.undo.count() == 0
