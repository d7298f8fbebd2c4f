"""The thread in which the computation of a network is checked: results come one by one, and it can be given up."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QThread, Signal

from engine.api import (
    GaborError,
    NodeParity,
    PreparedData,
    Project,
    TensorCheck,
    Way,
    check_inputs,
    compare_ways,
    gradient_checker,
    prepare,
    recipe_dataset,
)
from workbench.inspection.thread import give_way

_LOG = logging.getLogger(__name__)
_SAMPLES, _INPUT_SAMPLES = 20, 12


@dataclass(frozen=True)
class GradientOrder:
    """Compare backpropagated gradients with central differences; `parameters` by `node/name`, None for new ones."""

    project: Project
    parameters: Mapping[str, np.ndarray] | None = None

    def results(self, data: PreparedData) -> Iterator[TensorCheck]:
        """Of every parameter tensor, then of every layer's inputs."""
        checker = gradient_checker(self.project, data, device="cpu", parameters=self.parameters)
        yield from checker.check(_SAMPLES)
        yield from check_inputs(checker, _INPUT_SAMPLES)


@dataclass(frozen=True)
class ParityOrder:
    """Compare the same network computed in two ways."""

    project: Project
    first: Way
    second: Way
    parameters: Mapping[str, np.ndarray] | None = None

    def results(self, data: PreparedData) -> Iterator[NodeParity]:
        """Of every node that computes."""
        yield from compare_ways(self.project, data, self.first, self.second, parameters=self.parameters)


class CheckThread(QThread):
    """Works one order off; `found` carries its results as they come, `failed` a sentence."""

    found = Signal(object)
    failed = Signal(str)

    def __init__(self, order: GradientOrder | ParityOrder) -> None:
        super().__init__()
        self.order = order

    def run(self) -> None:
        """Check until the end, or until an interruption is asked for."""
        give_way()
        try:
            project = self.order.project
            for result in self.order.results(prepare(recipe_dataset(project.data), project.data)):
                if self.isInterruptionRequested():
                    return
                self.found.emit(result)
        except GaborError as error:
            self.failed.emit(str(error))
        except MemoryError:
            self.failed.emit("The memory is full: the network is too large to be checked here.")
        except Exception:
            _LOG.exception("a check ended by an unexpected error")
            self.failed.emit("The check failed inside Gabor. The log file (Help menu) tells more.")
