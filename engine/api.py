"""The door of the engine: the only module that the workbench imports."""

from engine.amounts import bytes_text
from engine.data.dataset import Dataset, DatasetSummary
from engine.data.datasets import MissingFilesError, dataset_names, load_dataset
from engine.data.duplicates import Duplicates, Place, Twins, find_duplicates
from engine.data.fetch import fetch as fetch_dataset
from engine.data.fetch import fetchable
from engine.data.image_folders import BrokenImagesError
from engine.data.overview import (
    ChannelStatistics,
    DataOverview,
    Example,
    Preview,
    examples_of,
    look_at_data,
    preview_of,
)
from engine.data.preparation import PreparedData, prepare
from engine.data.progress import DataProgress, DataStoppedError
from engine.data.recipe import DataRecipe, default_recipe, recipe_dataset, recipe_summary
from engine.data.recipe import check as check_recipe
from engine.design import blocks, edits, folding, framing
from engine.design.advice import advise, advise_on_data
from engine.design.arrange import COLUMN_GAP, NODE_HEIGHT, NODE_WIDTH, ROW_GAP, arrange
from engine.design.blocks import Block
from engine.design.comparison import Comparison, Overlay, compare, overlaid
from engine.design.findings import DataShape, Inference, NodeShape, Problem
from engine.design.folding import BoxInput
from engine.design.framing import FrameState
from engine.design.graph import Edge, Graph, Node
from engine.design.inference import infer
from engine.design.memory import system_memory
from engine.design.placing import free_place, make_room, settled
from engine.design.trained import fits, outgrown
from engine.errors import (
    DamagedRunsError,
    DataError,
    DesignError,
    DeviceError,
    GaborError,
    ProjectFileError,
    Repair,
    TrainingError,
)
from engine.examples import example_names, example_path
from engine.inspection.activity import Activity, NodeActivity, dead_since, measure_activity
from engine.inspection.answer_history import AnswerHistory, answer_history
from engine.inspection.answers import cell_images, mistakes
from engine.inspection.attribution import Method as AttributionMethod
from engine.inspection.attribution import grad_cam, gradient_times_input, occlusion
from engine.inspection.confusion import confusion_matrix
from engine.inspection.drawing import draw_digit, draw_plain
from engine.inspection.filter_kinds import FilterKind, filter_kind
from engine.inspection.filters import (
    Patch,
    exciting_patches,
    filter_changes,
    filter_nodes,
    filter_norms,
    filter_spectrum,
    initial_filters,
    order_by,
    similarity_order,
)
from engine.inspection.observation import NodeMaps, Observation, observe
from engine.inspection.principal_components import turned_to
from engine.inspection.run_comparison import best_epoch, design_changes, differing_settings, setting_changes
from engine.inspection.seed_noise import NoiseVerdict, SeedGroup, compare_groups, seed_groups
from engine.inspection.snapshot_look import activities_of
from engine.inspection.trained import TrainedNetwork, classify_images
from engine.layers import (
    GROUPS,
    REGISTRY,
    Layer,
    Setting,
    make_layer,
    setting_text,
    settings_of,
    settings_values,
)
from engine.program.analysis import Analysis, NodeAnalysis, analyse
from engine.program.cost import cost_of
from engine.program.forecast import MemoryForecast, forecast
from engine.program.gradient_check import GRADIENT_TOLERANCE, TensorCheck, check_gradients, gradient_checker
from engine.program.input_check import check_inputs
from engine.program.parity import NodeParity, Way, compare_ways
from engine.program.parity import tolerance as parity_tolerance
from engine.project import Point, Project
from engine.project_file import ProjectFile
from engine.project_file import from_bytes as project_from_bytes
from engine.project_file import load as load_project
from engine.project_file import save as save_project
from engine.project_file import to_bytes as project_to_bytes
from engine.project_file.atomic import check_place
from engine.project_file.block_library import block_folder, forget_block, keep_block, load_blocks
from engine.resource_files import resource_path
from engine.settings import TrainingSettings, check_settings
from engine.templates import TEMPLATES
from engine.tensor.devices import DeviceInfo, devices, explain_missing_gpu, load_device_libraries
from engine.tensor.dimension import Dimension
from engine.tensor.spec import TensorSpec
from engine.tensor.window import Window
from engine.thesis.claims import TOLD_IN_TEXT, single_changes
from engine.thesis.experiments import EXPERIMENTS, Experiment
from engine.thesis.experiments import GROUPS as EXPERIMENT_GROUPS
from engine.thesis.results import ResultFolder, SeedResult
from engine.thesis.training import SeedOrder, done_already, train_seed, with_filter_kinds
from engine.training.best_epoch import best_epoch as best_of_epochs
from engine.training.best_epoch import epochs_without_better
from engine.training.events import (
    EpochDone,
    Evaluated,
    Evaluating,
    Event,
    Notice,
    RunEnded,
    RunStarted,
    Sampled,
    SettingChanged,
    Snapshot,
    StepsDone,
)
from engine.training.forking import Fork, fork
from engine.training.growing import GrowingArray
from engine.training.named_settings import is_of_node, parted, setting_values, with_texts
from engine.training.run import HISTORY_COLUMNS, Checkpoint, Run, RunRecorder
from engine.training.run_store import RunJournal, journal_folder
from engine.training.run_store import forget as forget_run
from engine.training.run_store import project_file_of as project_file_of_run
from engine.training.run_store import recover as recover_runs
from engine.training.run_store import set_project_file as set_project_file_of_run
from engine.training.samples import Samples
from engine.training.snapshots import MEGABYTE, snapshot_bytes, thinned
from engine.training.steering import STEERABLE, Change, project_at
from engine.training.sweep import Slot, Variant, placed, slots, variants, whole_numbers
from engine.training.timeline import Stretch
from engine.training.trainer import Trainer

