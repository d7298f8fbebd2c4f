"""Settings of a project by name: of training (`learning_rate`), data (`data.mirror`), a node (`Convolution 1.filters`).

Beside its settings a node has the switch `muted`, which leaves it out of the network.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from engine.data.datasets import dataset_names, is_own
from engine.data.image_folders import ARRAYS
from engine.data.recipe import DataRecipe, channels_of, image_rules, recipe_summary
from engine.data.recipe import check as check_recipe
from engine.design.edits import set_settings
from engine.design.graph import Graph, Node
from engine.errors import DataError, TrainingError
from engine.layers.layer import Setting, setting_text, settings_of
from engine.project import Project
from engine.settings import TrainingSettings, check_settings

DATA = "data."
MUTED = "muted"
_TRAINING = {
    name: kind
    for name, kind in get_type_hints(TrainingSettings, include_extras=True).items()
    if name != "seed"
}
# The folder is where somebody keeps the files, and no part of what is learned.
_RECIPE = {
    name: kind for name, kind in get_type_hints(DataRecipe, include_extras=True).items() if name != "folder"
}
_SWITCHES = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


def setting_values(name: str, text: str, graphs: Sequence[Graph] = ()) -> tuple[Any, ...]:
    """Values of the setting of that name, separated by commas, each once; sizes are written `3` or `3x5`.

    Nodes are looked for in `graphs`. Raises TrainingError or DesignError in words for what there is not or cannot be.
    """
    name = canonical(name)
    parts = [part for part in (part.strip() for part in text.split(",")) if part]
    owner, _, field = name.rpartition(".")
    if owner and name[: len(DATA)] != DATA:
        node = _node(graphs, owner)
        return tuple(dict.fromkeys(_node_value(node, field, part) for part in parts))
    known = _RECIPE if owner else _TRAINING
    if field not in known:
        raise TrainingError(_unknown(name))
    return tuple(dict.fromkeys(_value(name, known[field], part) for part in parts))


def with_setting(project: Project, name: str, value: Any) -> Project:
    """The project with a value of `setting_values`; raises GaborError in words when its design has no such setting.

    Where a setting of data changes the size or the channels of images, the network's input follows.
    """
    owner, _, field = canonical(name).rpartition(".")
    if not owner:
        return replace(project, training=msgspec.structs.replace(project.training, **{field: value}))
    if owner + "." == DATA:
        return _fed(project, msgspec.structs.replace(project.data, **{field: value}))
    node = _node([project.graph], owner)
    if field == MUTED:
        return replace(project, graph=project.graph.with_nodes(replace(node, muted=value)))
    return replace(project, graph=set_settings(project.graph, node.id, **{field: value}))


def _fed(project: Project, data: DataRecipe) -> Project:
    """The project on other data; an input that had the shape of the images has it again."""
    graph, before, after = project.graph, _image_shape(project.data), _image_shape(data)
    if before is not None and after is not None and before != after:
        for node in graph.nodes.values():
            if getattr(node.layer, "shape", None) == before:
                graph = set_settings(graph, node.id, shape=after)
    return replace(project, graph=graph, data=data)


def _image_shape(recipe: DataRecipe) -> tuple[int, int, int] | None:
    """Of the images as the network sees them, without looking at files; None where they alone tell it."""
    if not is_own(recipe.dataset):
        return recipe_summary(recipe).image_shape if recipe.dataset in dataset_names() else None
    if recipe.dataset.lower().endswith(ARRAYS):
        return None
    channels, height, width = image_rules(recipe).image_shape
    return channels_of(recipe, channels), height, width


def check_values(project: Project) -> None:
    """Raise TrainingError or DataError when settings of training or data are out of range."""
    if problems := check_settings(project.training):
        raise TrainingError(problems[0])
    if problems := check_recipe(project.data):
        raise DataError(problems[0])


def with_texts(project: Project, assignments: Sequence[str]) -> Project:
    """The project with settings given as `NAME=VALUE`; raises GaborError in words for what is no such setting."""
    for assignment in assignments:
        name, text = parted(assignment)
        values = setting_values(name, text, [project.graph])
        if len(values) != 1:
            raise TrainingError(f"'{assignment}' gives {spoken(name)} {len(values)} values: give one.")
        project = with_setting(project, name, values[0])
    check_values(project)
    return project


def parted(assignment: str) -> tuple[str, str]:
    """Name and values of `NAME=VALUES`; TrainingError when it is none."""
    name, sign, values = assignment.partition("=")
    if not sign or not name.strip() or not values.strip(" ,"):
        raise TrainingError(
            f"'{assignment}' is no setting with its values, such as learning_rate=0.001,0.0005, data.mirror=true or "
            "'Convolution 1.filters=16,32'."
        )
    return canonical(name), values


def canonical(name: str) -> str:
    """A name as it is kept: `data.crop_padding` for ` Data.crop-padding`; names of nodes stay as they are."""
    owner, dot, field = name.strip().rpartition(".")
    field = field.strip().replace("-", "_").replace(" ", "_").lower()
    owner = owner.strip()
    return (DATA if owner.lower() + dot == DATA else owner + dot) + field


def is_of_node(name: str) -> bool:
    """Whether a canonical name is that of a node's setting."""
    return "." in name and not name.startswith(DATA)


