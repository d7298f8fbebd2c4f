from engine.design import edits
from engine.design.comparison import compare, overlaid
from engine.design.graph import Edge, Node
from engine.design.inference import infer
from engine.templates import TEMPLATES
from tests.engine.small_networks import layer

BEFORE = TEMPLATES["mnist"].build().graph


def test_that_a_design_equals_itself() -> None:
    assert compare(BEFORE, BEFORE).is_same


def test_that_changed_settings_names_and_mutes_are_told_in_words() -> None:
    after = edits.set_settings(BEFORE, "convolution-2", filters=96, padding=(1, 2, 2, 2), bias=False)
    after = edits.set_muted(edits.rename(after, "relu-2", "Bend"), ["relu-2"], True)
    found = compare(BEFORE, after)
    assert found.changed == {
        "convolution-2": ("filters 64 → 96", "padding 2 → 1×2×2×2", "bias on → off"),
        "relu-2": ("name ReLU 2 → Bend", "muted"),
    }
    assert (found.added, found.removed, found.edges_added, found.edges_removed) == (
        (),
        (),
        frozenset(),
        frozenset(),
    )


def test_that_added_and_removed_nodes_and_their_edges_are_told() -> None:
    after, node = edits.add_layer(
        edits.remove_and_reconnect(BEFORE, "dropout-1"), layer("batch_normalisation")
    )
    after = edits.insert_on_edge(after, Edge("convolution-2", "relu-2"), node.id)
    found = compare(BEFORE, after)
    assert (found.added, found.removed, found.changed) == ((node.id,), ("dropout-1",), {})
    assert found.edges_added == {
        Edge("convolution-2", node.id), Edge(node.id, "relu-2"), Edge("relu-3", "fully_connected-2")
    }  # fmt: skip
    assert found.edges_removed == {
        Edge("convolution-2", "relu-2"), Edge("relu-3", "dropout-1"), Edge("dropout-1", "fully_connected-2")
    }  # fmt: skip


def test_that_another_layer_of_the_same_id_is_removed_and_added() -> None:
    after = BEFORE.with_nodes(Node("relu-2", "Tanh 1", layer("tanh")))
    found = compare(BEFORE, after)
    assert (found.added, found.removed) == (("relu-2",), ("relu-2",))
    overlay = overlaid((BEFORE, infer(BEFORE)), (after, infer(after)))
    assert overlay.nodes == {"relu-2": "added", "relu-2 before": "removed"}
    assert overlay.graph.nodes["relu-2 before"].name == "ReLU 2"
    assert overlay.edges[Edge("convolution-2", "relu-2 before")] == "removed"
    assert overlay.earlier == {"relu-2 before": "relu-2"}


def test_that_the_overlay_holds_both_designs_with_the_shapes_of_each() -> None:
    after = edits.set_settings(
        edits.remove_and_reconnect(BEFORE, "dropout-1"), "fully_connected-1", outputs=7
    )
    overlay = overlaid((BEFORE, infer(BEFORE)), (after, infer(after)))
    assert set(overlay.graph.nodes) == set(BEFORE.nodes)
    assert str(overlay.inference.shapes["dropout-1"].output) == "1024×1×1"
    assert str(overlay.inference.shapes["relu-3"].output) == "7×1×1"
    assert set(overlay.edges) <= overlay.graph.edges
