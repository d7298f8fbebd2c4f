"""What may be changed while a network trains: which settings, when they take effect, and what they are now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

import msgspec

from engine.design import edits
from engine.errors import TrainingError
from engine.layers.layer import settings_of
from engine.project import Project
from engine.settings import TrainingSettings, check_settings
from engine.training.events import SettingChanged

STEERABLE = ("learning_rate", "weight_decay", "batch_size")
"""Training settings that may change in mid-training; so may settings of layers that are declared live."""


@dataclass(frozen=True)
class Change:
    """A wish: the training setting `name`, or that of the layer of node `node`, shall be `value`."""

    name: str
    value: float
    node: str = ""


class Steering:
    """The settings of a training as they are by now, and the changes that are still to come.

    `wish` may be called by any thread; everything else belongs to the thread that trains.
    """

    def __init__(self, project: Project, recorded: Sequence[SettingChanged], step: int) -> None:
        """Begin after `step` updates: what was recorded until then holds, what came later comes again."""
        self._graph = project.graph
        self.settings: TrainingSettings = project.training
        self.live: dict[str, float] = {}
        """`node/setting` -> value, of the settings of layers that have been changed."""
        for change in recorded:
            if change.step <= step:
                self.take(Change(change.name, change.new, change.node))
        self._planned = [change for change in recorded if change.step > step]
        self._wishes: SimpleQueue[Change] = SimpleQueue()
        self._next_batch: Change | None = None

    def wish(self, change: Change) -> None:
        """Take a change in; TrainingError in words when the setting has no such value or cannot change now."""
        if change.node:
            self._check_layer(change)
            return self._wishes.put(change)
        if change.name not in STEERABLE:
            raise TrainingError(f"“{change.name}” cannot be changed while the network trains: stop it first.")
        problems = check_settings(_with(self.settings, change))
        if problems:
            raise TrainingError(problems[0])
        return self._wishes.put(change)

    def _check_layer(self, change: Change) -> None:
        node = self._graph.nodes.get(change.node)
        declared = {setting.name: setting for setting in settings_of(type(node.layer))} if node else {}
        if node is None or change.name not in declared or not declared[change.name].live:
            raise TrainingError(
                "That setting cannot be changed while the network trains: stop it, then train anew."
            )
        declared[change.name].normalise(change.value, node.name)

    def value(self, change: Change) -> float:
        """What the setting is now."""
        if not change.node:
            return float(getattr(self.settings, change.name))
        layer = self._graph.nodes[change.node].layer
        return self.live.get(f"{change.node}/{change.name}", float(getattr(layer, change.name)))

    def take(self, change: Change) -> None:
        """From now on the setting has this value."""
        if change.node:
            self.live[f"{change.node}/{change.name}"] = change.value
        else:
            self.settings = _with(self.settings, change)

    def due(self, step: int, *, begins_epoch: bool) -> list[Change]:
        """The changes that take effect after `step` updates; a batch size waits for the next epoch."""
        found = [Change(c.name, c.new, c.node) for c in self._planned if c.step <= step]
        self._planned = [change for change in self._planned if change.step > step]
        while True:
            try:
                change = self._wishes.get_nowait()
            except Empty:
                break
            # The user's word is the last: what was done to this setting before is not repeated.
            self._planned = [c for c in self._planned if (c.node, c.name) != (change.node, change.name)]
            if (change.node, change.name) == ("", "batch_size"):
                self._next_batch = change
            else:
                found.append(change)
        if begins_epoch and self._next_batch is not None:
            found.append(self._next_batch)
            self._next_batch = None
        return [change for change in found if change.value != self.value(change)]

    def steps_until_planned(self, step: int) -> int:
        """Steps until the next change that is to be repeated."""
        return min((change.step - step for change in self._planned), default=2**53)


def _with(settings: TrainingSettings, change: Change) -> TrainingSettings:
    value = round(change.value) if change.name == "batch_size" else float(change.value)
    return msgspec.structs.replace(settings, **{change.name: value})


def project_at(project: Project, changes: Sequence[SettingChanged], step: int) -> Project:
    """The project with the settings, of training and of layers, that held for the update after `step` others."""
    steering = Steering(project, [change for change in changes if change.step <= step], step)
    graph = project.graph
    for key, value in steering.live.items():
        node, _, name = key.rpartition("/")
        graph = edits.set_settings(graph, node, **{name: value})
    return replace(project, graph=graph, training=steering.settings)
