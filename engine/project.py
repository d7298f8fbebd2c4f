"""A project: the design with its layout, the data recipe and the training settings. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.data.recipe import DataRecipe
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
