"""What the thesis trained, with its numbers, and trainings that try what it claims."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import msgspec

from engine.design import edits
from engine.layers.convolution import Convolution
from engine.layers.dropout import Dropout
from engine.project import Project
from engine.templates import TEMPLATES

SEEDS = 5
"""How many seeds a result is the mean of, unless the user says otherwise."""


@dataclass(frozen=True)
class Published:
    """What the thesis reports of a training; None and "" for what it does not say."""

    accuracy: float | None = None
    """On the test set, 0 to 1."""
    time: str = ""
    """On a Quadro K4200, in words."""
    parameters: int | None = None
    memory: int | None = None
    """MiB of GPU memory."""


@dataclass(frozen=True)
class Experiment:
    """One training that is repeated with several seeds."""

    name: str
    title: str
    build: Callable[[], Project]
    """Makes the project, with the thesis's hyperparameters and the seed 1."""
    published: Published = Published()

    def project(self, seed: int, *, epochs: int | None = None, precision: str | None = None) -> Project:
        """The project to train with this seed; fewer epochs or another precision where they are given."""
        project = self.build()
        # Results alone are kept: checkpoints on the way would cost memory for nothing.
        changes: dict[str, object] = {"seed": seed, "snapshots_per_epoch": 0, "checkpoint_megabytes": 0}
        if epochs is not None:
            changes["epochs"] = epochs
        if precision is not None:
            changes["precision"] = precision
        return replace(project, training=msgspec.structs.replace(project.training, **changes))


def _with_rate(template: str, rate: float) -> Project:
    project = TEMPLATES[template].build()
    return replace(project, training=msgspec.structs.replace(project.training, learning_rate=rate))


def _with_layers(template: str, kind: type, settings: tuple[Mapping[str, object], ...]) -> Project:
    """A template whose layers of a kind, in order, get new settings; the last ones hold for all that follow."""
    project = TEMPLATES[template].build()
    graph = project.graph
    chosen = [node for node in graph.order if isinstance(graph.nodes[node].layer, kind)]
    for place, node in enumerate(chosen):
        graph = edits.set_settings(graph, node, **settings[min(place, len(settings) - 1)])
    return replace(project, graph=graph)


def _with_filters(first: int, second: int) -> Project:
    return _with_layers("cifar10-model-a", Convolution, ({"filters": first}, {"filters": second}))


_REPRODUCED = (
    Experiment("mnist", "MNIST", TEMPLATES["mnist"].build, Published(0.9731, "", 3_274_634)),
    Experiment("model-a", "Model A", TEMPLATES["cifar10-model-a"].build, Published(0.7039, "", 4_259_274, 670)),
    Experiment(
        "model-b", "Model B", TEMPLATES["cifar10-model-b"].build,
        Published(0.7264, "about 6 hours", 29_853_002, 2475),
    ),
    Experiment(
        "model-c", "Model C", TEMPLATES["cifar10-model-c"].build,
        Published(0.7288, "about 60 hours", 31_005_290, 2493),
    ),
    Experiment(
        "trial-one", "Model A, trial one (η = 0.0001)", lambda: _with_rate("cifar10-model-a", 0.0001),
        Published(0.4935, "", 4_259_274),
    ),
    Experiment(
        "trial-two", "Model A, trial two (η = 0.00005)", lambda: _with_rate("cifar10-model-a", 0.00005),
        Published(0.4310, "", 4_259_274),
    ),
)  # fmt: skip
_CLAIMED = (
    # 3×3 filters in C gave about 50 % and much overfitting.
    Experiment(
        "c-3x3", "Model C with 3×3 filters",
        lambda: _with_layers("cifar10-model-c", Convolution, ({"size": 3, "padding": 1},)),
        Published(0.50),
    ),
    # More filters seem to help.
    Experiment("a-filters-16", "Model A with 16 and 32 filters", lambda: _with_filters(16, 32)),
    Experiment("a-filters-64", "Model A with 64 and 128 filters", lambda: _with_filters(64, 128)),
    Experiment("a-filters-96", "Model A with 96 and 192 filters, as in B", lambda: _with_filters(96, 192)),
    # Dropout 0.5 or 0.75 for MNIST: its table and its text differ.
    Experiment(
        "mnist-keep-0.5", "MNIST with keep probability 0.5",
        lambda: _with_layers("mnist", Dropout, ({"keep": 0.5},)),
    ),
)  # fmt: skip

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {experiment.name: experiment for experiment in (*_REPRODUCED, *_CLAIMED)}
)
"""All experiments by name, the thesis's own first."""

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all": tuple(experiment.name for experiment in _REPRODUCED),
        "claims": tuple(experiment.name for experiment in _CLAIMED),
    }
)
"""Names that stand for several experiments."""