def spoken(name: str) -> str:
    """`learning rate` for `learning_rate`, `crop padding` for `data.crop_padding`."""
    owner, _, field = name.removeprefix(DATA).rpartition(".")
    return f"{owner} {field.replace('_', ' ')}".strip()


def spoken_value(value: Any) -> str:
    """`0.001`, `on`, `3×5`, `adam decoupled`."""
    return f"{value:g}" if isinstance(value, float) else setting_text(value).replace("_", " ")


def _node(graphs: Sequence[Graph], called: str) -> Node:
    """The node of that id or name in the first graph that has one."""
    for graph in graphs:
        found = [graph.nodes[called]] if called in graph.nodes else _named(graph, called)
        if len(found) > 1:
            ids = ", ".join(node.id for node in found)
            raise TrainingError(f"{len(found)} nodes are called “{called}”: name one by its id, of {ids}.")
        if found:
            return found[0]
    names = list(dict.fromkeys(node.name for graph in graphs for node in graph.nodes.values()))
    raise TrainingError(f"There is no node “{called}” in the network.{_meant(called, names)}")


def _named(graph: Graph, called: str) -> list[Node]:
    nodes = graph.nodes.values()
    exact = [node for node in nodes if node.name == called]
    return exact or [node for node in nodes if node.name.casefold() == called.casefold()]


def _node_value(node: Node, field: str, text: str) -> Any:
    if field == MUTED:
        if text.lower() not in _SWITCHES:
            raise TrainingError(f"{node.name} is muted or not (true or false), not '{text}'.")
        return _SWITCHES[text.lower()]
    declared = {setting.name: setting for setting in settings_of(type(node.layer))}
    if field not in declared:
        known = ", ".join([*declared, MUTED])
        raise TrainingError(f"{node.name} has no setting '{field}'; it has {known}.")
    return declared[field].normalise(_read(declared[field], text), node.name)


def _read(declared: Setting, text: str) -> object:
    """What a text says, for `Setting.normalise` to judge."""
    if declared.kind == "choice":
        return text
    if declared.kind == "flag":
        return _SWITCHES.get(text.lower(), text)
    try:
        sides = [int(side) for side in re.split("[x×]", text)]
    except ValueError:
        return _number(text)
    return sides[0] if len(sides) == 1 else tuple(sides)


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _value(name: str, kind: Any, text: str) -> Any:
    if kind is bool and text.lower() in _SWITCHES:
        return _SWITCHES[text.lower()]
    try:
        value = msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        raise TrainingError(
            f"{spoken(name).capitalize()} does not take '{text}', but {_taken(kind)}."
        ) from None
    check_values(with_setting(Project(), name, value))
    return value


def _taken(kind: Any) -> str:
    """What a setting of that type takes, in words."""
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if kind is bool:
        return "true or false"
    bare, *limits = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    words = "whole numbers" if bare is int else "numbers" if bare is float else "text"
    least = next((limit.ge for limit in limits if limit.ge is not None), None)
    most = next((limit.le for limit in limits if limit.le is not None), None)
    words += f" from {least:,}" if least is not None else ""
    return words + (f" to {most:,}" if most is not None else "")


def _unknown(name: str) -> str:
    data = [DATA + field for field in _RECIPE]
    if name == "seed":
        return "There is no training setting 'seed' to vary here: seeds have a place of their own."
    if DATA + name in data:
        return f"There is no training setting '{name}'; of the data there is '{DATA}{name}'."
    if name.startswith(DATA):
        listed = ", ".join(sorted(_RECIPE))
        return f"There is no setting '{name}' of the data. There are {listed}."
    listed = ", ".join(sorted(_TRAINING))
    return (
        f"There is no training setting '{name}' to vary.{_meant(name, [*_TRAINING, *data])} There are {listed}; "
        "those of data are called data.NAME, those of a node 'NODE.NAME'."
    )


def _meant(name: str, names: Sequence[str]) -> str:
    """` Did you mean …?`, or nothing where nothing is near."""
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean “{near[0]}”?" if near else ""
