"""Frames as paths on nodes: what they hold, and how they are made, called, nested and copied."""

from dataclasses import replace

import pytest

from engine.design import framing
from engine.design.framing import FrameState
from engine.errors import DesignError
from engine.layers import make_layer
from engine.templates import chain


def relus(count: int):
    return chain(*(make_layer("relu") for _ in range(count)))


def test_that_frames_hold_the_nodes_of_the_frames_inside() -> None:
    graph, path = framing.wrap_in_frame(relus(3), ["relu-2", "relu-3"])
    assert path == "Frame 1"
    graph = graph.with_nodes(replace(graph.nodes["relu-3"], frame="Frame 1/inner"))
    assert framing.frames(graph) == {"Frame 1": ("relu-2", "relu-3"), "Frame 1/inner": ("relu-3",)}
    renamed, path = framing.rename_frame(graph, "Frame 1", "Eyes")
    assert path == "Eyes"
    assert framing.frames(renamed) == {"Eyes": ("relu-2", "relu-3"), "Eyes/inner": ("relu-3",)}
    assert framing.frames(framing.wrap_in_frame(graph, ["relu-1"])[0])["Frame 2"] == ("relu-1",)
    assert framing.frames(framing.unwrap(graph, graph.nodes)) == {}


def test_that_a_frame_that_is_wrapped_as_a_whole_goes_into_the_new_one_and_parts_leave_theirs() -> None:
    graph, _ = framing.wrap_in_frame(relus(4), ["relu-1", "relu-2"])
    whole, path = framing.wrap_in_frame(graph, ["relu-1", "relu-2", "relu-3"])
    assert path == "Frame 2"
    assert [whole.nodes[f"relu-{i}"].frame for i in (1, 2, 3, 4)] == [
        "Frame 2/Frame 1", "Frame 2/Frame 1", "Frame 2", ""]  # fmt: skip
    part, _ = framing.wrap_in_frame(graph, ["relu-2", "relu-3"])
    assert [part.nodes[f"relu-{i}"].frame for i in (1, 2, 3, 4)] == ["Frame 1", "Frame 2", "Frame 2", ""]


def test_that_a_frame_inside_a_frame_stays_inside_when_part_of_it_is_wrapped() -> None:
    graph, _ = framing.wrap_in_frame(relus(4), ["relu-1", "relu-2", "relu-3"])
    inner, path = framing.wrap_in_frame(graph, ["relu-1", "relu-2"])
    assert path == "Frame 1/Frame 2"
    assert framing.frames(inner)["Frame 1"] == ("relu-1", "relu-2", "relu-3")


@pytest.mark.parametrize("title", ["", "  ", "a/b", "Frame 2"])
def test_that_a_frame_keeps_its_title_when_the_new_one_is_not_good(title: str) -> None:
    graph = framing.wrap_in_frame(framing.wrap_in_frame(relus(2), ["relu-1"])[0], ["relu-2"])[0]
    with pytest.raises(DesignError, match="title"):
        framing.rename_frame(graph, "Frame 1", title)


def test_that_copies_of_whole_frames_get_titles_of_their_own_and_others_join() -> None:
    graph = relus(3).with_nodes(
        *(
            replace(n, frame=f)
            for n, f in zip(relus(3).nodes.values(), ("Eyes", "Eyes/left", "Eyes/left"), strict=True)
        )
    )
    nodes = list(graph.nodes.values())
    assert framing.whole_frames(graph, graph.nodes) == ("Eyes", "Eyes/left")
    copies, paths = framing.in_new_frames(graph, nodes, ("Eyes", "Eyes/left"))
    assert [node.frame for node in copies] == ["Eyes 2", "Eyes 2/left", "Eyes 2/left"]
    assert paths == {"Eyes": "Eyes 2", "Eyes/left": "Eyes 2/left"}
    copies, _ = framing.in_new_frames(graph, nodes[1:], framing.whole_frames(graph, ("relu-2", "relu-3")))
    assert [node.frame for node in copies] == ["Eyes/left 2", "Eyes/left 2"]
    assert framing.in_new_frames(graph, nodes[:1], ())[0][0].frame == "Eyes"


def test_that_states_follow_their_frames_and_go_with_them() -> None:
    graph, _ = framing.wrap_in_frame(relus(2), ["relu-1"])
    states = {"Frame 1": FrameState(folded=True), "gone": FrameState(folded=True)}
    assert framing.states_after(states, graph) == {"Frame 1": FrameState(folded=True)}
    renamed, path = framing.rename_frame(graph, "Frame 1", "Eyes")
    assert framing.states_after(states, renamed, {"Frame 1": path}) == {"Eyes": FrameState(folded=True)}
