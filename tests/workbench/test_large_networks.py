"""What is put off while a large network is edited, and that it is caught up with."""

from engine.api import Graph, Project, edits, make_layer
from workbench.document.document import Document
from workbench.panels.problems import ProblemsPanel
from workbench.status_totals import StatusTotals


def chain_of(count: int) -> Graph:
    graph, before = edits.add_layer(Graph(), make_layer("input"))
    for number in range(count):
        layer = make_layer("convolution", {"filters": 2, "size": 1}) if number % 2 else make_layer("relu")
        graph, node = edits.add_layer(graph, layer)
        graph = edits.connect(graph, before.id, node.id)
        before = node
    for layer in (make_layer("fully_connected"), make_layer("softmax_classifier")):
        graph, node = edits.add_layer(graph, layer)
        graph = edits.connect(graph, before.id, node.id)
        before = node
    return graph


def test_that_memory_of_a_large_network_follows_when_the_edits_rest(qtbot, qapp) -> None:
    document = Document(Project(chain_of(70)))
    totals = StatusTotals(document)
    qtbot.addWidget(totals)
    qtbot.waitUntil(lambda: "MiB" in totals.memory.text())
    old = totals.memory.text()
    graph = edits.set_settings(document.project.graph, "convolution-1", filters=400)
    document.apply_graph("Set", graph)
    assert totals.parameters.text() == f"{document.inference.parameter_count:,} parameters"
    assert totals.memory.text() == old
    assert not totals.memory.isEnabled()
    qtbot.waitUntil(lambda: totals.memory.text() != old)
    assert totals.memory.isEnabled()


def test_that_moving_nodes_leaves_the_totals_alone(qtbot, qapp, monkeypatch) -> None:
    graph = chain_of(6)
    document = Document(Project(graph, dict.fromkeys(graph.nodes, (0.0, 0.0))))
    totals = StatusTotals(document)
    qtbot.addWidget(totals)
    asked: list[bool] = []
    monkeypatch.setattr(totals, "refresh", lambda: asked.append(True))
    document.apply_graph("Move", graph, {"relu-1": (5.0, 5.0)})
    assert asked == []
    document.apply_graph("Set", edits.set_settings(graph, "convolution-1", filters=3))
    assert asked == [True]


def test_that_the_problem_list_is_built_only_when_somebody_looks(qtbot, qapp) -> None:
    document = Document(Project(chain_of(4)))
    panel = ProblemsPanel(document)
    qtbot.addWidget(panel)
    counts: list[tuple[int, int]] = []
    panel.count_changed.connect(lambda problems, hints: counts.append((problems, hints)))
    built = panel.widget()
    graph = edits.set_settings(document.project.graph, "convolution-1", size=40)
    document.apply_graph("Set", graph)
    assert counts[-1][0] == 1
    assert panel.widget() is built
    panel.show()
    assert panel.widget() is not built
    assert panel.rows[0].problem.node == "convolution-1"
