"""Views take turns at being drawn."""

from itertools import pairwise

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from workbench.plots.turns import take_turn


def test_that_the_event_loop_comes_in_between_two_views_that_are_drawn(qtbot):
    seen: list[str] = []
    views = [QWidget() for _ in range(3)]
    for view in views:
        qtbot.addWidget(view)
    ticks = QTimer()
    ticks.timeout.connect(lambda: seen.append("loop"))
    ticks.start(0)
    for name, view in zip("abc", views, strict=True):
        take_turn(view, lambda name=name: seen.append(name))
    qtbot.waitUntil(lambda: "c" in seen)
    ticks.stop()
    drawn = [place for place, name in enumerate(seen) if name != "loop"]
    assert [seen[place] for place in drawn] == ["a", "b", "c"]
    assert all(later - earlier > 1 for earlier, later in pairwise(drawn))


def test_that_a_view_that_is_gone_keeps_no_other_from_its_turn(qtbot):
    seen: list[str] = []
    gone, there = QWidget(), QWidget()
    qtbot.addWidget(there)
    take_turn(gone, lambda: seen.append("gone"))
    take_turn(there, lambda: seen.append("there"))
    gone.deleteLater()
    del gone
    qtbot.waitUntil(lambda: "there" in seen)
    assert seen[-1] == "there"