__all__ = [
    "COLUMN_GAP", "EXPERIMENTS", "EXPERIMENT_GROUPS", "GRADIENT_TOLERANCE", "GROUPS",
    "HISTORY_COLUMNS", "MEGABYTE", "NODE_HEIGHT", "NODE_WIDTH", "REGISTRY", "ROW_GAP", "STEERABLE",
    "TEMPLATES", "TOLD_IN_TEXT", "Activity", "Analysis", "AnswerHistory", "AttributionMethod", "Block",
    "BoxInput", "BrokenImagesError", "Change", "ChannelStatistics", "Checkpoint", "Comparison",
    "DamagedRunsError", "DataError", "DataOverview", "DataProgress", "DataRecipe", "DataShape",
    "DataStoppedError", "Dataset", "DatasetSummary", "DesignError", "DeviceError", "DeviceInfo", "Dimension",
    "Duplicates", "Edge", "EpochDone", "Evaluated", "Evaluating", "Event", "Example", "Experiment",
    "FilterKind", "Fork", "FrameState", "GaborError", "Graph",
    "GrowingArray", "Inference", "Layer", "MemoryForecast", "MissingFilesError", "Node",
    "NodeActivity", "NodeAnalysis", "NodeMaps", "NodeParity", "NodeShape", "NoiseVerdict", "Notice",
    "Observation", "Overlay", "Patch", "Place", "Point", "PreparedData", "Preview",
    "Problem", "Project", "ProjectFile", "ProjectFileError", "Repair", "ResultFolder",
    "Run", "RunEnded", "RunJournal", "RunRecorder", "RunStarted", "Sampled", "Samples", "SeedGroup",
    "SeedOrder", "SeedResult", "Setting", "SettingChanged", "Slot", "Snapshot",
    "StepsDone", "Stretch", "TensorCheck", "TensorSpec", "TrainedNetwork",
    "Trainer", "TrainingError", "TrainingSettings", "Twins", "Variant",
    "Way", "Window", "activities_of", "advise", "advise_on_data", "analyse", "answer_history", "arrange",
    "best_epoch", "best_of_epochs", "block_folder", "blocks", "bytes_text",
    "cell_images", "check_gradients", "check_inputs", "check_place", "check_recipe",
    "check_settings", "classify_images", "compare", "compare_groups", "compare_ways", "confusion_matrix",
    "cost_of", "dataset_names", "dead_since", "default_recipe", "design_changes",
    "devices", "differing_settings", "done_already", "draw_digit", "draw_plain", "edits",
    "epochs_without_better", "example_names", "example_path", "examples_of", "exciting_patches",
    "explain_missing_gpu", "fetch_dataset", "fetchable", "filter_changes", "filter_kind", "filter_nodes",
    "filter_norms", "filter_spectrum", "find_duplicates", "fits", "folding", "forecast", "forget_block",
    "forget_run", "fork", "framing", "free_place", "grad_cam", "gradient_checker",
    "gradient_times_input", "infer", "initial_filters", "is_of_node", "journal_folder", "keep_block",
    "load_blocks", "load_dataset", "load_device_libraries", "load_project",
    "look_at_data", "make_layer", "make_room", "measure_activity", "mistakes", "observe", "occlusion",
    "order_by", "outgrown", "overlaid", "parity_tolerance", "parted", "placed", "prepare", "preview_of",
    "project_at", "project_file_of_run", "project_from_bytes",
    "project_to_bytes", "recipe_dataset", "recipe_summary", "recover_runs",
    "resource_path", "save_project", "seed_groups", "set_project_file_of_run",
    "setting_changes", "setting_text", "setting_values", "settings_of", "settings_values", "settled",
    "similarity_order", "single_changes", "slots", "snapshot_bytes", "system_memory", "thinned",
    "train_seed", "turned_to", "variants", "whole_numbers", "with_filter_kinds",
    "with_texts",
]  # fmt: skip
