"""The door of the engine: the only module that the workbench imports."""

from engine.data.datasets import dataset_names, dataset_summary, load_dataset
from engine.data.preparation import prepare
from engine.data.recipe import DataRecipe, default_recipe
from engine.design import edits
from engine.design.graph import Edge, Graph, Node
from engine.design.inference import DataShape, Inference, NodeShape, Problem, infer
from engine.errors import (
    DataError,
    DesignError,
    DeviceError,
    GaborError,
    ProjectFileError,
    Repair,
    ShapeError,
    TrainingError,
)
from engine.layers import GROUPS, REGISTRY, Layer, Setting, make_layer, settings_of, settings_values, with_settings
from engine.project import Point, Project
from engine.tensor.dimension import Dimension
from engine.tensor.spec import Cost, TensorSpec
from engine.training.events import Evaluated, EpochDone, Event, RunEnded, RunStarted, Snapshot, StepsDone
from engine.training.run import Checkpoint, Run, RunRecorder
from engine.training.trainer import Trainer
from engine.settings import TrainingSettings, check_settings

__all__ = [
    "GROUPS", "REGISTRY", "Checkpoint", "Cost", "DataError", "DataRecipe", "DataShape", "DesignError", "DeviceError", "Dimension",
    "Edge", "EpochDone", "Evaluated", "Event", "GaborError", "Graph", "Inference", "Layer", "Node", "NodeShape",
    "Point", "Problem", "Project", "ProjectFileError", "Repair", "Run", "RunEnded", "RunRecorder", "RunStarted", "Setting", "ShapeError",
    "Snapshot", "StepsDone", "TensorSpec", "Trainer", "TrainingError", "TrainingSettings", "check_settings", "dataset_names",
    "dataset_summary", "default_recipe", "edits", "infer", "load_dataset", "make_layer", "prepare", "settings_of",
    "settings_values", "with_settings",
]  # fmt: skip
