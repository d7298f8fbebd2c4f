"""A project: the design with its layout, the data recipe and the training settings. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from engine.data.recipe import DataRecipe
from engine.design.blocks import Block
from engine.design.framing import FrameState
from engine.design.graph import Graph
from engine.settings import TrainingSettings

Point = tuple[float, float]


@dataclass(frozen=True)
class Project:
    """What a user edits and a file keeps; what training made of it is in runs. Every change makes a new one."""

    graph: Graph = field(default_factory=Graph)
    layout: Mapping[str, Point] = field(default_factory=lambda: MappingProxyType({}))
    """Top-left corner of each node on the canvas, by node id."""
    data: DataRecipe = field(default_factory=DataRecipe)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    name: str = "Untitled"
    notes: str = ""
    frames: Mapping[str, FrameState] = field(default_factory=lambda: MappingProxyType({}))
    """What is kept of frames, by their path; those not in it are open and no copies of blocks."""
    blocks: Mapping[str, Block] = field(default_factory=lambda: MappingProxyType({}))
    """The project's own blocks by name."""

    @property
    def folded(self) -> frozenset[str]:
        """Paths of the frames for which one box stands."""
        return frozenset(path for path, state in self.frames.items() if state.folded)

    def takes_one(self, path: str) -> bool:
        """Whether the frame at a path is a copy of a block with one input, so that one connection feeds all of it."""
        state = self.frames.get(path)
        block = self.blocks.get(state.block) if state is not None else None
        return block is not None and block.takes_one

    def with_block_renamed(self, name: str, new: str) -> "Project":
        """The same project in which a block has another name, which its copies follow."""
        blocks = {new if key == name else key: block for key, block in self.blocks.items()}
        if name in self.blocks:
            blocks[new] = replace(self.blocks[name], name=new)
        frames = {
            path: replace(state, block=new) if state.block == name else state
            for path, state in self.frames.items()
        }
        return replace(self, blocks=blocks, frames=frames)
